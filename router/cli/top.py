"""`router top`"""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from typing import TYPE_CHECKING

import click

from ..app import open_store
from ..budget import BudgetUse
from ..errors import PolicyInvalid
from ..health.overview import Overview, as_json, overview
from ..health.sign import Level
from ..io.folder import read_tiers
from ..io.service_facts import ServiceFacts
from ..ledger import Balance
from ..settings import Settings
from ..tier import Tiers
from .cost import read_counters
from .printing import SIMULATED, console, count, dollars, print_json, printable, table

if TYPE_CHECKING:  # 15 ms, which `router --help` does not pay
    from rich.console import RenderableType

_DAY_MS = 86_400_000
_STYLES = {Level.PROBLEM: "bold red", Level.WARNING: "yellow"}


@click.command(epilog="Example: router top --once")
@click.option("--once", is_flag=True, help="Print it once instead of again and again.")
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.5), help="Seconds between looks.")
@click.option("--json", "as_json_", is_flag=True, help="One object, once.")
def command(once: bool, every: float, as_json_: bool) -> int:
    """
    Show what happens now: tasks on their way through the tiers, queues, workers, budgets, money, and what needs you.

    Tasks and costs are those of the last 24 hours. Ctrl-C ends it; tasks go on.
    """
    settings = Settings.from_env()
    if as_json_:
        print_json(as_json(look(settings)))
    elif once or not console().is_terminal:
        console().print(shown(look(settings)))
    else:
        _live(settings, every)
    return 0


def look(settings: Settings) -> Overview:
    """See how the service does now. Raises: StoreUnavailable."""
    tiers = _tiers(settings)
    places = [f"{tier.name}/{place.name}" for tier in tiers.values() for place in tier.places]
    with closing(ServiceFacts(settings.redis_url, prefix=settings.prefix)) as facts:
        cards = facts.cards()
        service = facts.service({*tiers, *(tier for card in cards.values() for tier in card.tiers)}, places)
    balance, budgets = asyncio.run(_money(settings))
    changes = read_counters(settings, back_ms=_DAY_MS).changes
    return overview(changes, cards, budgets, service=service, balance=balance, tiers=tiers)


def _tiers(settings: Settings) -> Tiers:
    """Those of the tiers file; none where there is no such file here, or one that is wrong."""
    try:
        return read_tiers(settings.tiers_file)
    except PolicyInvalid:
        return {}


async def _money(settings: Settings) -> tuple[Balance, list[BudgetUse]]:
    async with open_store(settings) as store:
        return await store.balance(), [*await store.budgets()]


def _live(settings: Settings, every_s: float) -> None:
    from rich.live import Live  # noqa: PLC0415

    try:
        with Live(shown(look(settings)), console=console(), screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(every_s)
                live.update(shown(look(settings)), refresh=True)
    except KeyboardInterrupt:
        pass


def shown(told: Overview) -> RenderableType:
    """The whole of it for a screen."""
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    parts: list[RenderableType] = [Text(_head(told), style="bold"), Text(_sums(told))]
    for sign in told.alarms:
        said = printable(f"{sign.about}: {sign.seen}" + (f"\n  -> {sign.advice}" if sign.advice else ""))
        parts.append(Text(said, style=_STYLES[sign.level]))
    parts += [Text(""), _flow(told), Text(""), _queues(told)]
    if told.budgets:
        parts += [Text(""), _budgets(told)]
    if told.whole.simulated:
        parts += [Text(""), Text(SIMULATED, style="dim")]
    return Group(*parts)


def _head(told: Overview) -> str:
    service = told.service
    if service is None:
        return ""
    alive = sum(not w.alone and not w.silent for w in service.workers)
    left = service.dead - service.redriven
    return (
        f"{count(service.waiting, 'task')} under way ({service.delayed:,} delayed, {service.parked:,} parked), "
        f"{count(alive, 'worker')}, {service.review:,} for a person, {count(left, 'dead letter')}"
    )


def _sums(told: Overview) -> str:
    whole, balance = told.whole, told.balance or Balance()
    per = "-" if whole.per_accepted_nusd is None else dollars(whole.per_accepted_nusd)
    saved = ""
    if whole.saving_nusd is not None:
        verb = "saved" if whole.saving_nusd >= 0 else "LOST"
        saved = f", {dollars(abs(whole.saving_nusd))} {verb} against always-top"
    return (
        f"24 h: {whole.accepted:,} accepted, {dollars(whole.cost_nusd)} spent, {per} per accepted result{saved}\n"
        f"in doubt at most {dollars(balance.unsettled_nusd + balance.reserved_nusd)}, "
        f"{dollars(balance.reserved_nusd)} of it under way"
    )


def _flow(told: Overview) -> RenderableType:
    rows = [
        [
            rung.tier,
            f"{rung.arrived:,}",
            _share(rung.reached),
            f"{rung.accepted:,}",
            f"{rung.escalated:,}",
            f"{rung.others:,}",
            dollars(rung.cost_nusd),
            _share(rung.cost_share),
        ]
        for rung in told.rungs
    ]
    columns = ["tier", "tasks", "of all", "accepted", "climbed", "other", "cost", "of all"]
    return table("Through the tiers, last 24 h", columns, rows)


def _queues(told: Overview) -> RenderableType:
    rows = [
        [
            queue.tier,
            f"{queue.ready + queue.alone:,}",
            f"{queue.oldest_ms / 1000:,.0f} s" if queue.ready or queue.alone else "-",
            f"{queue.running:,}",
            f"{queue.workers:,}",
            f"{queue.resting_ms / 1000:,.0f} s" if queue.resting_ms else "-",
        ]
        for queue in told.queues
    ]
    return table("Queues", ["tier", "ready", "oldest", "running", "workers", "rests"], rows)


def _budgets(told: Overview) -> RenderableType:
    rows = [
        [
            f"{use.scope} per {use.budget.per}",
            dollars(use.left_nusd),
            dollars(use.budget.limit_nusd),
            _share(use.used_share),
        ]
        for use in told.budgets
    ]
    return table("Budgets", ["scope", "left", "of", "used"], rows)


def _share(part: float | None) -> str:
    return "-" if part is None else f"{part:.1%}"
