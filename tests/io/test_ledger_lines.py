"""Lines of the ledger as Redis holds them."""

from __future__ import annotations

import json

import pytest

from router.errors import FormatTooNew
from router.io.ledger_lines import attempt_words, entry, intent_words
from router.ledger import Entry, EntryKind
from router.verdict import Outcome
from tests.builders import an_intent

AT = b"1800000000000-0"


def a_reply(kind: str, info: bytes, *, call: str = "c1", extra: bytes = b"") -> list[object]:
    fields = {"k": kind, "c": call, "t": "t1", "a": "1000", "o": "0"}
    flat = [part for name, value in fields.items() for part in (name.encode(), value.encode())]
    return [AT, [*flat, b"i", info, b"x", extra]]


def an_attempt_line() -> Entry:
    _, line = entry(a_reply("reserved", intent_words(an_intent(version="v1")), extra=b"20833"))
    changes = {"kind": EntryKind.ATTEMPT, "call": None, "purpose": None, "day": None, "outcome": Outcome.PASS}
    told = {"accepted": True, "escalated": True, "failure": "timeout", "checks": ("rule",), "latency_ms": 70}
    return line.model_copy(update={**changes, **told})


def test_a_call_is_read_back_with_its_version() -> None:
    """What an intent says of its policy's version stands in every line of its call."""
    _, line = entry(a_reply("reserved", intent_words(an_intent(version="v1")), extra=b"20833"))

    assert (line.version, line.policy, line.day, line.amount_nusd) == ("v1", "receipts", 20833, 1000)


def test_an_attempt_is_read_back_as_it_was() -> None:
    """All that a line says of an attempt comes back, the version too."""
    line = an_attempt_line()

    _, again = entry(a_reply("attempt", attempt_words(line), call=""))
    assert again == line


def test_lines_of_before_versions_are_read() -> None:
    """A ledger that was begun before versions were told is read on: those lines name none."""
    intent = json.dumps(json.loads(intent_words(an_intent()))[:-1]).encode()
    attempt = json.dumps(json.loads(attempt_words(an_attempt_line()))[:-3]).encode()

    _, reserved = entry(a_reply("reserved", intent, extra=b"20833"))
    _, judged = entry(a_reply("attempt", attempt, call=""))
    assert (reserved.version, judged.version, judged.latency_ms) == ("", "", 70)


def test_words_of_a_later_version_are_passed_over() -> None:
    """What is added at the end changes nothing of what was there before."""
    told = json.loads(intent_words(an_intent(version="v1")))
    _, line = entry(a_reply("reserved", json.dumps([*told, "later"]).encode(), extra=b"20833"))
    assert (line.version, line.amount_nusd) == ("v1", 1000)

    attempt = an_attempt_line()
    _, again = entry(a_reply("attempt", json.dumps([*json.loads(attempt_words(attempt)), "later"]).encode(), call=""))
    assert again == attempt


def test_a_kind_of_a_later_version_is_told() -> None:
    """Nobody sums up what he does not understand: the message says who is to be upgraded."""
    with pytest.raises(FormatTooNew, match=r"'refunded'.*upgrade"):
        entry(a_reply("refunded", intent_words(an_intent())))
