"""How a service does now: tasks on their way through the tiers, what that costs, and what needs somebody."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..audit import NOBODY
from ..budget import BudgetUse
from ..cost import usd
from ..ledger import Balance
from ..spending.counters import Change
from ..spending.report import CostRow, costs
from ..submission import Card
from ..values import iso
from .service import Service, Worker, crew, flow, money, nearly_used
from .sign import Level, Sign

_ARRIVING = ("first", "escalate", "fallback")
"""Reasons for which a task comes to a tier; for others it is asked there once more."""


@dataclass(frozen=True, slots=True)
class Rung:
    """
    A tier on the way. Of the tasks that `arrived` some were `accepted` and some `escalated`; the others were given up,
    wait for a person, or are there still. Shares are None where there is nothing to divide by.
    """

    tier: str
    arrived: int = 0
    accepted: int = 0
    escalated: int = 0
    cost_nusd: int = 0
    of_tasks: int = 0
    of_cost_nusd: int = 0

    @property
    def others(self) -> int:
        return max(0, self.arrived - self.accepted - self.escalated)

    @property
    def reached(self) -> float | None:
        """The share of all tasks that came here."""
        return min(1.0, self.arrived / self.of_tasks) if self.of_tasks else None

    @property
    def cost_share(self) -> float | None:
        return self.cost_nusd / self.of_cost_nusd if self.of_cost_nusd else None


@dataclass(frozen=True, slots=True)
class Queue:
    """A tier's queue: tasks that are `ready`, those `alone` after a crash, how long ago the oldest came."""

    tier: str
    ready: int
    alone: int
    oldest_ms: int
    running: int
    workers: int
    resting_ms: int


@dataclass(frozen=True, slots=True)
class Overview:
    """
    What was done since some time, by tier in `rungs` and in all in `whole`. What follows it is of all tenants: None
    for who may not see that.
    """

    rungs: tuple[Rung, ...]
    whole: CostRow
    budgets: Sequence[BudgetUse] = ()
    service: Service | None = None
    balance: Balance | None = None
    queues: tuple[Queue, ...] = ()
    signs: tuple[Sign, ...] = field(default=())

    @property
    def alarms(self) -> list[Sign]:
        """The signs that need somebody, problems first."""
        return [s for level in (Level.PROBLEM, Level.WARNING) for s in self.signs if s.level is level]


def overview(
    changes: Sequence[Change],
    cards: Mapping[str, Card],
    budgets: Sequence[BudgetUse],
    *,
    service: Service | None = None,
    balance: Balance | None = None,
    tiers: Iterable[str] = (),
) -> Overview:
    """Put it together from counters, the published policies, and what the keys show; *tiers* are of the tiers file."""
    known = [*dict.fromkeys(tier for card in cards.values() for tier in card.tiers or (card.tier,))]
    rungs, whole = rungs_of(changes, known), next(iter(costs(changes, [])), CostRow({}))
    if service is None:
        return Overview(rungs, whole, budgets)
    used = {tier: name for name, card in cards.items() for tier in card.tiers or (card.tier,)}
    spent = (*(money(service, balance) if balance is not None else ()), *nearly_used(budgets))
    signs = (*crew(service, tiers, used), *flow(service), *spent)
    return Overview(rungs, whole, budgets, service, balance, queues_of(service, known, tiers), signs)


def rungs_of(changes: Iterable[Change], known: Sequence[str] = ()) -> tuple[Rung, ...]:
    """
    The tiers in the order of the paths, then others; left out are audits, which nobody waits for, and calls of which
    only a bill knows: no task came to them.
    """
    flowing = (change for change in changes if change.cell.lane != "audit" and change.cell.tier != NOBODY)
    rows = costs(flowing, ["tier", "reason"])
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        arrived = row.attempts if row.group["reason"] in _ARRIVING else 0
        of_tasks = row.attempts if row.group["reason"] == "first" else 0
        counted = sums[row.group["tier"]]
        counted.update(arrived=arrived, accepted=row.accepted, escalated=row.escalated, cost_nusd=row.cost_nusd)
        sums[""].update(of_tasks=of_tasks, of_cost_nusd=row.cost_nusd)
    of_all = sums.pop("", Counter())
    order = [*(tier for tier in known if tier in sums), *sorted(sums.keys() - {*known})]
    return tuple(Rung(tier, **sums[tier], **of_all) for tier in order)


