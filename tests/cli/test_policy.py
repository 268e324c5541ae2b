"""`router policy`: what authors see, and what their programs get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router.client import Client
from router.io.embedded import EmbeddedServer
from tests.cli.colours import CASES, POLICY, SHIPPED, run

pytestmark = pytest.mark.usefixtures("at_home")


def test_lint_finds_no_mistake_in_the_shipped_policies(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a path the folder of the settings is meant, and the shipped one is sound."""
    code, said = run(capsys, "lint")

    assert (code, said.splitlines()[-1].split(",")[0]) == (0, "0 mistakes")


def test_lint_tells_every_mistake_with_a_caret(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Mistakes of policies, tiers and cases are told in one go, each with its line."""
    path = folder / "colours.yaml"
    path.write_text(POLICY.replace("at_least: 0.8", "at_lest: 0.8").replace("output: {labels", "ouput: {labels"))
    (folder / "tests" / "colors.yaml").write_text(CASES)

    code, said = run(capsys, "lint", folder)

    assert code == 1
    assert f"{path}:4:1: ouput: there is no such key; did you mean 'output'?" in said
    assert "4 | ouput: {labels: [red, blue]}\n   | ^" in said
    assert f"{path}:7:25: checks.0.at_lest: there is no such key; did you mean 'at_least'?" in said
    assert f"{folder / 'tests' / 'colors.yaml'}:1:1: there is no policy file" in said


def test_lint_gives_programs_a_list(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """As JSON each mistake has file, line, column, code, severity, message and suggestion."""
    (folder / "colours.yaml").write_text(POLICY.replace("[mini, large]", "[mini, lrage]"))
    (folder / "tests" / "colours.yaml").unlink()

    code, said = run(capsys, "lint", "--format", "json", folder / "colours.yaml")

    (found,) = [problem for problem in json.loads(said) if problem["severity"] == "error"]
    assert code == 1
    assert found == {
        "file": str(folder / "colours.yaml"),
        "line": 5,
        "column": 15,
        "code": "POL008",
        "severity": "error",
        "message": "the tiers file has no tier 'lrage', it has mini, small, large, frontier",
        "suggestion": "large",
    }


def test_a_missing_tier_is_told_beside_other_mistakes(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A policy that cannot be loaded does not hide that it names a tier which is not there."""
    path = folder / "colours.yaml"
    path.write_text(POLICY.replace("[mini, large]", "[mini, lrage]").replace("at_least", "at_lest"))

    code, said = run(capsys, "lint", path)

    assert code == 1
    assert "there is no such key; did you mean 'at_least'?" in said
    assert f"{path}:5:15: the tiers file has no tier 'lrage'" in said


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (("policy: colours", "policy: colours\n? [a]"), "POL001"),
        (("policy: colours", "policy: colours\npolicy: colours"), "POL001"),
        (("policy: colours", "policy: colours\ncolour: red"), "POL002"),
        (("at_least: 0.8, ", ""), "POL003"),
        (("0.8", "8"), "POL004"),
        (("output: {labels: [red, blue]}", "output: {schema: nowhere.json}"), "POL005"),
        (("{type: string}", "{type: strin}"), "POL006"),
        (("{{ text }}", "{{ txt }}"), "POL007"),
        (("tiers: [mini]}", "tiers: [minni]}"), "POL008"),
        (("{check: confidence, at_least: 0.8, tiers: [mini]}", "{check: rule, expression: output > 1}"), "POL009"),
        (("{check: confidence, at_least: 0.8, tiers: [mini]}", "{check: pattern, matches: '('}"), "POL010"),
        (("at_least: 0.8", "at_least: 0.8, fields: [colour]"), "POL011"),
        (("tiers: [mini, large]", "tiers: [mini, large]\nexamples: [{input: {text: sea}, output: green}]"), "POL012"),
    ],
)
def test_each_kind_of_mistake_has_a_code(
    capsys: pytest.CaptureFixture[str], folder: Path, wrong: tuple[str, str], code: str
) -> None:
    """A program can tell the kinds of mistakes apart without reading sentences."""
    assert wrong[0] in POLICY
    (folder / "colours.yaml").write_text(POLICY.replace(*wrong))

    _, said = run(capsys, "lint", "--format", "json", folder / "colours.yaml")

    assert code in {problem["code"] for problem in json.loads(said)}


def test_lint_knows_prices_and_cases(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A model without a price and a case that cannot be played have codes of their own."""
    (folder / "prices.yaml").write_text((folder / "prices.yaml").read_text().replace("openai/gpt-5.4-mini:", "other:"))
    (folder / "tests" / "colours.yaml").write_text(CASES.replace("tier: large", "tier: huge"))

    code, said = run(capsys, "lint", "--format", "json", folder)

    assert code == 1
    assert {p["code"] for p in json.loads(said) if p["severity"] == "error"} == {"POL013", "POL014"}


def test_lint_only_warns_of_what_is_odd(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """What is merely unlikely to be meant is a warning, at its place, and no failure."""
    (folder / "colours.yaml").write_text(POLICY + "limits: {attempts: 1}\n")

    code, said = run(capsys, "lint", folder)

    assert code == 0
    assert f"{folder / 'colours.yaml'}:8:10: warning: 1 attempt never reaches large" in said


def test_publish_makes_versions_current(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    server: EmbeddedServer,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After publishing, producers resolve the policy's name to the version that was printed."""
    monkeypatch.setenv("ROUTER_REDIS_URL", server.url)
    monkeypatch.setenv("ROUTER_PREFIX", prefix)

    code, said = run(capsys, "publish", folder, "--json")

    with Client(server.url, prefix=prefix) as client:
        assert code == 0
        assert json.loads(said) == [{"policy": "colours", "digest": client.card("colours").digest}]
        assert run(capsys, "publish", folder)[1] == f"colours  {client.card('colours').digest}\n"


def test_schema_prints_the_shipped_file(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema beside the policies is what the command prints, to the byte."""
    code, said = run(capsys, "schema")

    assert code == 0
    assert said == (SHIPPED / "policy.schema.json").read_text("utf-8")


def test_one_policy_does_not_depend_on_the_budgets(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A mistake in budgets.yaml is one of the folder: a single policy is explained and tested all the same."""
    (folder / "budgets.yaml").write_text("budgets:\n  - {scope: policy:colors, usd: 1, per: day}\n")

    assert run(capsys, "explain", folder / "colours.yaml", "--input", '{"text": "plum"}')[0] == 0
    assert run(capsys, "test", folder / "colours.yaml")[0] == 0
    code, said = run(capsys, "lint", folder)
    assert code == 1
    assert "there is no policy 'colors'; did you mean 'colours'?" in said


@pytest.mark.parametrize(
    "words", [("lint", "nowhere.yaml"), ("explain", "nothing", "--input", "{}"), ("test", "tests/cli")]
)
def test_a_path_that_leads_nowhere_is_wrong_use(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """A file, a name or a folder without policies is exit code 2, with a sentence."""
    code, said = run(capsys, *words)

    assert code == 2
    assert "Error:" in said


def test_a_missing_folder_is_wrong_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a path and without a folder of policies the command says what to give."""
    monkeypatch.chdir(tmp_path)

    code, said = run(capsys, "lint")

    assert code == 2
    assert "give a PATH, or set ROUTER_POLICIES" in said
