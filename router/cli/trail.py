"""`router trail`"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from ..app import open_store
from ..client import Client
from ..errors import LogInvalid, UnknownTask
from ..policy import Policy
from ..record import Record
from ..recorded.exporting import line, recorded
from ..recorded.recording import Recording
from ..settings import Settings
from ..summary import Summary
from ..tailoring import asks_otherwise
from ..task import AUDITOR, TaskState
from .listing import narrowing, require_policy
from .printing import count

_ENDS = [state.value for state in TaskState if state.terminal]


@click.group(name="trail", epilog="Example: router trail export --policy receipts --since 7d --output log.jsonl")
def command() -> None:
    """Write ended tasks down as recorded traffic, for `policy diff`, `policy backtest` and `calibrate`."""


@command.command(epilog="Example: router trail export --policy receipts --since 7d --output log.jsonl")
@narrowing(reason=False)
@click.option("--status", type=click.Choice(_ENDS), help="Only tasks that ended so.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; default: standard output.")
def export(output: Path | None, **narrowed: Any) -> int:
    """
    Write every ended task that is still kept as a line of JSON, the newest first.

    A line holds the contents: the input, and what each tier replied, with its cost, time and confidence. What an audit
    was answered stands with the task that it audited; what a person accepted in review is the task's `expected` output.
    Keep the file as you would keep the tasks.
    """
    settings = Settings.from_env()
    written = 0
    others: list[str] = []
    with Client(settings.redis_url, prefix=settings.prefix) as client, _opened(output) as stream:
        for recording in ended_tasks(client, settings, others=others, **narrowed):
            print(line(recording), file=stream)
            written += 1
        if not written:
            require_policy(client, narrowed["policy"])
    click.echo(f"{count(written, 'task')} written" + (f" to {output}" if output else ""), err=True)
    if others:
        click.echo(f"{count(len(others), 'task')} left out: {WISHED}", err=True)
    return 0


WISHED = "their callers pinned a tier, or asked for another form or other settings than the policy's"


def ended_tasks(client: Client, settings: Settings, *, others: list[str], **narrowed: Any) -> Iterator[Recording]:
    """
    Every ended task that is still kept, the newest first, with what an audit of it was answered.

    What was asked otherwise than the policy asks is no evidence for it, and left out; *others* gets the ids.
    """
    policies = _Policies(settings)
    for task in _of_callers(client.ended(**narrowed)):
        if (record := record_of(client, task.id)) is not None:
            policy = policies[record.task.policy]
            if asks_otherwise(policy, record.task.wishes):
                others.append(record.task.id)
                continue
            audit = record_of(client, record.audit) if record.audit is not None else None
            yield recorded(record, policy, audit=audit)


def _of_callers(tasks: Iterator[Summary]) -> Iterator[Summary]:
    """Each task once, without audits, which are written with what they audited."""
    seen: set[str] = set()
    for task in tasks:
        if task.tenant != AUDITOR and task.id not in seen:
            seen.add(task.id)
            yield task


def record_of(client: Client, task_id: str) -> Record | None:
    """A task's record; None where it went while the list was read, or was erased."""
    try:
        record = client.read(task_id)
    except UnknownTask:
        return None
    return record if record.erased_ms is None else None


class _Policies:
    """Published versions by digest, each read once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, Policy] = {}

    def __getitem__(self, digest: str) -> Policy:
        if digest not in self._known:
            self._known[digest] = asyncio.run(self._fetch(digest))
        return self._known[digest]

    async def _fetch(self, digest: str) -> Policy:
        async with open_store(self._settings) as store:
            return await store.policy(digest)


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[str]]:
    """A file is there only when it is whole."""
    if output is None:
        yield sys.stdout
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            yield stream
        part.replace(output)
    except OSError as why:
        raise LogInvalid(f"{output} cannot be written: {why.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
