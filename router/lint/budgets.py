"""Budgets that not even one call fits into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..budget import Budget
from ..cost import usd
from ..policy import Policy
from ..problem import Code, Mistake
from .limits import worst_nusd
from .path import never_asked
from .surroundings import Surroundings


def budget_doubts(budgets: Sequence[Budget], policies: Sequence[Policy], around: Surroundings) -> Iterator[Mistake]:
    """Doubts about budgets, held against the cheapest call that counts in each; one of $0 stops a scope on purpose."""
    if not budgets:
        return
    worst = {policy.policy: _asked(policy, around) for policy in policies}
    for index, budget in enumerate(budgets):
        cheapest = min(_counting(budget, worst, policies), default=None)
        if cheapest is not None and 0 < budget.limit_nusd < cheapest:
            said = f"no call fits into this: the cheapest of {budget.scope} is reserved at ${usd(cheapest)}"
            yield Mistake(("budgets", index, "usd"), said, Code.BUDGET)


def _asked(policy: Policy, around: Surroundings) -> dict[str, int]:
    unasked = never_asked(policy)
    return {tier: cost for tier, cost in worst_nusd(policy, around).items() if tier not in unasked}


def _counting(budget: Budget, worst: Mapping[str, Mapping[str, int]], policies: Sequence[Policy]) -> Iterator[int]:
    """What calls cost that count in a budget: the first tier's of a policy, anybody's of a tier."""
    kind, _, name = budget.scope.partition(":")
    for policy in policies:
        costs = worst[policy.policy]
        if kind == "tier":
            yield from (cost for tier, cost in costs.items() if name in ("*", tier))
        elif kind == "audit":
            against = policy.audit.against if policy.audit is not None else None
            yield from (cost for tier, cost in costs.items() if tier == against and name in ("*", policy.policy))
        elif kind != "policy" or name in ("*", policy.policy):
            yield from list(costs.values())[:1]
