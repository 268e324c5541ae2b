"""Lists of tasks: which lines somebody wants to see."""

from __future__ import annotations

from typing import Any

import pytest

from router.summary import Cursor, Summary, Wanted, alike
from router.task import AUDITOR, TaskState
from tests.builders import NOW_MS


def a_summary(**changes: Any) -> Summary:
    settings: dict[str, Any] = {
        "id": "t1",
        "policy": "receipts",
        "state": TaskState.DEAD,
        "tier": "large",
        "tenant": "acme",
        "created_ms": NOW_MS,
        "reason": "No tier is left",
        "tags": ("mail", "eu"),
    }
    return Summary(**(settings | changes))


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (Wanted(), True),
        (Wanted(status=TaskState.DEAD, policy="receipts", tenant="acme", reason="no TIER"), True),
        (Wanted(status=TaskState.SUCCEEDED), False),
        (Wanted(policy="intents"), False),
        (Wanted(tenant="bolt"), False),
        (Wanted(reason="budget"), False),
        (Wanted(redriven=True), False),
        (Wanted(redriven=False), True),
        (Wanted(tag="eu"), True),
        (Wanted(tag="EU"), False),
        (Wanted(tag="e"), False),
        (Wanted(since_ms=NOW_MS + 1), False),
    ],
)
def test_all_wishes_must_be_met(wanted: Wanted, seen: bool) -> None:
    """A line is seen that meets every wish; what is not wished for may be anything."""
    assert wanted(a_summary()) is seen


def test_audits_are_seen_by_who_asks_for_them() -> None:
    """What nobody sent is in no list of what was sent, unless its tenant is named."""
    audit = a_summary(tenant=AUDITOR)

    assert not Wanted()(audit)
    assert Wanted(tenant=AUDITOR)(audit)


def test_a_list_may_end_at_a_time() -> None:
    """By when tasks ended or, in lists by creation, by when they came."""
    ended = a_summary(ended_ms=NOW_MS + 10)

    assert not Wanted(until_ms=NOW_MS + 5)(ended)
    assert Wanted(until_ms=NOW_MS + 5)(ended, by_creation=True)
    assert not Wanted(until_ms=NOW_MS - 1)(ended, by_creation=True)


def test_a_cursor_is_read_as_it_was_written() -> None:
    """It passes through a URL as it is."""
    cursor = Cursor(NOW_MS, "0123456789abcdef" * 2)

    assert Cursor.read(cursor.text) == cursor
    assert cursor.text.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("text", ["", "x", "!!", "ÿ", "LTEgdDE", "OTk5OTk5OTk5OTk5OTk5OTk5OSB0MQ"])
def test_no_cursor_is_made_by_hand(text: str) -> None:
    """What is no cursor of ours is refused, whatever it is."""
    with pytest.raises(ValueError, match=r".*"):
        Cursor.read(text)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("$0.000012 of $5.00 per day are spent", "$N of $N per day are spent"),
        ("gpt-4o is left alone until 2026-11-21 00:10:36 UTC", "gpt-4o is left alone until N N UTC"),
        ("confidence 0.40 in total is below 0.8", "confidence N in total is below N"),
        ("two\nlines in 5.", "two lines in N."),
    ],
)
def test_reasons_that_differ_in_numbers_alone_are_alike(reason: str, kind: str) -> None:
    """Amounts and times give way, names with numbers in them stay."""
    assert alike(reason) == kind
