"""A task's input, from the messages of a request or as the caller wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from router.api.openai.taking import task_input
from router.errors import TaskInvalid
from tests.api.openai.desk import ASKED, a_card

PHOTO = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="
SHOWN = {"type": "image_url", "image_url": {"url": PHOTO}}


def fields(*required: str, **properties: Any) -> dict[str, Any]:
    """An input schema; each property is a type, or a schema."""
    described = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in properties.items()}
    return {"type": "object", "properties": described, "required": list(required)}


RECEIPTS = a_card(
    policy="receipts", images=("photo", "back"), input_schema=fields(text="string", photo="string", back="string")
)
TRANSLATE = a_card(
    policy="translate",
    input_schema=fields("text", "target", text="string", target={"enum": ["de", "fr"]}, glossary="object"),
)


def test_a_conversation_is_passed_on_whole() -> None:
    """A policy without a prompt asks just what the caller asks."""
    messages = [{"role": "system", "content": "Be brief."}, ASKED]

    assert task_input(a_card(conversation=True), messages, None) == ({"messages": messages}, "messages")


def test_fields_given_as_such_are_the_input() -> None:
    """`router.input` is taken as it is: the messages are not looked at."""
    assert task_input(TRANSLATE, [ASKED], {"text": "Hi", "target": "de"}) == (
        {"text": "Hi", "target": "de"},
        "router.input",
    )


@pytest.mark.parametrize(
    "schema",
    [
        fields("text", text="string"),
        fields(text="string"),
        fields("text", text="string", subject="string"),
        fields("text", text={"type": ["string", "null"]}, urgent="boolean"),
    ],
)
def test_the_last_message_fills_the_one_text_field(schema: dict[str, Any]) -> None:
    """The one that is required, or the only one there is."""
    messages = [{"role": "user", "content": "earlier"}, ASKED]

    assert task_input(a_card(input_schema=schema), messages, None) == (
        {"text": ASKED["content"]},
        "last_user_message",
    )


def test_images_fill_their_fields_in_order() -> None:
    """With a text or without; a text that was not said is not made up."""
    said = {"type": "text", "text": "From yesterday"}

    assert task_input(RECEIPTS, [{"role": "user", "content": [SHOWN]}], None)[0] == {"photo": PHOTO}
    assert task_input(RECEIPTS, [{"role": "user", "content": [SHOWN, said, SHOWN]}], None)[0] == {
        "text": "From yesterday",
        "photo": PHOTO,
        "back": PHOTO,
    }


@pytest.mark.parametrize(
    ("card", "messages", "given", "said"),
    [
        (TRANSLATE, [ASKED], None, '"router": {"input": {"text": "...", "target": "de", "glossary": {}}}'),
        (a_card(), [], None, "no message of the user"),
        (a_card(), [{"role": "user", "content": [SHOWN]}], None, "1 images, policy 'intents' takes none"),
        (RECEIPTS, [{"role": "user", "content": [SHOWN] * 3}], None, "takes 2 (photo, back)"),
        (a_card(conversation=True), [], None, "at least one message"),
        (a_card(conversation=True), [ASKED], {"text": "x"}, "leave router.input out"),
        (a_card(input_schema=fields("text", "n", text="string", n="integer")), [ASKED], None, "also needs n"),
    ],
)
def test_what_does_not_fit_is_told_with_what_to_send(card: Any, messages: Any, given: Any, said: str) -> None:
    """The message names the fields, and shows the object that would do."""
    with pytest.raises(TaskInvalid) as why:
        task_input(card, messages, given)

    assert said in str(why.value)
