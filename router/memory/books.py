"""What the store in memory knows of money: calls, the ledger's lines, budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ..budget import SHORT, Budget, BudgetUse, applying, scopes, window
from ..call import Deployment
from ..ledger import Entry, EntryKind, Intent, Settlement
from ..refusal import Refusal, over_budget

FRESH_MS = 10_000
"""Budgets published so short ago may not have been those that a task was refused by."""
_DAY_MS: Final = 86_400_000


@dataclass
class Call:
    """A call as it stands: what its reservation was, what it comes to, and the short budgets that count it."""

    intent: Intent
    token: str
    kind: EntryKind
    reserved_nusd: int
    until_ms: int
    begun_ms: int
    amount_nusd: int
    place: Deployment | None = None
    counts: frozenset[tuple[str, str]] = frozenset()


class Books:
    """Calls by id, and the lines that they were booked by."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._calls: dict[str, Call] = {}
        self._held: Counter[str] = Counter()
        self._budgets: tuple[Budget, ...] = ()
        self._published_ms = -FRESH_MS
        self.lines: list[Entry] = []

    def publish(self, budgets: Sequence[Budget]) -> None:
        self._budgets, self._published_ms = tuple(budgets), self._clock_ms()

    @property
    def fresh(self) -> bool:
        """Whether budgets were published a moment ago."""
        return self._published_ms > self._clock_ms() - FRESH_MS

    def uses(self) -> list[BudgetUse]:
        """How much of each budget is used, in each scope that there is."""
        now = self._clock_ms()
        seen = {scope for call in self._calls.values() for scope in _scopes(call.intent)}
        named = {budget.scope for budget in self._budgets if not budget.scope.endswith(":*")}
        uses = ((scope, budget) for scope in sorted(seen | named) for budget in applying(self._budgets, scope))
        return [BudgetUse(s, b, window(b.per, now), self._used(s, b, now)) for s, b in uses]

    def refusal(self, intent: Intent) -> Refusal | None:
        """The refusal of a call that some budget leaves no room for; for good where one of them says so."""
        now, refusals, asked = self._clock_ms(), [], intent.reserved_nusd
        for scope in _scopes(intent):
            for budget in applying(self._budgets, scope):
                used, limit = self._used(scope, budget, now), budget.limit_nusd
                if used + asked > limit:
                    parks = budget.on_exceeded == "park" and asked <= limit
                    until_ms = window(budget.per, now).end_ms if parks else None
                    sums = {"asked_nusd": asked, "limit_nusd": limit, "used_nusd": used}
                    refusals.append(over_budget(scope, budget.per, **sums, until_ms=until_ms))
        return max(refusals, key=lambda r: (r.until_ms is None, r.until_ms or 0), default=None)

    def held(self, task_id: str) -> int:
        """What a task's calls cost or may cost, in nano-dollars."""
        return self._held[task_id]

    def call(self, name: str) -> Call | None:
        return self._calls.get(name)

    def reserve(self, intent: Intent, token: str, place: Deployment, *, open_for_ms: int) -> None:
        now, held = self._clock_ms(), intent.reserved_nusd
        counts = frozenset((s, budget.per) for s in _scopes(intent) for budget in applying(self._budgets, s))
        call = Call(intent, token, EntryKind.RESERVED, held, now + open_for_ms, now, held, place, counts)
        self._calls[intent.call] = call
        self._held[intent.task] += held
        self._line(EntryKind.RESERVED, intent, held, day=now // _DAY_MS)

    def forgotten(self, intent: Intent, settlement: Settlement) -> Call:
        """A call whose record is lost is booked all the same: it was really sent."""
        unknown, now = settlement.kind is EntryKind.UNSETTLED, self._clock_ms()
        reserved = intent.reserved_nusd if unknown else 0
        self._held[intent.task] += reserved
        self._line(EntryKind.RESERVED, intent, reserved, day=now // _DAY_MS)
        call = self._calls[intent.call] = Call(intent, "-", EntryKind.RESERVED, reserved, 0, now, reserved)
        return call

    def settle(self, call: Call, settlement: Settlement) -> None:
        call.kind = settlement.kind
        if settlement.kind is EntryKind.UNSETTLED:
            self._line(settlement.kind, call.intent, call.reserved_nusd, settlement=settlement)
            return
        cost = call.amount_nusd = settlement.cost_nusd if settlement.kind is EntryKind.SETTLED else 0
        self._held[call.intent.task] += cost - call.reserved_nusd
        overrun = max(0, cost - call.intent.reserved_nusd)
        self._line(settlement.kind, call.intent, cost, overrun=overrun, settlement=settlement)

    def late(self, *, at_most: int) -> list[Call]:
        """Open calls whose time is over, the latest first in line."""
        now = self._clock_ms()
        late = (c for c in self._calls.values() if c.kind is EntryKind.RESERVED and c.until_ms <= now)
        return sorted(late, key=lambda c: (c.until_ms, c.intent.call))[:at_most]

    def _used(self, scope: str, budget: Budget, now: int) -> int:
        """Windows shorter than a day count the calls that were granted under such a budget."""
        held = window(budget.per, now)
        within = (c for c in self._calls.values() if held.start_ms <= c.begun_ms < held.end_ms)
        calls = (c for c in within if scope in _scopes(c.intent))
        return sum(c.amount_nusd for c in calls if budget.per not in SHORT or (scope, budget.per) in c.counts)

    def _line(
        self,
        kind: EntryKind,
        intent: Intent,
        amount: int,
        *,
        overrun: int = 0,
        day: int | None = None,
        settlement: Settlement | None = None,
    ) -> None:
        self.lines.append(
            Entry(
                kind=kind,
                at_ms=self._clock_ms(),
                task=intent.task,
                attempt=intent.attempt,
                tier=intent.tier,
                policy=intent.policy,
                version=intent.version,
                tenant=intent.tenant,
                why=intent.why,
                call=intent.call,
                purpose=intent.purpose,
                model=intent.model,
                amount_nusd=amount,
                overrun_nusd=overrun,
                day=day,
                price_since=intent.price_since,
                simulated=intent.simulated,
                usage=settlement.usage if settlement else None,
                latency_ms=settlement.latency_ms if settlement else 0,
            )
        )


def _scopes(intent: Intent) -> tuple[str, ...]:
    return scopes(tenant=intent.tenant, policy=intent.policy, tier=intent.tier, why=intent.why)
