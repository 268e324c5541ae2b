"""What a policy would do with an input: who is asked, in which words, checked by what. Nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .call import Call
from .checks import Check
from .compose import compose
from .cost import Price, PriceBook, input_tokens_at_most
from .decision import Ask, Decision, decide, misfit
from .policy import Policy, Rung
from .task import Task
from .tier import Tier, Tiers
from .values import Json


@dataclass(frozen=True, slots=True)
class Step:
    """
    One tier of the path: the call it would get first, or why it cannot take the input, and its checks. `promise` says
    from which trust on its replies are accepted; None where nothing was promised of them.
    """

    rung: Rung
    tier: Tier
    call: Call
    misfit: str | None
    worst_nusd: int | None
    checks: tuple[Check, ...]
    promise: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`first` is what happens as soon as the task is claimed."""

    policy: Policy
    first: Decision
    steps: tuple[Step, ...]


def explain(policy: Policy, input: dict[str, Json], *, tiers: Tiers, prices: PriceBook, day: date) -> Explanation:
    """Follow *input* up the path, as if no tier's reply were good enough."""
    known = policy.on(tiers)
    task = Task(id="explained", policy=policy.digest, input=input, created_ms=0, deadline_ms=1)
    asked = [(rung, tiers[rung.tier]) for rung in known.tiers]
    steps = tuple(_step(known, rung, task, tier, prices.price(tier.priced_model, day)) for rung, tier in asked)
    return Explanation(policy=known, first=decide(known, task, (), 0), steps=steps)


def _step(policy: Policy, rung: Rung, task: Task, tier: Tier, price: Price | None) -> Step:
    call = compose(policy, task, (), Ask(rung.tier, "first"), tier, call_id="explained", timeout_s=tier.timeout_s)
    input_tokens = input_tokens_at_most(call, image_tokens_max=tier.image_tokens_max)
    worst = price.worst(input_tokens=input_tokens, output_tokens=call.max_output_tokens) if price else None
    checks = tuple(check for check in policy.all_checks if check.applies_to(rung.tier))
    return Step(rung, tier, call, misfit(policy, task, rung), worst, checks, _promise(policy, rung.tier))


def _promise(policy: Policy, tier: str) -> str | None:
    if tier not in policy.promised_tiers:
        return None
    if policy.certified is None:
        known = policy.certificate
        why = (
            "; ".join(known.outdated(policy.promise, policy.basis)) if known is not None else "there is no certificate"
        )
        return f"nothing is accepted here: {why}; run `router calibrate`"
    level = policy.certified.levels.get(tier)
    if level is None or level.threshold is None:
        return "nothing is accepted here: no threshold could be certified for this tier"
    usual = f" where {policy.held_against} costs what is usual" if level.thrift is not None else ""
    share = f"in the evidence {level.accepted_share:.0%} of its replies"
    return f"accepted from trust {level.threshold:z.3f} on{usual}, {share}"
