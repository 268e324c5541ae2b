"""Why the store did not grant a call, in sentences that say when it may."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Literal

from .values import Value


class Refusal(Value):
    """
    Why the store did not grant a call: the limit that it would break. `until_ms` (Unix ms) is when it may be granted,
    None for never.
    """

    limit: Literal["cost", "stale", "budget", "rate", "breaker"]
    message: str
    until_ms: int | None = None

    @property
    def passing(self) -> bool:
        """True where the task has nothing to do but to wait: no attempt was made, and none stands in its trail."""
        return self.until_ms is not None and self.limit != "breaker"


def lost_lease(standing: str) -> Refusal:
    """The refusal of a call for a task that somebody else has now, or nobody."""
    return Refusal(limit="stale", message=f"the lease is gone: the task is {standing}")


def over_cost(held_nusd: int, *, asked_nusd: int, limit_nusd: int) -> Refusal:
    """The refusal of a call that might take its task over its limit, with what is spent or held already."""
    asked, held, limit = map(_dollars, (asked_nusd, held_nusd, limit_nusd))
    if asked_nusd > limit_nusd:
        why = f"it may cost {asked}, more than the whole limit of {limit}"
    else:
        why = f"it may cost {asked}, {held} of {limit} are spent or held already"
    then = "raise that limit in the policy, or lower limits.output_tokens"
    return Refusal(limit="cost", message=f"the call might pass limits.cost_usd: {why}; {then}")


def over_budget(
    scope: str,
    per: str,
    *,
    asked_nusd: int,
    limit_nusd: int,
    used_nusd: int,
    until_ms: int | None,
    deadline_ms: int,
) -> Refusal:
    """The refusal of a call that might spend more than a budget allows; without *until_ms* for good."""
    asked, used, limit = (f"${amount / 1e9:.6f}" for amount in (asked_nusd, used_nusd, limit_nusd))
    why = f"a call may cost {asked}, {used} of {limit} per {per} are spent or held"
    then = "" if until_ms is None else f"; it waits until {_turn(until_ms, deadline_ms)}, or until the budget is raised"
    if asked_nusd > limit_nusd:
        then = "; that is more than the whole budget, so waiting would not help: raise it"
    return Refusal(limit="budget", message=f"no room in the budget of {scope}: {why}{then}", until_ms=until_ms)


def budget_held(
    scope: str,
    per: str,
    *,
    asked_nusd: int,
    limit_nusd: int,
    spent_nusd: int,
    held_nusd: int,
    stands_back: bool,
    until_ms: int,
    pause_ms: int,
) -> Refusal:
    """
    The refusal of a call that a budget has money for, but no room while others hold their worst case. Where it
    *stands_back*, a part of that is kept for one that waits longer.
    """
    asked, spent, limit, held = (f"${nusd / 1e9:.6f}" for nusd in (asked_nusd, spent_nusd, limit_nusd, held_nusd))
    why = f"a call may cost {asked}, {spent} of {limit} per {per} are spent"
    by = "calls under way" + (" and for one that waits longer" if stands_back else "")
    then = f"{held} is held by {by}; tried again in {math.ceil(pause_ms / 1000)} s"
    return Refusal(limit="budget", message=f"no room in the budget of {scope}: {why}; {then}", until_ms=until_ms)


def too_fast(tier: str, until_ms: int) -> Refusal:
    """The refusal of a call for which every deployment of its tier has had its share of a minute, or asked for rest."""
    return Refusal(limit="rate", message=f"{tier} takes no more calls before {_moment(until_ms)}", until_ms=until_ms)


def broken(tier: str, until_ms: int) -> Refusal:
    """The refusal of a call to a tier all of whose deployments failed time and again."""
    message = f"{tier} failed time and again and is left alone until {_moment(until_ms)}"
    return Refusal(limit="breaker", message=message, until_ms=until_ms)


def _dollars(nusd: int) -> str:
    """All of an amount: six places, nine where there is more to it."""
    return f"${nusd / 1e9:.9f}".removesuffix("000")


def _turn(until_ms: int, deadline_ms: int) -> str:
    return _moment(until_ms) if until_ms <= deadline_ms else f"its deadline, {_moment(deadline_ms)}"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
