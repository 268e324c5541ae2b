"""The one place where real parts are put together."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from .asking import World, tier_rates
from .cost import PriceBook
from .engine import Engine
from .errors import PolicyInvalid, SettingsInvalid
from .formats import FORMAT
from .io.commands.producer import ProducerCommands
from .io.commands.shift import ShiftCommands
from .io.folder import Book, prices_file, read_book, read_prices
from .io.redis_bell import RedisBell
from .io.redis_keys import Keys
from .io.redis_link import AsyncLink, connect_async
from .io.redis_store import RedisStore
from .ports import LLM, Rates, Store
from .problem import closest
from .settings import Settings
from .spending.pricing import Pricing
from .tier import Tier


@dataclass(frozen=True, slots=True)
class ShiftWorld:
    """
    Everything that a shift is made of. `concurrency` maps the tiers it serves to their limit over all shifts, `rates`
    to what they take in a minute.
    """

    engine: Engine
    store: Store
    bell: RedisBell
    link: AsyncLink
    concurrency: Mapping[str, int]
    rates: Mapping[str, Rates]
    at_once: int
    lease_s: float


def load_book(settings: Settings) -> Book:
    """Read policies, tiers and prices. Raises: PolicyInvalid, SettingsInvalid."""
    if not settings.policies.is_dir():
        raise SettingsInvalid(f"there is no folder {settings.policies}; set ROUTER_POLICIES to your policies")
    return read_book(settings.policies, settings.tiers_file, today=datetime.now(UTC).date())


def load_pricing(settings: Settings) -> Pricing:
    """What calls would have cost otherwise, by the folder's prices; by none where they cannot be read."""
    try:
        return Pricing(read_prices(prices_file(settings.policies)))
    except PolicyInvalid:
        return Pricing(PriceBook(prices={}))


def served(book: Book, settings: Settings) -> dict[str, Tier]:
    """The tiers that workers with these settings serve. Raises: SettingsInvalid."""
    names = settings.tiers_served or tuple(book.tiers)
    for name in names:
        if name not in book.tiers:
            near = closest(name, book.tiers)
            hint = f"; did you mean {near!r}?" if near else f"; it has {', '.join(book.tiers)}"
            raise SettingsInvalid(f"the tiers file has no tier {name!r}{hint}")
    return {name: book.tiers[name] for name in names}


def require_keys(settings: Settings, tiers: Iterable[Tier]) -> None:
    """Refuse to call providers without their keys. Raises: SettingsInvalid, naming every variable that is missing."""
    named = {name for tier in tiers for name in tier.key_names}
    if missing := sorted(name for name in named if not os.environ.get(name)):
        raise SettingsInvalid(
            f"{' and '.join(missing)} must be set: {settings.tiers_file} names it; without it every call would fail"
        )


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[RedisStore]:
    """A store for one event loop."""
    link = AsyncLink(connect_async(settings.redis_url), prefix=settings.prefix)
    store = _store(link, settings)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_shift_world(
    settings: Settings, *, alone: bool, llm: LLM | None = None, reads: int = FORMAT
) -> AsyncIterator[ShiftWorld]:
    """
    Open what a shift needs; without *llm*, models are called through litellm. Tasks and policies of a format above
    *reads* are left to others.
    """
    if llm is None:
        from .io.litellm_llm import LiteLLM  # noqa: PLC0415  # 3 s of CPU that only workers pay, before they fork

        async with (
            LiteLLM(calls_at_once=int(settings.worker_concurrency)) as real,
            open_shift_world(settings, alone=alone, llm=real, reads=reads) as opened,
        ):
            yield opened
        return
    book = load_book(settings)
    tiers = served(book, settings)
    keys = Keys(settings.prefix)
    patience_s = math.inf  # answers that were paid for are in its hands: it tries as often as there are pauses
    link = AsyncLink(connect_async(settings.redis_url), prefix=settings.prefix, patience_s=patience_s)
    plain = _store(link, settings, reads)
    llm, store = _struck(llm, plain, settings) if settings.fault else (llm, plain)
    queues = [f"!{name}" if alone else name for name in tiers]
    bell = RedisBell(settings.redis_url, keys=keys, queues=queues)
    world = World(tiers=book.tiers, prices=book.prices, llm=llm, store=store, clock_ms=plain.now_ms)
    try:
        yield ShiftWorld(
            engine=Engine(world),
            store=store,
            bell=bell,
            link=link,
            concurrency={name: tier.concurrency for name, tier in reversed(tiers.items())},
            rates={name: tier_rates(tier) for name, tier in tiers.items()},
            at_once=int(settings.worker_concurrency),
            lease_s=float(settings.worker_lease_s),
        )
    finally:
        await bell.close()
        await plain.close()


def _struck(llm: LLM, store: Store, settings: Settings) -> tuple[LLM, Store]:
    from .io.crash import crashing  # noqa: PLC0415  # in tests only

    return crashing(llm, store, settings.faults)


def _store(link: AsyncLink, settings: Settings, reads: int = FORMAT) -> RedisStore:
    return RedisStore(
        link,
        producing=ProducerCommands(prefix=settings.prefix),
        shifting=ShiftCommands(prefix=settings.prefix, lease_ms=int(settings.worker_lease_s) * 1000, reads=reads),
    )
