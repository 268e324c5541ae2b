"""Values come back from Redis as they went in, and small."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import FormatTooNew
from router.formats import FORMAT
from router.io.packing import pack, unpack
from router.io.packing_kept import pack_kept, unpack_kept
from router.ledger import EntryKind
from router.trail import Attempt
from router.verdict import Outcome
from tests.builders import CUT_OFF, GOOD, a_failure, a_kept, a_reply, a_settlement, an_attempt, an_intent


@given(st.binary(max_size=2000))
def test_bytes_come_back(data: bytes) -> None:
    """Whatever is packed is unpacked the same."""
    assert unpack(pack(data)) == data


@given(st.text(max_size=500))
def test_text_comes_back_as_its_utf_8(text: str) -> None:
    """Text is packed as UTF-8, whatever characters it has."""
    assert unpack(pack(text)).decode() == text


def test_a_large_value_comes_back() -> None:
    """An input with an image in it survives, and repetitions shrink."""
    data = b'{"input":{"photo":"data:image/png;base64,' + b"QUJDREVG" * 100_000 + b'"}}'

    assert unpack(pack(data)) == data
    assert len(pack(data)) < len(data) / 100


def test_an_ordinary_input_shrinks() -> None:
    """A short input takes less than its JSON text, although each is packed by itself."""
    text = json.dumps({"input": {"text": "ACME Hardware, 2026-11-02, total EUR 12.50"}, "metadata": {}})

    assert len(pack(text)) < 0.8 * len(text)


def test_an_ordinary_attempt_shrinks_to_half() -> None:
    """An attempt takes less than half of its JSON text."""
    text = an_attempt(outcome=Outcome.UNSURE).model_dump_json(exclude_defaults=True)

    assert len(pack(text)) < 0.5 * len(text)


def test_an_unknown_format_is_told() -> None:
    """What a newer version wrote is refused in words, not misread: what it is, and who is to be upgraded."""
    with pytest.raises(FormatTooNew) as why:
        unpack(pack(b"x", FORMAT + 1), "task t1")

    assert f"task t1 is of format {FORMAT + 1}, and this process reads formats up to {FORMAT}: upgrade" in str(
        why.value
    )


@pytest.mark.parametrize("format", range(1, FORMAT + 1))
def test_a_known_format_is_read(format: int) -> None:
    """What this version or one before it wrote comes back; a process of a version before that does not try."""
    assert unpack(pack(b"x", format)) == unpack(pack(b"x", format), reads=format) == b"x"
    with pytest.raises(FormatTooNew):
        unpack(pack(b"x", format + 1), reads=format)


@pytest.mark.parametrize("stored", [b"", b"\x01", pack(b"a value that is longer than a few bytes")[:-4]])
def test_a_damaged_value_is_told(stored: bytes) -> None:
    """What was cut off is an error, not a shorter value."""
    with pytest.raises(ValueError):
        unpack(stored)


def test_what_was_stored_before_can_be_read() -> None:
    """The format and its dictionary never change: these bytes were written by the first version."""
    stored = bytes.fromhex("01abc6284b1c9d7d5d15c0d1ae6068a4676a8051860000")

    assert unpack(stored) == b'{"input":{"text":"ACME total 12.50"},"metadata":{}}'


ANSWERS = [GOOD, CUT_OFF, a_reply(usage=None, sure=None), a_failure(status=503, retry_after_s=1.5, billed="unknown")]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", [EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED])
def test_kept_answers_come_back(answer: object, kind: EntryKind) -> None:
    """An answer that was paid for comes back whole, with its tokens and its booking."""
    kept = a_kept(an_intent(), a_settlement(kind), answer)

    assert unpack_kept(pack_kept(kept)) == kept


@pytest.mark.parametrize("outcome", [*Outcome, None])
def test_attempts_come_back(outcome: Outcome | None) -> None:
    """An attempt in the trail is read as it was written, whether it was answered or failed."""
    attempt = an_attempt(outcome=outcome)

    assert Attempt.model_validate_json(unpack(pack(attempt.model_dump_json(exclude_defaults=True)))) == attempt
