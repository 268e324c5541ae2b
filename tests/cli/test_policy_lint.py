"""`router policy lint`: its codes, its formats, and what may be given to it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from router.cli import main
from router.cli.policy.formats import as_github, as_json, as_sarif, as_text
from router.problem import Code, Place, Problem
from tests.cli.colours import POLICY, SHIPPED

CHECK = "{check: confidence, at_least: 0.8, tiers: [mini]}"
CASES = """\
policy: colours
cases:
  - name: a clear colour stays
    input: {text: sky}
    replies: {mini: {output: blue, confidence: 0.9}}
    expect: {status: succeeded, tier: mini}
"""
BUDGETS = "budgets:\n  - {scope: global, usd: 50, per: day}\n"


@pytest.fixture(autouse=True)
def _at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is where the command runs."""
    monkeypatch.chdir(folder.parent)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound folder: one policy with its cases, at the shipped tiers and prices, with budgets."""
    folder = tmp_path / "policies"
    (folder / "tests").mkdir(parents=True)
    shutil.copy(SHIPPED / "prices.yaml", folder)
    tiers = (SHIPPED / "tiers.yaml").read_text("utf-8").replace('sunset: "2027-01-14"', 'sunset: "2099-01-14"')
    (folder / "tiers.yaml").write_text(tiers)
    (folder / "colours.yaml").write_text(POLICY)
    (folder / "budgets.yaml").write_text(BUDGETS)
    (folder / "tests" / "colours.yaml").write_text(CASES)
    return folder


def lint(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    """The exit code, and what was printed."""
    with pytest.raises(SystemExit) as end:
        main(["policy", "lint", *map(str, words)])
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out + printed.err


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> list[dict[str, Any]]:
    """The problems, as programs get them."""
    return list(json.loads(lint(capsys, "--format", "json", *words)[1]))


def change(file: Path, was: str, written: str) -> None:
    text = file.read_text("utf-8")
    assert was in text
    file.write_text(text.replace(was, written, 1))


def test_a_sound_folder_has_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is told of a folder that is as it should be."""
    assert lint(capsys, "policies") == (0, "0 mistakes, 0 warnings\n")


LOOSE = "{type: object, properties: {a: {type: number}}}"
OUTPUT = "output: {labels: [red, blue]}"
PROMISE = "tiers: [mini, large]\npromise: {kind: regret, at_most: 0.01"

