"""What a producer checks before anything is sent, and what it sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.conversation import CONVERSATION
from router.errors import Backlogged, TaskConflict, TaskGone, TaskInvalid
from router.producing import Order, admitted, again, known_again, prepare, prepare_many, webhook_of
from router.submission import Busy, Card, Conflict, Full, Gone, Submission, Submitted
from router.task import Priority
from router.webhook import Webhook
from router.wishes import Wishes
from tests.builders import TEXT_INPUT

CARD = Card(
    policy="receipts",
    digest="d" * 16,
    tier="mini",
    input_schema={"type": "object", "properties": {**TEXT_INPUT["properties"], "photo": {}}, "required": ["text"]},
    images=("photo",),
    input_bytes=1_000,
    image_bytes=5_000,
    deadline_s=60.0,
    keep_s=3_600,
)
INPUT = {"text": "ACME 5"}


def prepared(input: Any = None, card: Card = CARD, **order: Any) -> Submission:
    return prepare(card, INPUT if input is None else input, Order(**order), reply_to="client-1")


def refusal(input: Any = None, **order: Any) -> str:
    with pytest.raises(TaskInvalid) as why:
        prepared(input, **order)
    return str(why.value)


def test_a_submission_says_all_that_the_store_must_know() -> None:
    """Version, first tier, input, times, and who waits."""
    submission = prepared(key="order-1", tenant="acme", priority="high", metadata={"a": 1})

    assert (submission.policy, submission.tier, submission.input) == ("d" * 16, "mini", INPUT)
    assert (submission.deadline_s, submission.keep_s) == (60.0, 3_600)
    assert (submission.key, submission.tenant, submission.priority) == ("order-1", "acme", Priority.HIGH)
    assert (submission.metadata, submission.reply_to) == ({"a": 1}, "client-1")
    assert prepared().task_id != prepared().task_id


@pytest.mark.parametrize(("wished", "given"), [(None, 60.0), (5, 5), (60.0, 60.0), (3_600, 60.0)])
def test_a_deadline_is_never_later_than_the_policys(wished: float | None, given: float) -> None:
    """A caller may be in more of a hurry, not in less."""
    assert prepared(deadline_s=wished).deadline_s == given


# Idempotency.


def test_the_same_body_has_the_same_fingerprint() -> None:
    """The order of keys, the version of the policy and the key itself are no part of it."""
    first = prepared({"text": "a", "photo": None}, key="k1", metadata={"a": 1, "b": 2})
    again = prepared({"photo": None, "text": "a"}, key="k2", metadata={"b": 2, "a": 1})
    newer = prepared({"text": "a", "photo": None}, replace(CARD, digest="e" * 16), metadata={"a": 1, "b": 2})

    assert first.fingerprint == again.fingerprint == newer.fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"priority": "high"},
        {"deadline_s": 5},
        {"metadata": {"a": 2}},
        {"input": {"text": "b"}},
        {"input": {"text": "A"}},
    ],
)
def test_another_body_has_another_fingerprint(changes: dict[str, Any]) -> None:
    """Input and settings are the body; under another policy it is another one too."""
    first = prepared({"text": "a"})

    assert prepared(**({"input": {"text": "a"}} | changes)).fingerprint != first.fingerprint
    assert prepared({"text": "a"}, replace(CARD, policy="bills")).fingerprint != first.fingerprint


def test_the_numbers_1_and_1_0_are_different_bodies() -> None:
    """A body is what was sent, to the letter: nothing is guessed to be the same."""
    assert prepared(metadata={"n": 1}).fingerprint != prepared(metadata={"n": 1.0}).fingerprint


# What is refused.


@pytest.mark.parametrize(
    ("input", "said"),
    [
        ({}, "the input does not meet the schema of policy 'receipts': $: 'text'"),
        ({"text": 5}, "$.text"),
        ({"text": "a" * 1_000}, "the input has 1,011 bytes, the policy's limits.input_bytes is 1,000; shorten it, or"),
        ({"text": "é" * 600}, "the input has 1,211 bytes"),
        ({"text": "a", "photo": "p" * 5_001}, "the image in 'photo' has 5,001 bytes, the policy's limits.image_bytes"),
        ({"text": {1, 2}}, "the input is not JSON data"),
        ({"text": float("nan")}, "the input is not JSON data"),
        ({"text": "\ud800"}, "the input is not JSON data"),
        ({"text": b"bytes"}, "the input is not JSON data"),
        ({"text": "a", 5: "five", "x": 1}, "the input is not JSON data"),
        ({"text": "a", "photo": "\ud800"}, "not JSON data"),
        ({"text": "a", "photo": {1}}, "not JSON data"),
    ],
)
def test_an_input_that_cannot_be_is_refused_with_the_reason(input: Any, said: str) -> None:
    """The schema, the limits and JSON itself are checked before anything is sent."""
    assert said in refusal(input)


def test_a_deep_input_is_refused() -> None:
    """Ten thousand brackets break nothing on the way."""
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]

    assert "not JSON data" in refusal({"text": "a", "more": deep})


def test_images_are_measured_by_themselves() -> None:
    """A large photo does not count against the limit of the text."""
    assert prepared({"text": "a" * 900, "photo": "p" * 5_000}).input["text"] == "a" * 900


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"key": ""}, "the key must be 1 to 200 bytes of printable text without blanks"),
        ({"key": "a b"}, "the key must be"),
        ({"key": "a\nb"}, "the key must be"),
        ({"key": "é" * 101}, "the key must be"),
        ({"key": "\ud800"}, "the key must be"),
        ({"tenant": ""}, "the tenant must be"),
        ({"tenant": "a\x00"}, "the tenant must be"),
        ({"tenant": "a:b"}, "the tenant must not contain a colon"),
        ({"deadline_s": 0}, "deadline_s is 0, it must be greater than 0"),
        ({"deadline_s": -1}, "deadline_s is -1"),
        ({"deadline_s": float("nan")}, "deadline_s is nan, it must be a finite number"),
        ({"deadline_s": float("inf")}, "deadline_s is inf, it must be a finite number"),
        ({"priority": "urgent"}, "priority is 'urgent', expected one of high, normal, low"),
        ({"metadata": {"a": "x" * 16_384}}, "metadata has more than 16,384 bytes; store it and pass an id"),
        ({"metadata": {"a": {1}}}, "metadata is not JSON data"),
        ({"metadata": {"a": float("nan")}}, "metadata is not JSON data"),
        ({"metadata": {"a": "\udfff"}}, "metadata is not JSON data"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_the_reason(order: dict[str, Any], said: str) -> None:
    """Names that would break keys in Redis, times that never come, priorities that are none."""
    assert said in refusal(**order)


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_name_is_taken_or_refused(key: str, tenant: str) -> None:
    """No key or tenant is a surprise; those that are taken are one printable word."""
    try:
        submission = prepared(key=key, tenant=tenant)
    except TaskInvalid:
        return
    assert submission.key is not None
    assert all(name and name.isprintable() and " " not in name for name in (submission.key, submission.tenant))


# Many at once, and what the store says.


def test_many_are_prepared_all_or_none() -> None:
    """One invalid input among many is named by its number, and nothing is prepared."""
    with pytest.raises(TaskInvalid, match=r"input 2: .*\$: 'text'"):
        prepare_many(CARD, [INPUT, INPUT, {}, INPUT], None, Order(), reply_to=None)


def test_many_have_keys_of_their_own() -> None:
    """Each input goes under its own key; without keys under none."""
    with_keys = prepare_many(CARD, [INPUT, INPUT], ["a", "b"], Order(tenant="acme"), reply_to=None)
    without = prepare_many(CARD, [INPUT, INPUT], None, Order(), reply_to=None)

    assert [(s.key, s.tenant) for s in with_keys] == [("a", "acme"), ("b", "acme")]
    assert [s.key for s in without] == [None, None]
    assert prepare_many(CARD, [], None, Order(), reply_to=None) == []


@pytest.mark.parametrize("keys", [[], ["a"], ["a", "b", "c"]])
def test_keys_and_inputs_must_be_as_many(keys: list[str]) -> None:
    """A list of keys that does not fit is no list of keys."""
    with pytest.raises(TaskInvalid, match=f"2 inputs and {len(keys)} keys were given"):
        prepare_many(CARD, [INPUT, INPUT], keys, Order(), reply_to=None)


def test_what_the_store_admits_is_given_on() -> None:
    """New and replayed tasks both stand in the store."""
    taken = [Submitted("t1"), Submitted("t2", replayed=True)]

    assert admitted(taken) == taken


def test_what_the_store_refuses_is_an_error() -> None:
    """Another body under a used key, and a full queue, say what to do."""
    with pytest.raises(TaskConflict, match=r"the key was used for task t1 with another body; use a new key"):
        admitted([Submitted("t0"), Conflict("t1")])
    with pytest.raises(Backlogged, match=r"1,000,000 tasks wait already; try again later"):
        admitted([Busy(1_000_000)])
    with pytest.raises(Backlogged, match=r"nearly full \(812 of 1,000 MB\), the rest is kept to finish the 7 tasks"):
        admitted([Full(waiting=7, used_bytes=812_000_000, limit_bytes=1_000_000_000)])


# Conversations and wishes.

CHAT = replace(
    CARD, policy="chat", input_schema=CONVERSATION, images=(), tiers=("mini", "large"), output="text", conversation=True
)


def a_conversation(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


def an_image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def test_images_of_a_conversation_have_a_limit_of_their_own() -> None:
    """Those that are sent along count together, as images; those at an address are a few bytes of text."""
    small, near = an_image("data:image/png;base64," + "A" * 3_000), an_image("https://example.com/" + "a" * 900)

    assert prepared(a_conversation(small), CHAT).input == a_conversation(small)
    with pytest.raises(TaskInvalid, match=r"the image data of the conversation has 6,044 bytes.*image_bytes is 5,000"):
        prepared(a_conversation(small, small), CHAT)
    with pytest.raises(TaskInvalid, match=r"the conversation has .* bytes.*input_bytes is 1,000"):
        prepared(a_conversation(near), CHAT)


def test_what_only_looks_like_an_image_is_text() -> None:
    """A text that begins as an image does counts as text: nobody gets round the limit so."""
    text = {"type": "text", "text": "data:image/png;base64," + "A" * 3_000}

    with pytest.raises(TaskInvalid, match=r"the conversation has .* bytes"):
        prepared(a_conversation(text), CHAT)


def test_wishes_travel_with_the_task() -> None:
    """A pinned tier is where the task starts; another wish is another body."""
    hello = a_conversation({"type": "text", "text": "Hello"})
    pinned = prepared(hello, CHAT, wishes=Wishes(tier="large"))

    assert (pinned.tier, pinned.wishes) == ("large", Wishes(tier="large"))
    assert prepared(hello, CHAT, wishes=Wishes(max_output_tokens=5)).tier == "mini"
    assert pinned.fingerprint != prepared(hello, CHAT).fingerprint


def test_a_wish_that_cannot_be_met_is_refused() -> None:
    """Nothing is stored for a caller who asks what the policy cannot do."""
    hello = a_conversation({"type": "text", "text": "Hello"})

    with pytest.raises(TaskInvalid, match=r"^tier: policy 'chat' has no tier 'huge'; it climbs mini, large"):
        prepared(hello, CHAT, wishes=Wishes(tier="huge"))
    with pytest.raises(TaskInvalid, match=r"^response_format: .* checks its text \(polite\)"):
        prepared(hello, replace(CHAT, text_checks=("polite",)), wishes=Wishes(json_object=True))


URL = "https://example.com/hooks"


def test_a_webhook_goes_with_the_task_and_makes_another_body() -> None:
    """Under one key a task is not to be told at two addresses; a body without one is the body it always was."""
    told, full = (prepared(webhook=webhook_of(asked)) for asked in (URL, {"url": URL, "payload": "full"}))

    assert (told.webhook, full.webhook) == (Webhook(url=URL), Webhook(url=URL, payload="full"))
    assert len({prepared().fingerprint, told.fingerprint, full.fingerprint}) == 3
    assert prepared(webhook=webhook_of(None)).fingerprint == prepared().fingerprint


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("example.com", "webhook url: the webhook's url is not taken: it must be an address such as https://"),
        ({"url": URL, "payload": "fat"}, "webhook payload: Input should be 'thin' or 'full'"),
        ({"uri": URL}, "webhook url: Field required"),
    ],
)
def test_a_webhook_that_is_none_is_told(asked: Any, told: str) -> None:
    """With the field that is to blame."""
    with pytest.raises(TaskInvalid) as why:
        webhook_of(asked)

    assert told in str(why.value)


def test_a_body_is_known_again_whatever_its_policy_is_today() -> None:
    """It has the fingerprint that it was taken in with, and needs nothing of a card."""
    hook = Webhook(url="https://example.com/hook")
    order = Order(
        key="order-1", tenant="acme", deadline_s=5, metadata={"a": 1}, wishes=Wishes(tier="mini"), webhook=hook
    )
    taken = prepare(replace(CARD, tiers=("mini",)), INPUT, order, reply_to=None)
    asked = again("receipts", INPUT, order)

    assert asked is not None
    assert (asked.key, asked.tenant, asked.fingerprint) == ("order-1", "acme", taken.fingerprint)
    assert asked.input == {}


@pytest.mark.parametrize(
    ("input", "order"),
    [
        (INPUT, {}),
        (INPUT, {"key": "a b"}),
        (INPUT, {"key": "k", "tenant": ""}),
        (INPUT, {"key": "k", "priority": "soon"}),
        ({"text": float("nan")}, {"key": "k"}),
        ("text", {"key": "k"}),
    ],
)
def test_what_no_policy_took_in_is_not_asked_for_again(input: Any, order: dict[str, Any]) -> None:
    """Above all not under a key that no caller can have used: those with a blank are the choices' own."""
    assert again("receipts", input, Order(**order)) is None


def test_only_the_same_body_is_known_again() -> None:
    """A conflict, or a key that was never used, leaves what was wrong with the body to be told; a task may be gone."""
    found = known_again([Submitted("t1", replayed=True), Conflict("t2"), Busy(0), Full(0, 1, 2)])

    assert found == [Submitted("t1", replayed=True), None, None, None]
    with pytest.raises(TaskGone, match="t3"):
        known_again([Gone("t3")])
    with pytest.raises(TaskGone, match="use a new key"):
        admitted([Gone("t3")])
