"""Which of the tiers that are left is worth asking, for this one input: by price, chance and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .certificate import Certificate, Chance, Usual

_SURE = 1.0


def best_tier(left: Sequence[str], certificate: Certificate, *, after: str, trust: float, remaining_ms: int) -> str:
    """
    The tier from which on the rest of the way is cheapest.

    `E(j) = cost(j) + (1 - P(j accepts)) * min over k > j of E(k)`: a tier pays only if its cost is less than the chance
    that it accepts, times the expected cost of the way without it.

    *left* are the tiers that can still be asked, in order, up to the one whose reply stands. Where the certificate
    lacks a cost or a chance nothing is skipped. A tier after which the last one would not be done within *remaining_ms*
    is passed by.
    """
    usual, level = certificate.usual, certificate.levels.get(after)
    if level is None or any(tier not in usual for tier in left) or any(t not in level.later for t in left[:-1]):
        return left[0]
    chances = _chances(left, level.later, trust)
    in_time = [tier for tier in left if _takes_ms(tier, left[-1], usual) <= remaining_ms] or [left[-1]]
    expected = _expected(left, usual, chances)
    return min(in_time, key=lambda tier: (expected[tier], left.index(tier)))


def _chances(left: Sequence[str], later: Mapping[str, Chance], trust: float) -> dict[str, float]:
    return {tier: later[tier](trust) for tier in left[:-1]} | {left[-1]: _SURE}


def _takes_ms(tier: str, last: str, usual: Mapping[str, Usual]) -> int:
    """What a tier takes, and the last one after it when it was in vain."""
    return usual[tier].latency_ms + (usual[last].latency_ms if tier != last else 0)


def _expected(left: Sequence[str], usual: Mapping[str, Usual], chances: Mapping[str, float]) -> dict[str, float]:
    """Expected cost of the rest of the way from each tier on, in nano-dollars."""
    expected: dict[str, float] = {}
    for tier in reversed(left):
        rest = min(expected.values(), default=0.0)
        expected[tier] = usual[tier].cost_nusd + (1 - chances[tier]) * rest
    return expected
