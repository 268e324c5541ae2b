"""`router policy test`: what authors see, and what programs get."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.colours import CASES, POLICY, run

pytestmark = pytest.mark.usefixtures("at_home")
REST = """\
  - name: everything goes wrong
    input: {text: x}
    replies:
      mini: [{failure: server}, {refusal: "no"}]
      large: {output: green}
    expect: {status: dead, moves: [retry, escalate, dead_letter]}
"""
"""With it the cases reach all of the policy."""


def test_test_passes_and_says_what_was_not_reached(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Cases that pass exit with 0, and gaps are named without being failures."""
    code, said = run(capsys, "test", folder)

    assert code == 0
    assert said.splitlines()[0] == "colours: 2 cases, 0 failed; not all of the policy was reached:"
    assert "  moves.error was called for in no case" in said.splitlines()
    assert said.splitlines()[-1] == "2 cases, 0 failed"


def test_test_shows_what_was_expected_and_what_came(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A failed case is shown with its line, both sides, its trail with what checks saw, and what to write instead."""
    cases = folder / "tests" / "colours.yaml"
    cases.write_text(CASES.replace("tier: large, failed", "tier: mini, failed"))

    code, said = run(capsys, "test", folder / "colours.yaml")

    assert code == 1
    told = said.splitlines()[said.splitlines().index("    tier: expected mini, got large") - 1 :]
    assert told[0].startswith(f"  FAILED  {cases}:7: a doubtful one climbs  $0.")
    assert told[2] == "    1. mini (first) openai/gpt-4o-mini: the first tier"
    assert "       unsure  confidence: confidence 0.60 in label is below 0.8" in told
    assert "                 label = 0.6  below 0.8" in told
    assert "       pass    refusal, schema" in told
    assert "       then    escalate to large: moves.unsure is escalate" in told
    assert "    2. large (escalate) openai/gpt-5.4: after mini: confidence unsure" in told
    assert told[-3:] == [
        "    if this is right, the case is to say",
        "        expect: {status: succeeded, tier: large, failed: [confidence]}",
        "2 cases, 1 failed",
    ]
    assert "a clear colour stays" not in said


def test_test_shows_every_trail_if_asked(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """With --verbose the trails of cases that passed are shown too."""
    _, said = run(capsys, "test", folder, "--verbose")

    assert "a clear colour stays" in said
    assert "then    accept: every check passed" in said


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
    assert (
        Decimal(policy["cases"][1]["cost_usd"]) == sum(Decimal(s["cost_usd"]) for s in policy["cases"][1]["trail"]) > 0
    )
    assert policy["cases"][1]["trail"][0]["findings"][-1]["seen"] == [
        {"what": "label", "value": 0.6, "note": "below 0.8"}
    ]


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


def test_one_case_may_be_played_alone(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Cases are chosen by a part of their names; nothing is said of what some cases do not reach."""
    code, said = run(capsys, "test", folder, "--case", "doubtful")

    assert code == 0
    assert said.splitlines() == ["colours: 1 case, 0 failed", "1 case, 0 failed"]


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--case", "green"), "no case has 'green'"), (("--case", "a", "--full"), "leave one of them out")],
)
def test_choosing_no_case_is_wrong_use(
    capsys: pytest.CaptureFixture[str], folder: Path, words: tuple[str, ...], said: str
) -> None:
    """A name that no case has, and full coverage of some cases, are exit code 2."""
    code, printed = run(capsys, "test", folder, *words)

    assert code == 2
    assert said in printed


