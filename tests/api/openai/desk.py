"""What the tests of OpenAI's surface share: cards, records, and requests."""

from __future__ import annotations

from typing import Any

from router.call import Usage
from router.reading import Reading
from router.record import Record
from router.submission import Card
from router.task import TaskState
from router.trail import Spent
from tests.builders import NOW_MS, TEXT_INPUT, a_task, an_attempt

ASKED = {"role": "user", "content": "Where is my parcel?"}
USAGE = Usage(input_tokens=1000, cached_input_tokens=200, output_tokens=100, reasoning_tokens=40)


def a_card(**changes: Any) -> Card:
    """A policy with a prompt that takes one text."""
    settings: dict[str, Any] = {
        "policy": "intents",
        "digest": "0123456789abcdef",
        "tier": "mini",
        "input_schema": TEXT_INPUT,
        "images": (),
        "input_bytes": 10_000,
        "image_bytes": 100_000,
        "deadline_s": 60.0,
        "keep_s": 3600,
        "tiers": ("mini", "small", "large"),
        "output": "labels",
    }
    return Card(**(settings | changes))


def a_spent(**changes: Any) -> Spent:
    settings = {"call": "c1", "purpose": "answer", "tier": "mini", "model": "openai/mini-model", "usage": USAGE}
    return Spent(**(settings | changes))


def a_record(output: Any = "refund", *, state: TaskState = TaskState.SUCCEEDED, **changes: Any) -> Record:
    """A task whose one attempt said *output*."""
    reading = Reading(output=output, **changes.pop("reading", {}))
    attempt = an_attempt(answer=reading, calls=(a_spent(),))
    settings: dict[str, Any] = {
        "task": a_task("0123456789abcdef0123456789abcdef", **changes.pop("task", {})),
        "state": state,
        "tier": "mini",
        "trail": (attempt,),
        "cost_nusd": 270_000,
        "ended_ms": NOW_MS + 2000,
    }
    return Record(**(settings | changes))
