"""Metrics of calls and money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.metrics_core import Metric

from ..cost import NUSD_PER_USD
from ..spending.counters import TOOK, Cell, Change, Sums
from ..timings import Timings
from ..trail import UNPRICED
from .facts import Facts
from .family import OTHER, Labels, bounded, counter, dollars, first, gauge, histogram, merged, plain, summed
from .names import Names

SCOPES_MAX: Final = 200
_TOKENS: Final = {"input": "input", "cached": "cached_input", "output": "output", "reasoning": "reasoning"}


def attempts(facts: Facts, names: Names) -> Iterator[Metric]:
    attempts = _by(facts, lambda cell: (names.tier(cell.tier), cell.verdict, cell.reason), "attempts")
    unpriced = summed(
        ((names.tier(change.cell.tier),), change.sums["attempts"])
        for change in facts.counts
        if change.cell.verdict == UNPRICED
    )
    yield counter(
        "router_attempts_total",
        "Times that a tier was or should have been asked, by what the checks said of the answer (pass, unsure, fail), "
        "or why there was none, and by the reason for which it was asked.",
        ("tier", "outcome", "reason"),
        attempts,
    )
    yield counter(
        "router_escalations_total",
        "Times that another tier was to be asked after this one, by what came of it there.",
        ("tier", "reason"),
        _by(facts, lambda cell: (names.tier(cell.tier), cell.verdict), "escalated"),
    )
    yield counter(
        "router_results_accepted_total",
        "Answers that were accepted as the result of a task.",
        ("tier", "policy"),
        {(tier, policy): 0.0 for tier, policy, _ in _steps(facts, names)}
        | _by(facts, lambda cell: (names.tier(cell.tier), names.policy(cell.policy)), "accepted"),
    )
    yield counter(
        "router_unpriced_attempts_total",
        "Attempts that asked nobody because no price of the tier's model is in force. Any is an error of prices.yaml.",
        ("tier",),
        dict.fromkeys([(tier,) for tier in names.tiers], 0.0) | unpriced,
    )


def calls(facts: Facts, names: Names) -> Iterator[Metric]:
    took = merged(((names.tier(change.cell.tier),), _timings(change.sums)) for change in facts.counts)
    tokens = summed(
        ((names.tier(change.cell.tier), kind), change.sums[measure])
        for change in facts.counts
        for measure, kind in _TOKENS.items()
    )
    yield histogram(
        "router_call_duration_seconds",
        "How long calls to models took, whatever came of them.",
        ("tier",),
        {labels: timings for labels, timings in took.items() if any(timings.counts)},
    )
    yield counter(
        "router_tokens_total",
        "Tokens that providers have counted; cached_input is a part of input, and reasoning of output.",
        ("tier", "kind"),
        _some(tokens),
    )
    yield plain("router_calls_open", "Calls to models that are under way.", facts.service.open_calls)
    yield plain("router_calls_late", "Calls that should have been given up a minute ago.", facts.service.late_calls)


def money(facts: Facts, names: Names) -> Iterator[Metric]:
    by = ("tier", "policy", "reason")
    steps = dict.fromkeys(_steps(facts, names), 0.0)

    def told(amount: Callable[[Change], int]) -> dict[Labels, float]:
        cells = ((change.cell, amount(change)) for change in facts.counts)
        return _some(dollars(((names.tier(c.tier), names.policy(c.policy), c.reason), nusd) for c, nusd in cells))

    yield counter(
        "router_cost_dollars_total",
        "What calls have cost, as far as it is known.",
        by,
        steps | told(lambda change: change.sums["settled"]),
    )
    yield counter(
        "router_cost_overrun_dollars_total",
        "The part of router_cost_dollars_total that was charged above the proven worst case of a call.",
        by,
        told(lambda change: change.sums["overrun"]),
    )
    yield counter(
        "router_cost_accepted_dollars_total",
        "What attempts have cost whose answers were accepted as results.",
        by,
        steps | told(lambda change: change.sums["accepted_cost"]),
    )
    yield counter(
        "router_cost_waste_dollars_total",
        "What attempts have cost whose answers were not accepted; audits are not counted.",
        by,
        steps | told(_wasted),
    )
    yield gauge(
        "router_cost_unsettled_dollars",
        "The most that calls may have cost whose outcome is unknown; falls when they are reconciled.",
        by,
        told(lambda change: change.sums["unsettled"]),
    )
    yield counter(
        "router_cost_always_top_dollars_total",
        "What the first answers of tasks would have cost at the top tier of their policy, where that is known.",
        ("policy",),
        _unasked(facts, names)
        | _some(dollars(((names.policy(change.cell.policy),), change.sums["top"]) for change in facts.counts)),
    )
    yield counter(
        "router_cost_cache_saving_dollars_total",
        "What input that providers had in their caches would have cost more, had it been fresh.",
        ("policy",),
        dollars(((names.policy(change.cell.policy),), change.sums["cache_saved"]) for change in facts.counts),
    )
    reserved_nusd = sum(change.sums["reserved"] for change in facts.counts)
    yield plain(
        "router_cost_reserved_dollars", "The worst case of the calls that are under way.", reserved_nusd / NUSD_PER_USD
    )
    yield plain(
        "router_cost_fold_lag_seconds",
        "How long the oldest line of the ledger has waited to be counted; costs told here have it all the same.",
        facts.fold_lag_s,
    )


def budgets(facts: Facts, _names: Names) -> Iterator[Metric]:
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


def _steps(facts: Facts, names: Names) -> list[Labels]:
    """
    Tier, policy and reason of each step on the paths of the published policies. Their series begin with 0 before the
    first call: Prometheus counts what a series grows by, not what it begins with.
    """
    paths = ((name, card.tiers or (card.tier,)) for name, card in facts.cards.items() if names.policy(name) == name)
    return [
        (names.tier(tier), name, "escalate" if climbed else "first")
        for name, tiers in paths
        for climbed, tier in enumerate(tiers)
    ]


def _unasked(facts: Facts, names: Names) -> dict[Labels, float]:
    """The policies of which nothing was asked yet: their sums begin with 0; of others none may be known."""
    asked = {names.policy(change.cell.policy) for change in facts.counts}
    return {(name,): 0.0 for name in facts.cards if names.policy(name) == name and name not in asked}


def _wasted(change: Change) -> int:
    return 0 if change.cell.lane == "audit" else change.sums["judged"] - change.sums["accepted_cost"]


def _timings(sums: Sums) -> Timings:
    return Timings([sums[name] for name in TOOK], sums["took_ms"])


def _by(facts: Facts, labels: Callable[[Cell], Labels], measure: str) -> dict[Labels, float]:
    return _some(summed((labels(change.cell), change.sums[measure]) for change in facts.counts))


def _some(series: dict[Labels, float]) -> dict[Labels, float]:
    """Without what never happened: cells hold many measures, and few of each."""
    return {labels: number for labels, number in series.items() if number}
