"""`router task`"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO, Any

import click

from ..client import LISTED, Client, Handle, pending
from ..destination import Allowed
from ..producing import webhook_of
from ..settings import Settings
from ..task import ENDS, TaskState
from ..values import Json
from .explained import print_lived
from .listing import narrowing, print_tasks, require_policy, say_cut, summary_json
from .printing import console, print_json
from .taskview import print_attempts, print_end, print_head, task_json

_SETTLED = ENDS | {TaskState.REVIEW}
"""Where waiting is over: a person takes as long as they take."""


@click.group(name="task", epilog="Example: router task show 3f2c... (the whole id)")
def command() -> None:
    """Submit, show, list, cancel and erase tasks."""


@command.command(epilog="""Example: router task submit intents --input '{"text": "Where is my parcel?"}' --wait""")
@click.argument("policy")
@click.option("--input", "given", help="JSON, @FILE, or - for standard input.")
@click.option("--inputs", type=click.File(), help="Many tasks: a file with the JSON of one input a line, or -.")
@click.option(
    "--key", help="Idempotency key: the same key and body give the same task. With --inputs: KEY-1, KEY-2, ..."
)
@click.option("--tenant", default="default", show_default=True)
@click.option(
    "--deadline", "deadline_s", type=click.FloatRange(min=0, min_open=True), help="Seconds; the policy's limit caps it."
)
@click.option("--priority", type=click.Choice(["high", "normal", "low"]), default="normal", show_default=True)
@click.option("--webhook", metavar="URL", help="Told of the end, signed; see: router webhook secret create --help")
@click.option("--wait", is_flag=True, help="Wait for the end, or for review; exit 1 unless it succeeded.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds to wait."
)
@click.option("--json", "as_json", is_flag=True)
def submit(
    policy: str,
    *,
    given: str | None,
    inputs: IO[str] | None,
    wait: bool,
    timeout_s: float,
    as_json: bool,
    **order: Any,
) -> int:
    """Hand a task over, or many: then their ids are printed, in order, and --wait prints how they ended."""
    if (given is None) == (inputs is None):
        raise click.UsageError("give --input for one task, or --inputs for many")
    _require_public(order["webhook"])
    if inputs is not None:
        return _submit_many(policy, _lines(inputs), wait=wait, timeout_s=timeout_s, as_json=as_json, **order)
    assert given is not None
    with Client.from_env() as client:
        handle = client.submit(policy, read_input(given), **order)
        if not wait:
            print_json({"id": handle.id, "replayed": handle.replayed}) if as_json else click.echo(handle.id)
            return 0
        state = client.reach(handle.id, _SETTLED, timeout_s=timeout_s)
        if not state.terminal:
            _say_pending(client, handle.id, state, timeout_s)
            return 1
        return show_task(client, handle.id, as_json=as_json)


def _require_public(url: str | None) -> None:
    """Refuse a webhook as the HTTP service does. Raises: click.UsageError, TaskInvalid."""
    webhook = webhook_of(url)
    if webhook is not None and (problem := webhook.problem(Allowed.read(Settings.from_env().webhook_allow))):
        raise click.UsageError(f"--webhook: {problem}")


def _say_pending(client: Client, task_id: str, state: TaskState, timeout_s: float) -> None:
    reason = client.read(task_id).reason
    look = [] if state is TaskState.REVIEW else [f"look again with: router task show {task_id}"]
    said = [str(pending(task_id, state, timeout_s)), *([reason] if reason else []), *look]
    click.echo("\n".join(said), err=True)


def _lines(inputs: IO[str]) -> list[dict[str, Any]]:
    """The inputs of a file. Raises: click.UsageError."""
    found = []
    for number, text in enumerate(inputs, 1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except ValueError as why:
            raise click.UsageError(f"--inputs: line {number} is not JSON: {why}") from None
        if not isinstance(value, dict):
            raise click.UsageError(f'--inputs: line {number} is no JSON object, such as {{"text": "..."}}')
        found.append(value)
    return found


def _submit_many(
    policy: str,
    inputs: list[dict[str, Any]],
    *,
    wait: bool,
    timeout_s: float,
    as_json: bool,
    key: str | None,
    **order: Any,
) -> int:
    keys = [f"{key}-{number}" for number in range(1, len(inputs) + 1)] if key is not None else None
    with Client.from_env() as client:
        handles = client.submit_many(policy, inputs, keys=keys, **order)
        if not wait:
            ids = [handle.id for handle in handles]
            print_json(ids) if as_json else click.echo("\n".join(ids))
            return 0
        until = time.monotonic() + timeout_s
        ends = Counter(_end_of(client, handle, until) for handle in handles)
    if as_json:
        print_json(dict(ends))
    else:
        click.echo(", ".join(f"{number:,} {state}" for state, number in ends.most_common()))
    return 0 if set(ends) <= {TaskState.SUCCEEDED.value} else 1


def _end_of(client: Client, handle: Handle, until: float) -> str:
    state = client.reach(handle.id, _SETTLED, timeout_s=max(0.0, until - time.monotonic()))
    return state.value if state in _SETTLED else "not ended"


@command.command(epilog="Example: router task show 3f2c... (the whole id)")
@click.argument("task_id")
@click.option("--explain", "explained", is_flag=True, help="Show the values that each check saw, and why it moved.")
@click.option("--prompts", is_flag=True, help="With --explain: show what was asked, word for word.")
@click.option("--json", "as_json", is_flag=True)
def show(task_id: str, explained: bool, prompts: bool, as_json: bool) -> int:
    """Print a task's whole trail: reply, findings and cost of each attempt, and what was done next."""
    if prompts and not explained:
        raise click.UsageError("--prompts goes with --explain")
    if explained:
        print_lived(task_id, Settings.from_env(), prompts=prompts, as_json=as_json)
        return 0
    with Client.from_env() as client:
        show_task(client, task_id, as_json=as_json)
    return 0