WRONG = [
    ("POL001", "colours.yaml", "policy: colours", "policy: colours\npolicy: colours"),
    ("POL002", "colours.yaml", "tiers: [mini", "tires: []\ntiers: [mini"),
    ("POL003", "colours.yaml", "at_least: 0.8, ", ""),
    ("POL004", "colours.yaml", "0.8", "8"),
    ("POL005", "colours.yaml", OUTPUT, "output: {schema: nowhere.json}"),
    ("POL006", "colours.yaml", "{type: string}", "{type: strin}"),
    ("POL007", "colours.yaml", "{{ text }}", "{{ txt }}"),
    ("POL008", "colours.yaml", "[mini, large]", "[mini, lrage]"),
    ("POL008", "colours.yaml", "tiers: [mini, large]", f"{PROMISE}, against: small}}"),
    ("POL008", "colours.yaml", "tiers: [mini, large]", "tiers: [mini, large]\naudit: {rate: 0.1, against: huge}"),
    ("POL009", "colours.yaml", CHECK, "{check: rule, expression: output > 1}"),
    ("POL010", "colours.yaml", CHECK, "{check: pattern, matches: '('}"),
    ("POL011", "colours.yaml", "tiers: [mini]}", "fields: [colour]}"),
    ("POL012", "colours.yaml", "tiers: [mini, large]", "tiers: [mini, large]\nexamples: [{input: {}, output: red}]"),
    ("POL013", "prices.yaml", "openai/gpt-5.4-mini:", "openai/other:"),
    ("POL013", "prices.yaml", 'openai/gpt-4o-mini:\n    - {from: "2024', 'openai/gpt-4o-mini:\n    - {from: "2924'),
    ("POL014", "tests/colours.yaml", "tier: mini}", "tier: huge}"),
    ("POL015", "tiers.yaml", "    images: true", "    images: false"),
    ("POL016", "colours.yaml", "tiers: [mini, large]", "tiers: [mini, large]\nlimits: {attempts: 1}"),
    ("POL017", "colours.yaml", CHECK, f"{CHECK}\n  - {CHECK.replace('conf', 'conf', 1).replace('}', ', id: again}')}"),
    ("POL018", "colours.yaml", "tiers: [mini, large]", "tiers: [mini, large]\nmoves: {fail: repair}"),
    ("POL019", "colours.yaml", CHECK, f"{CHECK}\n  - {{check: rule, expression: output != 'bleu'}}"),
    ("POL020", "colours.yaml", OUTPUT, f"output: {{schema: {LOOSE}}}"),
    ("POL021", "tiers.yaml", "    logprobs: true", "    logprobs: false"),
    ("POL022", "tiers.yaml", "    temperature: 0", "    reasoning_effort: low"),
    ("POL023", "tiers.yaml", "2099", "2019"),
    ("POL024", "prices.yaml", "November 2026", "November 2020"),
    ("POL025", "colours.yaml", "tiers: [mini, large]", "tiers: [mini, large]\nlimits: {cost_usd: 0.000001}"),
    ("POL026", "colours.yaml", "tiers: [mini, large]", "tiers: [mini, large, small]"),
    ("POL027", "colours.yaml", "tiers: [mini, large]", "tiers: [mini, large, small, frontier]"),
    ("POL028", "budgets.yaml", "usd: 50", "usd: 0.000001"),
    ("POL029", "colours.yaml", "tiers: [mini, large]", f"{PROMISE}, against: mini}}"),
    ("POL030", "colours.yaml", "tiers: [mini, large]", f"{PROMISE}}}"),
    ("POL031", "colours.yaml", "tiers: [mini, large]", "tiers: [mini, large]\naudit: {rate: 0, against: large}"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong[0]}-{wrong[1]}")
def test_each_kind_of_problem_has_a_code(
    capsys: pytest.CaptureFixture[str], folder: Path, wrong: tuple[str, str, str, str]
) -> None:
    """A program can tell the kinds apart; errors exit with 1, warnings alone with 0."""
    code, file, was, written = wrong
    if code == "POL015":
        change(folder / "colours.yaml", "properties: {text", "properties: {photo: {type: string}, text")
        change(folder / "colours.yaml", '"{{ text }}"', '"{{ text }}", images: [photo]')
    change(folder / file, was, written)

    found = told(capsys, "policies")

    assert code in {problem["code"] for problem in found}
    assert {problem["severity"] for problem in found if problem["code"] == code} == {Code(code).severity}
    assert lint(capsys, "policies")[0] == any(problem["severity"] == "error" for problem in found)


def test_no_code_is_without_its_case() -> None:
    """Every code is raised by a case above."""
    assert {code for code, *_ in WRONG} == {code.value for code in Code}


def test_no_file_hides_another(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Tiers that cannot be read, a broken policy, prices, budgets and cases are all told in one go."""
    (folder / "other.yaml").write_text(POLICY.replace("colours", "other").replace("{{ text }}", "{{ txt }}"))
    change(folder / "tiers.yaml", "concurrency: 64", "concurrency: many")
    change(folder / "colours.yaml", "at_least", "at_lest")
    change(folder / "prices.yaml", "input: 0.15", "input: cheap")
    change(folder / "budgets.yaml", "per: day", "per: fortnight")
    (folder / "tests" / "third.yaml").write_text(CASES)

    found = {(Path(problem["file"]).name, problem["code"]) for problem in told(capsys, "policies")}

    assert {("tiers.yaml", "POL004"), ("prices.yaml", "POL004"), ("budgets.yaml", "POL004")} <= found
    assert {("colours.yaml", "POL002"), ("other.yaml", "POL007"), ("third.yaml", "POL014")} <= found


def test_a_misspelt_key_hides_nothing_beside_it(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """What else is wrong in the same section or check is told together with it."""
    change(folder / "colours.yaml", 'user: "{{ text }}"', 'user: "{{ txt }}", earlyer: none')
    change(folder / "colours.yaml", CHECK, "{check: pattern, matches: '(', feild: label}")

    found = {problem["code"] for problem in told(capsys, "policies")}

    assert {"POL002", "POL007", "POL010"} <= found


@pytest.mark.parametrize(
    "wrong",
    [
        ("tiers.yaml", "2099", "2019", "POL023"),
        ("prices.yaml", "November 2026", "November 2020", "POL024"),
        ("budgets.yaml", "global", "policy:colors", "POL004"),
        ("tests/colours.yaml", "tier: mini}", "tier: huge}", "POL014"),
    ],
)
def test_any_file_of_the_folder_may_be_given(
    capsys: pytest.CaptureFixture[str], folder: Path, wrong: tuple[str, str, str, str]
) -> None:
    """Tiers, prices, budgets and cases are linted as what they are, and nothing is told of the others."""
    file, was, written, code = wrong
    change(folder / file, was, written)
    others = [other for other in ("tiers.yaml", "prices.yaml", "budgets.yaml") if other != file]

    found = told(capsys, f"policies/{file}")

    assert {(problem["file"], problem["code"]) for problem in found} == {(f"policies/{file}", code)}
    assert [told(capsys, f"policies/{other}") for other in others] == [[]] * len(others)


def test_a_folder_of_cases_may_be_given(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The folder `tests` holds cases, not policies."""
    (folder / "tests" / "stray.yaml").write_text(CASES)

    assert [(problem["file"], problem["code"]) for problem in told(capsys, "policies/tests")] == [
        ("policies/tests/stray.yaml", "POL014")
    ]


def test_a_single_policy_is_told_without_the_budgets(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A policy's file means the policy and what it goes by; the help says that budgets are none of it."""
    change(folder / "budgets.yaml", "global", "policy:colors")

    assert told(capsys, "policies/colours.yaml") == []
    assert "but not the budgets" in " ".join(lint(capsys, "--help")[1].split())


def test_models_that_leave_are_told_to_who_keeps_the_tiers(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A sunset stands in the lint of the folder and of the tiers file; other doubts about tiers stand everywhere."""
    change(folder / "tiers.yaml", "2099", "2019")
    change(folder / "tiers.yaml", "    temperature: 0", "    reasoning_effort: low")

    codes = [
        {problem["code"] for problem in told(capsys, path)}
        for path in ("policies", "policies/tiers.yaml", "policies/colours.yaml")
    ]

    assert codes == [{"POL022", "POL023"}, {"POL022", "POL023"}, {"POL022"}]


def test_a_name_that_another_file_has_is_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """In a folder two files of one policy are a mistake that names both; alone the copy may be a draft."""
    (folder / "draft.yaml").write_text(POLICY)
    said = "policy 'colours' is in policies/colours.yaml too"

    (wrong,) = told(capsys, "policies")
    (odd,) = told(capsys, "policies/draft.yaml")

    assert (wrong["file"], wrong["line"], wrong["severity"]) == ("policies/draft.yaml", 1, "error")
    assert (odd["file"], odd["line"], odd["code"]) == ("policies/draft.yaml", 1, "POL015")
    assert wrong["message"].startswith(said) and odd["message"].startswith(said)
    assert told(capsys, "policies/colours.yaml") == []


def test_a_price_is_missing_at_its_model(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The tier whose model nobody priced is told at the model's name, with the price that was probably meant."""
    change(folder / "tiers.yaml", "model: openai/gpt-5.4-mini", "model: openai/gpt-5.4-mimi")

    (problem,) = [one for one in told(capsys, "policies") if one["code"] == "POL013"]

    assert (folder / "tiers.yaml").read_text().splitlines()[problem["line"] - 1].strip() == "model: openai/gpt-5.4-mimi"
    assert problem["suggestion"] == "openai/gpt-5.4-mini"


def test_traffic_says_which_tier_does_not_pay(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """With a log, a tier whose replies are hardly ever accepted is told; lines that are no recordings are too."""
    mini = {"output": "red", "confidence": 0.5, "cost_usd": "0.001"}
    large = {"output": "red", "cost_usd": "0.002"}
    line = json.dumps({"id": "t", "input": {"text": "x"}, "replies": {"mini": mini, "large": large}})
    (folder / "log.jsonl").write_text("\n".join([line] * 40 + ["{"]))

    found = told(capsys, "policies", "--log", "policies/log.jsonl")

    assert [(problem["file"], problem["line"]) for problem in found] == [
        ("policies/colours.yaml", 5),
        ("policies/log.jsonl", 41),
    ]
    assert found[0]["code"] == "POL026"
    assert "0% of 40 were accepted" in found[0]["message"]


def test_sarif_has_what_code_scanning_asks_for(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The members that GitHub's page on SARIF calls required are there, and every result finds its rule."""
    change(folder / "colours.yaml", "[mini, large]", "[mini, lrage]")
    change(folder / "tiers.yaml", "2099", "2019")

    code, said = lint(capsys, "--format", "sarif", "policies")

    whole = json.loads(said)
    (run,) = whole["runs"]
    driver = run["tool"]["driver"]
    assert (code, whole["version"], whole["$schema"].rpartition("/")[2]) == (1, "2.1.0", "sarif-schema-2.1.0.json")
    assert driver["name"] == "router policy lint"
    for rule in driver["rules"]:
        assert rule["id"] and rule["name"]
        assert rule["shortDescription"]["text"] and rule["fullDescription"]["text"] and rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning")
    assert [(result["ruleId"], result["level"]) for result in run["results"]] == [
        ("POL008", "error"),
        ("POL023", "warning"),
    ]
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert place["artifactLocation"]["uri"].startswith("policies/")
        assert place["region"]["startLine"] >= 1 and place["region"]["startColumn"] >= 1
        assert result["message"]["text"]


def test_github_gets_annotations(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Each problem is one workflow command with file, line, column and title."""
    change(folder / "colours.yaml", "[mini, large]", "[mini, lrage]")

    code, said = lint(capsys, "--format", "github", "policies")

    assert code == 1
    assert said == (
        "::error file=policies/colours.yaml,line=5,col=15,title=POL008 There is no such tier::"
        "the tiers file has no tier 'lrage', it has mini, small, large, frontier; did you mean 'large'?\n"
    )


def a_problem(message: str, file: str = "a.yaml") -> Problem:
    return Problem(file, Place(1, 2), message, code=Code.LIMIT)


def test_annotations_are_escaped_as_documented() -> None:
    """Percent signs and line breaks are escaped everywhere, colons and commas in properties alone."""
    said = as_github([a_problem("50 %: a,\r\nb", "a,b:c%.yaml")])

    assert said == (
        "::warning file=a%2Cb%3Ac%25.yaml,line=1,col=2,title=POL025 The first call breaks a limit::50 %25: a,%0D%0Ab"
    )


def test_files_in_sarif_are_addresses() -> None:
    """A name with blanks and letters of any script is a valid URI that leads back to it."""
    uri = json.loads(as_sarif([a_problem("x", "my policies/größe.yaml")]))["runs"][0]["results"][0]["locations"][0][
        "physicalLocation"
    ]["artifactLocation"]["uri"]

    assert uri.isascii()
    assert " " not in uri
    assert unquote(uri) == "my policies/größe.yaml"


def test_nothing_wrong_is_an_empty_report(capsys: pytest.CaptureFixture[str]) -> None:
    """Each format says nothing in its own way."""
    assert json.loads(as_json([])) == []
    assert json.loads(as_sarif([]))["runs"][0]["results"] == []
    assert lint(capsys, "--format", "github", "policies") == (0, "")


def test_people_see_the_code_behind_the_sentence() -> None:
    """The code to look up stands at the end of the first line, with the line and caret below."""
    problem = Problem("a.yaml", Place(3, 5), "too much", "  a: 1", code=Code.LIMIT)

    assert as_text(problem) == "a.yaml:3:5: warning: too much [POL025]\n 3 |   a: 1\n   |     ^"


def test_an_unknown_format_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong use exits with 2 and names what there is."""
    code, said = lint(capsys, "--format", "xml")

    assert code == 2
    assert "'text', 'json', 'sarif', 'github'" in said


def test_the_hook_runs_for_all_files_of_a_folder() -> None:
    """The pre-commit hook runs this command whenever a policy, or a file that one names, is changed."""
    (hook,) = yaml.safe_load((SHIPPED.parent / ".pre-commit-hooks.yaml").read_text("utf-8"))
    files = [path for path in SHIPPED.rglob("*") if path.suffix in (".yaml", ".json")]

    assert (hook["id"], hook["entry"], hook["pass_filenames"]) == ("router-policy-lint", "router policy lint", False)
    assert all(re.search(hook["files"], path.relative_to(SHIPPED.parent).as_posix()) for path in files)
    assert not re.search(hook["files"], "policies/README.md")
    assert not re.search(hook["files"], "src/mypolicies/a.yaml")


def test_prices_alone_are_told_which_tier_they_leave_without(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Who lints the prices hears that a tier of the folder has lost its own; with the folder it is told once."""
    change(folder / "prices.yaml", "openai/gpt-4o-mini:", "openai/gpt-4o-minl:")

    (found,) = told(capsys, folder / "prices.yaml")
    assert (Path(found["file"]).name, found["code"]) == ("prices.yaml", "POL013")
    assert found["message"].startswith("tier mini: no price of openai/gpt-4o-mini is in force")
    assert "openai/gpt-4o-minl" in (folder / "prices.yaml").read_text("utf-8").splitlines()[found["line"] - 1]
    assert [Path(each["file"]).name for each in told(capsys, folder) if each["code"] == "POL013"] == ["tiers.yaml"]


def test_a_price_book_without_a_price_is_no_price_book(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Every tier is told that it has no price: an unknown one is never zero."""
    (folder / "prices.yaml").write_text("prices: {}\n")

    assert {each["code"] for each in told(capsys, folder)} == {"POL013"}
    assert len(told(capsys, folder)) == len(yaml.safe_load((folder / "tiers.yaml").read_text("utf-8"))["tiers"])
