"""What a folder may say but its author hardly means: warnings, unlike the mistakes of `policyfile`."""

from __future__ import annotations

from collections.abc import Iterator

from ..cost import PriceBook
from ..policy import Policy
from ..problem import Code, Mistake
from ..schema.strictmode import strict_mode_problems
from ..tier import Tier
from .absences import absence_doubts
from .checks import check_doubts
from .ending import ending_doubts
from .limits import limit_doubts
from .models import parameter_doubts, sample_doubts, sunset_doubts, tool_doubts, unsaid_sunset_doubts
from .path import path_doubts
from .prices import deployment_doubts, price_doubts
from .promise import promise_doubts
from .prompt import prompt_doubts
from .rules import rule_doubts
from .surroundings import Surroundings
from .worth import worth_doubts


def doubts(policy: Policy, around: Surroundings) -> list[Mistake]:
    """Everything about *policy* that will hardly work as it was meant; of tiers that are not known, nothing is said."""
    known = policy.on(around.tiers)
    found = (
        _strict_doubts(known),
        prompt_doubts(known),
        path_doubts(known),
        rule_doubts(known),
        absence_doubts(known),
        check_doubts(known),
        ending_doubts(known),
        tool_doubts(known),
        sample_doubts(known),
        limit_doubts(known, around),
        worth_doubts(known, around),
        promise_doubts(known, around),
    )
    return [doubt for group in found for doubt in group]


def tiers_doubts(around: Surroundings) -> list[Mistake]:
    """Everything about the tiers file that will hardly work as it was meant."""
    return [doubt for tier in around.tiers.values() for doubt in _tier_doubts(tier, around)]


def _tier_doubts(tier: Tier, around: Surroundings) -> Iterator[Mistake]:
    yield from sunset_doubts(tier, around.day)
    yield from unsaid_sunset_doubts(tier, around.day)
    yield from parameter_doubts(tier)
    yield from deployment_doubts(tier, around)


def prices_doubts(prices: PriceBook, around: Surroundings) -> list[Mistake]:
    """Everything about the price book that will hardly work as it was meant."""
    booked = frozenset(tier.priced_model for tier in around.tiers.values())
    return list(price_doubts(prices, booked, around.day))


def _strict_doubts(policy: Policy) -> Iterator[Mistake]:
    """The provider is asked to keep to the schema strictly, and refuses calls whose schema it cannot hold."""
    for problem in strict_mode_problems(policy.output.json_schema) if policy.output.json_schema is not None else ():
        said = f"OpenAI will refuse this schema: {problem}"
        yield Mistake(("output", "schema", *problem.path), said, Code.STRICT_MODE)
    for index, tool in enumerate(policy.output.tools or ()):
        for problem in strict_mode_problems(tool.parameters) if tool.strict else ():
            path = ("output", "tools", index, "parameters", *problem.path)
            yield Mistake(path, f"OpenAI will refuse function {tool.name}: {problem}", Code.STRICT_MODE)
