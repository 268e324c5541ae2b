"""Checks that never run, or that can say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..checks import Check, Confidence
from ..policy import Policy
from ..problem import Code, Mistake
from .path import never_asked
from .rules import always


def check_doubts(policy: Policy) -> Iterator[Mistake]:
    """Doubts about a policy whose tiers are filled in."""
    yield from _without_tiers(policy)
    yield from _after_the_end(policy)
    yield from _equal(policy)
    yield from _without_logprobs(policy)


def _without_tiers(policy: Policy) -> Iterator[Mistake]:
    unasked = never_asked(policy)
    for index, check in enumerate(policy.checks):
        if check.tiers and unasked.issuperset(check.tiers):
            verb = "is" if len(check.tiers) == 1 else "are"
            said = f"{' and '.join(check.tiers)} {verb} never asked, so this check never runs"
            yield Mistake(("checks", index, "tiers"), said, Code.CHECK_NEVER_RUN)


def _after_the_end(policy: Policy) -> Iterator[Mistake]:
    """The first check that fails ends the examination."""
    ended: dict[str, Check] = {}
    for index, check in enumerate(policy.checks):
        tiers = [tier for tier in policy.path if check.applies_to(tier)]
        if tiers and all(tier in ended for tier in tiers):
            said = f"this check never runs: {ended[tiers[0]].name} before it fails every reply"
            yield Mistake(("checks", index), said, Code.CHECK_NEVER_RUN)
        elif check.severity == "fail" and always(policy, check) == "finds":
            ended = dict.fromkeys(tiers, check) | ended


def _equal(policy: Policy) -> Iterator[Mistake]:
    seen: dict[Check, str] = {}
    for index, check in enumerate(policy.checks):
        bare = check.model_copy(update={"id": None})
        if bare in seen:
            said = f"this is {seen[bare]} again, setting for setting"
            yield Mistake(("checks", index), said, Code.CHECK_NEVER_RUN)
        seen.setdefault(bare, check.name)


def _without_logprobs(policy: Policy) -> Iterator[Mistake]:
    for index, check in enumerate(policy.checks):
        if not isinstance(check, Confidence):
            continue
        if policy.output.kind == "tools":
            said = "function calls come without log-probabilities, so this check can only say that they are missing"
            yield Mistake(("checks", index), said, Code.NO_LOGPROBS)
        elif not check.needs_logprobs and (silent := _silent(policy, check)):
            said = f"{' and '.join(silent)} give no log-probabilities, so this check says nothing there"
            yield Mistake(("checks", index), said, Code.NO_LOGPROBS)


def _silent(policy: Policy, check: Confidence) -> list[str]:
    """The tiers whose replies the check cannot look at, unless it can look at some others'."""
    applying = [rung for rung in policy.tiers if check.applies_to(rung.tier)]
    silent = [rung.tier for rung in applying if rung.spec is not None and not rung.spec.logprobs]
    return silent if len(silent) == len(applying) else []
