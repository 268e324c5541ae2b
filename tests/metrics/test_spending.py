"""Attempts and money, as they are told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from router.spending.counters import Cell, Change
from tests.metrics.snapshots import FULL, told
from tests.scrape import scraped
from tests.test_producing import CARD


def test_attempts_are_told_by_what_came_of_them() -> None:
    """By tier, outcome and reason; those that nobody was asked for want of a price by themselves."""
    read = scraped(FULL)

    assert read["router_attempts_total"] == {
        ("fail", "first", "mini"): 1,
        ("unpriced", "escalate", "large"): 1,
        ("pass", "retry", "large"): 1,
    }
    assert read["router_escalations_total"] == {("fail", "mini"): 1}
    assert read["router_results_accepted_total"]["receipts", "large"] == 1
    assert read["router_unpriced_attempts_total"] == {("large",): 1, ("mini",): 0}
    assert read["router_tokens_total"] == {
        ("cached_input", "mini"): 200,
        ("input", "mini"): 1_000,
        ("output", "mini"): 100,
        ("reasoning", "mini"): 30,
    }
    assert read["router_call_duration_seconds_count"] == {("large",): 1, ("mini",): 1}
    assert read["router_call_duration_seconds_sum"] == {("large",): 0.9, ("mini",): 0.07}


def test_money_is_told_to_the_nano_dollar() -> None:
    """What was spent, what of it was above the worst case or for nothing, what nobody knows, what is set aside."""
    read = scraped(FULL)

    def told(name: str) -> dict[tuple[str, ...], str]:
        return {labels: usd for labels, usd in read.dollars(name).items() if float(usd)}

    assert told("router_cost_dollars_total") == {("receipts", "first", "mini"): "0.000001200"}
    assert told("router_cost_overrun_dollars_total") == {("receipts", "first", "mini"): "0.000000300"}
    assert told("router_cost_waste_dollars_total") == {("receipts", "first", "mini"): "0.000001200"}
    assert told("router_cost_unsettled_dollars") == {("receipts", "escalate", "large"): "0.000000500"}
    assert told("router_cost_reserved_dollars") == {(): "0.000001000"}
    assert told("router_budget_limit_dollars") == {("day", "global"): "50.000000000"}
    assert told("router_budget_left_dollars") == {("day", "global"): "29.999999999"}
    assert (read.one("router_calls_open"), read.one("router_calls_late")) == (3, 1)
    assert read.one("router_cost_fold_lag_seconds") == 1.5


def test_what_the_top_tier_would_have_cost_is_told_by_policy() -> None:
    """Beside what was spent, it is what was saved; where nobody knows it there is no series that says 0."""
    cell = Cell("mini", "receipts", "", "", "", "interactive", "first", "-")
    read = told(counts=[Change(0, cell, Counter(settled=200, top=1_500)), Change(0, cell, Counter(top=500))])

    assert read.dollars("router_cost_always_top_dollars_total") == {("receipts",): "0.000002000"}
    assert scraped(FULL)["router_cost_always_top_dollars_total"] == {}


def test_what_caches_saved_is_told_by_policy() -> None:
    """What input from a provider's cache would have cost more, exactly."""
    cell = Cell("mini", "receipts", "", "", "", "interactive", "first", "-")
    read = told(counts=[Change(0, cell, Counter(settled=200, cache_saved=75)), Change(0, cell, Counter(settled=1))])

    assert read.dollars("router_cost_cache_saving_dollars_total") == {("receipts",): "0.000000075"}


def test_money_begins_with_nothing() -> None:
    """Each step of a published path is told as 0 before its first call: what a series begins with, nobody counts."""
    card = replace(CARD, policy="mail", tiers=("mini", "large"))
    read = told(cards={"mail": card})

    for name in ("cost", "cost_accepted", "cost_waste"):
        assert read[f"router_{name}_dollars_total"] == {("mail", "first", "mini"): 0, ("mail", "escalate", "large"): 0}
    assert read["router_results_accepted_total"] == {("mail", "large"): 0, ("mail", "mini"): 0}
    assert read["router_cost_always_top_dollars_total"] == {("mail",): 0}
