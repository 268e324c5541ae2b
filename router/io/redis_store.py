"""The store in Redis, for shifts and sweeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .. import log
from ..audit import NOBODY
from ..budget import Budget, BudgetUse, applying, balance_names, window
from ..call import Deployment
from ..decision import Decision
from ..errors import FormatTooNew
from ..event import Alarm
from ..ledger import Balance, Entry, Intent, Settlement
from ..policy import Policy
from ..ports import Claim, Kept, Rates, Swept
from ..record import Record
from ..refusal import Refusal
from ..submission import Admission, Submission
from ..task import TaskState
from ..trail import Attempt
from .commands.producer import ProducerCommands, record
from .commands.scripted import as_pairs, as_text
from .commands.shift import ShiftCommands, Unread
from .ledger_lines import entry
from .redis_link import AsyncLink, Command

_PAGE = 10_000
_LEFT_LOOK_MS = 250
_STANDS_BACK_MS = 60_000
"""Twice as long as a task is let alone that a process could not read."""
"""A shift that found tasks it cannot read looks on after so long: it does not stand still, nor run through them all."""


class RedisStore:
    """Implements `ports.Store`. One per event loop; what its callers ask for at the same time shares round trips."""

    def __init__(
        self,
        link: AsyncLink,
        *,
        producing: ProducerCommands,
        shifting: ShiftCommands,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        self._link = link
        self._producing = producing
        self._shifting = shifting
        self._keys = shifting.keys
        self._clock_ms = clock_ms
        self._ahead_ms = 0
        self._opens_in_ms: int | None = None
        self._unreadable: dict[str, str] = {}
        self._told: set[str] = set()
        self._left_ms: int | None = None
        self._heard: str | None = None

    async def publish(self, policies: Sequence[Policy]) -> None:
        await self._link.run(self._shifting.publish(policies))

    async def policy(self, digest: str) -> Policy:
        try:
            return await self._link.run(self._shifting.policy(digest))
        except FormatTooNew as why:
            self._unreadable[digest] = str(why)
            raise

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Admission]:
        return await self._link.run(self._producing.submit(submissions))

    async def publish_budgets(self, budgets: Sequence[Budget]) -> None:
        parked = await self._link.run(self._shifting.publish_budgets(budgets))
        while parked:
            parked = await self._link.run(self._shifting.wake_parked())

    async def budgets(self, scopes: Collection[str] | None = None) -> Sequence[BudgetUse]:
        """With *scopes*, of these alone and of those that are named in a budget: tenants may be many."""
        published = await self._link.run(self._shifting.budgets())
        if scopes is None:
            scopes = await self._link.run(Command(("SMEMBERS", self._keys.scopes), _scopes))
        now_ms = await self._link.run(self._shifting.time())
        named = {budget.scope for budget in published if not budget.scope.endswith(":*")}
        wanted = [(scope, b) for scope in sorted({*scopes, *named}) for b in applying(published, scope)]
        return await asyncio.gather(*(self._use(scope, budget, now_ms) for scope, budget in wanted))

    async def _use(self, scope: str, budget: Budget, now_ms: int) -> BudgetUse:
        held = window(budget.per, now_ms)
        kept = await self.balances(balance_names(scope, budget.per, held, now_ms))
        used = sum(b.reserved_nusd + b.settled_nusd + b.unsettled_nusd for b in kept.values())
        return BudgetUse(scope, budget, held, used)

    async def claim(
        self,
        tiers: Mapping[str, int],
        *,
        at_most: int,
        token: str,
        alone: bool = False,
        rates: Mapping[str, Rates] = MappingProxyType({}),
    ) -> Sequence[Claim]:
        claimed = await self._link.run(
            self._shifting.claim(tiers, at_most=at_most, token=token, alone=alone, rates=rates)
        )
        self._ahead_ms = claimed.now_ms - _monotonic_ms()
        known = [claim for claim in claimed.claims if claim.task.policy not in self._unreadable]
        strange = [claim for claim in claimed.claims if claim.task.policy in self._unreadable]
        opens = [_LEFT_LOOK_MS] if strange or claimed.unread else []
        opens += [claimed.opens_ms - claimed.now_ms] if claimed.opens_ms is not None else []
        self._opens_in_ms = min(opens, default=None)
        left = [self.leave(claim, self._unreadable[claim.task.policy]) for claim in strange]
        await asyncio.gather(*left, *map(self._leave, claimed.unread))
        return known

    def opens_in_ms(self) -> int | None:
        """As the port says; behind tasks that cannot be read there may be others that can, so that is a gate too."""
        return self._opens_in_ms

    def stands_back(self) -> bool:
        return self._left_ms is not None and _monotonic_ms() - self._left_ms < _STANDS_BACK_MS

    async def renew(self, claims: Sequence[Claim]) -> frozenset[str]:
        return await self._link.run(self._shifting.renew(claims))

    async def reserve(
        self, claim: Claim, intent: Intent, *, rates: Rates, limit_nusd: int, open_for_ms: int
    ) -> Deployment | Refusal:
        return await self._link.run(
            self._shifting.reserve(claim, intent, rates=rates, limit_nusd=limit_nusd, open_for_ms=open_for_ms)
        )

    async def resolve(self, intent: Intent, settlement: Settlement, kept: Kept) -> None:
        await self._link.run(self._shifting.resolve(intent, settlement, kept))

    async def finish(self, claim: Claim, policy: Policy, attempt: Attempt | None, decision: Decision) -> bool:
        return await self._link.run(self._shifting.finish(claim, policy, attempt, decision))

    async def release(self, claim: Claim) -> bool:
        return await self._link.run(self._shifting.release(claim))

    async def leave(self, claim: Claim, why: str) -> bool:
        return await self._leave(Unread(claim.task.id, claim.task.policy, claim.tier, claim.token, why))

    async def _leave(self, unread: Unread) -> bool:
        """Told once for each version of a policy: there may be many tasks."""
        if unread.policy not in self._told:
            self._told.add(unread.policy)
            log.logger().warning(
                "task.left", task=unread.task_id, tier=unread.tier, version=unread.policy, reason=unread.why
            )
        self._left_ms = _monotonic_ms()
        return await self._link.run(self._shifting.leave(unread.task_id, unread.token, unread.why))

    async def sweep(self, *, at_most: int) -> Swept:
        return await self._link.run(self._shifting.sweep(at_most=at_most))

    async def cancel(self, task_id: str) -> TaskState:
        return await self._link.run(self._producing.cancel(task_id))

    async def rule(self, task_id: str, attempt: Attempt, *, patience_ms: int) -> TaskState:
        return await self._link.run(self._producing.rule(task_id, attempt, patience_ms=patience_ms))

    async def erase(self, task_id: str) -> TaskState:
        return await self._link.carry_out(self._producing.erase(task_id))

    async def read(self, task_id: str) -> Record:
        parts = await asyncio.gather(*(self._link.run(command) for command in self._producing.read(task_id)))
        return record(task_id, *parts)

    def now_ms(self) -> int:
        """The server's clock as of the last claim, carried on by this process's steady one."""
        return self._clock_ms() if self._clock_ms else self._ahead_ms + _monotonic_ms()

    async def ledger(self) -> Sequence[Entry]:
        entries: list[Entry] = []
        after = "-"
        while page := await self._link.run(self._ledger_page(after)):
            entries += [line for _, line in page]
            after = f"({page[-1][0]}"
        return entries

    async def balance(self, *, since_day: int = 0) -> Balance:
        """As the port says; of the calls that are booked on that day (since 1970, UTC) or later."""
        days = await self._link.run(Command(("SMEMBERS", self._keys.windows), lambda reply: map(as_text, reply)))
        kept = await self.balances([f"global:{day}" for day in days if int(day.removeprefix("d")) >= since_day])
        return Balance(**{amount: sum(getattr(b, amount) for b in kept.values()) for amount in Balance.model_fields})

    async def balances(self, names: Collection[str]) -> Mapping[str, Balance]:
        reads = (self._link.run(Command(("HGETALL", self._keys.balance(name)), _balance)) for name in names)
        found = zip(names, await asyncio.gather(*reads), strict=True)
        return {name: balance for name, balance in found if balance is not None}

    async def alarms(self) -> Sequence[Alarm]:
        """What somebody should look at, since the last call; the first call begins behind the last that was told."""
        if self._heard is None:
            self._heard = await self._link.run(self._producing.last_alarm())
        told = await self._link.run(self._producing.alarms(self._heard))
        self._heard = told[-1][0] if told else self._heard
        return [event for _, event in told if isinstance(event, Alarm)]

    async def close(self) -> None:
        await self._link.close()

    def _ledger_page(self, start: str) -> Command[list[tuple[str, Entry]]]:
        words = ("XRANGE", self._keys.ledger, start, "+", "COUNT", _PAGE)
        return Command(words, lambda reply: [entry(line) for line in reply])


def _monotonic_ms() -> int:
    return int(time.monotonic() * 1000)


def _scopes(reply: Sequence[Any]) -> list[str]:
    """Those of which there is money; without the names of who is unknown, to whom no budget is given."""
    return [scope for scope in map(as_text, reply) if scope.partition(":")[2] != NOBODY]


def _balance(reply: Any) -> Balance | None:
    """A balance from its hash; None where there is none, or none any more."""
    sums = {name: int(value) for name, value in as_pairs(reply).items()}
    if not sums:
        return None
    named = {f"{name}_nusd": sums.get(name, 0) for name in ("reserved", "settled", "unsettled", "overrun")}
    return Balance(**named, calls=sums.get("calls", 0))
