"""Which format stored values get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel

from router.apikey import ApiKey
from router.formats import FORMAT, of_answer, of_attempt, of_body, of_policy
from router.policy import Policy
from router.ports import Kept
from router.reading import Reading
from router.ruling import Ruling
from router.submission import Card
from router.task import Task
from router.trail import Attempt
from router.wishes import Wishes
from tests.builders import BROKEN, GOOD, a_certified_policy, a_chat, a_failure, a_policy, a_task, an_attempt

FIELDS = Path(__file__).with_name("stored_fields.txt")
STORED = (Policy, Attempt, Kept, Task, Card, ApiKey)
LOGPROBS = ({"token": "a", "logprob": -0.1},)


def a_tool(**changes: Any) -> dict[str, Any]:
    return {"name": "refund", "parameters": {"type": "object"}} | changes


@pytest.mark.parametrize(
    ("policy", "format"),
    [
        (a_policy(), 1),
        (a_chat(), 2),
        (a_certified_policy(), 1),
        (a_certified_policy(certificate={"bins": ({"count": 40, "trust": 0.9, "right": 36},)}), 2),
        (a_policy(output={"tools": [a_tool()]}, checks=[]), 1),
        (a_policy(output={"tools": [a_tool(strict=False)]}, checks=[]), 2),
    ],
)
def test_a_policy_gets_the_lowest_format_that_says_it(policy: Policy, format: int) -> None:
    """Policies that use nothing new are read by processes of the version before."""
    assert of_policy(policy) == format


def test_a_task_gets_a_new_format_for_its_caller_s_wishes_and_the_background_alone() -> None:
    """
    A worker that does not know wishes would answer something else than was asked; and nobody is told that a response
    is not in the background.
    """
    bodies = (a_task(), a_task(wishes=Wishes(tier="mini")), a_task(background=True))
    assert [of_body(body) for body in bodies] == [1, 2, 2]


def test_an_attempt_gets_a_new_format_for_rulings_and_tokens_alone() -> None:
    """Attempts of any other kind are as they always were."""
    reading = Reading(output="x", logprobs=LOGPROBS)
    by_a_person = an_attempt().model_copy(update={"ruling": Ruling(wish="reject", by="ann", reason="no")})

    plain = [an_attempt(), an_attempt(outcome=None), an_attempt(answer=a_failure())]
    assert [of_attempt(attempt) for attempt in plain] == [1, 1, 1]
    assert [of_attempt(an_attempt(answer=reading)), of_attempt(by_a_person)] == [2, 2]


def test_an_answer_gets_a_new_format_for_its_tokens_alone() -> None:
    """Answers that are kept until their attempt ends may be judged by a shift of the version before."""
    assert [of_answer(GOOD), of_answer(BROKEN), of_answer(a_failure())] == [1, 1, 1]
    assert of_answer(GOOD.model_copy(update={"logprobs": LOGPROBS})) == 2


def test_every_stored_field_has_its_format() -> None:
    """
    Whoever adds a field to a stored value says there in which format it came, and has `formats` tell it: a field that
    older processes do not know must never lie under a number that they read.
    """
    known = dict(line.split() for line in FIELDS.read_text().splitlines())

    assert sorted(known) == sorted({name for kind in STORED for name in fields(kind)})
    assert {int(number) for number in known.values()} == set(range(1, FORMAT + 1))


def fields(kind: Any, seen: set[Any] | None = None) -> Iterator[str]:
    """The fields of a type and of those in it, as `Type.field`; some of them more than once."""
    seen = set() if seen is None else seen
    if isinstance(kind, type) and kind not in seen and (issubclass(kind, BaseModel) or is_dataclass(kind)):
        seen.add(kind)
        names = kind.model_fields if issubclass(kind, BaseModel) else kind.__dataclass_fields__
        hints = get_type_hints(kind, include_extras=True)
        for name in names:
            yield f"{kind.__name__}.{name}"
            yield from fields(hints[name], seen)
    for part in get_args(kind):
        yield from fields(part, seen)
