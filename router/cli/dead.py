"""`router dead`"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import click

from ..client import LISTED, Client
from ..errors import NotDead, TaskInvalid, UnknownPolicy, UnknownTask
from ..summary import Summary, alike
from .listing import lined_up, narrowing, print_tasks, require_policy, say_cut, summary_json
from .printing import count, print_json, printable
from .task import show_task

T = TypeVar("T")
_BY = ("reason", "policy", "tenant", "tier")
_SHOWN = 20
"""Ids that a command prints before anything is done."""
_REFUSED = (NotDead, TaskInvalid, UnknownPolicy, UnknownTask)


@click.group(name="dead", epilog="Example: router dead list --since 24h")
def command() -> None:
    """List, show, redrive and drop dead letters: tasks that ended without an accepted reply."""


@command.command(name="list", epilog="Example: router dead list --policy receipts --reason timeout --since 24h")
@narrowing(reason=True)
@click.option("--open", "open_", is_flag=True, help="Only those that were not sent again.")
@click.option("--by", type=click.Choice(_BY), help="Count them by this instead, the most frequent first.")
@click.option("--limit", type=click.IntRange(1), default=LISTED, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def list_(open_: bool, by: str | None, limit: int, as_json: bool, **narrowed: Any) -> int:
    """
    List dead letters, the newest first, as long as their policies keep them (keep_s). Where there are more than
    --limit, it says so, on standard error.

    By reason those are one that differ in amounts and times alone, which are shown as N.
    """
    with Client.from_env() as client:
        found = client.dead(redriven=False if open_ else None, limit=None, **narrowed)
        if not found:
            require_policy(client, narrowed["policy"])
    if by is not None:
        _print_counts(found, by, limit=limit, as_json=as_json)
        return 0
    if as_json:
        print_json([summary_json(letter) for letter in found[:limit]])
    elif found:
        print_tasks(found[:limit], at="ended")
    else:
        click.echo("no dead letters that were not sent again" if open_ else "no dead letters")
    say_cut(limit, len(found), more="; --by reason counts all of them")
    return 0


def _print_counts(letters: Sequence[Summary], by: str, *, limit: int, as_json: bool) -> None:
    """How many there are of each kind, the most frequent first."""
    kinds = Counter(alike(letter.reason or "") if by == "reason" else getattr(letter, by) for letter in letters)
    told = kinds.most_common(limit)
    if as_json:
        print_json([{by: kind, "count": number} for kind, number in told])
    elif told:
        click.echo("\n".join(lined_up([["count", by], *([f"{number:,}", printable(kind)] for kind, number in told)])))
    else:
        click.echo("no dead letters")
    say_cut(limit, len(kinds))


@command.command(epilog="Example: router dead show 3f2c... (the whole id)")
@click.argument("task_id")
@click.option("--json", "as_json", is_flag=True)
def show(task_id: str, as_json: bool) -> int:
    """Print a dead letter's whole trail: what each tier replied, what was found in it, and what it cost."""
    with Client.from_env() as client:
        show_task(client, task_id, as_json=as_json)
    return 0


@command.command(epilog="Example: router dead redrive --policy receipts --since 24h --dry-run")
@click.argument("task_ids", nargs=-1, metavar="[TASK_ID]...")
@narrowing(reason=True)
@click.option("--limit", type=click.IntRange(1), help="At most so many of them.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), default=50.0, show_default=True, help="Tasks a second."
)
@click.option("--again", is_flag=True, help="Those, too, that were sent again for a dead letter and died once more.")
@click.option("--dry-run", is_flag=True, help="Only say how many, and which.")
@click.option("--json", "as_json", is_flag=True)
def redrive(
    task_ids: tuple[str, ...],
    *,
    limit: int | None,
    rate: float,
    again: bool,
    dry_run: bool,
    as_json: bool,
    **narrowed: Any,
) -> int:
    """
    Send dead letters again, by id or by what they have in common, the oldest first.

    Each becomes a new task with the same input, under its policy's current version. Harmless to repeat: a letter that
    was sent again already stays with its new task, and one that died once more is left unless it is named by its id or
    --again is given. Exit 1 if one could not be sent.
    """
    with Client.from_env() as client:
        meant = _named(task_ids, narrowed) or _unsent(client, narrowed, again=again)
        if dry_run:
            _print_wish(meant[:limit], "would be redriven", as_json=as_json)
            return 0
        sending = _Redriving(client, as_json=as_json)
        try:
            for task_id in paced(meant[:limit], rate=rate):
                sending.send(task_id)
        finally:
            sending.report()
    return 1 if sending.refused else 0


