"""`router task`"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..call import Failure
from ..client import LISTED, Client
from ..cost import usd
from ..errors import ResultPending
from ..reading import Reading
from ..record import Record
from ..task import TaskState
from ..trail import Attempt
from .listing import iso, narrowing, print_tasks, require_policy, summary_json
from .printing import SIMULATED, console, dollars, print_json

_INPUT_SHOWN = 300
_MORE_THAN_0 = click.FloatRange(min=0, min_open=True)
_MARK = {"pass": "[green]pass[/]", "unsure": "[yellow]unsure[/]", "fail": "[red]fail[/]"}


@click.group(name="task", epilog="Example: router task show 3f2c... (the whole id)")
def command() -> None:
    """Submit, show, list and cancel tasks."""


@command.command(epilog="""Example: router task submit intents --input '{"text": "Where is my parcel?"}' --wait""")
@click.argument("policy")
@click.option("--input", "given", required=True, help="JSON, @FILE, or - for standard input.")
@click.option("--key", help="Idempotency key: the same key and body give the same task.")
@click.option("--tenant", default="default", show_default=True)
@click.option(
    "--deadline", "deadline_s", type=click.FloatRange(min=0, min_open=True), help="Seconds; the policy's limit caps it."
)
@click.option("--priority", type=click.Choice(["high", "normal", "low"]), default="normal", show_default=True)
@click.option("--wait", is_flag=True, help="Wait for the end; exit 1 unless it succeeded.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Seconds to wait."
)
@click.option("--json", "as_json", is_flag=True)
def submit(policy: str, given: str, wait: bool, timeout_s: float, as_json: bool, **order: Any) -> int:
    """Hand one task over."""
    with Client.from_env() as client:
        handle = client.submit(policy, read_input(given), **order)
        if not wait:
            print_json({"id": handle.id, "replayed": handle.replayed}) if as_json else click.echo(handle.id)
            return 0
        try:
            client.wait(handle.id, timeout_s=timeout_s)
        except ResultPending as why:
            reason = client.read(handle.id).reason
            said = [str(why), *([reason] if reason else []), f"look again with: router task show {handle.id}"]
            click.echo("\n".join(said), err=True)
            return 1
        return show_task(client, handle.id, as_json=as_json)


@command.command(epilog="Example: router task show 3f2c... (the whole id)")
@click.argument("task_id")
@click.option("--json", "as_json", is_flag=True)
def show(task_id: str, as_json: bool) -> int:
    """Print a task's whole trail: reply, findings and cost of each attempt, and why it moved."""
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
        found = client.tasks(limit=limit, **narrowed)
        if not found.tasks:
            require_policy(client, narrowed["policy"])
    if as_json:
        print_json([summary_json(task) for task in found.tasks])
    elif found.tasks:
        print_tasks(found.tasks)
    else:
        click.echo("no such tasks")
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


def read_input(given: str) -> dict[str, Any]:
    """A task's input from JSON text, a file or standard input. Raises: click.UsageError."""
    try:
        text = sys.stdin.read() if given == "-" else Path(given[1:]).read_text("utf-8") if given[:1] == "@" else given
        value = json.loads(text)
    except OSError as why:
        raise click.UsageError(f"--input: {given[1:]} cannot be read: {why.strerror}") from None
    except ValueError as why:
        raise click.UsageError(f"--input is not JSON: {why}; write a JSON object, or @FILE") from None
    if not isinstance(value, dict):
        raise click.UsageError('--input must be a JSON object, such as {"text": "..."}')
    return value


def show_task(client: Client, task_id: str, *, as_json: bool) -> int:
    """Print a task with its trail; 0 if it succeeded."""
    record = client.read(task_id)
    policy = client.policy_name(record.task.policy)
    if as_json:
        print_json(task_json(record, policy))
    else:
        _print(console(), record, policy)
    return 0 if record.state is TaskState.SUCCEEDED else 1