@command.command(name="list", epilog="Example: router task list --status running --policy receipts --since 1h")
@click.option("--status", type=click.Choice([state.value for state in TaskState]), help="Tasks that stand so.")
@narrowing(reason=False)
@click.option("--limit", type=click.IntRange(1), default=LISTED, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def list_(limit: int, as_json: bool, **narrowed: Any) -> int:
    """
    List tasks, the newest first: by their end, or by when they came where they have not ended.

    Sees 10,000 tasks that have not ended, and those that ended within the last 100,000 events (one or more a task) and
    are still kept (keep_s of their policy). Where there is more than that to look at, it says so.
    """
    with Client.from_env() as client:
        found = client.tasks(limit=limit + 1, **narrowed)
        if not found.tasks:
            require_policy(client, narrowed["policy"])
    if as_json:
        print_json([summary_json(task) for task in found.tasks[:limit]])
    elif found.tasks:
        print_tasks(found.tasks[:limit])
    else:
        click.echo("no such tasks")
    if len(found.tasks) > limit:
        say_cut(limit, None)
    if not found.complete:
        click.echo("there are more tasks than were looked at; narrow it down, or see --help", err=True)
    return 0


@command.command(epilog="Example: router task cancel 3f2c... (the whole id)")
@click.argument("task_id")
@click.option("--json", "as_json", is_flag=True)
def cancel(task_id: str, as_json: bool) -> int:
    """End a task unless it has ended; calls in flight are booked all the same."""
    with Client.from_env() as client:
        status = client.cancel(task_id)
    done = status == TaskState.CANCELLED
    if as_json:
        print_json({"id": task_id, "status": status})
    else:
        click.echo(status if done else f"it had ended already: {status}")
    return 0 if done else 1


@command.command(epilog="Example: router task erase 3f2c... (the whole id)")
@click.argument("task_id")
@click.option("--json", "as_json", is_flag=True)
def erase(task_id: str, as_json: bool) -> int:
    """
    Erase what a task was asked and answered, at once; one that has not ended is cancelled first.

    Its id, times, costs, and the shape of its trail stay, and so does its idempotency key. Harmless to repeat.
    """
    with Client.from_env() as client:
        status = client.erase(task_id)
    print_json({"id": task_id, "status": status}) if as_json else click.echo(f"erased; it is {status}")
    return 0


def read_input(given: str) -> dict[str, Any]:
    """A task's input from JSON text, a file or standard input. Raises: click.UsageError."""
    value = read_json(given, option="--input", hint="write a JSON object, or @FILE")
    if not isinstance(value, dict):
        raise click.UsageError('--input must be a JSON object, such as {"text": "..."}')
    return value


def read_json(given: str, *, option: str, hint: str) -> Json:
    """What an option gives as JSON text, as @ and a file, or as - for standard input. Raises: click.UsageError."""
    try:
        text = sys.stdin.read() if given == "-" else Path(given[1:]).read_text("utf-8") if given[:1] == "@" else given
        return json.loads(text)
    except OSError as why:
        raise click.UsageError(f"{option}: {given[1:]} cannot be read: {why.strerror}") from None
    except ValueError as why:
        raise click.UsageError(f"{option} is not JSON: {why}; {hint}") from None


def show_task(client: Client, task_id: str, *, as_json: bool) -> int:
    """Print a task with its trail; 0 if it succeeded."""
    record = client.read(task_id)
    policy = client.policy_name(record.task.policy)
    if as_json:
        print_json(task_json(record, policy))
    else:
        screen = console()
        print_head(screen, record, policy)
        print_attempts(screen, record)
        print_end(screen, record)
    return 0 if record.state is TaskState.SUCCEEDED else 1
