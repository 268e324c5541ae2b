"""Which of the tiers that are left is worth asking."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.certificate import Certificate, Chance, Level, Usual
from router.worthwhile import best_tier
from tests.builders import a_certificate

LEFT = ["small", "large"]
LONG_MS = 3_600_000


def known(*, costs: dict[str, int], chance: float = 0.0, latency_ms: int = 100, **levels: Any) -> Certificate:
    """A certificate with those costs, by which `small` accepts with log-odds *chance* whatever the trust was."""
    level = Level(trust={"intercept": 0.0}, threshold=0.9, later={"small": Chance(a=chance, b=0.0)})
    usual = {tier: Usual(cost_nusd=cost, latency_ms=latency_ms) for tier, cost in costs.items()}
    return a_certificate(usual=usual, levels={"mini": level, **levels})


def chosen(certificate: Certificate, *, trust: float = 0.5, remaining_ms: int = LONG_MS, left: list[str] = LEFT) -> str:
    return best_tier(left, certificate, after="mini", trust=trust, remaining_ms=remaining_ms)


@pytest.mark.parametrize(
    ("small_nusd", "tier"),
    [(499, "small"), (501, "large")],
    ids=["cheap enough", "too dear"],
)
def test_a_tier_is_asked_where_it_pays(small_nusd: int, tier: str) -> None:
    """With an even chance a tier pays up to half the price of the way without it, and not beyond."""
    assert chosen(known(costs={"small": small_nusd, "large": 1000})) == tier


def test_the_input_decides() -> None:
    """The same tier pays for an input that was nearly trusted and is skipped for one that was hopeless."""
    level = Level(trust={"intercept": 0.0}, threshold=0.9, later={"small": Chance(a=0.0, b=1.0)})
    certificate = known(costs={"small": 300, "large": 1000}, mini=level)

    assert (chosen(certificate, trust=0.8), chosen(certificate, trust=0.1)) == ("small", "large")


def test_a_tier_that_would_make_it_late_is_passed_by() -> None:
    """Where the last tier would not be done in time after it, a tier is skipped however cheap it is."""
    certificate = known(costs={"small": 1, "large": 1000}, chance=3.0, latency_ms=400)

    assert chosen(certificate, remaining_ms=800) == "small"
    assert chosen(certificate, remaining_ms=799) == "large"
    assert chosen(certificate, remaining_ms=10) == "large"


def test_what_is_not_known_is_not_skipped() -> None:
    """Without a cost of each tier, or anything about the tier before, the next one is asked."""
    assert chosen(known(costs={"large": 1000}, chance=-9.0)) == "small"
    assert (
        best_tier(LEFT, known(costs={"small": 9, "large": 1}), after="other", trust=0.5, remaining_ms=LONG_MS)
        == "small"
    )


@given(
    costs=st.lists(st.integers(1, 10_000), min_size=3, max_size=3),
    odds=st.lists(st.floats(-4, 4), min_size=2, max_size=2),
    trust=st.floats(0.01, 0.99),
)
def test_no_other_way_is_cheaper(costs: list[int], odds: list[float], trust: float) -> None:
    """The first step of the cheapest of all ways through the tiers that are left is the one that is taken."""
    left = ["small", "middle", "large"]
    later = {"small": Chance(a=odds[0], b=1.0), "middle": Chance(a=odds[1], b=1.0)}
    level = Level(trust={"intercept": 0.0}, threshold=0.9, later=later)
    certificate = known(costs=dict(zip(left, costs, strict=True)), mini=level)
    chances = {tier: later[tier](trust) if tier in later else 1.0 for tier in left}

    def cost(way: list[str]) -> float:
        head, *rest = way
        return certificate.usual[head].cost_nusd + ((1 - chances[head]) * cost(rest) if rest else 0.0)

    ways = [["large"], ["small", "large"], ["middle", "large"], ["small", "middle", "large"]]
    cheapest = min(cost(way) for way in ways)
    through = chosen(certificate, trust=trust, left=left)
    assert min(cost(way) for way in ways if way[0] == through) == pytest.approx(cheapest)
