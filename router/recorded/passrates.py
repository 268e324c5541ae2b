"""What recorded traffic shows of the rungs of a policy: how often each is climbed no further, and for how much."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from ..cost import PriceBook
from ..decision import Accept
from ..lint.surroundings import Measured
from ..policy import Policy
from .recording import Recording
from .replay import replay
from .replayed import Replayed


def pass_rates(policy: Policy, recordings: Iterable[Recording], prices: PriceBook) -> dict[str, Measured]:
    """Judge *recordings* again under *policy*, bound to its tiers; a visit to a tier counts once, with its repairs."""
    visits: dict[str, list[tuple[bool, int]]] = {tier: [] for tier in policy.path}
    for recording in recordings:
        if recording.policy in (None, policy.policy):
            for tier, accepted, cost_nusd in _visits(replay(policy, recording, prices=prices)):
                visits[tier].append((accepted, cost_nusd))
    return {tier: _measured(seen) for tier, seen in visits.items() if seen}


def _visits(replayed: Replayed) -> Iterable[tuple[str, bool, int]]:
    """Each tier that was asked, whether its reply was accepted, and what it cost; not one whose end nobody knows."""
    for tier, attempts in groupby(replayed.trail, key=lambda attempt: attempt.tier):
        if tier != replayed.open_at:
            accepted = isinstance(replayed.end, Accept) and tier == replayed.tier
            yield tier, accepted, sum(call.cost_nusd for attempt in attempts for call in attempt.calls)


def _measured(seen: list[tuple[bool, int]]) -> Measured:
    accepted = sum(one for one, _ in seen) / len(seen)
    return Measured(accepted, sum(cost for _, cost in seen) / len(seen), len(seen))
