"""The keys of RQ that are read without RQ, and what its queues are called."""

from __future__ import annotations

WORKERS = "rq:workers"
"""Set of the keys of workers: hashes that expire when nothing is heard of their worker."""
QUEUES = "rq:queues"
"""Set of the keys of queues."""

QUEUE_PREFIX = "router-"
EVERY_TIER = "all"
"""The group of workers that serve all tiers of their file."""


def queue_name(prefix: str, group: str, *, alone: bool) -> str:
    """The RQ queue of a group of workers; RQ's names are not under our prefix, so it is part of them."""
    return f"{_base(prefix)}{group}{'!' if alone else ''}"


def group_of(queue: str, prefix: str) -> str | None:
    """The group whose queue this is; None for a queue that is not one of *prefix*."""
    base = _base(prefix)
    return queue.removeprefix(base).removesuffix("!") if queue.startswith(base) else None


def waiting(queue: str) -> str:
    """List of the ids of jobs that wait."""
    return f"rq:queue:{queue}"


def begun(queue: str) -> str:
    """List of the ids of jobs that a worker has taken and not yet begun."""
    return f"rq:queue:{queue}:intermediate"


def failed(queue: str) -> str:
    """Sorted set of the ids of jobs that failed -> seconds when they are forgotten."""
    return f"rq:failed:{queue}"


def _base(prefix: str) -> str:
    return f"{QUEUE_PREFIX}{prefix.strip(':')}-"
