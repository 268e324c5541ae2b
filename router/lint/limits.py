"""Limits that the very first call breaks."""

from __future__ import annotations

from collections.abc import Iterator

from ..cost import usd
from ..decision import misfit
from ..jsontext import canonical
from ..policy import Policy
from ..policyexplain import Explanation, explain
from ..problem import Code, Mistake
from ..task import Task
from ..template import PromptInvalid
from ..values import Json
from .path import never_asked
from .surroundings import Surroundings


def limit_doubts(policy: Policy, around: Surroundings) -> Iterator[Mistake]:
    """Doubts about a policy whose tiers are filled in."""
    yield from _cost(policy, around)
    yield from _output(policy)
    yield from _input(policy)
    yield from _time(policy)


def typical_input(policy: Policy) -> dict[str, Json]:
    """An input as long as the middle one of the examples; an empty one where there are none."""
    inputs = sorted((example.input for example in policy.examples), key=lambda value: len(canonical(value)))
    return inputs[len(inputs) // 2] if inputs else {}


def worst_nusd(policy: Policy, around: Surroundings) -> dict[str, int]:
    """The most that a first call at each tier of the path costs for a typical input, where that can be told."""
    explained = _explained(policy, around)
    steps = explained.steps if explained is not None else ()
    return {step.rung.tier: step.worst_nusd for step in steps if step.worst_nusd is not None}


def _explained(policy: Policy, around: Surroundings) -> Explanation | None:
    if not around.tiers.keys() >= set(policy.path):
        return None
    try:
        given = typical_input(policy)
        return explain(policy, given, tiers=around.tiers, prices=around.prices, day=around.day)
    except PromptInvalid:  # a template that needs more than an empty input
        return None


def _cost(policy: Policy, around: Surroundings) -> Iterator[Mistake]:
    unasked, limit = never_asked(policy), policy.limits.cost_nusd
    what = "an input like the examples'" if policy.examples else "the shortest input"
    for tier, worst in worst_nusd(policy, around).items():
        if tier not in unasked and worst > limit:
            said = f"one call of {tier} for {what} is reserved at ${usd(worst)}, which is more: it is refused"
            yield Mistake(("limits", "cost_usd"), said, Code.LIMIT)
            return


def _output(policy: Policy) -> Iterator[Mistake]:
    wanted = policy.limits.output_tokens
    for rung in policy.tiers:
        if rung.spec is not None and wanted > rung.spec.output_tokens_max:
            said = (
                f"{rung.tier} writes at most {rung.spec.output_tokens_max:,} tokens; a longer answer is cut off there"
            )
            yield Mistake(("limits", "output_tokens"), said, Code.LIMIT)
            return


def _input(policy: Policy) -> Iterator[Mistake]:
    admitted = policy.limits.input_bytes
    unasked = never_asked(policy)
    rungs = [rung for rung in policy.tiers if rung.tier not in unasked]
    most = 8 * max((rung.spec.context_tokens for rung in rungs if rung.spec is not None), default=0)  # surely too much
    full = Task(id="-", policy="-", input={"-": "-" * min(admitted, most)}, created_ms=0, deadline_ms=1)
    if rungs and all(misfit(policy, full, rung) for rung in rungs):
        said = f"inputs of {admitted:,} bytes are admitted, but no tier holds them; they are rejected later"
        yield Mistake(("limits", "input_bytes"), said, Code.LIMIT)


def _time(policy: Policy) -> Iterator[Mistake]:
    first = policy.tiers[0]
    if first.spec is not None and policy.limits.deadline_s <= first.spec.timeout_s:
        said = f"one slow call of {first.tier} may take {first.spec.timeout_s:g} s, so nothing is left to climb in"
        yield Mistake(("limits", "deadline_s"), said, Code.LIMIT)
