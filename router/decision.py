"""What happens next. All branching of the service is in this file, and it is pure."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeAlias, assert_never

from .call import Failure, FailureKind
from .conversation import images_of
from .policy import Move, Policy, Rung
from .reading import Reading
from .refusal import Refusal
from .ruling import Ruling
from .task import Task
from .tier import Tier
from .trail import Attempt, Trail, Why
from .verdict import Outcome
from .worthwhile import best_tier

_BACKOFF_FIRST_S = 0.5
_BACKOFF_MAX_S = 30.0
_BYTES_PER_TOKEN = 4
"""What English text takes on OpenAI's tokenizers. Only used to leave out tiers that are surely too small."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask that tier, for that reason."""

    tier: str
    why: Why


@dataclass(frozen=True, slots=True)
class Accept:
    """The task succeeded with that attempt's output."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Reject:
    """The task cannot be done as it was asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class Review:
    """A person has to decide."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Nobody could do it; it is kept with its trail."""

    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """The deadline has passed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Decide again at that time (Unix ms), or before it (`parked`) when budgets were changed."""

    until_ms: int
    reason: str
    parked: bool = False


End: TypeAlias = Accept | Reject | Review | DeadLetter | Expire
Decision: TypeAlias = Ask | Wait | End


def decide(policy: Policy, task: Task, trail: Trail, now_ms: int) -> Decision:
    """Say what happens next to *task*, given everything that happened so far. The same trail decides the same."""
    if task.audits is not None:
        return _audited(policy, task, trail, now_ms, task.audits.against)
    if not trail:
        return _first(policy, task, now_ms)
    last = trail[-1]
    if last.ruling is not None:
        return _ruled(policy, task, trail, now_ms, last.ruling)
    match _wish(policy, last):
        case "accept":
            return Accept(last)
        case "reject":
            return Reject(last.told)
        case "review":
            return Review(last.told)
        case "dead_letter":
            return DeadLetter(last.told)
        case "repair" | "retry" | "escalate" as move:
            return _go_on(policy, task, trail, now_ms, move)
        case never:
            assert_never(never)


def _ruled(policy: Policy, task: Task, trail: Trail, now_ms: int, ruling: Ruling) -> Decision:
    """What a person decided is done, whatever the policy would wish."""
    match ruling.wish:
        case "accept":
            return Accept(trail[-1])
        case "reject":
            return Reject(ruling.because)
        case "dead_letter":
            return DeadLetter(ruling.because)
        case "ask":
            if now_ms >= task.deadline_ms:
                return _too_late(trail)
            tier = ruling.tier or policy.path[0]
            asked = next((attempt.tier for attempt in reversed(trail) if attempt.ruling is None), None)
            above = asked is None or tier in [rung.tier for rung in policy.above(asked)]
            return Ask(tier, "escalate" if above else "retry")
        case never:
            assert_never(never)


def _audited(policy: Policy, task: Task, trail: Trail, now_ms: int, against: str) -> Decision:
    """An audit asks one tier, again after a passing error; whatever becomes of it, nobody waits for it."""
    if now_ms >= task.deadline_ms:
        return Expire("the deadline passed before the audit was done")
    if not trail:
        return Ask(against, "audit")
    last = trail[-1]
    match last.answer:
        case Reading():
            failed = last.verdict is None or last.verdict.outcome is Outcome.FAIL
            return Reject(f"the auditing reply is no good itself; {last.told}") if failed else Accept(last)
        case Refusal(until_ms=until_ms) as refusal if refusal.limit != "breaker":
            return Reject(refusal.message) if until_ms is None else _refused(policy, refusal)
        case Failure() | Refusal() as answer:
            if (not answer.passing and isinstance(answer, Failure)) or _errors_in_a_row(trail) > policy.limits.retries:
                return Reject(last.told)
            until_ms = _retry_ms(task, trail, answer)
            return Wait(until_ms, f"retry after: {answer.message}") if now_ms < until_ms else Ask(against, "audit")
        case never:
            assert_never(never)


def _first(policy: Policy, task: Task, now_ms: int) -> Decision:
    if now_ms >= task.deadline_ms:
        return Expire("the deadline passed before any tier was asked")
    fitting = [rung.tier for rung in policy.tiers if misfit(policy, task, rung) is None]
    if not fitting:
        return Reject("no tier can take this input: " + "; ".join(_misfits(policy, task, policy.tiers)))
    return Ask(_hopeful(policy, fitting)[0], "first")


