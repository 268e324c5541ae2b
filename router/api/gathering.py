"""What the metrics are made of, gathered from the store at most once in a few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Final

from ..errors import PolicyInvalid, StoreUnavailable
from ..health.service import Service
from ..io.commands.cost import CostCommands
from ..io.folder import read_tiers
from ..io.haste import SILENCE_S, hastening
from ..io.service_facts import ServiceFacts
from ..metrics import Facts
from ..settings import Settings
from ..submission import Card, Full
from ..tier import Tier
from .backend import Backend

FRESH_S: Final = 5.0
"""How long facts are told again: any number of scrapers cost Redis as much as one."""


class Gathering:
    """Gathers facts for one process. Whoever asks while facts are being gathered waits for the same."""

    def __init__(
        self,
        backend: Backend,
        *,
        clock_s: Callable[[], float] = time.monotonic,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._settings = backend.settings
        self._store = backend.store
        self._link = backend.link
        self._costs = CostCommands(prefix=backend.settings.prefix)
        self._pricing = backend.pricing
        self._clock_s = clock_s
        self._silence_s = silence_s
        self._gathered: asyncio.Task[Facts | None] | None = None
        self._at_s = 0.0

    async def facts(self) -> Facts | None:
        """The facts of now, or of a few seconds ago; None where the store cannot be reached now."""
        fresh = self._clock_s() - self._at_s < FRESH_S
        if self._gathered is None or (self._gathered.done() and not (fresh and _has_facts(self._gathered))):
            self._at_s = self._clock_s()
            self._gathered = asyncio.create_task(self._gather())
        return await asyncio.shield(self._gathered)

    async def _gather(self) -> Facts | None:
        try:
            with hastening(self._silence_s):
                return await self._read()
        except StoreUnavailable:
            return None

    async def _read(self) -> Facts:
        tiers, full, cards, service = await asyncio.to_thread(_look, self._settings, self._silence_s)
        names = [f"{kind}:{name}" for name in cards for kind in ("policy", "audit")]
        climbed = {tier for card in cards.values() for tier in card.tiers}
        scopes = ["global", *names, *(f"tier:{tier}" for tier in {*tiers, *climbed})]
        counted = await self._link.carry_out(self._costs.counted_ever(self._pricing))
        return Facts(
            service=service,
            budgets=await self._store.budgets(scopes),
            cards=cards,
            tiers=tiers,
            counts=counted.changes,
            fold_lag_s=counted.lag_ms / 1000,
            full=full is not None,
        )


def _has_facts(gathered: asyncio.Task[Facts | None]) -> bool:
    return not gathered.cancelled() and gathered.exception() is None and gathered.result() is not None


def _look(settings: Settings, silence_s: float) -> tuple[Mapping[str, Tier], Full | None, Mapping[str, Card], Service]:
    """What is read with a thread's client: the same facts that `router doctor` judges."""
    tiers = _tiers(settings)
    places = [f"{tier.name}/{place.name}" for tier in tiers.values() for place in tier.places]
    with closing(ServiceFacts(settings.redis_url, prefix=settings.prefix, silence_s=silence_s)) as facts:
        cards = facts.cards()
        climbed = {tier for card in cards.values() for tier in card.tiers}
        return tiers, facts.full(), cards, facts.service({*tiers, *climbed}, places)


def _tiers(settings: Settings) -> Mapping[str, Tier]:
    """Those of the tiers file; none where this process has no such file, or one that is wrong."""
    try:
        return read_tiers(settings.tiers_file)
    except PolicyInvalid:
        return {}
