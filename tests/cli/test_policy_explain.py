"""`router policy explain`: what would be asked, and why a case or a task went as it did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import a_policy
from tests.cli.colours import POLICY, run
from tests.cli.desk import CliDesk
from tests.shell import Shell

pytestmark = pytest.mark.usefixtures("at_home")


def test_explain_shows_prompt_checks_and_worst_cost(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Each tier is shown with its prompt, or as asked the same, with its checks and what a call could cost."""
    code, said = run(capsys, "explain", folder / "colours.yaml", "--input", '{"text": "plum"}')

    assert code == 0
    assert "first: ask mini" in said
    assert "mini (openai/gpt-4o-mini): 1 attempt, at most $0." in said
    assert "  checks: refusal (fail), schema (fail), confidence (unsure)\n  system:\n    Name the colour." in said
    assert "  user:\n    plum" in said
    assert "  checks: refusal (fail), schema (fail)\n  asked the same as mini" in said


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


def test_a_case_is_told_step_by_step(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Every finding with the values it saw, those that passed too, what was decided and why, and what it cost."""
    code, said = run(capsys, "explain", folder / "colours.yaml", "--case", "doubtful")

    lines = [line.rstrip() for line in said.splitlines()]
    assert code == 0
    assert lines[0].startswith("a doubtful one climbs  colours ")
    assert "1. mini (first) openai/gpt-4o-mini: the first tier" in lines
    assert "   pass    schema" in lines
    assert "             label = 0.6  below 0.8" in lines
    assert "   not run confidence (not for large)" in lines
    assert "   then    escalate to large: moves.unsure is escalate" in lines
    assert any(line.startswith("   spent   $0.") and "price of 2024-07-18" in line for line in lines)
    assert "   asked   system 16, user 4 characters" in lines


def test_prompts_are_shown_word_for_word_if_asked(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """With --prompts every message of every attempt stands there."""
    _, said = run(capsys, "explain", folder / "colours.yaml", "--case", "a clear colour stays", "--prompts")

    assert "   system  Name the colour." in said
    assert "   user    sky" in said


def test_a_case_that_fails_says_so(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Where the case expects something else the difference is told under the story."""
    cases = folder / "tests" / "colours.yaml"
    cases.write_text(cases.read_text().replace("tier: large, failed", "tier: mini, failed"))

    _, said = run(capsys, "explain", folder / "colours.yaml", "--case", "doubtful")

    assert said.splitlines()[-2:] == ["not as the case expects:", "tier: expected mini, got large"]


def test_programs_get_the_case_as_steps(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """As JSON each step has its messages, findings with values, cost and move."""
    code, said = run(capsys, "explain", folder / "colours.yaml", "--case", "doubtful", "--json")

    whole = json.loads(said)
    first, second = whole["steps"]
    assert (code, whole["passed"], whole["status"], whole["output"]) == (0, True, "succeeded", "blue")
    assert [m["content"] for m in first["messages"]] == ["Name the colour.", "plum"]
    assert (first["move"], first["to"], second["move"]) == ("escalate", "large", "accept")
    assert first["findings"][-1]["seen"][0] == {"what": "label", "value": 0.6, "note": "below 0.8"}
    assert second["not_run"] == [{"name": "confidence", "why": "not for large"}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("colours.yaml",), "one of --input, --case and --task"),
        (("colours.yaml", "--case", "x", "--input", "{}"), "one of --input, --case and --task"),
        (("colours.yaml", "--case", "a cleer colour stays"), "did you mean 'a clear colour stays'?"),
        (("colours.yaml", "--case", "a"), "2 cases have 'a' in their names"),
        (("--input", "{}"), "say which policy"),
        (("colours.yaml", "--task", "t1"), "leave POLICY out"),
    ],
)
def test_what_is_to_be_explained_must_be_clear(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    said: str,
) -> None:
    """Nothing, too much, or a case that is not the only one of its name is wrong use, with a sentence."""
    monkeypatch.chdir(folder)

    code, printed = run(capsys, "explain", *words)

    assert code == 2
    assert said in " ".join(printed.split())


def test_a_task_is_told_by_the_version_that_it_ran_under(shell: Shell, desk: CliDesk) -> None:
    """The prompt and the checks are those of then, whatever the folder says now, and no folder is needed."""
    task_id = desk.climbed("t1")

    assert shell("policy", "explain", "--task", task_id, "--prompts") == 0
    lines = [line.rstrip() for line in shell.out.splitlines()]
    assert lines[0].split()[:3] == ["t1", "receipts", a_policy().digest]
    assert "   system  Read the receipt." in lines
    assert "             total = 0.4  below 0.8" in lines
    assert "   then    escalate to small: moves.unsure is escalate" in lines
    assert shell.json("policy", "explain", "--task", task_id, "--json")["steps"][1]["move"] == "accept"


def test_an_unknown_task_is_told_so(shell: Shell) -> None:
    """Exit code 1 with a sentence."""
    assert shell("policy", "explain", "--task", "nobody") == 1
    assert "there is no task nobody" in shell.err
