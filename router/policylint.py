"""What a policy may say but its author hardly means: warnings, unlike the mistakes of policyrules.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from .checks import Confidence
from .decision import misfit
from .policy import Policy, Rung
from .policyrules import Mistake
from .problem import Code
from .strictmode import strict_mode_problems
from .task import Task
from .tier import Tier, Tiers

_SUNSET_NEAR = timedelta(days=90)


def doubts(policy: Policy, tiers: Tiers) -> list[Mistake]:
    """Everything about *policy*, asked of *tiers*, that will hardly work as it was meant."""
    known = policy.on(tiers)
    found = (_strict_doubts(policy), _tier_doubts(known), _check_doubts(policy), _limit_doubts(policy), _idle(policy))
    return [doubt for group in found for doubt in group]


def tier_doubts(tiers: Tiers, today: date) -> list[Mistake]:
    """Models that are gone, or soon will be."""
    return [
        Mistake(("tiers", tier.name, "sunset"), _sunset(tier, tier.sunset, today), Code.UNLIKELY)
        for tier in tiers.values()
        if tier.sunset is not None and tier.sunset - today < _SUNSET_NEAR
    ]


def _sunset(tier: Tier, day: date, today: date) -> str:
    verb = "left" if day <= today else "leaves"
    after = f"; its successor is {tier.successor}" if tier.successor else ""
    return f"{tier.model} {verb} its provider on {day}{after}"


def _strict_doubts(policy: Policy) -> Iterator[Mistake]:
    """The provider is asked to keep to the schema strictly, and refuses calls whose schema it cannot hold."""
    for problem in strict_mode_problems(policy.output.json_schema) if policy.output.json_schema is not None else ():
        yield Mistake(("output", "schema"), f"OpenAI will refuse this schema: {problem}", Code.UNLIKELY)
    for tool in policy.output.tools or ():
        for problem in strict_mode_problems(tool.parameters):
            yield Mistake(("output", "tools"), f"OpenAI will refuse function {tool.name}: {problem}", Code.UNLIKELY)


def _tier_doubts(policy: Policy) -> Iterator[Mistake]:
    """A tier that lacks what every task needs is never asked."""
    nothing = Task(id="-", policy="-", input={}, created_ms=0, deadline_ms=1)
    for index, rung in enumerate(policy.tiers):
        if why := misfit(policy, nothing, rung):
            yield Mistake(("tiers", index), f"{rung.tier} is never asked: {why}", Code.UNLIKELY)
        else:
            yield from _image_doubts(policy, index, rung)


def _image_doubts(policy: Policy, index: int, rung: Rung) -> Iterator[Mistake]:
    if policy.prompt.images and rung.spec is not None and not rung.spec.images:
        said = f"{rung.tier} takes no images, so tasks with {' or '.join(policy.prompt.images)} pass it by"
        yield Mistake(("tiers", index), said, Code.UNLIKELY)


def _check_doubts(policy: Policy) -> Iterator[Mistake]:
    for index, check in enumerate(policy.checks):
        if isinstance(check, Confidence) and policy.output.kind == "tools":
            said = "function calls come without log-probabilities, so this check can only say that they are missing"
            yield Mistake(("checks", index), said, Code.UNLIKELY)


def _limit_doubts(policy: Policy) -> Iterator[Mistake]:
    if policy.limits.attempts < len(policy.tiers):
        said = f"{policy.limits.attempts} attempts never reach {policy.tiers[-1].tier}, the policy has more tiers"
        yield Mistake(("limits", "attempts"), said, Code.UNLIKELY)


def _idle(policy: Policy) -> Iterator[Mistake]:
    for key in ("promise", "audit"):
        if getattr(policy, key) is not None:
            yield Mistake((key,), f"{key} is kept with the policy, but nothing acts on it yet", Code.UNLIKELY)
