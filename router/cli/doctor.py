"""`router doctor`"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, date, datetime

import click

from ..app import load_book, open_store
from ..budget import BudgetUse
from ..errors import PolicyInvalid, SettingsInvalid, StoreRefused, StoreUnavailable, StoreUnsafe
from ..health.doctor import Folder, Found, Sunset, diagnose, ill
from ..health.sign import Level, Sign, problem
from ..io.folder import Book, read_tiers
from ..io.server_facts import read_server
from ..io.service_facts import ServiceFacts
from ..ledger import Balance
from ..lint.models import sunset_doubts
from ..settings import Settings
from ..tier import Tiers
from .printing import console, count, print_json

_STYLE = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


@click.command(epilog="Example: router doctor --json")
@click.option("--json", "as_json", is_flag=True, help="A list of {about, level, seen, advice}.")
def command(as_json: bool) -> int:
    """
    Look at Redis, policies, prices, keys, workers, queues and money, and say what to do.

    Exit 0 where all is well but for warnings, 1 where there is a problem, 2 where Redis does not let us in or tells us
    nothing, 3 where it cannot be reached.
    """
    settings = Settings.from_env()
    folder = read_folder(settings)
    try:
        found, away, code = read_found(settings, folder), [], 1
    except (StoreRefused, StoreUnsafe) as why:
        found, away, code = None, [problem("Redis", str(why), "nothing works until then")], 2
    except StoreUnavailable as why:
        found, away, code = None, [problem("Redis", str(why), "nothing works without it: start it, then look again")], 3
    signs = [*away, *diagnose(folder, found)]
    print_json([asdict(sign) for sign in signs]) if as_json else _print(signs)
    return code if ill(signs) else 0


def read_folder(settings: Settings) -> Folder:
    """Read the folder of policies, whatever is wrong with it."""
    folder = _tiers_of(settings)
    try:
        book = load_book(settings)
    except PolicyInvalid as why:
        return replace(folder, mistakes=[str(mistake) for mistake in why.problems])
    except SettingsInvalid as why:
        return replace(folder, mistakes=[str(why)])
    digests = {name: policy.digest for name, policy in book.policies.items()}
    return replace(folder, digests=digests, used=_used(book))


def _tiers_of(settings: Settings) -> Folder:
    """What the tiers alone tell, whatever is wrong with the rest."""
    path = str(settings.policies)
    try:
        tiers = read_tiers(settings.tiers_file)
    except PolicyInvalid:
        return Folder(path, keys_missing=None)
    today = datetime.now(UTC).date()
    gone = {name: tier for name, tier in tiers.items() if tier.sunset and tier.sunset <= today}
    left = {name: tier for name, tier in tiers.items() if name not in gone}
    named = {name for tier in tiers.values() for name in tier.key_names}
    return Folder(
        path,
        gone=_sunsets(gone, today),
        leaving=_sunsets(left, today),
        keys_missing=sorted(name for name in named if not os.environ.get(name)),
        tiers=list(tiers),
        places=[f"{tier.name}/{place.name}" for tier in tiers.values() for place in tier.places],
    )


def _sunsets(tiers: Tiers, today: date) -> list[Sunset]:
    found = ((name, doubt) for name, tier in tiers.items() for doubt in sunset_doubts(tier, today))
    return [Sunset(name, doubt.message, tiers[name].successor) for name, doubt in found]


def _used(book: Book) -> dict[str, str]:
    return {rung.tier: name for name, policy in book.policies.items() for rung in policy.tiers}


def read_found(settings: Settings, folder: Folder) -> Found:
    """Raises: StoreUnavailable, StoreUnsafe."""
    server = read_server(settings.redis_url)
    balance, budgets = asyncio.run(_money(settings))
    with closing(ServiceFacts(settings.redis_url, prefix=settings.prefix)) as facts:
        return Found(
            server=server,
            full=facts.full(),
            service=facts.service({*folder.tiers, *folder.used}, folder.places),
            cards=facts.cards(),
            balance=balance,
            budgets=budgets,
        )


async def _money(settings: Settings) -> tuple[Balance, Sequence[BudgetUse]]:
    async with open_store(settings) as store:
        return await store.balance(), await store.budgets()


def _print(signs: list[Sign]) -> None:
    screen = console()
    width = max(len(sign.about) for sign in signs)
    for sign in signs:
        screen.print(f"{sign.level:<8} ", style=_STYLE[sign.level], end="")
        screen.print(f"{sign.about:<{width}}  {sign.seen}", markup=False, soft_wrap=True)
        if sign.advice:
            screen.print(f"{'':<{width + 9}}  -> {sign.advice}", markup=False, soft_wrap=True)
    counts = Counter(sign.level for sign in signs)
    screen.print(f"\n{count(counts[Level.PROBLEM], 'problem')}, {count(counts[Level.WARNING], 'warning')}")