def test_full_coverage_may_be_asked_for(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """With --full a gap is a failure, and its absence is none."""
    with_gaps, said = run(capsys, "test", folder, "--full")
    (folder / "tests" / "colours.yaml").write_text(CASES + REST)
    without, all_said = run(capsys, "test", folder, "--full")

    assert (with_gaps, without) == (1, 0)
    assert "moves.error was called for in no case" in said
    assert all_said.splitlines()[0] == "colours: 3 cases, 0 failed; every check, tier and move was reached"


def test_shows_how_often_everything_was_reached(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A table of checks, tiers and moves."""
    _, said = run(capsys, "test", folder, "--coverage")

    rows = [line.split() for line in said.splitlines()]
    assert ["check", "found", "passed"] in rows
    assert ["confidence", "1", "1"] in rows
    assert ["mini", "2"] in rows
    assert ["moves.unsure", "1"] in rows


def test_junit_has_what_failed_where(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Each case with file and line, coverage as properties, and a failure with its trail."""
    cases = folder / "tests" / "colours.yaml"
    cases.write_text(CASES.replace("tier: large, failed", "tier: mini, failed"))

    code, said = run(capsys, "test", folder, "--format", "junit")

    root = ET.fromstring(said)
    first, second = root.iter("testcase")
    properties = {p.attrib["name"]: p.attrib["value"] for p in root.iterfind("testsuite/properties/property")}
    failure = second.find("failure")
    assert code == 1
    assert failure is not None
    assert (first.find("failure"), second.attrib["file"], second.attrib["line"]) == (None, str(cases), "7")
    assert failure.attrib["message"] == "tier: expected mini, got large"
    assert "escalate to large" in (failure.text or "")
    assert (properties["coverage.tier.mini"], properties["coverage.found.confidence"]) == ("2", "1")
    assert "moves.error was called for in no case" in properties["coverage.gaps"]


def test_a_report_goes_to_a_file_and_the_text_to_the_screen(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Continuous integration keeps the file, people read the log."""
    report = folder / "results.xml"

    code, said = run(capsys, "test", folder, "--format", "junit", "--output", report)

    assert code == 0
    assert said.splitlines()[-1] == "2 cases, 0 failed"
    assert ET.parse(report).getroot().attrib["tests"] == "2"


def test_a_promise_without_a_certificate_accepts_nothing(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Below the tier that it is held against all climbs; cases may expect that, and coverage says what is missing."""
    (folder / "colours.yaml").write_text(POLICY + "promise: {kind: regret, at_most: 0.05}\n")
    (folder / "tests" / "colours.yaml").write_text(
        CASES.replace("confidence: 0.9}}", "confidence: 0.9}, large: {output: blue}}")
        .replace("tier: mini}", "tier: large, failed: [promise]}")
        .replace("failed: [confidence]", "failed: [confidence, promise]")
    )

    code, said = run(capsys, "test", folder)

    assert code == 0, said
    assert "  check promise passed no reply" in said.splitlines()


def another(folder: Path, *, cases: str) -> Path:
    """A second policy, and the file of its cases."""
    (folder / "shades.yaml").write_text(POLICY.replace("policy: colours", "policy: shades"))
    file = folder / "tests" / "shades.yaml"
    file.write_text(cases.replace("policy: colours", "policy: shades"))
    return file


TWICE = CASES.replace("a doubtful one climbs", "a clear colour stays")


def test_a_broken_case_stops_no_other_policy(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Its mistakes are told with their codes, the other policies are played, and the exit code says no."""
    file = another(folder, cases=TWICE)

    code, said = run(capsys, "test", folder)

    assert code == 1
    assert "2 cases, 0 failed; 1 file with mistakes, see above" in said.splitlines()
    twice = "two cases are called 'a clear colour stays'; give each its own name [POL014]"
    assert f"{file}:7:5: {twice}" in said.splitlines()
    assert said.splitlines()[0].startswith("colours: 2 cases, 0 failed")


def test_a_broken_policy_stops_no_other(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A policy that cannot be loaded is told like a case that cannot be played; broken tiers stop them all."""
    another(folder, cases=CASES)
    (folder / "shades.yaml").write_text("policy: shades\n")

    code, said = run(capsys, "test", folder)
    assert (code, "2 cases, 0 failed; 1 file with mistakes, see above" in said.splitlines()) == (1, True)

    (folder / "tiers.yaml").write_text("tiers: {}\n")
    code, said = run(capsys, "test", folder)
    assert (code, "0 cases, 0 failed; 2 files with mistakes, see above" in said.splitlines()) == (1, True)


def test_programs_are_told_what_could_not_be_played(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """JSON lists the problems, and JUnit has a case that failed: what was not played is no success."""
    file = another(folder, cases=TWICE)
    report = folder / "report"

    json_code, _ = run(capsys, "test", folder, "--json", "--output", report)
    whole = json.loads(report.read_text())
    junit_code, _ = run(capsys, "test", folder, "--format", "junit", "--output", report)
    (suite,) = [one for one in ET.parse(report).getroot() if one.attrib["file"] == str(file)]

    assert (json_code, junit_code, whole["cases"], whole["failed"]) == (1, 1, 2, 0)
    assert [(one["file"], one["line"], one["code"]) for one in whole["problems"]] == [(str(file), 7, "POL014")]
    assert (suite.attrib["name"], suite.attrib["failures"]) == ("shades", "1")
    assert "two cases are called" in next(suite.iter("failure")).attrib["message"]


def test_a_file_of_cases_plays_its_policy(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The cases' own file stands for their policy, the folder of cases for all policies."""
    another(folder, cases=CASES)

    one, of_file = run(capsys, "test", folder / "tests" / "shades.yaml")
    all_of_them, of_folder = run(capsys, "test", folder / "tests")

    assert (one, all_of_them) == (0, 0)
    assert [line.partition(":")[0] for line in of_file.splitlines() if not line.startswith(" ")] == [
        "shades",
        "2 cases, 0 failed",
    ]
    assert of_folder.splitlines()[-1] == "4 cases, 0 failed"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("tiers.yaml", "holds no policy; give a policy's file, or a folder of policies"),
        ("tests/stray.yaml", "there is no policy file {folder}/stray.yaml that the cases of"),
    ],
)
def test_what_holds_no_policy_is_wrong_use(
    capsys: pytest.CaptureFixture[str], folder: Path, path: str, said: str
) -> None:
    """A file of tiers, and cases without a policy, are exit code 2 with what to give instead."""
    (folder / "tests" / "stray.yaml").write_text(CASES)

    code, printed = run(capsys, "test", folder / path)

    assert code == 2
    assert said.format(folder=folder) in printed


def test_a_report_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A folder that is not there is a sentence and exit code 2, not a stack of Python's."""
    report = folder / "nowhere" / "results.xml"

    code, said = run(capsys, "test", folder, "--format", "junit", "--output", report)

    assert code == 2
    assert said.splitlines()[-1] == f"router: {report} cannot be written: No such file or directory"
