"""Tiers that cost more than they save."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..cost import Price
from ..policy import Policy
from ..problem import Code, Mistake
from .surroundings import Measured, Surroundings

_ENOUGH = 30
"""Replies of a tier below which its share is no measurement."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What a rung costs whenever it is asked, and what it saves on average; it pays while it costs less."""

    cost: float
    saves: float

    @property
    def pays(self) -> bool:
        return self.cost < self.saves


def break_even(rungs: Sequence[tuple[float, float]]) -> list[Worth]:
    """
    Weigh each rung but the last: *rungs* are (cost of an attempt, share of its replies that are accepted).

    A rung saves its share times the expected cost of the way without it, `E(i) = cost(i) + (1 - share(i)) * E(next)`,
    where `next` is the cheapest of the ways that are left (optimal stopping over a fixed order). Shares are taken as
    independent of what failed below, which flatters a rung: what it refuses is harder than average.
    """
    *below, (rest, _) = rungs
    weighed: list[Worth] = []
    for cost, share in reversed(below):
        weighed.append(Worth(cost, share * rest))
        rest = min(rest, cost + (1 - share) * rest)
    return weighed[::-1]


def worth_doubts(policy: Policy, around: Surroundings) -> Iterator[Mistake]:
    """Doubts about a path, by what was measured where there is such, else by prices alone."""
    measured = _measured(policy, around)
    if all(tier in measured and measured[tier].replies >= _ENOUGH for tier in policy.path):
        yield from _by_traffic(policy, measured)
    else:
        yield from _by_price(policy, around)


def _measured(policy: Policy, around: Surroundings) -> dict[str, Measured]:
    """What traffic showed; else what the certificate's evidence did, as long as it holds."""
    if around.measured:
        return dict(around.measured)
    certificate = policy.bound_to(around.tiers).certified if policy.promise is not None else None
    if certificate is None:
        return {}
    shares = {name: level.accepted_share for name, level in certificate.levels.items()}
    top = policy.path[-1]
    return {
        name: Measured(shares.get(name, 1.0), usual.cost_nusd, certificate.evidence.certified)
        for name, usual in certificate.usual.items()
        if name in shares or name == top
    }


def _by_traffic(policy: Policy, measured: dict[str, Measured]) -> Iterator[Mistake]:
    rungs = [measured[tier] for tier in policy.path]
    for index, worth in enumerate(break_even([(rung.cost_nusd, rung.accepted) for rung in rungs])):
        if not worth.pays:
            tier, seen = policy.path[index], rungs[index]
            said = (
                f"{tier} costs more than it saves: a reply costs ${worth.cost / 1e9:.6f}, {seen.accepted:.0%} of "
                f"{seen.replies:,} were accepted, which saves ${worth.saves / 1e9:.6f} of the way without it"
            )
            yield Mistake(("tiers", index), said, Code.NOT_WORTH_IT)


def _by_price(policy: Policy, around: Surroundings) -> Iterator[Mistake]:
    """Only what holds whatever the replies are like: both prices, of input and of output, are compared."""
    models = [(rung.tier, rung.spec.priced_model) for rung in policy.tiers if rung.spec is not None]
    known = [(tier, model, around.prices.price(model, around.day)) for tier, model in models]
    priced = [(tier, model, price) for tier, model, price in known if price is not None]
    if len(priced) < len(policy.tiers):
        return
    for index, ((tier, model, price), (following, other, next_price)) in enumerate(pairwise(priced)):
        if model == other:
            continue  # the same model with another effort: its price says nothing of what it thinks
        if _not_less(price, [row for _, _, row in priced[index + 1 :]]):
            said = f"{tier} costs no less than all that follows it together, so even if all it said were accepted"
            yield Mistake(("tiers", index), f"{said} it would save nothing", Code.NOT_WORTH_IT)
        elif _not_less(price, [next_price]):
            said = f"{following} costs no more than {tier} below it ({_told(next_price)}, {_told(price)})"
            yield Mistake(("tiers", index + 1), f"{said}; ask the cheaper one first", Code.ODD_ORDER)


def _not_less(price: Price, others: list[Price]) -> bool:
    return price.input >= sum(row.input for row in others) and price.output >= sum(row.output for row in others)


def _told(price: Price) -> str:
    return f"${price.input:f} in and ${price.output:f} out per million tokens"
