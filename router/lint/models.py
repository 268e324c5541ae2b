"""Models that go, and parameters that a model does not take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ..checks import Agreement
from ..modelfacts import Facts, facts_of
from ..policy import Policy
from ..problem import Code, Mistake
from ..tier import Tier

_SUNSET_NEAR = timedelta(days=90)


def sunset_doubts(tier: Tier, today: date) -> Iterator[Mistake]:
    """Doubts about a tier whose model is gone, or soon will be."""
    if tier.sunset is not None and tier.sunset - today < _SUNSET_NEAR:
        verb = "left" if tier.sunset <= today else "leaves"
        after = f"; its successor is {tier.successor}" if tier.successor else ""
        said = f"{tier.model} {verb} its provider on {tier.sunset}{after}"
        yield Mistake(("tiers", tier.name, "sunset"), said, Code.SUNSET)


def unsaid_sunset_doubts(tier: Tier, today: date) -> Iterator[Mistake]:
    """Doubts about a tier without a `sunset` whose model has one that is known."""
    facts = facts_of(tier.model, tier.api_base)
    if tier.sunset is None and facts is not None and facts.sunset is not None and facts.sunset - today < _SUNSET_NEAR:
        said = f"{tier.model} is announced to leave its provider on {facts.sunset}; write `sunset` and `successor` here"
        yield Mistake(("tiers", tier.name, "model"), said, Code.SUNSET)


def parameter_doubts(tier: Tier) -> Iterator[Mistake]:
    """Doubts about a tier whose settings its model refuses, so that every call fails."""
    for place in tier.places:
        facts = facts_of(place.model, place.api_base)
        for key, said in _refused(tier, facts) if facts is not None else ():
            yield Mistake(("tiers", tier.name, key), f"{place.model} {said}", Code.PARAMETER)
        if facts is not None:
            return  # deployments have the tier's settings: once is enough


def tool_doubts(policy: Policy) -> Iterator[Mistake]:
    """Doubts about a policy of function calls at tiers whose models take no tools while they reason."""
    for index, rung in enumerate(policy.tiers):
        facts = _facts(rung.spec)
        if policy.output.kind != "tools" or facts is None or rung.spec is None or not rung.spec.tools:
            continue
        effort = rung.spec.reasoning_effort or facts.effort
        if facts.tools_at_none and effort != "none":
            said = f"{rung.spec.model} takes function tools at `reasoning_effort: none` alone, here it is {effort}"
            yield Mistake(("tiers", index), said, Code.PARAMETER)


def sample_doubts(policy: Policy) -> Iterator[Mistake]:
    """Doubts about a second sample, which is asked for with a temperature, of models that take none."""
    for index, check in enumerate(policy.checks):
        for rung in policy.tiers if isinstance(check, Agreement) else ():
            facts = _facts(rung.spec)
            if check.applies_to(rung.tier) and facts is not None and rung.spec is not None:
                effort = rung.spec.reasoning_effort or facts.effort
                if effort != "none":
                    said = f"{rung.spec.model} takes no temperature at `reasoning_effort: {effort}`"
                    why = f"so {rung.tier} gives no second sample; limit the check to other `tiers`"
                    yield Mistake(("checks", index), f"{said}, {why}", Code.PARAMETER)


def _facts(tier: Tier | None) -> Facts | None:
    return facts_of(tier.model, tier.api_base) if tier is not None else None


def _refused(tier: Tier, facts: Facts) -> Iterator[tuple[str, str]]:
    """What the model does not take: the key, and a sentence that goes on from its name."""
    effort = tier.reasoning_effort or facts.effort
    if tier.reasoning_effort is not None and not facts.efforts:
        yield "reasoning_effort", "does not reason and refuses `reasoning_effort`; leave it out"
        return
    if tier.reasoning_effort is not None and effort not in facts.efforts:
        yield "reasoning_effort", f"takes no effort {effort}, only {', '.join(facts.efforts)}"
    if effort != "none":
        yield from _while_reasoning(tier, facts, effort)
    if tier.images and not facts.images:
        yield "images", "takes no images; write `images: false`"
    for key in ("context_tokens", "output_tokens_max"):
        given, most = getattr(tier, key), getattr(facts, key)
        if given > most:
            yield key, f"takes at most {most:,} tokens here, not {given:,}"


def _while_reasoning(tier: Tier, facts: Facts, effort: str) -> Iterator[tuple[str, str]]:
    own = "" if tier.reasoning_effort else ", which is its own"
    way = "; write `reasoning_effort: none`" if "none" in facts.efforts else ""
    if tier.temperature is not None and tier.temperature != 1:
        yield "temperature", f"takes no temperature at the effort {effort}{own}{way}, or leave it out"
    if tier.logprobs:
        yield "logprobs", f"gives no log-probabilities at the effort {effort}{own}{way}, or `logprobs: false`"
