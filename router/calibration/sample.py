"""A recorded task as evidence: what each tier answered, judged as it would be at run time, and whether it was right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..checks import Subject
from ..checks.sameness import compared, differing
from ..cost import PriceBook
from ..policy import Policy
from ..reading import Reading
from ..recorded.recording import LoggedReply, Recording
from ..recorded.replay import replay
from ..signals import signals, tag
from ..task import Task, TaskState
from ..trail import Attempt
from ..values import Json

_NO_PRICES = PriceBook(prices={})


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What is known of one tier's reply. `passed`: by the policy's own checks, the promise apart; what did not is never
    accepted, whatever its trust. `wrong` and `loss` are None where nobody knows; what a person resolved is a loss then.
    """

    signals: Mapping[str, float]
    tag: str | None
    passed: bool
    wrong: bool | None
    loss: bool | None
    cost_nusd: int | None
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One task; `cost_nusd` and `latency_ms` are those of the tier that the promise is held against."""

    id: str
    seen: Mapping[str, Seen]
    cost_nusd: int | None
    latency_ms: int | None


@dataclass(frozen=True, slots=True)
class _Answered:
    """The reply of one tier, judged."""

    logged: LoggedReply
    attempt: Attempt
    cost_nusd: int | None
    latency_ms: int

    @property
    def output(self) -> Json:
        return self.attempt.answer.output if isinstance(self.attempt.answer, Reading) else None


def sampled(policy: Policy, recording: Recording, *, shadow: bool, prices: PriceBook = _NO_PRICES) -> Sample:
    """
    Judge what the tiers below `against` answered to a recorded task; *policy* is bound to its tiers, and promises.

    In the *shadow* of `against`, its output is the truth; else graders and expected outputs say what is right.
    """
    assert policy.held_against is not None
    top = _answered(policy, recording, policy.held_against, prices)
    seen = {}
    for tier in policy.promised_tiers:
        answered = _answered(policy, recording, tier, prices)
        if answered is not None:
            seen[tier] = _seen(policy, recording, answered, top, shadow=shadow)
    return Sample(
        id=recording.id,
        seen=seen,
        cost_nusd=top.cost_nusd if top is not None else None,
        latency_ms=top.latency_ms if top is not None else None,
    )


def _answered(policy: Policy, recording: Recording, tier: str, prices: PriceBook) -> _Answered | None:
    """
    What would come of the task if it had that tier alone, and nothing were promised; None where the log lacks it.

    A reply that fails or is doubtful counts as it is: below `against` none is repaired.
    """
    if tier not in recording.replies:
        return None
    rung = policy.rung(tier).model_copy(update={"attempts": 1})
    replayed = replay(policy.model_copy(update={"tiers": (rung,), "promise": None}), recording, prices=prices)
    if not replayed.trail:
        return None
    replies = recording.replies[tier]
    logged = replies[min(len(replayed.trail), len(replies)) - 1]
    return _Answered(logged, replayed.trail[-1], replayed.cost.known, replayed.latency_ms)


def _seen(policy: Policy, recording: Recording, answered: _Answered, top: _Answered | None, *, shadow: bool) -> Seen:
    wrong = _differs(policy, answered, top) if shadow else _is_wrong(policy, recording, answered)
    told, kind = _told(policy, recording, answered.attempt)
    loss = wrong if shadow else _loss(policy, recording, wrong, top)
    if loss is None and recording.status == TaskState.REVIEW:
        loss = wrong is not False
    passed = answered.attempt.passed
    return Seen(
        signals=told,
        tag=kind,
        passed=passed,
        wrong=wrong,
        loss=None if loss is None else loss and passed,
        cost_nusd=answered.cost_nusd,
        latency_ms=answered.latency_ms,
    )


def _loss(policy: Policy, recording: Recording, wrong: bool | None, top: _Answered | None) -> bool | None:
    """
    Whether the promise would mind that the reply is accepted.

    Regret is unknown where `against` is, right replies too: else they would be known more often than wrong ones.
    """
    assert policy.promise is not None
    if policy.promise.kind == "accepted_error" or wrong is None:
        return wrong
    top_wrong = _is_wrong(policy, recording, top) if top is not None else None
    return None if top_wrong is None else wrong and not top_wrong


def _is_wrong(policy: Policy, recording: Recording, answered: _Answered) -> bool | None:
    if answered.output is None:
        return True
    correct = recording.correct(answered.logged, policy.output)
    return None if correct is None else not correct


def _differs(policy: Policy, answered: _Answered, top: _Answered | None) -> bool | None:
    if top is None or top.output is None:
        return None
    return answered.output is None or bool(differing(answered.output, top.output, compared(policy.output)))


def _told(policy: Policy, recording: Recording, attempt: Attempt) -> tuple[Mapping[str, float], str | None]:
    """The signals of a reply, as they are at run time."""
    if not isinstance(attempt.answer, Reading) or attempt.verdict is None:
        return {}, None
    subject = Subject(task=task_of(recording), reading=attempt.answer, types=policy.types, tier=attempt.tier)
    return signals(policy.all_checks, subject, attempt.verdict.findings), tag(subject)


def task_of(recording: Recording) -> Task:
    """A recording as the task that it was, for whoever looks at what was asked alone."""
    return Task(
        id=recording.id,
        policy="",
        input=recording.input,
        created_ms=0,
        deadline_ms=1,
        metadata=recording.metadata,
    )