def queues_of(service: Service, known: Sequence[str], tiers: Iterable[str] = ()) -> tuple[Queue, ...]:
    """The queues of the tiers of the paths, then of others that somebody serves, or where something waits or runs."""
    served = {*tiers, *known}
    waiting = {queue.removeprefix("!") for queue in service.ready} | service.running.keys()
    named = {tier for worker in service.workers for tier in worker.tiers or ()}
    return tuple(_queue(service, tier, served) for tier in [*known, *sorted((waiting | named) - {*known})])


def _queue(service: Service, tier: str, served: set[str]) -> Queue:
    at = (tier, f"!{tier}")
    alive = [w for w in service.workers if not w.alone and not w.silent]
    return Queue(
        tier=tier,
        ready=service.ready.get(tier, 0),
        alone=service.ready.get(f"!{tier}", 0),
        oldest_ms=max(service.oldest_ms.get(queue, 0) for queue in at),
        running=service.running.get(tier, 0),
        workers=sum(tier in (served if w.tiers is None else w.tiers) for w in alive),
        resting_ms=max((ms for place, ms in service.resting.items() if place.partition("/")[0] == tier), default=0),
    )


def staff(workers: Iterable[Worker]) -> str:
    """How many work, by the tiers that they serve; beside them those that take suspects of a crash, and silent ones."""
    kinds = Counter("silent" if w.silent else "for suspects" if w.alone else w.group for w in workers)
    beside = [f"{kinds.pop(kind)} {kind}" for kind in ("for suspects", "silent") if kinds[kind]]
    kinds = +kinds
    groups = ", ".join(f"{number} at {group}" for group, number in sorted(kinds.items()))
    at_work = f"{kinds.total()} worker{'s' * (kinds.total() != 1)}" + (f" ({groups})" if len(kinds) > 1 else "")
    return ", ".join([at_work, *beside])


def as_json(told: Overview) -> dict[str, Any]:
    """Money as decimal strings in dollars, ages in seconds."""
    service, balance = told.service, told.balance
    return {
        "flow": [_rung_json(rung) for rung in told.rungs],
        "costs": told.whole.as_json(),
        "budgets": [_budget_json(use) for use in told.budgets],
        "queues": [_queue_json(queue) for queue in told.queues],
        "alarms": [{"about": s.about, "level": s.level, "seen": s.seen, "advice": s.advice} for s in told.alarms],
    } | (
        {}
        if service is None or balance is None
        else {
            "waiting": service.waiting,
            "delayed": service.delayed,
            "parked": service.parked,
            "review": service.review,
            "dead": service.dead - service.redriven,
            "overdue_s": service.overdue_ms / 1000,
            "workers": sum(not w.alone and not w.silent for w in service.workers),
            "reserved_usd": usd(balance.reserved_nusd),
            "unsettled_usd": usd(balance.unsettled_nusd),
            "overrun_usd": usd(balance.overrun_nusd),
        }
    )


def _rung_json(rung: Rung) -> dict[str, Any]:
    return {
        "tier": rung.tier,
        "arrived": rung.arrived,
        "accepted": rung.accepted,
        "escalated": rung.escalated,
        "others": rung.others,
        "share_of_tasks": rung.reached,
        "cost_usd": usd(rung.cost_nusd),
        "share_of_cost": rung.cost_share,
    }


def _queue_json(queue: Queue) -> dict[str, Any]:
    return {
        "tier": queue.tier,
        "ready": queue.ready,
        "alone": queue.alone,
        "oldest_s": queue.oldest_ms / 1000,
        "running": queue.running,
        "workers": queue.workers,
        "resting_s": queue.resting_ms / 1000,
    }


def _budget_json(use: BudgetUse) -> dict[str, Any]:
    return {
        "scope": use.scope,
        "per": use.budget.per,
        "limit_usd": usd(use.budget.limit_nusd),
        "used_usd": usd(use.used_nusd),
        "left_usd": usd(use.left_nusd),
        "turns_at": iso(use.window.end_ms),
    }
