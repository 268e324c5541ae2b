"""Lists of tasks: the options that narrow them down, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from rich.markup import escape

from ..cost import usd
from ..summary import Summary
from .cost import seconds
from .printing import console, dollars, table

F = TypeVar("F", bound=Callable[..., Any])

_REASON_SHOWN = 100


def narrowing(*, reason: bool) -> Callable[[F], F]:
    """Options that say which tasks are meant, handed on as `policy`, `tenant`, `since` and, if wished, `reason`."""
    options = [
        click.option("--policy", help="Tasks of this policy."),
        click.option("--tenant", help="Tasks of this tenant."),
        click.option("--since", "since_s", callback=_seconds, help="Ended or come so lately: 30m, 24h, 7d."),
    ]
    if reason:
        options.append(click.option("--reason", help="Tasks whose reason holds this text."))

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    return None if value is None else seconds(value)


def print_tasks(tasks: Iterable[Summary]) -> None:
    columns = ["task", "status", "policy", "tenant", "tier", "ended or came", "reason", "cost"]
    console().print(table(None, columns, [_row(task) for task in tasks], texts=len(columns) - 1))


def summary_json(task: Summary) -> dict[str, Any]:
    """A task without its contents; money as decimal strings in dollars, times as ISO 8601."""
    return {
        "id": task.id,
        "policy": task.policy,
        "status": task.state.value,
        "reason": task.reason,
        "tier": task.tier,
        "tenant": task.tenant,
        "cost_usd": usd(task.cost_nusd),
        "created_at": iso(task.created_ms),
        "ended_at": iso(task.ended_ms) if task.ended_ms is not None else None,
        "origin": task.origin,
        "redriven": task.redriven,
    }


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _row(task: Summary) -> list[str]:
    reason = " ".join((task.reason or "").split())
    shown = reason if len(reason) <= _REASON_SHOWN else reason[:_REASON_SHOWN] + " ..."
    if task.redriven is not None:
        shown = f"(redriven as {task.redriven}) {shown}"
    words = [task.id, task.state.value, task.policy, task.tenant, task.tier, iso(task.at_ms), shown]
    return [*(escape(word) for word in words), dollars(task.cost_nusd)]
