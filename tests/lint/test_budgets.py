"""Budgets that not even one call fits into."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from router.budget import Budget
from router.lint.budgets import budget_doubts
from router.lint.limits import worst_nusd
from router.lint.surroundings import Surroundings
from tests.builders import PRICES, TIERS, a_policy

AROUND = Surroundings(TIERS, PRICES, date(2026, 11, 20))
POLICY = a_policy(audit={"rate": 0.1, "against": "large"})
WORST_USD = worst_nusd(POLICY, AROUND)["mini"] / 1e9


def told(scope: str, usd: Any) -> list[Any]:
    budget = Budget.model_validate({"scope": scope, "usd": f"{usd:.9f}", "per": "day"})
    return [doubt.path for doubt in budget_doubts([budget], [POLICY.on(TIERS)], AROUND)]


@pytest.mark.parametrize(
    "scope",
    [
        *("global", "tenant:*", "tenant:acme", "policy:*", "policy:receipts", "tier:*", "tier:small"),
        *("audit:*", "audit:receipts"),
    ],
)
def test_a_budget_below_one_call(scope: str) -> None:
    """A budget under the cheapest call that counts in it refuses everything; from there on it is fine."""
    assert told(scope, WORST_USD * 0.9) == [("budgets", 0, "usd")]
    assert told(scope, WORST_USD) == []


@pytest.mark.parametrize("scope", ["policy:others", "tier:frontier", "audit:others"])
def test_a_budget_of_nobody_here_is_not_judged(scope: str) -> None:
    """Where no policy counts in a scope, nothing is known of its calls."""
    assert told(scope, 0.000001) == []


def test_a_budget_of_nothing_is_a_wish() -> None:
    """$0 stops a scope on purpose."""
    assert told("tier:small", 0) == []
