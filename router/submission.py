"""A task on its way in: what a producer knows of a policy, what it sends, and what it is told."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .jsontext import canonical
from .output import Kind
from .task import Audited, Priority, tags_in
from .webhook import Webhook
from .wishes import Wishes


@dataclass(frozen=True, slots=True)
class Card:
    """
    What a producer has to know of a policy's current version: no checks, no prompt, no examples.

    `tiers` is its path, `output` the kind of its answers; `conversation` says that it has no prompt of its own, so that
    the messages of its input are what is asked; `text_checks` are those of its checks that judge nothing but its text;
    `format` is that of the version (see `formats`).
    """

    policy: str
    digest: str
    tier: str
    input_schema: Mapping[str, Any]
    images: tuple[str, ...]
    input_bytes: int
    image_bytes: int
    deadline_s: float
    keep_s: int
    tiers: tuple[str, ...] = ()
    output: Kind = "schema"
    output_schema: Mapping[str, Any] = field(default_factory=dict)
    conversation: bool = False
    text_checks: tuple[str, ...] = ()
    description: str = ""
    format: int = 1


@dataclass(frozen=True, slots=True)
class Submission:
    """
    `policy` is the digest of a version, `tier` the queue to start in, `deadline_s` counts from the moment the store
    takes the task, `reply_to` names the wake list of who waits for its end, `webhook` where it is told of, `background`
    says that it is a response that nobody waits for.
    """

    task_id: str
    policy: str
    tier: str
    input: Mapping[str, Any]
    deadline_s: float
    keep_s: int
    tenant: str = "default"
    priority: Priority = Priority.NORMAL
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    fingerprint: str = ""
    reply_to: str | None = None
    audits: Audited | None = None
    wishes: Wishes | None = None
    webhook: Webhook | None = None
    background: bool = False

    @property
    def tags(self) -> tuple[str, ...]:
        return tags_in(self.metadata)


def fingerprint(policy: str, input: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Tell one body from another: under the same idempotency key only the same one may come again."""
    text = canonical({"policy": policy, "input": input, "settings": settings})
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Submitted:
    """The task stands in the store; `replayed` where the key had been used with the same body before."""

    task_id: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """The key stands for the other body of that task."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The key stands for this body, and for that task, which is over; nothing is known of it any more."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Refused: that many tasks wait already."""

    waiting: int


@dataclass(frozen=True, slots=True)
class Full:
    """Refused: the memory that is left is kept for the tasks that wait already."""

    waiting: int
    used_bytes: int
    limit_bytes: int


Admission: TypeAlias = Submitted | Conflict | Gone | Busy | Full
