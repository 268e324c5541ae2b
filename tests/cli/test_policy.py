"""`router policy`: what authors see, and what their programs get."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from router import log
from router.cli import main
from router.client import Client
from router.io.embedded import EmbeddedServer

SHIPPED = Path(__file__).parents[2] / "policies"

POLICY = """\
policy: colours
prompt: {system: Name the colour., user: "{{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}, required: [text], additionalProperties: false}}
output: {labels: [red, blue]}
tiers: [mini, large]
checks:
  - {check: confidence, at_least: 0.8, tiers: [mini]}
"""
CASES = """\
policy: colours
cases:
  - name: a clear colour stays
    input: {text: sky}
    replies: {mini: {output: blue, confidence: 0.9}}
    expect: {status: succeeded, tier: mini}
  - name: a doubtful one climbs
    input: {text: plum}
    replies: {mini: {output: red, confidence: 0.6}, large: {output: blue}}
    expect: {status: succeeded, tier: large, failed: [confidence]}
"""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands set logging up for themselves; afterwards it is as the other tests expect it."""
    monkeypatch.chdir(SHIPPED.parent)
    yield
    log.configure("error")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one policy and its cases, at the shipped tiers and prices."""
    for name in ("tiers.yaml", "prices.yaml"):
        shutil.copy(SHIPPED / name, tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "colours.yaml").write_text(POLICY)
    (tmp_path / "tests" / "colours.yaml").write_text(CASES)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    """The exit code of a command, and what it printed."""
    with pytest.raises(SystemExit) as end:
        main(["policy", *map(str, words)])
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out + printed.err


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
    assert f"{folder / 'colours.yaml'}:8:10: warning: 1 attempts never reach large" in said


def test_test_passes_and_says_what_was_not_reached(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Cases that pass exit with 0, and gaps are named without being failures."""
    code, said = run(capsys, "test", folder)

    assert code == 0
    assert said.splitlines()[0] == "colours: 2 cases, 0 failed; not all of the policy was reached:"
    assert "  moves.error was called for in no case" in said.splitlines()
    assert said.splitlines()[-1] == "2 cases, 0 failed"


def test_test_shows_what_was_expected_and_what_came(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A failed case is shown with its line, both sides, and its trail."""
    cases = folder / "tests" / "colours.yaml"
    cases.write_text(CASES.replace("tier: large, failed", "tier: mini, failed"))

    code, said = run(capsys, "test", folder / "colours.yaml")

    assert code == 1
    assert said.splitlines()[-6:] == [
        f"  FAILED  {cases}:7: a doubtful one climbs",
        "    tier: expected mini, got large",
        "    1. mini (first): unsure -> escalate",
        "       unsure: confidence: confidence 0.60 in label is below 0.8",
        "    2. large (escalate): pass -> accept",
        "2 cases, 1 failed",
    ]
    assert "a clear colour stays" not in said


def test_test_shows_every_trail_if_asked(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """With --verbose the trails of cases that passed are shown too."""
    _, said = run(capsys, "test", folder, "--verbose")

    assert "a clear colour stays" in said
    assert "1. mini (first): pass -> accept" in said


def test_test_gives_programs_everything(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """As JSON each case has what came of it, and each policy what its cases reached."""
    code, said = run(capsys, "test", folder, "--json")

    whole = json.loads(said)
    (policy,) = whole["policies"]
    assert (code, whole["cases"], whole["failed"]) == (0, 2, 0)
    assert [(c["name"], c["line"], c["tier"], c["moves"], c["output"]) for c in policy["cases"]] == [
        ("a clear colour stays", 3, "mini", ["accept"], "blue"),
        ("a doubtful one climbs", 7, "large", ["escalate", "accept"], "blue"),
    ]
    assert policy["coverage"]["tiers"] == {"mini": 2, "large": 1}


def test_testing_nothing_is_no_success(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A folder without cases does not pass silently."""
    (folder / "tests" / "colours.yaml").unlink()

    code, said = run(capsys, "test", folder)

    assert code == 1
    assert "colours: no cases; write some into" in said


def test_a_broken_policy_is_not_tested(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """What does not load is told as lint tells it, and the exit code says no."""
    (folder / "colours.yaml").write_text(POLICY.replace("labels", "lables"))

    code, said = run(capsys, "test", folder)

    assert code == 1
    assert "did you mean 'labels'" in said


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


def test_explain_shows_prompt_checks_and_worst_cost(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Each tier is shown with its prompt, or as asked the same, with its checks and what a call could cost."""
    code, said = run(capsys, "explain", folder / "colours.yaml", "--input", '{"text": "plum"}')

    assert code == 0
    assert "first: ask mini" in said
    assert "mini (openai/gpt-4o-mini): 1 attempt, at most $0." in said
    assert "  checks: refusal (fail), schema (fail), confidence (unsure)\n  system:\n    Name the colour." in said
    assert "  user:\n    plum" in said
    assert "  checks: refusal (fail), schema (fail)\n  asked the same as mini" in said


def test_one_policy_does_not_depend_on_the_budgets(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A mistake in budgets.yaml is one of the folder: a single policy is explained and tested all the same."""
    (folder / "budgets.yaml").write_text("budgets:\n  - {scope: policy:colors, usd: 1, per: day}\n")

    assert run(capsys, "explain", folder / "colours.yaml", "--input", '{"text": "plum"}')[0] == 0
    assert run(capsys, "test", folder / "colours.yaml")[0] == 0
    code, said = run(capsys, "lint", folder)
    assert code == 1
    assert "there is no policy 'colors'; did you mean 'colours'?" in said


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        ("findings", "asked the same as mini, and told what was found in the attempts before"),
        ("attempts", "asked the same as mini, and shown the attempts before with what was found in them"),
    ],
)
def test_explain_says_what_a_larger_model_sees(
    capsys: pytest.CaptureFixture[str], folder: Path, earlier: str, said: str
) -> None:
    """What the policy lets a tier see of earlier attempts is told beside its prompt."""
    changed = POLICY.replace('user: "{{ text }}"}', f'user: "{{{{ text }}}}", earlier: {earlier}}}')
    (folder / "colours.yaml").write_text(changed)

    _, printed = run(capsys, "explain", folder / "colours.yaml", "--input", '{"text": "plum"}')

    assert said in printed


def test_explain_says_who_is_left_out(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """An input that no tier can hold is told to be rejected, with the reason at each tier."""
    (folder / "tiers.yaml").write_text(
        "tiers:\n  mini: {model: openai/gpt-4o-mini, context_tokens: 10}\n"
        "  large: {model: openai/gpt-5.4, context_tokens: 10}\n"
    )

    code, said = run(capsys, "explain", folder / "colours.yaml", "--input", '{"text": "plum"}')

    assert code == 0
    assert "first: no tier can take this input" in said
    assert "  left out: large holds 10 tokens" in said


def test_explain_gives_programs_every_message(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON no tier is abridged; a name means a policy of the settings' folder."""
    code, said = run(capsys, "explain", "receipts", "--json", "--input", '{"photo": "https://example.com/a.jpg"}')

    whole = json.loads(said)
    assert code == 0
    assert [tier["tier"] for tier in whole["tiers"]] == ["mini", "small", "large"]
    assert all(tier["messages"][1]["content"][1]["type"] == "image_url" for tier in whole["tiers"])
    assert whole["tiers"][0]["output_schema"]["title"] == "receipts"


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ('{"txt": "plum"}', 2, "the input does not meet the schema of policy 'colours'"),
        ("{", 2, "--input is not JSON"),
    ],
)
def test_explain_refuses_what_a_submission_would(
    capsys: pytest.CaptureFixture[str], folder: Path, given: str, code: int, said: str
) -> None:
    """An input that could not be submitted is not explained, and the reason is told."""
    got, printed = run(capsys, "explain", folder / "colours.yaml", "--input", given)

    assert got == code
    assert said in printed


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
