"""What a producer does with an input before it is sent: check it by the policy's card, and write the submission."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, assert_never
from uuid import uuid4

from pydantic import ValidationError

from .conversation import images_of
from .errors import Backlogged, TaskConflict, TaskGone, TaskInvalid
from .jsontext import NotJson, canonical
from .objection import objection
from .schema.validator import Validator
from .submission import Admission, Busy, Card, Conflict, Full, Gone, Submission, Submitted, fingerprint
from .task import Priority
from .tenant import name_mistake, tenant_mistake
from .webhook import Webhook
from .wishes import Wishes

_METADATA_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True)
class Order:
    """
    What a caller may say about a task besides its input. `deadline_s` is capped by the policy's own limit.

    `background` says how it is answered, as streams are one way: under a key it makes no other body.
    """

    key: str | None = None
    tenant: str = "default"
    deadline_s: float | None = None
    priority: str = "normal"
    metadata: Mapping[str, Any] | None = None
    wishes: Wishes | None = None
    webhook: Webhook | None = None
    background: bool = False


def prepare(card: Card, input: Mapping[str, Any], order: Order, *, reply_to: str | None) -> Submission:
    """Write the submission of one input. Raises: TaskInvalid."""
    _check_order(order)
    _check_wishes(card, order.wishes)
    _check_size(card, input)
    if problem := _validator(json.dumps(card.input_schema)).problem(dict(input)):
        raise TaskInvalid(f"the input does not meet the schema of policy {card.policy!r}: {problem}")
    return Submission(
        task_id=uuid4().hex,
        policy=card.digest,
        tier=(order.wishes.tier if order.wishes is not None else None) or card.tier,
        input=input,
        deadline_s=min(order.deadline_s or card.deadline_s, card.deadline_s),
        keep_s=card.keep_s,
        tenant=order.tenant,
        priority=Priority(order.priority),
        metadata=order.metadata or {},
        key=order.key,
        fingerprint=_fingerprint(card.policy, input, order),
        reply_to=reply_to,
        wishes=order.wishes,
        webhook=order.webhook,
        background=order.background,
    )


def again(policy: str, input: Mapping[str, Any], order: Order) -> Submission | None:
    """
    Ask for the task of a key whatever its policy is today: to be offered to the store with *only_known* alone.

    None where there is no key, or where no policy would ever have taken the body in.
    """
    if order.key is None or not isinstance(input, Mapping):
        return None
    try:
        _check_order(order)
        told = _fingerprint(policy, input, order)
    except TaskInvalid:
        return None
    return Submission(
        task_id=uuid4().hex,
        policy="",
        tier="",
        input={},
        deadline_s=0,
        keep_s=0,
        tenant=order.tenant,
        key=order.key,
        fingerprint=told,
    )


def _check_wishes(card: Card, wishes: Wishes | None) -> None:
    if wishes is None:
        return
    refused = objection(wishes, policy=card.policy, output=card.output, tiers=card.tiers, text_checks=card.text_checks)
    if refused is not None:
        raise TaskInvalid(str(refused), parameter=refused.parameter)


def _settings(order: Order) -> dict[str, Any]:
    """What makes another body of the same input. What was not asked for is left out: it may be asked for one day."""
    settings: dict[str, Any] = {
        "deadline_s": order.deadline_s,
        "priority": order.priority,
        "metadata": dict(order.metadata or {}),
    }
    if order.wishes is not None:
        settings["wishes"] = order.wishes.told
    if order.webhook is not None:
        settings["webhook"] = order.webhook.told
    return settings


def webhook_of(asked: str | Mapping[str, Any] | None) -> Webhook | None:
    """Read where a caller wants to be told: a URL, or an object as in the API. Raises: TaskInvalid."""
    if asked is None:
        return None
    try:
        return Webhook.model_validate({"url": asked} if isinstance(asked, str) else dict(asked))
    except ValidationError as why:
        first = why.errors(include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        raise TaskInvalid(f"webhook {at}: {first['msg'].removeprefix('Value error, ')}") from None


def prepare_many(
    card: Card,
    inputs: Sequence[Mapping[str, Any]],
    keys: Sequence[str] | None,
    order: Order,
    *,
    reply_to: str | None,
    without: Collection[int] = (),
) -> list[Submission]:
    """
    Write the submissions of many inputs, all or none, but *without* those of some numbers.

    Raises: TaskInvalid, naming the input by its number.
    """
    if keys is not None and len(keys) != len(inputs):
        raise TaskInvalid(f"{len(inputs)} inputs and {len(keys)} keys were given; give one key for each input")
    prepared = []
    for number, one in enumerate(inputs):
        if number in without:
            continue
        own = replace(order, key=keys[number]) if keys is not None else order
        try:
            prepared.append(prepare(card, one, own, reply_to=reply_to))
        except TaskInvalid as why:
            raise TaskInvalid(f"input {number}: {why}", parameter=why.parameter) from None
    return prepared


def again_many(
    policy: str, inputs: Sequence[Mapping[str, Any]], keys: Sequence[str] | None, order: Order
) -> dict[int, Submission]:
    """As `again`, of many inputs by their numbers; those that no key can stand for are left out."""
    if keys is None or len(keys) != len(inputs):
        return {}
    asked = {n: again(policy, one, replace(order, key=keys[n])) for n, one in enumerate(inputs)}
    return {number: submission for number, submission in asked.items() if submission is not None}


def admitted(admissions: Sequence[Admission]) -> list[Submitted]:
    """Raises: TaskConflict, TaskGone, Backlogged."""
    return [_admitted(admission) for admission in admissions]


def _admitted(admission: Admission) -> Submitted:
    match admission:
        case Submitted():
            return admission
        case Conflict(task_id=task_id):
            raise TaskConflict(f"the key was used for task {task_id} with another body; use a new key for a new body")
        case Gone(task_id=task_id):
            raise TaskGone(gone(task_id))
        case Busy(waiting=waiting):
            raise Backlogged(f"{waiting:,} tasks wait already; try again later or start more workers")
        case Full(waiting=waiting, used_bytes=used, limit_bytes=limit):
            raise Backlogged(
                f"the memory of Redis is nearly full ({used / 1e6:,.0f} of {limit / 1e6:,.0f} MB), the rest is kept "
                f"to finish the {waiting:,} tasks that wait; try again later, raise maxmemory, or shorten keep_s"
            )


def known_again(admissions: Sequence[Admission]) -> list[Submitted | None]:
    """Which keys stand for their bodies already, of those asked for by `again`. Raises: TaskGone."""
    return [_known_again(admission) for admission in admissions]


def _known_again(admission: Admission) -> Submitted | None:
    match admission:
        case Submitted() | Gone():
            return _admitted(admission)
        case Conflict() | Busy() | Full():
            return None
        case never:
            assert_never(never)


def gone(task_id: str) -> str:
    """What to do about a key whose task is gone."""
    return f"the task of this key, {task_id}, is over and its record is gone; use a new key"


def _check_order(order: Order) -> None:
    key_mistake = name_mistake("key", order.key) if order.key is not None else None
    if mistake := key_mistake or tenant_mistake(order.tenant):
        raise TaskInvalid(mistake)
    if order.deadline_s is not None and not 0 < order.deadline_s < math.inf:
        need = "greater than 0" if order.deadline_s <= 0 else "a finite number of seconds"
        raise TaskInvalid(f"deadline_s is {order.deadline_s}, it must be {need}")
    if order.priority not in list(Priority):
        raise TaskInvalid(f"priority is {order.priority!r}, expected one of {', '.join(Priority)}")
    if order.metadata and _size("metadata", dict(order.metadata)) > _METADATA_BYTES_MAX:
        raise TaskInvalid(f"metadata has more than {_METADATA_BYTES_MAX:,} bytes; store it and pass an id")


def _check_size(card: Card, input: Mapping[str, Any]) -> None:
    if not isinstance(input, Mapping):
        raise TaskInvalid(f'the input is a {type(input).__name__}, expected an object such as {{"text": "..."}}')
    if card.conversation:
        _check_conversation(card, input)
        return
    images = {name: input[name] for name in card.images if input.get(name)}
    for name, image in images.items():
        if (size := len(str(image))) > card.image_bytes:
            raise TaskInvalid(_too_large(f"the image in {name!r}", size, "image_bytes", card.image_bytes))
    rest = {name: value for name, value in input.items() if name not in images}
    if (size := _size("the input", rest)) > card.input_bytes:
        raise TaskInvalid(_too_large("the input", size, "input_bytes", card.input_bytes))


def _check_conversation(card: Card, input: Mapping[str, Any]) -> None:
    """Images that are sent along count by themselves, all together; those that have an address are text."""
    images = sum(len(url.encode()) for url in images_of(input) if url.startswith("data:"))
    if images > card.image_bytes:
        raise TaskInvalid(_too_large("the image data of the conversation", images, "image_bytes", card.image_bytes))
    if (size := _size("the input", input) - images) > card.input_bytes:
        raise TaskInvalid(_too_large("the conversation", size, "input_bytes", card.input_bytes))


def _fingerprint(policy: str, input: Mapping[str, Any], order: Order) -> str:
    try:
        return fingerprint(policy, dict(input), _settings(order))
    except NotJson as why:
        raise TaskInvalid(f"the input is not JSON data: {why}") from None


def _size(what: str, value: Any) -> int:
    """Bytes of *value* as JSON. Raises: TaskInvalid."""
    try:
        return len(canonical(value).encode())
    except NotJson as why:
        raise TaskInvalid(f"{what} is not JSON data: {why}") from None


def _too_large(what: str, size: int, limit: str, limit_bytes: int) -> str:
    return f"{what} has {size:,} bytes, the policy's limits.{limit} is {limit_bytes:,}; shorten it, or raise the limit"


@lru_cache(maxsize=256)
def _validator(schema: str) -> Validator:
    return Validator(json.loads(schema))
