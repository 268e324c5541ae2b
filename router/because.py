"""Why a task went the way it did: from an attempt to the next, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from .call import Failure
from .decision import failing, misfit, uncertified
from .occasion import occasion
from .policy import Policy
from .reading import Reading
from .record import Record
from .refusal import Refusal
from .trail import Attempt, Trail
from .verdict import Outcome


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A tier or a check that had no part in something, and why."""

    name: str
    why: str


def asked_because(policy: Policy, record: Record, before: Trail, attempt: Attempt) -> str:
    """Why the tier of *attempt* was asked, after the attempts *before* it."""
    audits = record.task.audits
    if audits is not None:
        return f"audits the output of task {audits.task}, accepted at {audits.tier}"
    if not before:
        return "the first tier" if attempt.tier == policy.path[0] else "the first tier that can take this input"
    if attempt.ruling is not None:
        return f"nobody but a person could say, after {before[-1].brief}"
    if (sent := before[-1].ruling) is not None:
        return f"sent on by {sent.by}"
    match attempt.why:
        case "repair":
            return "again, and shown what was found in its answer"
        case "retry":
            return "again, the same"
        case "fallback":
            return f"the same, at the deployment {attempt.deployment}"
        case _:
            return f"after {before[-1].brief}{_shown(policy, before)}"


def moved_because(policy: Policy, record: Record, trail: Trail, following: Attempt | None) -> str:
    """Which move of the policy the last attempt of *trail* called for, and what kept it from being made."""
    last, called_for = trail[-1], occasion(trail[-1])
    if last.ruling is not None:
        return last.ruling.because or f"as {last.ruling.by} decided"
    if last.passed:
        return "every check passed"
    if record.task.audits is not None or called_for is None:
        return _helpless(last)
    wished: str = getattr(policy.moves, called_for)
    made = record.moves[len(trail) - 1] if len(record.moves) >= len(trail) else None
    if made is None or made == wished:
        return f"moves.{called_for} is {wished}"
    return f"moves.{called_for} is {wished}, but {_hindrance(policy, record, trail, following)}"


def passed_by(policy: Policy, record: Record, before: Attempt | None, attempt: Attempt) -> Iterator[LeftOut]:
    """The tiers below that of *attempt* that were not asked after the one *before*, each with its reason."""
    if attempt.tier not in policy.path or (before is not None and before.tier not in policy.path):
        return
    for rung in policy.above(before.tier if before is not None else None):
        if rung.tier == attempt.tier or attempt.why not in ("first", "escalate"):
            return
        why = misfit(policy, record.task, rung) or _certified_nothing(policy, rung.tier)
        yield LeftOut(rung.tier, why or _unprofitable(policy, before, rung.tier))


def not_run(policy: Policy, attempt: Attempt) -> Iterator[LeftOut]:
    """The checks that the reply of *attempt* never met, each with its reason."""
    if attempt.verdict is None or attempt.ruling is not None:
        return
    run = {finding.check for finding in attempt.verdict.findings}
    failed = next((f.check for f in attempt.verdict.reasons if f.outcome is Outcome.FAIL), None)
    for check in policy.all_checks:
        if check.name not in run:
            skipped = f"{failed} failed" if failed is not None else "no finding is kept"
            yield LeftOut(check.name, skipped if check.applies_to(attempt.tier) else f"not for {attempt.tier}")


def _helpless(last: Attempt) -> str:
    match last.answer:
        case Failure(kind=kind):
            return f"asking again does not help against {kind.value.replace('_', ' ')}"
        case Refusal(limit=limit):
            return f"no call was made: {limit}"
        case Reading():
            return "the reply of an audit is held to the checks too"
        case never:
            assert_never(never)


def _hindrance(policy: Policy, record: Record, trail: Trail, following: Attempt | None) -> str:
    if following is None:
        return record.reason or "the task was ended from outside"
    last = trail[-1]
    if following.ruling is not None:
        return "it could not go on, and came to a person"
    if following.why == "fallback":
        return "another deployment comes first"
    if isinstance(last.answer, Reading):
        return f"{last.tier} has had its {_times(policy.rung(last.tier).attempts)}"
    errors = sum(attempt.why != "fallback" for attempt in failing(trail, last.tier))
    if errors > policy.limits.retries:
        return f"{last.tier} failed {errors} times in a row, limits.retries is {policy.limits.retries}"
    return "the wait for another try would have passed the deadline"


def _certified_nothing(policy: Policy, tier: str) -> str | None:
    if not uncertified(policy, tier):
        return None
    return "nothing of it could be certified, so none of its replies would be accepted"


def _unprofitable(policy: Policy, before: Attempt | None, tier: str) -> str:
    """What the certificate expected of a tier that was passed by."""
    known, verdict = policy.certified, before.verdict if before is not None else None
    level = known.levels.get(before.tier) if known is not None and before is not None else None
    if known is None or level is None or verdict is None or verdict.trust is None or tier not in known.usual:
        return "it was not asked"
    said = f"not worth it for this input: it usually costs ${known.usual[tier].cost_nusd / 1e9:.6f}"
    chance = level.later.get(tier)
    return said if chance is None else f"{said} and would be accepted with a chance of {chance(verdict.trust):.2f}"


def _shown(policy: Policy, before: Trail) -> str:
    if policy.earlier == "none" or not any(isinstance(attempt.answer, Reading) for attempt in before):
        return ""
    return "; told what was found" if policy.earlier == "findings" else "; shown the answers and what was found"


def _times(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"