def task_json(record: Record, policy: str) -> dict[str, Any]:
    """A task with its trail; money as decimal strings in dollars, times as ISO 8601."""
    return {
        "id": record.task.id,
        "policy": policy,
        "policy_digest": record.task.policy,
        "status": record.state.value,
        "reason": record.reason,
        "input": record.task.input,
        "output": record.output,
        "tier": record.tier,
        "tenant": record.task.tenant,
        "cost_usd": usd(record.cost_nusd),
        "created_at": iso(record.task.created_ms),
        "ended_at": iso(record.ended_ms) if record.ended_ms else None,
        "origin": record.origin,
        "redriven": record.redriven,
        "trail": [_attempt_json(attempt) for attempt in record.trail],
    }


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    shown = attempt.model_dump(mode="json", exclude_none=True)
    shown["cost_usd"] = usd(attempt.cost_nusd)
    shown["started_at"], shown["ended_at"] = iso(shown.pop("started_ms")), iso(shown.pop("ended_ms"))
    for call in shown["calls"]:
        call["cost_usd"], call["doubt_usd"] = usd(call.pop("cost_nusd")), usd(call.pop("doubt_nusd"))
    return shown


def _print(screen: Console, record: Record, policy: str) -> None:
    task = record.task
    screen.print(f"[bold]{task.id}[/]  {policy}  {record.state}  tier {record.tier}  {dollars(record.cost_nusd)}")
    screen.print(f"created {iso(task.created_ms)}" + (f", ended {iso(record.ended_ms)}" if record.ended_ms else ""))
    if record.reason:
        screen.print(record.reason, markup=False)
    if record.origin:
        screen.print(f"sent again for the dead letter {record.origin}", markup=False)
    if record.redriven:
        screen.print(f"redriven as {record.redriven}", markup=False)
    given = json.dumps(task.input, ensure_ascii=False)
    screen.print("input   " + (given if len(given) <= _INPUT_SHOWN else given[:_INPUT_SHOWN] + " ..."), markup=False)
    for attempt in record.trail:
        _print_attempt(screen, attempt)
    if record.output is not None:
        screen.print("\noutput  " + json.dumps(record.output, ensure_ascii=False), markup=False)
    if any("local-" in call.model for attempt in record.trail for call in attempt.calls):
        screen.print(f"\n{SIMULATED}", style="dim")


def _print_attempt(screen: Console, attempt: Attempt) -> None:
    verdict = _MARK[attempt.verdict.outcome] if attempt.verdict else "[red]no reply[/]"
    took = (attempt.ended_ms - attempt.started_ms) / 1000
    cost = dollars(attempt.cost_nusd)
    screen.print(f"\n[bold]{attempt.number}. {attempt.tier}[/] ({attempt.why})  {verdict}  {cost}  {took:.2f} s")
    match attempt.answer:
        case Reading() as reading:
            said = json.dumps(reading.output, ensure_ascii=False) if reading.output is not None else reading.raw
            screen.print(f"   reply   {said or reading.refusal or '(nothing)'}", markup=False)
            if reading.confidence:
                levels = ", ".join(f"{field} {p:.2f}" for field, p in reading.confidence.items())
                screen.print(f"   sure    {levels}", markup=False)
        case Failure() as failure:
            screen.print(f"   failed  {failure.kind}: {failure.message}", markup=False)
        case refusal:
            screen.print(f"   refused {refusal.limit}: {refusal.message}", markup=False)
    for finding in attempt.verdict.findings if attempt.verdict else ():
        if finding.reason:
            screen.print(f"   {finding.check:<14}", _MARK[finding.outcome], end=" ")
            screen.print(("(warning) " if finding.warn else "") + finding.reason, markup=False)
    for call in attempt.calls:
        if call.purpose != "answer" or call.doubt_nusd:
            doubt = f", up to {dollars(call.doubt_nusd)} in doubt" if call.doubt_nusd else ""
            screen.print(f"   call    {call.purpose} by {call.tier}: {dollars(call.cost_nusd)}{doubt}", markup=False)
