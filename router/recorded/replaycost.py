"""What a recorded task cost under a policy, and how much more it may have been where the log does not tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from ..checks import Check, Judge
from ..cost import PriceBook
from ..policy import Policy
from ..tier import Tier
from ..trail import Purpose, Spent
from .recording import Consulted, LoggedReply, Recording
from .replayed import Missing, Range


def dearest(recordings: Sequence[Recording]) -> dict[str, int]:
    """The dearest reply of each tier in a log, in nano-dollars."""
    found: dict[str, int] = {}
    for recording in recordings:
        for tier, replies in recording.replies.items():
            found[tier] = max(found.get(tier, 0), *(reply.cost_nusd or 0 for reply in replies))
    return found


def cost_of(reply: LoggedReply, tier: Tier | None, prices: PriceBook, day: date) -> int | None:
    """What a reply cost in nano-dollars: as the log says, else by its tokens; None where nobody knows."""
    if reply.cost_nusd is not None or reply.usage is None or tier is None:
        return reply.cost_nusd
    price = prices.price(tier.priced_model, day)
    return price.of(reply.usage) if price is not None else None


class Account:
    """
    The calls of one recorded task, as its log tells what they cost; `missing` is what it does not.

    *most* is the dearest that a reply of each tier may be, in nano-dollars; without it, what the policy allows a task.
    """

    def __init__(self, policy: Policy, recording: Recording, prices: PriceBook, most: Mapping[str, int]) -> None:
        self._policy = policy
        self._recording = recording
        self._prices = prices
        self._most = most
        self._unknown_nusd = 0
        self.missing: list[Missing] = []

    def reply(self, tier: str, reply: LoggedReply) -> Spent:
        """The call that a reply came from; one without an answer costs nothing unless the log says so."""
        spec = self._policy.rung(tier).spec
        cost_nusd = cost_of(reply, spec, self._prices, self._recording.day)
        if cost_nusd is None and reply.failure is None:
            self._lack(tier)
        return Spent(
            call="",
            purpose="answer",
            tier=tier,
            model=reply.model or (spec.model if spec is not None else ""),
            deployment=reply.deployment or (spec.places[0].name if spec is not None else "main"),
            cost_nusd=cost_nusd or 0,
            doubt_nusd=reply.doubt_nusd,
            usage=reply.usage,
            latency_ms=reply.latency_ms,
        )

    def consulted(self, tier: str, reply: LoggedReply, check: Check) -> Spent:
        """The call that a check made about a reply."""
        purpose: Purpose = "judge" if isinstance(check, Judge) else "sample"
        asked = check.tier if isinstance(check, Judge) else tier
        took = reply.consulted.get(check.name, _UNTOLD)
        if took.cost_nusd is None:
            self._lack(asked, check.name)
        return Spent(
            call="",
            purpose=purpose,
            tier=asked,
            model="",
            cost_nusd=took.cost_nusd or 0,
            doubt_nusd=took.doubt_nusd,
            latency_ms=took.latency_ms,
        )

    def total(self, calls: Iterable[Spent], open_at: str | None) -> Range:
        """What these calls cost; with *open_at*, and what may have come from that tier on."""
        low = high = 0
        for call in calls:
            low += call.cost_nusd
            high += call.cost_nusd + call.doubt_nusd
        high += self._unknown_nusd
        if open_at is not None:
            high = max(high, min(self._policy.limits.cost_nusd, high + self._rest_nusd(open_at)))
        return Range(low, high)

    def _lack(self, tier: str, check: str | None = None) -> None:
        self.missing.append(Missing("cost", tier, check))
        self._unknown_nusd += self._most_nusd(tier)

    def _rest_nusd(self, tier: str) -> int:
        """The most that this tier and those above it may still cost, with what their checks ask."""
        left = (self._policy.rung(tier), *self._policy.above(tier))
        return sum(rung.attempts * sum(map(self._most_nusd, self._asked_at(rung.tier))) for rung in left)

    def _asked_at(self, tier: str) -> Iterator[str]:
        """The tiers that an attempt at *tier* takes a reply of."""
        yield tier
        for check in self._policy.asking(tier):
            yield check.tier if isinstance(check, Judge) else tier

    def _most_nusd(self, tier: str) -> int:
        return self._most.get(tier, self._policy.limits.cost_nusd)


_UNTOLD: Final = Consulted()
