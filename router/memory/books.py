"""What the store in memory knows of money: calls, the ledger's lines, budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..budget import SHORT, Budget, BudgetUse, Window, applying, scopes, window
from ..call import Deployment
from ..ledger import Entry, EntryKind, Intent, Settlement
from ..refusal import Refusal, budget_held, over_budget
from ..task import Task
from .fronts import AGAIN_MS, Fronts, Named

FRESH_MS = 10_000
"""Budgets published so short ago may not have been those that a task was refused by."""
_DAY_MS: Final = 86_400_000
_AGAIN_MOST_MS, _OF_AGE = 10_000, 8
"""A call that others leave no room for is tried again after that part of its task's age, and so long at most."""


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
    counts: frozenset[Named] = frozenset()


@dataclass(frozen=True, slots=True)
class _Till:
    """
    A budget as a call finds it: what is spent, with unknown outcomes at their bounds, what calls under way hold, and
    what is kept for who waits first.
    """

    scope: str
    budget: Budget
    window: Window
    spent_nusd: int
    held_nusd: int
    kept_nusd: int = 0

    @property
    def named(self) -> Named:
        return self.scope, self.budget.per

    def has(self, nusd: int) -> bool:
        """Whether there is money for so much, be it held or not."""
        return self.spent_nusd + nusd <= self.budget.limit_nusd

    def fits(self, nusd: int) -> bool:
        return self.has(self.held_nusd + self.kept_nusd + nusd)


class Books:
    """Calls by id, and the lines that they were booked by."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._calls: dict[str, Call] = {}
        self._held: Counter[str] = Counter()
        self._budgets: tuple[Budget, ...] = ()
        self._published_ms = -FRESH_MS
        self._fronts = Fronts()
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
        tills = (self._till(scope, budget, now) for scope, budget in uses)
        return [BudgetUse(t.scope, t.budget, t.window, t.spent_nusd + t.held_nusd) for t in tills]

    def refusal(self, intent: Intent, task: Task) -> Refusal | None:
        """
        The refusal of a call that some budget leaves no room for; for good where one of them says so, for a moment
        where they have money for it that calls under way hold.
        """
        asked, tills = intent.reserved_nusd, self._tills(intent)
        if spent := [_exceeded(till, asked, task) for till in tills if not till.has(asked)]:
            return max(spent, key=lambda r: (r.until_ms is None, r.until_ms or 0))
        full = [till for till in tills if not till.fits(asked)]
        return self._held_up(full, intent, task) if full else None

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
        self._fronts.leave(intent.task, counts)
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

    def _till(self, scope: str, budget: Budget, now: int) -> _Till:
        """Windows shorter than a day count the calls that were granted under such a budget."""
        within = window(budget.per, now)
        sums = {True: 0, False: 0}
        for call in self._calls.values():
            counts = budget.per not in SHORT or (scope, budget.per) in call.counts
            if counts and within.start_ms <= call.begun_ms < within.end_ms and scope in _scopes(call.intent):
                sums[call.kind is EntryKind.RESERVED] += call.amount_nusd
        return _Till(scope, budget, within, spent_nusd=sums[False], held_nusd=sums[True])

    def _tills(self, intent: Intent) -> list[_Till]:
        """
        The budgets that a call counts in. Two tasks that are first at different ones do not wait for each other, and
        what an attempt needs besides its first call waits for nobody.
        """
        now = self._clock_ms()
        tills = [self._till(s, budget, now) for s in _scopes(intent) for budget in applying(self._budgets, s)]
        waiting = {till.named: front for till in tills if (front := self._fronts.at(till.named, now))}
        patient = {named: front for named, front in waiting.items() if front.is_patient(now)}
        if intent.position or intent.task in [front.task for front in patient.values()]:
            return tills
        kept = {till.named: patient[till.named].nusd for till in tills if till.named in patient}
        return [replace(till, kept_nusd=_kept(till, kept.get(till.named, 0))) for till in tills]

    def _held_up(self, full: Sequence[_Till], intent: Intent, task: Task) -> Refusal:
        """Who waits first tries again each second, others the later the older they are."""
        now, till = self._clock_ms(), full[0]
        pause_ms = max(AGAIN_MS, min((now - task.created_ms) // _OF_AGE, _AGAIN_MOST_MS))
        named = [t.named for t in full]
        if not intent.position and self._fronts.wait(intent.task, intent.reserved_nusd, named, now):
            pause_ms = AGAIN_MS
        until_ms = min(now + pause_ms, till.window.end_ms)
        return budget_held(
            till.scope,
            till.budget.per,
            asked_nusd=intent.reserved_nusd,
            limit_nusd=till.budget.limit_nusd,
            spent_nusd=till.spent_nusd,
            held_nusd=till.held_nusd + till.kept_nusd,
            stands_back=till.kept_nusd > 0,
            until_ms=until_ms,
            pause_ms=until_ms - now,
        )

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


def _exceeded(till: _Till, asked: int, task: Task) -> Refusal:
    parks = till.budget.on_exceeded == "park" and asked <= till.budget.limit_nusd
    return over_budget(
        till.scope,
        till.budget.per,
        asked_nusd=asked,
        limit_nusd=till.budget.limit_nusd,
        used_nusd=till.spent_nusd + till.held_nusd,
        until_ms=till.window.end_ms if parks else None,
        deadline_ms=task.deadline_ms,
    )


def _kept(till: _Till, wanted: int) -> int:
    """Nothing is kept for who finds no money left."""
    return wanted if till.has(wanted) else 0


def _scopes(intent: Intent) -> tuple[str, ...]:
    return scopes(tenant=intent.tenant, policy=intent.policy, tier=intent.tier, why=intent.why)
