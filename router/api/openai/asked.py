"""Whom a request asks, and what it says to the router itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from ...errors import TaskInvalid
from ...task import Priority
from ...values import NAME, Json
from ..webhooks import WebhookAsked
from .shape import Shape

BASE = "chat"
"""The policy of `tier/NAME` where the request names none."""

_MODEL = re.compile(rf"(policy|tier)/({NAME.strip('^$')})")


class RouterAsk(Shape):
    """
    What OpenAI's words have no place for; in the Python SDK `extra_body={"router": {...}}`.

    `input` is the task's input where the policy has a prompt with fields of its own.
    """

    policy: str | None = Field(default=None, pattern=NAME, description="The policy of `tier/NAME`; `chat` unless told.")
    input: dict[str, Any] | None = Field(default=None, examples=[{"text": "Where is my parcel?"}])
    key: str | None = Field(default=None, description="As the header Idempotency-Key.")
    deadline_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    priority: Annotated[Priority, Field(strict=False)] | None = None
    metadata: dict[str, Any] | None = Field(default=None, description="Any JSON, kept with the task.")
    webhook: WebhookAsked | None = Field(default=None, description="Where to tell of the end.")
    wait_s: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        default=None, description="How long to wait for the answer before 504; the task goes on."
    )


class UnknownModel(TaskInvalid):
    """The model's name is none of ours."""


@dataclass(frozen=True, slots=True)
class Target:
    """The policy that is asked, and the tier that the task is pinned to."""

    policy: str
    tier: str | None = None


def target(model: str, router: RouterAsk) -> Target:
    """Read a model's name, `policy/NAME` or `tier/NAME`. Raises: UnknownModel, TaskInvalid."""
    named = _MODEL.fullmatch(model)
    if named is None:
        shown = model if len(model) <= 80 else model[:77] + "..."
        raise UnknownModel(
            f"there is no model {shown!r} here; ask for policy/NAME or tier/NAME, as GET /v1/models lists"
        )
    if named[1] == "tier":
        return Target(router.policy or BASE, named[2])
    if router.policy not in (None, named[2]):
        raise TaskInvalid(f"model asks for policy {named[2]!r} and router.policy for {router.policy!r}; name one")
    return Target(named[2])


def one_key(header: str | None, router: RouterAsk) -> str | None:
    """The idempotency key, however it was given. Raises: TaskInvalid."""
    if header is not None and router.key not in (None, header):
        raise TaskInvalid("the header Idempotency-Key and router.key differ; give one of them")
    return header if header is not None else router.key


def one_metadata(theirs: dict[str, Json] | None, router: RouterAsk) -> dict[str, Json]:
    """The metadata, whichever was given. Raises: TaskInvalid."""
    if theirs and router.metadata:
        raise TaskInvalid("metadata and router.metadata are both given; put everything into one of them")
    return theirs or router.metadata or {}
