"""Lists of tasks: the options that narrow them down, for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

from ..client import Client
from ..cost import usd
from ..errors import UnknownPolicy
from ..problem import closest
from ..summary import Summary
from ..values import iso
from .cost import seconds
from .printing import console, dollars, table

F = TypeVar("F", bound=Callable[..., Any])

_REASON_SHOWN = 100
_REASON_WIDTH_MIN = 30


def narrowing(*, reason: bool) -> Callable[[F], F]:
    """
    Options that say which tasks are meant, handed on as `policy`, `tenant`, `tag`, `since_s` and, if wished, `reason`.
    """
    options = [
        click.option("--policy", help="Tasks of this policy."),
        click.option("--tenant", help="Tasks of this tenant."),
        click.option("--tag", help="Tasks with this tag."),
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


def require_policy(client: Client, policy: str | None) -> None:
    """Say that nothing was found because no such policy is known. Raises: UnknownPolicy."""
    if policy is None or policy in (known := client.policies()):
        return
    near = closest(policy, known)
    hint = f"did you mean {near!r}?" if near else f"it is one of {', '.join(known)}" if known else "none is"
    raise UnknownPolicy(f"no policy {policy!r} was published; {hint}")


def say_cut(shown: int, of: int | None, *, more: str = "") -> None:
    """Say on standard error that a list shows *shown* alone, of so many in all (None: nobody counted)."""
    if of is None:
        click.echo(f"{shown:,} shown, and there are more: see --limit{more}", err=True)
    elif shown < of:
        click.echo(f"{shown:,} of {of:,} shown: see --limit{more}", err=True)


def print_tasks(tasks: Sequence[Summary], *, at: str = "ended or came") -> None:
    """A table for people, with ids in full; where nobody looks a line for each, with the whole reason."""
    sent_again = any(task.redriven for task in tasks)
    columns = ["task", "status", "policy", "tenant", "tier", at, "cost", "redriven as", "reason"]
    if not sent_again:
        columns.remove("redriven as")
    rows = [_row(task, sent_again=sent_again) for task in tasks]
    screen = console()
    if not screen.is_terminal:
        click.echo("\n".join(lined_up([columns, *rows])))
        return
    screen.width = max(screen.width, sum(width + 2 for width in _widths([columns, *rows])) + _REASON_WIDTH_MIN)
    shown = [[*words, _cut(reason)] for *words, reason in rows]
    drawn = table(None, columns, shown, texts=len(columns))
    for column in drawn.columns[:-1]:
        column.no_wrap = True
    screen.print(drawn)


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
        "tags": list(task.tags),
    }


def _row(task: Summary, *, sent_again: bool) -> list[str]:
    words = [task.id, task.state.value, task.policy, task.tenant, task.tier, iso(task.at_ms), dollars(task.cost_nusd)]
    if sent_again:
        words.append(task.redriven or "-")
    return [*words, " ".join((task.reason or "").split())]


def _cut(reason: str) -> str:
    return reason if len(reason) <= _REASON_SHOWN else reason[:_REASON_SHOWN] + " ..."


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The widths of all columns but the last."""
    return [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]


def lined_up(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows in columns, the last of which is as long as it is."""
    widths = _widths(rows)
    for *words, last in rows:
        yield "  ".join([*(word.ljust(width) for word, width in zip(words, widths, strict=True)), last]).rstrip()
