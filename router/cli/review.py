"""`router review`"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from ..client import LISTED, Client
from ..ruling import Ruling
from .listing import narrowing, print_tasks, require_policy, say_cut, summary_json
from .printing import print_json
from .task import read_json, show_task

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


@click.group(name="review", epilog="Example: router review list --policy receipts")
def command() -> None:
    """List, show and resolve tasks that wait for a person."""


@command.command(name="list", epilog="Example: router review list --policy receipts --since 24h")
@narrowing(reason=False)
@click.option("--limit", type=click.IntRange(1), default=LISTED, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def list_(limit: int, as_json: bool, **narrowed: Any) -> int:
    """List the tasks in review, those that wait longest first: they expire first (wait_at_most_s of their policy)."""
    with Client.from_env() as client:
        found = client.review(limit=limit + 1, **narrowed)
        if not found:
            require_policy(client, narrowed["policy"])
    if as_json:
        print_json([summary_json(task) for task in found[:limit]])
    elif found:
        print_tasks(found[:limit], at="came")
    else:
        click.echo("nothing waits for a person")
    if len(found) > limit:
        say_cut(limit, None)
    return 0


@command.command(epilog="Example: router review show 3f2c... (the whole id)")
@click.argument("task_id")
@click.option("--json", "as_json", is_flag=True)
def show(task_id: str, as_json: bool) -> int:
    """Print a task's whole trail: what each tier replied, what was found in it, and why nobody but a person can say."""
    with Client.from_env() as client:
        show_task(client, task_id, as_json=as_json)
    return 0


@command.command(epilog="Example: router review resolve 3f2c... --accept --attempt 2")
@click.argument("task_id")
@click.option("--accept", is_flag=True, help="Accept --output, or the output of --attempt.")
@click.option("--output", "given", help="The accepted output: JSON, @FILE, or - for standard input.")
@click.option("--attempt", type=click.IntRange(1), help="Accept the output of this attempt.")
@click.option("--reject", metavar="REASON", help="The task cannot be done as it was asked.")
@click.option("--dead-letter", metavar="REASON", help="Nobody could do it: keep it as a dead letter.")
@click.option("--ask", metavar="TIER", help="Have a tier of its policy asked (again).")
@click.option("--note", default="", help="With --accept or --ask: why, for the trail.")
@click.option("--by", default=getpass.getuser, show_default="who you are here", help="Who decides.")
@click.option("--json", "as_json", is_flag=True)
def resolve(
    task_id: str,
    *,
    accept: bool,
    given: str | None,
    attempt: int | None,
    reject: str | None,
    dead_letter: str | None,
    ask: str | None,
    note: str,
    by: str,
    as_json: bool,
) -> int:
    """
    Decide about a task in review: exactly one of --accept, --reject, --dead-letter and --ask.

    An accepted output must meet the policy's schema; doubts of other checks are yours to overrule.

    Harmless to repeat with the same decision, output, note and person (--by); another decision is refused, exit 1.
    """
    wishes: dict[str, dict[str, str]] = {}
    if accept:
        wishes["accept"] = {"reason": note}
    if reject is not None:
        wishes["reject"] = {"reason": reject}
    if dead_letter is not None:
        wishes["dead_letter"] = {"reason": dead_letter}
    if ask is not None:
        wishes["ask"] = {"tier": ask, "reason": note}
    ruling = _ruling(wishes, by, shown=given is not None or attempt is not None)
    if accept != ((given is None) != (attempt is None)):
        raise click.UsageError("--accept goes with either --output or --attempt, and they with nothing else")
    hint = "write a text in quotes, or @FILE"
    output = read_json(given, option="--output", hint=hint) if given is not None else None
    with Client.from_env() as client:
        status = client.resolve(task_id, ruling, output=output, attempt=attempt)
    print_json({"id": task_id, "status": status}) if as_json else click.echo(f"{task_id} is {status}")
    return 0


def _ruling(wishes: dict[str, dict[str, str]], by: str, *, shown: bool) -> Ruling:
    """Raises: click.UsageError."""
    if not wishes and shown:
        raise click.UsageError("--output and --attempt say what is accepted: give --accept with one of them")
    if len(wishes) != 1:
        raise click.UsageError("give exactly one of --accept, --reject, --dead-letter and --ask")
    ((wish, more),) = wishes.items()
    try:
        return Ruling.model_validate({"wish": wish, "by": by, **more})
    except ValidationError as why:
        raise click.UsageError("; ".join(_told(error, wish) for error in why.errors(include_url=False))) from None


def _told(error: ErrorDetails, wish: str) -> str:
    """A mistake in the words of the options."""
    option = f"--{wish.replace('_', '-')}"
    if cause := error.get("ctx", {}).get("error"):
        return f"{cause}".replace(f"`{wish}`", option)
    of = {"by": "--by", "tier": "--ask"}.get(f"{error['loc'][0]}")
    return f"{of or ('--note' if wish in ('accept', 'ask') else option)}: {error['msg']}"
