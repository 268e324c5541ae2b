"""`router review` and `router task erase`: what people read, what programs get, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router.decision import Accept, Review
from tests.builders import a_policy
from tests.cli.desk import DOUBTED, READ, CliDesk
from tests.shell import Shell


@pytest.fixture
def doubted(desk: CliDesk) -> CliDesk:
    """A desk where `t1` waits for a person, because mini was unsure."""
    desk.end("t1", Review(DOUBTED.told), attempt=DOUBTED)
    return desk


def test_lists_what_waits(shell: Shell, doubted: CliDesk) -> None:
    """For people a line for each with the reason; for programs all that is known of each."""
    assert shell("review", "list") == 0
    assert "confidence 0.40 in total is below 0.8" in shell.out

    (listed,) = shell.json("review", "list", "--json")
    assert (listed["id"], listed["status"], listed["ended_at"]) == ("t1", "review", None)


def test_says_that_more_wait(shell: Shell, doubted: CliDesk) -> None:
    """A list that stops says so, and one that has all is silent."""
    doubted.end("t2", Review(DOUBTED.told), attempt=DOUBTED)

    assert [task["id"] for task in shell.json("review", "list", "--limit", "1", "--json")] == ["t1"]
    assert shell.err == "1 shown, and there are more: see --limit\n"
    assert shell("review", "list", "--limit", "2") == 0
    assert shell.err == ""


def test_says_that_nothing_waits(shell: Shell) -> None:
    """An empty list is no error; a policy that nobody published is."""
    assert shell("review", "list") == 0
    assert shell.out == "nothing waits for a person\n"
    assert shell("review", "list", "--policy", "reciepts") == 2
    assert "did you mean 'receipts'?" in shell.err


def test_accepts_what_an_attempt_said(shell: Shell, doubted: CliDesk) -> None:
    """The task succeeds with it, and the trail says who accepted it."""
    assert shell("review", "resolve", "t1", "--accept", "--attempt", "1", "--by", "anna", "--note", "looks right") == 0
    assert shell.out == "t1 is succeeded\n"

    assert shell("review", "show", "t1") == 0
    assert "   by      anna: looks right" in shell.out.splitlines()
    shown = shell.json("review", "show", "t1", "--json")
    assert (shown["output"], shown["tier"]) == (READ, "review")
    assert shown["trail"][-1]["ruling"] == {"wish": "accept", "by": "anna", "reason": "looks right"}


def test_accepts_what_a_person_wrote(shell: Shell, doubted: CliDesk, tmp_path: Path) -> None:
    """From the command line or a file."""
    (tmp_path / "output.json").write_text('{"merchant": "BOLT", "total": 2}')

    told = shell.json("review", "resolve", "t1", "--accept", "--output", f"@{tmp_path}/output.json", "--json")

    assert told == {"id": "t1", "status": "succeeded"}
    assert shell.json("task", "show", "t1", "--json")["output"] == {"merchant": "BOLT", "total": 2}


@pytest.mark.parametrize(
    ("words", "status", "shown"),
    [
        (("--reject", "no receipt"), "rejected", "rejected by anna: no receipt"),
        (("--dead-letter", "too blurred"), "dead", "given up by anna: too blurred"),
        (("--ask", "large"), "ready", "sent on to large by a person"),
    ],
)
def test_decides_otherwise(shell: Shell, doubted: CliDesk, words: tuple[str, ...], status: str, shown: str) -> None:
    """Each way is one option, and the record tells it."""
    assert shell("review", "resolve", "t1", *words, "--by", "anna") == 0
    assert shell.out == f"t1 is {status}\n"

    shell("task", "show", "t1")
    assert shown in shell.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "exactly one of"),
        (("--accept", "--attempt", "1", "--reject", "no"), "exactly one of"),
        (("--accept",), "either --output or --attempt"),
        (("--accept", "--attempt", "1", "--output", "1"), "either --output or --attempt"),
        (("--reject", "no", "--attempt", "1"), "and they with nothing else"),
        (("--reject", " "), "--reject needs a reason"),
        (("--dead-letter", ""), "--dead-letter needs a reason"),
        (("--reject", "no", "--by", ""), "--by: String should have at least 1 character"),
        (("--ask", "large", "--note", "x" * 2001), "--note: String should have at most 2000 characters"),
        (("--output", '"ACME"'), "--output and --attempt say what is accepted: give --accept with one of them"),
        (("--attempt", "1"), "--output and --attempt say what is accepted: give --accept with one of them"),
        (("--accept", "--output", "ACME"), "write a text in quotes"),
        (("--accept", "--output", '{"merchant": "BOLT"}'), "does not meet the schema"),
        (("--ask", "huge"), "it climbs mini, small, large"),
    ],
)
def test_refuses_what_is_no_decision(shell: Shell, doubted: CliDesk, words: tuple[str, ...], said: str) -> None:
    """Wrong use is told, with what is right; nothing happens to the task."""
    assert shell("review", "resolve", "t1", *words) == 2
    assert said in shell.err

    assert shell.json("task", "show", "t1", "--json")["status"] == "review"


def test_a_note_is_shown_with_who_wrote_it(shell: Shell, doubted: CliDesk) -> None:
    """Whoever looks at the task, here or there, reads who sent it on, why and where to, each once."""
    shell("review", "resolve", "t1", "--ask", "large", "--by", "anna", "--note", "too blurred for mini")

    for words in (("task", "show", "t1"), ("review", "show", "t1")):
        assert shell(*words) == 0
        lines = shell.out.splitlines()
        assert "   by      anna: too blurred for mini" in lines
        assert "   reply   sent on to large by a person" in lines
        assert shell.out.count("too blurred for mini") == 1


def test_what_may_be_repeated_is_said(shell: Shell) -> None:
    """Help says what has to be the same, for a repetition to be one."""
    assert shell("review", "resolve", "--help") == 0
    assert "the same decision, output, note and person" in " ".join(shell.out.split())


def test_what_is_resolved_is_not_resolved_otherwise(shell: Shell, doubted: CliDesk) -> None:
    """The answer is no, with how it stands."""
    shell("review", "resolve", "t1", "--reject", "no receipt")

    assert shell("review", "resolve", "t1", "--accept", "--attempt", "1") == 1
    assert "task t1 is rejected; only what is in review" in shell.err


def test_erases_a_task(shell: Shell, desk: CliDesk) -> None:
    """Nothing of what was asked and answered is shown any more; how it went and what it cost is."""
    desk.publish(a_policy())
    desk.climbed("t1")

    assert shell("task", "erase", "t1") == 0
    assert shell.out == "erased; it is succeeded\n"

    assert shell("task", "show", "t1") == 0
    assert "its contents were erased" in shell.out
    assert "ACME" not in shell.out
    assert shell.out.count("   reply   (erased)") == 2
    shown = shell.json("task", "show", "t1", "--json")
    assert (shown["input"], shown["output"], [attempt["tier"] for attempt in shown["trail"]]) == (
        {},
        None,
        ["mini", "small"],
    )
    assert shell("task", "erase", "t9") == 1


def test_a_task_that_is_cancelled_by_erasing_says_so(shell: Shell, doubted: CliDesk) -> None:
    """Its reason tells it from one that its caller gave up."""
    assert shell("task", "erase", "t1") == 0

    shown = shell.json("task", "show", "t1", "--json")
    assert (shown["status"], shown["reason"]) == ("cancelled", "erased by the caller")


def test_a_decision_is_explained(shell: Shell, doubted: CliDesk, at_home: None) -> None:
    """Why the person was asked, and what came of it, stands among the other steps."""
    shell("review", "resolve", "t1", "--accept", "--attempt", "1", "--by", "anna", "--note", "looks right")

    assert shell("task", "show", "t1", "--explain", "--prompts") == 0

    lines = shell.out.splitlines()
    assert "2. review (review): nobody but a person could say, after mini: confidence unsure" in lines
    assert "   by      anna" in lines
    assert "   pass    review: looks right" in lines
    assert "   then    accept: as anna decided" in lines


def test_what_is_sent_to_the_same_tier_again_is_explained(shell: Shell, doubted: CliDesk, at_home: None) -> None:
    """A tier that is asked anew by a person was asked by them, whatever the policy says of its attempts."""
    shell("review", "resolve", "t1", "--ask", "mini", "--by", "anna")
    doubted.take("mini", DOUBTED.model_copy(update={"number": 3, "why": "retry"}), Accept(DOUBTED))

    assert shell("task", "show", "t1", "--explain") == 0

    lines = shell.out.splitlines()
    assert "   replied sent on to mini by a person" in lines
    assert "   then    retry to mini: as anna decided" in lines
    assert any(line.startswith("3. mini (retry) ") and line.endswith(": sent on by anna") for line in lines)


@pytest.mark.parametrize("decision", [("--accept", "--attempt", "1"), ("--ask", "large"), ("--reject", "no receipt")])
def test_what_was_reviewed_is_exported(
    shell: Shell, doubted: CliDesk, at_home: None, decision: tuple[str, ...]
) -> None:
    """Recorded traffic holds what the tiers said, and nothing that no tier said."""
    shell("review", "resolve", "t1", *decision)
    shell("task", "cancel", "t1")

    assert shell("trail", "export") == 0

    (line,) = [json.loads(text) for text in shell.out.splitlines()]
    assert list(line["replies"]) == ["mini"]
