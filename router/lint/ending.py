"""Doubts about replies that nobody can settle: the end of the path."""

from __future__ import annotations

from collections.abc import Iterator

from ..checks import Check, Confidence
from ..policy import Policy, Rung
from ..problem import Code, Mistake
from .path import never_asked

_ENDLESS = ("escalate", "retry", "repair")


def ending_doubts(policy: Policy) -> Iterator[Mistake]:
    """Doubts about a policy that climbs from its last tier: what is unsure there is lost, unless people look at it."""
    last, moves = policy.tiers[-1], policy.moves
    if moves.unsure not in _ENDLESS or moves.exhausted == "review" or last.tier in never_asked(policy):
        return
    if policy.output.kind == "tools":  # no tier has log-probabilities of those, which is told by itself
        return
    below = f"limit the check to `tiers: [{', '.join(policy.path[:-1])}]`, or " if len(policy.path) > 1 else ""
    for index, check in enumerate(policy.checks):
        if _may_doubt(check, last):
            said = f"what is unsure at {last.tier}, the last tier, ends as {moves.exhausted}, even if it is right"
            yield Mistake(("checks", index), f"{said}; {below}send it to `review`", Code.UNLIKELY)


def _may_doubt(check: Check, rung: Rung) -> bool:
    """Whether a confidence check can find a reply of that tier unsure: also one that gives no log-probabilities."""
    if not isinstance(check, Confidence) or check.severity != "unsure" or not check.applies_to(rung.tier):
        return False
    return check.missing == "unsure" or rung.spec is None or rung.spec.logprobs