def _wish(policy: Policy, last: Attempt) -> Move:
    """The author's wish for what became of the last attempt."""
    match last.answer:
        case Refusal(limit="breaker"):
            return policy.moves.error
        case Refusal():
            return "escalate"
        case Failure(kind=FailureKind.CONTENT_POLICY):
            return policy.moves.refused
        case Failure() as failure:
            return policy.moves.error if failure.passing else "escalate"
        case Reading() as reading:
            return _wish_for_reading(policy, last, reading)
        case never:
            assert_never(never)


def _wish_for_reading(policy: Policy, last: Attempt, reading: Reading) -> Move:
    outcome = last.verdict.outcome if last.verdict is not None else Outcome.FAIL
    match outcome:
        case Outcome.PASS:
            return "accept"
        case Outcome.UNSURE:
            return _promised(policy, last.tier, policy.moves.unsure)
        case Outcome.FAIL:
            return _promised(policy, last.tier, policy.moves.refused if reading.refused else policy.moves.fail)
        case never:
            assert_never(never)


def _promised(policy: Policy, tier: str, move: Move) -> Move:
    """The evidence for a promise is about first replies: below the tier it is held against a doubtful one goes up."""
    return "escalate" if tier in policy.promised_tiers and move in ("accept", "repair", "retry") else move


def _go_on(policy: Policy, task: Task, trail: Trail, now_ms: int, move: Move) -> Decision:
    last = trail[-1]
    if now_ms >= task.deadline_ms:
        return _too_late(trail)
    if isinstance(last.answer, Refusal) and last.answer.limit != "breaker":
        return _refused(policy, last.answer)
    if len(_lately(trail)) >= policy.limits.attempts:
        return _exhausted(policy, f"limits.attempts ({policy.limits.attempts}) is reached; {last.told}")
    if sum(attempt.cost_nusd for attempt in trail) >= policy.limits.cost_nusd:
        return _exhausted(policy, f"limits.cost_usd ({policy.limits.cost_usd}) is spent; {last.told}")
    return _same_tier(policy, task, trail, now_ms, move) or _next_tier(policy, task, last, now_ms)


def _too_late(trail: Trail) -> Expire:
    asked = sum(attempt.ruling is None for attempt in trail)
    return Expire(f"the deadline passed after {asked} attempts")


def _lately(trail: Trail) -> Trail:
    """The attempts since a person sent the task on, back from the last one: it is asked as if it had just come."""
    return tuple(takewhile(lambda attempt: attempt.ruling is None, reversed(trail)))


def _same_tier(policy: Policy, task: Task, trail: Trail, now_ms: int, move: Move) -> Decision | None:
    """Another go at the tier of the last attempt, or None where that is not wished or not allowed."""
    last = trail[-1]
    if not isinstance(last.answer, Reading):
        if _untried_place(policy, trail):
            return Ask(last.tier, "fallback")
        if move != "retry" or _errors_in_a_row(trail) > policy.limits.retries:
            return None
        until_ms = _retry_ms(task, trail, last.answer)
        if until_ms >= task.deadline_ms:
            return None
        return Wait(until_ms, f"retry after: {last.answer.message}") if now_ms < until_ms else Ask(last.tier, "retry")
    if move == "escalate" or _replies_of(trail, last.tier) >= policy.rung(last.tier).attempts:
        return None
    return Ask(last.tier, "repair" if move == "repair" else "retry")


def _next_tier(policy: Policy, task: Task, last: Attempt, now_ms: int) -> Decision:
    above = policy.above(last.tier)
    fitting = [rung.tier for rung in above if misfit(policy, task, rung) is None]
    if fitting:
        return Ask(_worthwhile(policy, last, _hopeful(policy, fitting), task.deadline_ms - now_ms), "escalate")
    left_out = "".join(f" ({said})" for said in _misfits(policy, task, above))
    return _exhausted(policy, f"no tier is left{left_out}; {last.told}")


def _hopeful(policy: Policy, fitting: list[str]) -> list[str]:
    """Without the tiers of which nothing can be accepted, as far as others are left: they would be paid for nothing."""
    return [tier for tier in fitting if not uncertified(policy, tier)] or fitting


def uncertified(policy: Policy, tier: str) -> bool:
    """True where the certificate that holds accepts nothing of that tier."""
    level = policy.certified.levels.get(tier) if policy.certified is not None else None
    return level is not None and level.threshold is None


def _worthwhile(policy: Policy, last: Attempt, fitting: list[str], remaining_ms: int) -> str:
    """
    The next tier, or a later one where evidence says that those between would not pay for this input.

    None is skipped where errors are promised as a share of what is accepted: the right outputs of a skipped tier would
    be missing in it. The other promises are about a share of all tasks, which only falls.
    """
    trust = last.verdict.trust if last.verdict is not None else None
    if policy.certified is None or trust is None or policy.certified.promise.kind == "accepted_error":
        return fitting[0]
    against = policy.held_against
    left = fitting[: fitting.index(against) + 1] if against in fitting else fitting
    return best_tier(left, policy.certified, after=last.tier, trust=trust, remaining_ms=remaining_ms)


