"""Tiers that no task gets to, and moves that nobody makes."""

from __future__ import annotations

from collections.abc import Iterator

from ..checks import Check, Confidence
from ..decision import misfit
from ..policy import Policy, Rung
from ..problem import Code, Mistake
from ..task import Task

_ENDS = ("accept", "review", "reject", "dead_letter")
_AGAIN = ("repair", "retry")
_NOTHING = Task(id="-", policy="-", input={}, created_ms=0, deadline_ms=1)


def path_doubts(policy: Policy) -> Iterator[Mistake]:
    """Doubts about a policy whose tiers are filled in."""
    yield from _misfits(policy)
    yield from _beyond_the_limit(policy)
    yield from _after_errors_alone(policy)
    yield from _same_models(policy)
    yield from _moves(policy)


def never_asked(policy: Policy) -> frozenset[str]:
    """The tiers of the path that no task gets to, whatever it is and whichever tiers pass it by."""
    reached, attempts = set(), 0
    for rung in policy.tiers:
        if misfit(policy, _NOTHING, rung) is None:
            if attempts < policy.limits.attempts:
                reached.add(rung.tier)
            attempts += not _may_be_passed_by(policy, rung)
    return frozenset(policy.path) - reached


def _may_be_passed_by(policy: Policy, rung: Rung) -> bool:
    """Whether some tasks go past a tier: those with images, or those that it would not pay for."""
    blind = bool(_images(policy)) and rung.spec is not None and not rung.spec.images
    return blind or rung.tier in policy.promised_tiers


def _images(policy: Policy) -> tuple[str, ...]:
    """What of a task may be an image."""
    return ("images",) if policy.conversation else policy.images


def can_doubt(policy: Policy, tier: str) -> bool:
    """Whether a reply of that tier can be found unsure."""
    promised = policy.promise is not None and tier in policy.promised_tiers
    return promised or any(_can_doubt(check) for check in policy.all_checks if check.applies_to(tier))


def _can_doubt(check: Check) -> bool:
    missing = isinstance(check, Confidence) and check.missing == "unsure" and check.severity != "warn"
    return check.severity == "unsure" or missing


def _misfits(policy: Policy) -> Iterator[Mistake]:
    for index, rung in enumerate(policy.tiers):
        if why := misfit(policy, _NOTHING, rung):
            code = Code.NO_LOGPROBS if "log-probabilities" in why else Code.TIER_NEVER_ASKED
            yield Mistake(("tiers", index), f"{rung.tier} is never asked: {why}", code)
        elif (images := _images(policy)) and rung.spec is not None and not rung.spec.images:
            said = f"{rung.tier} takes no images, so tasks with {' or '.join(images)} pass it by"
            yield Mistake(("tiers", index), said, Code.UNLIKELY)


def _beyond_the_limit(policy: Policy) -> Iterator[Mistake]:
    limit, last = policy.limits.attempts, policy.tiers[-1].tier
    if last in never_asked(policy) and misfit(policy, _NOTHING, policy.tiers[-1]) is None:
        reach = "attempt never reaches" if limit == 1 else "attempts never reach"
        said = f"{limit} {reach} {last}, the policy has more tiers"
        yield Mistake(("limits", "attempts"), said, Code.TIER_NEVER_ASKED)
        return
    below = [rung for rung in policy.tiers[:-1] if not _may_be_passed_by(policy, rung)]
    before = sum(rung.attempts for rung in below) if policy.moves.fail in _AGAIN else 0
    if before >= limit:
        said = f"what fails at every tier takes {before} attempts below {last}, so {limit} never let it get there"
        yield Mistake(("limits", "attempts"), said, Code.TIER_NEVER_ASKED)


def _after_errors_alone(policy: Policy) -> Iterator[Mistake]:
    moves, below = policy.moves, policy.tiers[:-1]
    doubtful = any(can_doubt(policy, rung.tier) for rung in below)
    if policy.promised_tiers and moves.unsure == "accept":
        return  # below the tier that a promise is held against, what is unsure goes up
    if below and moves.fail in _ENDS and (moves.unsure in _ENDS or not doubtful):
        unsure = f", what is unsure to {moves.unsure}" if doubtful else " and nothing can be unsure"
        what = "errors and refusals" if moves.refused == "escalate" else "errors"
        said = f"{policy.tiers[1].tier} is asked after {what} alone: moves send what fails to {moves.fail}{unsure}"
        yield Mistake(("tiers", 1), said, Code.TIER_NEVER_ASKED)


def _same_models(policy: Policy) -> Iterator[Mistake]:
    for index, rung in enumerate(policy.tiers):
        twin = next((other for other in policy.tiers[:index] if _alike(rung, other)), None)
        if twin is not None and rung.spec is not None:
            said = f"{rung.tier} asks what {twin.tier} asked already, {rung.spec.answering}; climb to a stronger model"
            yield Mistake(("tiers", index), said, Code.ODD_ORDER)


def _alike(one: Rung, other: Rung) -> bool:
    return one.spec is not None and other.spec is not None and one.spec.answering == other.spec.answering


def _moves(policy: Policy) -> Iterator[Mistake]:
    again = [key for key in ("fail", "unsure") if getattr(policy.moves, key) in _AGAIN]
    yield from _second_goes(policy, again)
    written = policy.moves.model_fields_set
    if "unsure" in written and not any(can_doubt(policy, rung.tier) for rung in policy.tiers):
        said = "no check can be unsure, and the policy makes no promise, so this move is never made"
        yield Mistake(("moves", "unsure"), said, Code.MOVE_NEVER_MADE)
    if "error" in written and policy.moves.error == "retry" and policy.limits.retries == 0:
        said = "limits.retries is 0, so an error is never retried and escalates"
        yield Mistake(("moves", "error"), said, Code.MOVE_NEVER_MADE)


def _second_goes(policy: Policy, again: list[str]) -> Iterator[Mistake]:
    """Moves that ask a tier again, and tiers that may be asked again: one is nothing without the other."""
    twice = [index for index, rung in enumerate(policy.tiers) if rung.attempts > 1]
    for key in () if twice else again:
        said = (
            f"nothing gets a second go, so `{getattr(policy.moves, key)}` escalates: no tier has `attempts: 2` or more"
        )
        yield Mistake(("moves", key), said, Code.MOVE_NEVER_MADE)
    for index in () if again else twice:
        said = f"{policy.tiers[index].tier} is asked once: neither moves.fail nor moves.unsure is `repair` or `retry`"
        yield Mistake(("tiers", index, "attempts"), said, Code.MOVE_NEVER_MADE)
