"""A story as text and as JSON."""

from __future__ import annotations

from typing import Any

import pytest

from router.call import FailureKind, Usage
from router.cli.telling import shortened, spelled, steps_json, story_text, text_of
from router.reading import Reading
from router.record import Record
from router.refusal import Refusal
from router.story import tell
from router.task import TaskState
from router.trail import Attempt, Spent
from router.verdict import Finding, Outcome, Verdict
from tests.builders import TIERS, a_failure, a_policy, a_task, an_attempt

SPENT = Spent(
    call="c1",
    purpose="answer",
    tier="mini",
    model="openai/mini-model",
    cost_nusd=210_000,
    price_since="2024-07-18",
    usage=Usage(input_tokens=1000, cached_input_tokens=200, output_tokens=100),
)
JUDGED = Spent(
    call="c2",
    purpose="judge",
    tier="large",
    model="openai/large-model",
    cost_nusd=30_000,
    doubt_nusd=5_000,
    price_since="2025-01-01",
)
WRONG = Verdict(
    outcome=Outcome.FAIL,
    findings=(
        Finding(check="refusal", outcome=Outcome.PASS),
        Finding(check="schema", outcome=Outcome.FAIL, reason="the reply is not JSON"),
    ),
)


def a_story(*trail: Attempt, **changes: Any) -> Any:
    settings = {"task": a_task(), "state": TaskState.SUCCEEDED, "tier": "mini", "trail": trail, **changes}
    return tell(a_policy(), Record(**settings), TIERS)


def lines(*trail: Attempt, quiet: bool = False, prompts: bool = False, **changes: Any) -> list[str]:
    return story_text(a_story(*trail, **changes), quiet=quiet, prompts=prompts).splitlines()


def test_tells_what_was_spent_for_what() -> None:
    """Cost, doubt, tokens and the days of the prices, and what other calls of the attempt took."""
    spent = an_attempt(calls=(SPENT, JUDGED), ended_ms=an_attempt().started_ms + 1500)

    told = " ".join(" ".join(lines(spent)).split())
    assert (
        "spent $0.000240; up to $0.000005 in doubt; 1,000 (200 cached) + 100 tokens; price of 2024-07-18, 2025-01-01; "
        "with judge by large $0.000030; 1.50 s then accept"
    ) in told


def test_what_passed_is_a_line_where_only_trouble_matters() -> None:
    """In a report of a failed case the checks that passed are named in one line."""
    told = lines(an_attempt(answer=Reading(raw="{", problem="not JSON"), verdict=WRONG), quiet=True)

    assert "   fail    schema: the reply is not JSON" in told
    assert '             reply = "{"' in told
    assert "   pass    refusal" in told
    assert "   not run confidence (schema failed)" in told


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (a_failure(FailureKind.AUTH), "   failed  auth: a auth"),
        (Refusal(limit="cost", message="too dear"), "   refused cost: too dear"),
    ],
)
def test_says_why_no_reply_came(answer: Any, said: str) -> None:
    """A failure by its kind, a call that was not made by its limit; nothing was spent then."""
    told = lines(an_attempt(outcome=None, answer=answer), state=TaskState.DEAD, reason="so it is")

    assert said in told
    assert "   spent   nothing, no call was made" in told


def test_the_reason_of_the_end_is_told_once() -> None:
    """Where the last step says it already it is not repeated; a task without attempts has it alone."""
    doubted = an_attempt(outcome=Outcome.UNSURE)
    told = lines(doubted, state=TaskState.DEAD, reason="no tier is left")

    assert sum("no tier is left" in line for line in told) == 1
    assert lines(state=TaskState.REJECTED, reason="no tier can take it") == ["rejected: no tier can take it"]


def test_prompts_are_shown_whole_or_by_their_size() -> None:
    """Sizes by default, every message word for word if asked."""
    assert "   asked   system 17, user 16 characters" in lines(an_attempt())
    assert lines(an_attempt(), prompts=True)[1:3] == ["   system  Read the receipt.", "   user    ACME total 12.50"]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    """Long values are folded under their beginning."""
    long = an_attempt(answer=Reading(output={"merchant": "word " * 60, "total": 1}))

    text = story_text(a_story(long), width=width)

    assert max(map(len, text.splitlines())) <= width
    assert text.count("word") >= 60


def test_programs_get_money_as_texts_and_everything_that_was_seen() -> None:
    """Costs are decimal strings in dollars; answer, findings, checks that were not run and the move stand beside."""
    (step,) = steps_json(a_story(an_attempt(calls=(SPENT, JUDGED), verdict=WRONG), state=TaskState.DEAD))

    assert (step["cost_usd"], step["doubt_usd"]) == ("0.000240000", "0.000005000")
    assert step["price_since"] == ["2024-07-18", "2025-01-01"]
    assert [finding["check"] for finding in step["findings"]] == ["refusal", "schema"]
    assert step["not_run"] == [{"name": "confidence", "why": "schema failed"}]
    assert (step["verdict"], step["move"]) == ("fail", "dead_letter")


def test_values_are_spelled_as_people_write_them() -> None:
    """The noise of floats is left out, long values are cut with their length, images are named."""
    assert spelled({"a": [0.1 + 0.2, 14]}) == '{"a": [0.3, 14]}'
    assert shortened("x" * 300).endswith("x ... (300 characters)")
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {}}]
    assert text_of({"role": "user", "content": parts}) == "see\n(an image)"
    called = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a": 1}'}}]}
    assert text_of(called) == 'f({"a": 1})'


def test_what_a_model_wrote_does_not_steer_the_terminal() -> None:
    """Escape sequences and lone surrogates in replies, reasons and inputs are spelled out."""
    broken = Verdict(outcome=Outcome.FAIL, findings=(Finding(check="schema", outcome=Outcome.FAIL, reason="\x1b[2J"),))
    raw = an_attempt(answer=Reading(raw="\x1b]0;title\x07\ud800", problem="not JSON"), verdict=broken)

    text = story_text(a_story(raw, task=a_task(input={"text": "a\x1b[31m"})), prompts=True)

    assert "\\x1b]0;title\\x07\\ud800" in text
    assert "schema: \\x1b[2J" in text
    assert "a\\x1b[31m" in text
    assert "\x1b" not in text