@command.command(epilog="Example: router dead drop --policy receipts --reason timeout --yes")
@click.argument("task_ids", nargs=-1, metavar="[TASK_ID]...")
@narrowing(reason=True)
@click.option("--limit", type=click.IntRange(1), help="At most so many of them.")
@click.option("--yes", is_flag=True, help="Really; without it only what is named by its id is dropped.")
@click.option("--json", "as_json", is_flag=True)
def drop(task_ids: tuple[str, ...], limit: int | None, yes: bool, as_json: bool, **narrowed: Any) -> int:
    """Erase dead letters for good, with input, trail and record, by id or by what they have in common."""
    with Client.from_env() as client:
        meant = (_named(task_ids, narrowed) or [letter.id for letter in _found(client, narrowed)])[:limit]
        if not (task_ids or yes):
            _print_wish(meant, "would be dropped; say --yes to do so", as_json=as_json)
            return 2
        kept = [task_id for task_id in meant if not _dropped(client, task_id)]
    _print_meant([task_id for task_id in meant if task_id not in kept], "dropped", as_json=as_json)
    return 1 if kept else 0


class _Redriving:
    """Sends one letter after the other, and keeps what came of it."""

    def __init__(self, client: Client, *, as_json: bool) -> None:
        self._client, self._as_json = client, as_json
        self.sent: list[dict[str, Any]] = []
        self.refused: list[dict[str, str]] = []

    def send(self, task_id: str) -> None:
        try:
            handle = self._client.redrive(task_id)
        except _REFUSED as why:
            self.refused.append({"id": task_id, "reason": str(why)})
            click.echo(f"{task_id} not sent: {why}", err=True)
            return
        self.sent.append({"id": task_id, "task": handle.id, "sent_before": handle.replayed})
        if not self._as_json:
            click.echo(f"{task_id} -> {handle.id}" + (" (sent before)" if handle.replayed else ""))

    def report(self) -> None:
        if self._as_json:
            print_json({"redriven": self.sent, "refused": self.refused})
        else:
            before = sum(sent["sent_before"] for sent in self.sent)
            click.echo(f"{len(self.sent) - before:,} redriven, {before:,} sent before, {len(self.refused):,} refused")


def paced(
    items: Iterable[T],
    *,
    rate: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[T]:
    """Hand *items* out evenly, at most *rate* a second; what was missed in a pause is not made up for."""
    next_s = clock()
    for item in items:
        now_s = clock()
        if now_s < next_s:
            sleep(next_s - now_s)
        next_s = max(next_s, now_s) + 1 / rate
        yield item


def _named(task_ids: Sequence[str], narrowed: dict[str, Any]) -> list[str]:
    """The ids that were given; empty where something else says which letters are meant. Raises: click.UsageError."""
    if bool(task_ids) == any(value is not None for value in narrowed.values()):
        raise click.UsageError("give either ids, or what the letters have in common, such as --policy NAME --since 24h")
    return list(dict.fromkeys(task_ids))


def _unsent(client: Client, narrowed: dict[str, Any], *, again: bool) -> list[str]:
    """The letters with this in common that were not sent again; unless *again*, none that came of one sent again."""
    letters = [letter for letter in _found(client, narrowed) if letter.redriven is None]
    meant = [letter.id for letter in letters if again or letter.origin is None]
    if left := len(letters) - len(meant):
        click.echo(f"left {count(left, 'dead letter')} that died again after being sent again; see --again", err=True)
    return meant


def _found(client: Client, narrowed: dict[str, Any]) -> list[Summary]:
    """The letters that have this in common, the oldest first. Raises: UnknownPolicy."""
    found = client.dead(limit=None, **narrowed)[::-1]
    if not found:
        require_policy(client, narrowed["policy"])
    return found


def _dropped(client: Client, task_id: str) -> bool:
    try:
        client.drop(task_id)
    except _REFUSED as why:
        click.echo(f"{task_id} not dropped: {why}", err=True)
        return False
    return True


def _print_wish(task_ids: Sequence[str], said: str, *, as_json: bool) -> None:
    """Say how many letters something would be done to, then which, of many the first alone."""
    if as_json:
        print_json(list(task_ids))
        return
    click.echo(f"{count(len(task_ids), 'dead letter')} {said}")
    for task_id in task_ids[:_SHOWN]:
        click.echo(task_id)
    if len(task_ids) > _SHOWN:
        click.echo(f"... and {len(task_ids) - _SHOWN:,} more; --json lists them all")


def _print_meant(task_ids: Sequence[str], said: str, *, as_json: bool) -> None:
    if as_json:
        print_json(list(task_ids))
        return
    for task_id in task_ids:
        click.echo(task_id)
    click.echo(f"{count(len(task_ids), 'dead letter')} {said}")
