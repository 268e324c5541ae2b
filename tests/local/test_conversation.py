"""What a conversation asks, and what an honest second answer is."""

from __future__ import annotations

import orjson

from router.local import conversation
from router.local.wire import Turn

FIRST = Turn("user", "Total: 12.50")


def test_the_question_is_the_first_thing_the_user_says() -> None:
    """A repair's findings are not the text to answer."""
    turns = (Turn("system", "You read."), FIRST, Turn("assistant", '{"total": 3}'), Turn("user", "total is wrong"))

    assert conversation.question(turns, {}) == "Total: 12.50"


def test_examples_shown_before_the_question_are_passed_over() -> None:
    """A shown example is a known prompt with its known answer; a wrong answer to it is not one."""
    shown = {"Total: 1.00": {"total": 1}}
    example = (Turn("user", "Total: 1.00"), Turn("assistant", '{"total": 1}'))
    repair = (Turn("user", "Total: 1.00"), Turn("assistant", '{"total": 9}'), Turn("user", "total is wrong"))

    assert conversation.question((*example, FIRST), shown) == "Total: 12.50"
    assert conversation.question(repair, shown) == "Total: 1.00"


def test_a_rejection_names_fields_and_their_values() -> None:
    """Only the value that was given, in a field that the findings name, is rejected."""
    answer = orjson.dumps({"shop": "Rose", "total": 3}).decode()

    (rejection,) = conversation.rejections((FIRST, Turn("assistant", answer), Turn("user", "- total: not in the text")))

    assert rejection.rejects("total", 3)
    assert not rejection.rejects("total", 12.5)
    assert not rejection.rejects("shop", "Rose")


def test_in_a_form_of_one_field_that_field_is_meant() -> None:
    """A finding about a label need not call it `label`."""
    (rejection,) = conversation.rejections((FIRST, Turn("assistant", '{"label": "praise"}'), Turn("user", "no praise")))

    assert rejection.rejects("label", "praise")


def test_an_answer_that_cannot_be_read_rejects_nothing() -> None:
    """Broken JSON has no values to rule out."""
    assert conversation.rejections((FIRST, Turn("assistant", '{"total": '), Turn("user", "not JSON"))) == []