def _refused(policy: Policy, refusal: Refusal) -> Decision:
    """The store knows the time better than a shift; where a lease is gone, nothing of this is carried out."""
    if refusal.limit == "stale":
        return Expire(refusal.message)
    if refusal.until_ms is None:
        return _exhausted(policy, refusal.message)
    return Wait(refusal.until_ms, refusal.message, parked=refusal.limit == "budget")


def _exhausted(policy: Policy, reason: str) -> Decision:
    match policy.moves.exhausted:
        case "review":
            return Review(reason)
        case "reject":
            return Reject(reason)
        case "dead_letter":
            return DeadLetter(reason)
        case never:
            assert_never(never)


def failing(trail: Trail, tier: str) -> Trail:
    """The attempts at *tier* that got no reply, back from the last one."""
    return tuple(takewhile(lambda a: a.tier == tier and not isinstance(a.answer, Reading), reversed(trail)))


def _errors_in_a_row(trail: Trail) -> int:
    return sum(attempt.why != "fallback" for attempt in failing(trail, trail[-1].tier))


def _untried_place(policy: Policy, trail: Trail) -> bool:
    """True where the last attempt failed at a new place, in a way that one more of the tier's deployments may not."""
    last, spec = trail[-1], policy.rung(trail[-1].tier).spec
    if spec is None or not isinstance(last.answer, Failure) or not last.answer.of_the_place:
        return False
    place, *before = (attempt.deployment for attempt in failing(trail, last.tier))
    if not place or place in before:
        return False
    return any(other.name not in (place, *before) for other in spec.places)


def _retry_ms(task: Task, trail: Trail, answer: Failure | Refusal) -> int:
    """When to ask again: when the provider asked for, else later each time; not before a breaker lets anybody go."""
    at_ms = trail[-1].ended_ms
    if isinstance(answer, Refusal):
        return max(answer.until_ms or 0, at_ms + _backoff_ms(task, trail))
    if answer.retry_after_s is not None:
        return at_ms + int(answer.retry_after_s * 1000) + 1
    return at_ms + _backoff_ms(task, trail)


def _replies_of(trail: Trail, tier: str) -> int:
    return sum(attempt.tier == tier and isinstance(attempt.answer, Reading) for attempt in _lately(trail))


def _backoff_ms(task: Task, trail: Trail) -> int:
    """Doubling with up to half of jitter; the jitter is the task's own, no chance."""
    base_s = min(_BACKOFF_MAX_S, _BACKOFF_FIRST_S * 2 ** (_errors_in_a_row(trail) - 1))
    jitter = zlib.crc32(f"{task.id}:{len(trail)}".encode()) / 2**32
    return int(base_s * (1 + jitter / 2) * 1000)


def _misfits(policy: Policy, task: Task, rungs: tuple[Rung, ...]) -> list[str]:
    return [said for rung in rungs if (said := misfit(policy, task, rung))]


def misfit(policy: Policy, task: Task, rung: Rung) -> str | None:
    """Why *rung* cannot take the task at all; None where it can, or where its abilities are not known."""
    tier = rung.spec
    if tier is None:
        return None
    if not tier.images and _has_images(policy, task):
        return f"{rung.tier} takes no images"
    if not tier.tools and policy.output.kind in ("tools", "turn"):
        return f"{rung.tier} calls no functions"
    if not tier.logprobs and task.wishes is not None and task.wishes.logprobs:
        return f"{rung.tier} gives no log-probabilities, which the caller asks for"
    if not tier.logprobs and _needs_logprobs(policy, rung.tier):
        return f"{rung.tier} gives no log-probabilities, which a check needs"
    return _overflow(policy, task, tier)


def _has_images(policy: Policy, task: Task) -> bool:
    if policy.conversation:
        return any(True for _ in images_of(task.input))
    return any(task.input.get(field) for field in policy.images)


def _needs_logprobs(policy: Policy, tier: str) -> bool:
    return any(check.needs_logprobs and check.applies_to(tier) for check in policy.checks)


def _overflow(policy: Policy, task: Task, tier: Tier) -> str | None:
    answer = min(policy.limits.output_tokens, tier.output_tokens_max)
    told = len(policy.prompt.system) if policy.prompt is not None else 0
    asked = (task.input_bytes + told) // _BYTES_PER_TOKEN + answer
    if asked > tier.context_tokens:
        return f"{tier.name} holds {tier.context_tokens:,} tokens, this takes about {asked:,}"
    return None
