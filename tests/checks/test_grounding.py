"""The grounding check: does what the output says stand in the input?"""

from __future__ import annotations

from typing import Any

import pytest

from router.checks import Grounding
from router.verdict import Outcome
from tests.builders import a_policy, a_subject

RECEIPT = "ACME Stores Ltd.\n01/03/2026  12:30\nCoffee 2 x 1,50\nTOTAL EUR 1.234,50"
PHOTO_POLICY = a_policy(
    prompt={"system": "Read.", "user": "{{ text }}", "images": ["photo"]},
    input={"schema": {"type": "object", "properties": {"text": {"type": "string"}, "photo": {"type": "string"}}}},
)
TEXT = a_policy(output={"text": {}}, checks=[])


def grounded(output: Any, *fields: str, **settings: Any) -> Any:
    check = Grounding(check="grounding", fields=fields or tuple(output))
    return check(a_subject(output, **({"input": {"text": RECEIPT}} | settings)))


@pytest.mark.parametrize(
    "output",
    [
        {"merchant": "Acme Stores, Ltd"},
        {"total": 1234.5},
        {"total": -1234.50},
        {"date": "2026-03-01"},
        {"total": "1.234,50"},
        {"items": [{"name": "coffee", "price": 1.5}, {"name": "COFFEE", "price": 2}]},
    ],
)
def test_what_stands_in_the_input_passes(output: Any) -> None:
    """Case, blanks and punctuation, the way of writing numbers and dates, and signs do not matter."""
    assert grounded(output).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ({"merchant": "Apex Stores"}, "merchant is 'Apex Stores', which does not occur in the input"),
        ({"total": 1234.6}, "total is 1234.6, which does not occur in the input"),
        ({"date": "2026-03-02"}, "date is '2026-03-02'"),
        ({"items": [{"price": 1.5}, {"price": 7}]}, "items.1.price is 7"),
        ({"items": [{"note": "tip"}]}, "items.0.note is 'tip'"),
    ],
)
def test_what_does_not_stand_there_fails_with_the_value(output: Any, reason: str) -> None:
    """The reason names the field, down to the element of a list, and what it says."""
    finding = grounded(output)

    assert finding.outcome is Outcome.FAIL
    assert finding.reason.startswith(reason)


@pytest.mark.parametrize("output", [{"merchant": None}, {"merchant": ""}, {}, {"merchant": True}, {"merchant": [None]}])
def test_what_claims_nothing_passes(output: Any) -> None:
    """Null, absent and empty fields and booleans assert nothing that could stand in a text."""
    assert grounded(output, "merchant").outcome is Outcome.PASS


def test_other_fields_are_not_looked_at() -> None:
    """Only `fields` have to be grounded: a summary need not."""
    assert grounded({"merchant": "ACME", "summary": "a coffee for a friend"}, "merchant").outcome is Outcome.PASS


def test_an_input_of_images_alone_is_passed_over() -> None:
    """A photo has no text to search; with text beside it, the text is searched, and the photo's bytes are not."""
    photo = "data:image/png;base64,ACME"
    merchant = {"merchant": "ACME"}

    assert grounded(merchant, policy=PHOTO_POLICY, input={"text": "", "photo": photo}).outcome is Outcome.PASS
    assert grounded(merchant, policy=PHOTO_POLICY, input={"text": "B", "photo": photo}).outcome is Outcome.FAIL


def test_all_of_the_input_is_searched() -> None:
    """Numbers and nested texts of the input are grounds as much as its main text."""
    assert grounded({"total": 7, "name": "Ann"}, input={"order": {"sum": 7, "by": ["Ann"]}}).outcome is Outcome.PASS


def test_a_text_can_be_grounded_as_a_whole() -> None:
    """A quotation that is the output itself is searched under the name `text`."""
    assert grounded("coffee 2 x", "text", policy=TEXT).outcome is Outcome.PASS
    assert grounded("tea 2 x", "text", policy=TEXT).outcome is Outcome.FAIL
