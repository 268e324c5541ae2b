"""What Prometheus is told: the facts of a running service as families of metrics with few, known labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from prometheus_client.metrics_core import Metric

from .budget import BudgetUse
from .cost import NUSD_PER_USD
from .family import OTHER, Labels, Series, bounded, counter, dollars, first, gauge, histogram, merged, plain, summed
from .ledger import Balance
from .service import Breaker, Service
from .submission import Card
from .task import TaskState
from .tier import Tier
from .timings import Timings
from .totals import Spent, Totals

TIERS_MAX: Final = 50
POLICIES_MAX: Final = 100
PLACES_MAX: Final = 200
SCOPES_MAX: Final = 200
GROUPS_MAX: Final = 50
_ALARMS: Final = ("breaker", "budget", "storm", "webhook")
_TOLD: Final = ("delivered", "failed", "disabled")


@dataclass(frozen=True, slots=True)
class Asked:
    """The HTTP requests that one process has answered: how many, by method, route and status; how long they took."""

    answered: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    took: Mapping[tuple[str, str], Timings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What the store shows. `tiers` are those of the tiers file, none where it cannot be read; `fold_lag_s` is how far the
    counters of costs are behind the ledger; `full` says that new tasks are refused for want of memory.
    """

    service: Service = field(default_factory=Service)
    balance: Balance = field(default_factory=Balance)
    budgets: Sequence[BudgetUse] = ()
    cards: Mapping[str, Card] = field(default_factory=dict)
    tiers: Mapping[str, Tier] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    fold_lag_s: float = 0.0
    full: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is told at one moment; without `facts` the store could not be reached."""

    version: str
    python: str
    asked: Asked = field(default_factory=Asked)
    facts: Facts | None = None


def families(snapshot: Snapshot) -> list[Metric]:
    """Tell a snapshot as families of metrics, always in the same order."""
    facts = snapshot.facts
    reachable = gauge("router_store_reachable", "Whether Redis answered: 1, or 0.", (), {(): float(facts is not None)})
    own = [*_build(snapshot), *_http(snapshot.asked), reachable]
    if facts is None:
        return own
    names = _Names.of(facts)
    parts = (_tasks, _queues, _workers, _attempts, _money, _budgets, _deployments, _policies, _webhooks)
    return [*own, *(family for part in parts for family in part(facts, names))]


@dataclass(frozen=True, slots=True)
class _Names:
    """How tiers and policies are called in labels."""

    tier: Callable[[str], str]
    policy: Callable[[str], str]
    tiers: tuple[str, ...]

    @classmethod
    def of(cls, facts: Facts) -> _Names:
        known = {*facts.tiers, *(tier for card in facts.cards.values() for tier in card.tiers or (card.tier,))}
        queues = {queue.removeprefix("!") for queue in facts.service.ready}
        tiers = first(known, {*queues, *facts.service.running, *facts.totals.tiers}, TIERS_MAX)
        policies = first(facts.cards, facts.totals.policies, POLICIES_MAX)
        return cls(bounded(tiers), bounded(policies), tuple(tiers))


def _build(snapshot: Snapshot) -> Iterator[Metric]:
    labels = {(snapshot.version, snapshot.python): 1.0}
    yield gauge(
        "router_build_info",
        "The versions of router and Python of this process; always 1.",
        ("version", "python"),
        labels,
    )


def _http(asked: Asked) -> Iterator[Metric]:
    yield counter(
        "router_http_requests_total",
        "HTTP requests that this process has answered.",
        ("method", "route", "status"),
        asked.answered,
    )
    yield histogram(
        "router_http_request_duration_seconds",
        "How long this process took to answer HTTP requests, to the last byte.",
        ("method", "route"),
        asked.took,
    )


def _tasks(facts: Facts, _names: _Names) -> Iterator[Metric]:
    service = facts.service
    standing = {
        TaskState.READY: sum(service.ready.values()),
        TaskState.RUNNING: sum(service.running.values()),
        TaskState.DELAYED: service.delayed,
        TaskState.REVIEW: service.review,
    }
    ended = {(state.value,): service.counts.get(f"task:{state}", 0) for state in TaskState if state.terminal}
    yield gauge(
        "router_tasks", "Tasks that have not ended, by state.", ("state",), {(s.value,): n for s, n in standing.items()}
    )
    yield counter("router_tasks_ended_total", "Tasks that have ended, by the state they ended in.", ("state",), ended)
    yield plain(
        "router_overdue_age_seconds",
        "How long ago the oldest task should have been looked at; 0 while a sweep keeps up. The health of the service.",
        service.overdue_ms / 1000,
    )
    yield plain("router_tasks_parked", "Tasks that wait for room in a budget.", service.parked)
    yield plain(
        "router_review_oldest_age_seconds",
        "How long the task that has waited longest for a person has waited; 0 where none does.",
        service.review_ms / 1000,
    )
    yield plain(
        "router_dead_letters", "Dead letters that are kept and were not sent again.", service.dead - service.redriven
    )
    yield plain(
        "router_store_full", "Whether new tasks are refused because the memory of Redis is short: 1, or 0.", facts.full
    )
    yield counter(
        "router_alarms_total",
        "Alarms raised: a share of a budget is used, a breaker opened, escalations are held back, a webhook is "
        "disabled.",
        ("kind",),
        {(kind,): service.counts.get(f"alarm:{kind}", 0) for kind in _ALARMS},
    )


def _queues(facts: Facts, names: _Names) -> Iterator[Metric]:
    service, empty = facts.service, dict.fromkeys([(tier,) for tier in names.tiers], 0.0)
    ready = summed((((names.tier(q),), n) for q, n in service.ready.items() if not q.startswith("!")))
    alone = summed((((names.tier(q[1:]),), n) for q, n in service.ready.items() if q.startswith("!")))
    running = summed((((names.tier(tier),), n) for tier, n in service.running.items()))
    oldest: dict[Labels, float] = {}
    for queue, ms in service.oldest_ms.items():
        at = (names.tier(queue.removeprefix("!")),)
        oldest[at] = max(oldest.get(at, 0.0), ms / 1000)
    yield gauge(
        "router_queue_tasks", "Tasks that are ready for a tier and wait for a worker.", ("tier",), empty | ready
    )
    yield gauge(
        "router_quarantine_tasks",
        "Tasks that were there when a worker died, and wait to run alone.",
        ("tier",),
        empty | alone,
    )
    yield gauge(
        "router_queue_oldest_age_seconds",
        "How long ago the oldest of the tasks came that are next in line at a tier; 0 where none waits.",
        ("tier",),
        empty | oldest,
    )
    yield gauge("router_running_tasks", "Tasks that a worker holds at a tier.", ("tier",), empty | running)


def _workers(facts: Facts, names: _Names) -> Iterator[Metric]:
    workers = facts.service.workers
    group = bounded(first({worker.group for worker in workers}, (), GROUPS_MAX))
    kinds = Counter((group(w.group), "yes" if w.alone else "no", "silent" if w.silent else "alive") for w in workers)
    serving = {
        (tier,): sum(not w.alone and not w.silent and (w.tiers is None or tier in w.tiers) for w in workers)
        for tier in names.tiers
    }
    yield gauge(
        "router_workers",
        "Worker processes by the tiers they serve together, whether they only take tasks that were there at a crash, "
        "and whether they were heard of in the last 20 s.",
        ("group", "quarantine", "state"),
        kinds,
    )
    yield gauge("router_tier_workers", "Worker processes alive that serve a tier.", ("tier",), serving)
    yield plain(
        "router_shifts_failed", "Shifts of workers that failed within the last hour.", facts.service.failed_shifts
    )
    yield plain("router_shifts_stuck", "Shifts that a worker took and did not begin.", facts.service.stuck_shifts)


def _attempts(facts: Facts, names: _Names) -> Iterator[Metric]:
    totals = facts.totals
    unpriced = summed(((names.tier(t),), n) for (t, outcome, _), n in totals.attempts.items() if outcome == "unpriced")
    yield counter(
        "router_attempts_total",
        "Times that a tier was or should have been asked, by what the checks said of the answer (pass, unsure, fail), "
        "or why there was none, and by the reason for which it was asked.",
        ("tier", "outcome", "reason"),
        summed(((names.tier(t), outcome, why), n) for (t, outcome, why), n in totals.attempts.items()),
    )
    yield counter(
        "router_escalations_total",
        "Times that another tier was to be asked after this one, by what came of it there.",
        ("tier", "reason"),
        summed(((names.tier(t), why), n) for (t, why), n in totals.escalations.items()),
    )
    yield counter(
        "router_results_accepted_total",
        "Answers that were accepted as the result of a task.",
        ("tier", "policy"),
        summed(((names.tier(t), names.policy(p)), n) for (t, p), n in totals.accepted.items()),
    )
    yield counter(
        "router_unpriced_attempts_total",
        "Attempts that asked nobody because no price of the tier's model is in force. Any is an error of prices.yaml.",
        ("tier",),
        dict.fromkeys([(tier,) for tier in names.tiers], 0.0) | unpriced,
    )
    yield histogram(
        "router_call_duration_seconds",
        "How long calls to models took, whatever came of them.",
        ("tier",),
        merged(((names.tier(t),), timings) for t, timings in totals.took.items()),
    )


def _money(facts: Facts, names: _Names) -> Iterator[Metric]:
    totals, by = facts.totals, ("tier", "policy", "reason")

    def told(amounts: Mapping[Spent, int]) -> Series:
        return dollars(((names.tier(t), names.policy(p), why), n) for (t, p, why), n in amounts.items())

    yield counter("router_cost_dollars_total", "What calls have cost, as far as it is known.", by, told(totals.settled))
    yield counter(
        "router_cost_overrun_dollars_total",
        "The part of router_cost_dollars_total that was charged above the proven worst case of a call.",
        by,
        told(totals.overrun),
    )
    yield counter(
        "router_cost_waste_dollars_total",
        "What attempts have cost whose answers were not accepted; audits are not counted.",
        by,
        told(totals.waste),
    )
    yield gauge(
        "router_cost_unsettled_dollars",
        "The most that calls may have cost whose outcome is unknown; falls when they are reconciled.",
        by,
        told(totals.unsettled),
    )
    yield plain(
        "router_cost_reserved_dollars",
        "The worst case of the calls that are under way.",
        facts.balance.reserved_nusd / NUSD_PER_USD,
    )
    yield plain("router_calls_open", "Calls to models that are under way.", facts.service.open_calls)
    yield plain("router_calls_late", "Calls that should have been given up a minute ago.", facts.service.late_calls)
    yield plain(
        "router_cost_fold_lag_seconds", "How far the counters of costs are behind the ledger.", facts.fold_lag_s
    )


def _budgets(facts: Facts, _names: _Names) -> Iterator[Metric]:
    scope = bounded(first({use.scope for use in facts.budgets}, (), SCOPES_MAX))
    uses = [use for use in facts.budgets if scope(use.scope) != OTHER]
    by = ("scope", "per")
    yield gauge(
        "router_budget_limit_dollars",
        "What a scope may spend in a window of time.",
        by,
        {(use.scope, use.budget.per): use.budget.limit_nusd / NUSD_PER_USD for use in uses},
    )
    yield gauge(
        "router_budget_left_dollars",
        "What is left of that now; what is reserved or in doubt counts as spent.",
        by,
        {(use.scope, use.budget.per): use.left_nusd / NUSD_PER_USD for use in uses},
    )


def _deployments(facts: Facts, _names: _Names) -> Iterator[Metric]:
    service, places = facts.service, sorted(facts.service.breakers)[:PLACES_MAX]
    by = {place: tuple(place.split("/", 1)) for place in places}
    states = {
        (*by[place], state.value): float(service.breakers[place] is state) for place in places for state in Breaker
    }
    yield gauge(
        "router_breaker_state",
        "How the breaker of a deployment stands: 1 for its state. Open: it failed time and again, and is left alone "
        "for a while; probing: that is over, and its next call decides.",
        ("tier", "deployment", "state"),
        states,
    )
    yield gauge(
        "router_deployment_rest_seconds",
        "For how long a deployment is left alone, because it failed or asked for fewer calls.",
        ("tier", "deployment"),
        {by[place]: service.resting.get(place, 0) / 1000 for place in places},
    )


def _policies(facts: Facts, names: _Names) -> Iterator[Metric]:
    cards = {name: card for name, card in facts.cards.items() if names.policy(name) == name}
    yield gauge(
        "router_policy_info",
        "The current version of a policy; always 1.",
        ("policy", "version"),
        {(name, card.digest): 1 for name, card in cards.items()},
    )
    yield gauge(
        "router_policy_published_timestamp_seconds",
        "When the current version of a policy was published, in Unix time.",
        ("policy",),
        {(name,): ms / 1000 for name, ms in facts.service.published_ms.items() if name in cards},
    )
    yield gauge(
        "router_tier_sunset_timestamp_seconds",
        "When the model of a tier leaves its provider, in Unix time; only where the tiers file says so.",
        ("tier",),
        {
            (name,): _midnight_s(tier.sunset)
            for name, tier in facts.tiers.items()
            if tier.sunset and names.tier(name) == name
        },
    )


def _webhooks(facts: Facts, _names: _Names) -> Iterator[Metric]:
    service = facts.service
    yield plain("router_webhook_deliveries_waiting", "Webhook deliveries that wait to be sent.", service.hooks_waiting)
    yield plain(
        "router_webhook_overdue_age_seconds",
        "How long ago the first of them should have been sent; 0 while deliverers keep up.",
        service.hooks_late_ms / 1000,
    )
    yield counter(
        "router_webhook_deliveries_total",
        "Webhook deliveries that are over: delivered, failed for good, or not tried since their endpoint is disabled.",
        ("status",),
        {(status,): service.counts.get(f"webhook:{status}", 0) for status in _TOLD},
    )


def _midnight_s(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
