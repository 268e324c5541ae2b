"""`router budget`"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from ..app import open_store
from ..budget import Budget, BudgetUse
from ..cost import usd
from ..io.commands.shift import ShiftCommands
from ..io.folder import budgets_file, read_budgets_for
from ..io.redis_link import Link, connect
from ..settings import Settings
from .printing import console, count, dollars, print_json, table

_COLUMNS = ["scope", "per", "when used up", "turns (UTC)", "limit", "used", "left", "share"]


@click.group(name="budget", epilog="Example: router budget list")
def command() -> None:
    """What may be spent, and how much of it is left."""


@command.command(name="list", epilog="Example: router budget list --json")
@click.option("--json", "as_json", is_flag=True)
def show(as_json: bool) -> int:
    """
    Show every budget in force with what is used of it in its window of now (UTC): settled, reserved, and the bounds of
    unknown outcomes.
    """
    settings = Settings.from_env()
    uses = asyncio.run(_uses(settings))
    if as_json:
        print_json([_as_json(use) for use in uses])
    elif not uses and (number := in_force(settings)):
        click.echo(f"{count(number, 'budget')} in force; a scope with * has a line for each name that has spent")
    elif not uses:
        click.echo("no budget is in force; write budgets.yaml beside your policies and publish it")
    else:
        console().print(table(None, _COLUMNS, [_row(use) for use in uses], texts=4))
    return 0


@command.command(epilog="Example: router budget publish policies/budgets.yaml")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def publish(file: Path | None) -> int:
    """
    Put the budgets of a file (default: budgets.yaml in ROUTER_POLICIES) in the place of all that are in force. Tasks
    that a budget parked try again at once. A file with `budgets: []` takes all budgets away.
    """
    settings = Settings.from_env()
    file = file or budgets_file(settings.policies)
    if not file.exists():
        raise click.UsageError(f"there is no {file}; write it (policies/README.md says how), or give a FILE")
    budgets = _read(file, settings)
    asyncio.run(_publish(settings, budgets))
    click.echo(f"{count(len(budgets), 'budget')} in force")
    return 0


def _read(file: Path, settings: Settings) -> Sequence[Budget]:
    """Check the names in a file by the folder it lies in, or by ROUTER_POLICIES where no tiers lie beside it."""
    folder = file.parent if (file.parent / "tiers.yaml").is_file() else settings.policies
    if not folder.is_dir():
        click.echo(f"the names of policies and tiers were not checked: there is no folder {folder}", err=True)
    return read_budgets_for(folder, settings.tiers or folder / "tiers.yaml", file)


def in_force(settings: Settings) -> int:
    """How many budgets are published. Raises: StoreUnavailable."""
    with closing(Link(connect(settings.redis_url), prefix=settings.prefix)) as link:
        return len(link.run(ShiftCommands(prefix=settings.prefix).budgets()))


def _row(use: BudgetUse) -> list[str]:
    budget, limit = use.budget, use.budget.limit_nusd
    share = f"{use.used_nusd / limit:.0%}" if limit else "-"
    turns = datetime.fromtimestamp(use.window.end_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    amounts = [dollars(amount) for amount in (limit, use.used_nusd, use.left_nusd)]
    return [use.scope, budget.per, budget.on_exceeded, turns, *amounts, share]


def _as_json(use: BudgetUse) -> dict[str, object]:
    return {
        "scope": use.scope,
        "per": use.budget.per,
        "on_exceeded": use.budget.on_exceeded,
        "limit_usd": usd(use.budget.limit_nusd),
        "used_usd": usd(use.used_nusd),
        "left_usd": usd(use.left_nusd),
        "window_start": _iso(use.window.start_ms),
        "window_end": _iso(use.window.end_ms),
    }


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


async def _uses(settings: Settings) -> Sequence[BudgetUse]:
    async with open_store(settings) as store:
        return await store.budgets()


async def _publish(settings: Settings, budgets: Sequence[Budget]) -> None:
    async with open_store(settings) as store:
        await store.publish_budgets(budgets)
