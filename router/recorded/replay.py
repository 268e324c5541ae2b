"""Judge recorded traffic again, as the service would: the same decisions and checks, and no call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, assert_never

from ..call import Failure, FailureKind, Usage
from ..checks import Check, Question, SecondSample, Subject
from ..cost import PriceBook
from ..decision import Accept, Ask, Wait, decide
from ..judging import judge
from ..policy import Policy
from ..reading import Reading
from ..refusal import Refusal
from ..task import Task
from ..trail import Attempt, Spent, Trail
from ..verdict import Finding, Outcome, Verdict
from .recording import LoggedReply, Recording
from .replaycost import Account
from .replayed import NO, OPEN, YES, End, Missing, Range, Replayed, between

_GUESSES_MAX = 6
"""From then on an open question is left open: 64 ways to go on are looked at, not thousands."""

_NO_PRICES = PriceBook(prices={})
_NO_USAGE = Usage(input_tokens=0, output_tokens=0)


def replay(
    policy: Policy,
    recording: Recording,
    *,
    prices: PriceBook = _NO_PRICES,
    dearest: Mapping[str, int] = MappingProxyType({}),
) -> Replayed:
    """
    Carry one recorded task from its submission to its end, or to the person who has to decide.

    *policy* is bound to its tiers (`Policy.on`). Where the log lacks what a check would have found, both ways are gone;
    where it lacks a reply, the rest costs between nothing and the *dearest* replies of the tiers that are left (by
    tier, in nano-dollars; without them: what `limits.cost_usd` allows). That limit stops a replayed task after the call
    that passes it; in service no call is made whose worst case would.
    """
    ways = _ways(policy, recording, prices, dearest, ())
    return ways[0] if len(ways) == 1 else between(ways)


_Guesses: TypeAlias = tuple[bool, ...]
"""For each question that the log does not answer, in order: did the check find something?"""


def _ways(
    policy: Policy, recording: Recording, prices: PriceBook, most: Mapping[str, int], guesses: _Guesses
) -> list[Replayed]:
    """The ways that the task may have gone, one for each guess at what the log does not answer."""
    run = _Run(policy, recording, Account(policy, recording, prices, most), guesses)
    outcome = run.replayed()
    if not run.questioned or len(guesses) == _GUESSES_MAX:
        return [outcome]
    return [way for found in (False, True) for way in _ways(policy, recording, prices, most, (*guesses, found))]


class _Unanswered(Exception):
    """A check asks what the log does not answer."""


class _Run:
    """One task on its way."""

    def __init__(self, policy: Policy, recording: Recording, account: Account, guesses: _Guesses) -> None:
        self._policy = policy
        self._recording = recording
        self._account = account
        self._guesses = list(guesses)
        self._asked: Counter[str] = Counter()
        self._now_ms = 0
        self._missing: list[Missing] = []
        self._repeated: dict[str, None] = {}
        self._reply: LoggedReply | None = None
        self._open_calls: list[Spent] = []

    @property
    def questioned(self) -> bool:
        """True once it stopped at a question that nobody can answer."""
        return bool(self._open_calls)

    def replayed(self) -> Replayed:
        trail, decision = self._carried()
        end = None if isinstance(decision, Ask) else decision
        accepted = self._reply if isinstance(end, Accept) else None
        right, wrong = self._judged(end, accepted)
        open_at = decision.tier if isinstance(decision, Ask) else None
        calls = [*(call for attempt in trail for call in attempt.calls), *self._open_calls]
        return Replayed(
            recording=self._recording,
            trail=trail,
            end=end,
            accepted=accepted,
            cost=self._account.total(calls, open_at),
            right=right,
            wrong=wrong,
            latency_ms=self._now_ms,
            missing=tuple(dict.fromkeys((*self._missing, *self._account.missing))),
            repeated=tuple(self._repeated),
            open_at=open_at,
        )

    def _carried(self) -> tuple[Trail, End | Ask]:
        """The trail, and the end; or what would be asked next and is not in the log."""
        policy, task = self._policy, self._task()
        trail: Trail = ()
        while True:
            decision = decide(policy, task, trail, self._now_ms)
            match decision:
                case Wait(until_ms=until_ms):
                    self._now_ms = until_ms
                case Ask():
                    attempt = self._attempt(task, decision, len(trail) + 1)
                    if attempt is None:
                        return trail, decision
                    trail += (attempt,)
                case end:
                    return trail, end

    def _task(self) -> Task:
        recording = self._recording
        deadline_s = recording.deadline_s or self._policy.limits.deadline_s
        return Task(
            id=recording.id,
            policy=self._policy.digest,
            input=recording.input,
            tenant=recording.tenant,
            created_ms=0,
            deadline_ms=int(deadline_s * 1000),
            metadata=recording.metadata,
        )

    def _attempt(self, task: Task, ask: Ask, number: int) -> Attempt | None:
        """Ask the log; None where it does not tell what came."""
        reply = self._next_reply(ask.tier)
        if reply is None:
            self._missing.append(Missing("reply", ask.tier))
            return None
        self._reply, started_ms = reply, self._now_ms
        self._now_ms += reply.latency_ms or int(reply.takes_s * 1000)
        spent = [self._account.reply(ask.tier, reply)] if reply.not_sent is None else []
        answer = self._answer(reply)
        verdict = None
        if isinstance(answer, Reading):
            try:
                verdict = self._verdict(task, ask.tier, reply, answer, spent)
            except _Unanswered:
                self._open_calls = spent
                return None
        return Attempt(
            number=number,
            tier=ask.tier,
            why=ask.why,
            answer=answer,
            verdict=verdict,
            calls=tuple(spent),
            started_ms=started_ms,
            ended_ms=self._now_ms,
        )

    def _next_reply(self, tier: str) -> LoggedReply | None:
        replies = self._recording.replies.get(tier)
        if replies is None:
            return None
        count = self._asked[tier]
        self._asked[tier] += 1
        if count >= len(replies):
            self._repeated[tier] = None
        reply = replies[min(count, len(replies) - 1)]
        of_its_time = reply.not_sent is not None and self._recording.version != self._policy.digest
        return None if of_its_time else reply

    def _answer(self, reply: LoggedReply) -> Reading | Failure | Refusal:
        if reply.not_sent is not None:
            until_ms = self._now_ms + round(reply.retry_after_s * 1000) if reply.retry_after_s is not None else None
            said = f"recorded: not sent, because of {reply.not_sent}"
            return Refusal(limit=reply.not_sent, message=said, until_ms=until_ms)
        if reply.failure is not None:
            failure = reply.answer(self._policy.output, usage=_NO_USAGE)
            assert isinstance(failure, Failure)
            return failure
        return reply.reading(self._policy.output)

    def _verdict(self, task: Task, tier: str, reply: LoggedReply, reading: Reading, spent: list[Spent]) -> Verdict:
        """Drive the checks; what they would ask of a model the log answers, or a guess. Raises: _Unanswered."""
        subject = Subject(task=task, reading=reading, types=self._policy.types, tier=tier)
        known = _known(self._policy, reply, tier) if reply.findings else _NOTHING
        examination = judge(self._policy, subject, known)
        try:
            question = next(examination)
            unknown = (check for check in self._policy.asking(tier) if check.name not in known)
            while True:
                question = examination.send(self._inquire(question, next(unknown), reply, subject))
        except StopIteration as end:
            verdict: Verdict = end.value
        for check in self._policy.asking(tier):
            if any(finding.check == check.name for finding in verdict.findings):
                spent.append(self._account.consulted(tier, reply, check))
                self._now_ms += spent[-1].latency_ms
        return verdict

    def _inquire(self, question: Question, check: Check, reply: LoggedReply, subject: Subject) -> Reading | Failure:
        """The recorded second sample; else an answer with which the check finds what is guessed."""
        if isinstance(question, SecondSample) and "sample" in reply.model_fields_set:
            return Reading(output=reply.sample)
        self._missing.append(Missing("finding", subject.tier, check.name))
        if not self._guesses:
            raise _Unanswered
        if self._guesses.pop(0):
            return _DOUBTED
        return subject.reading if isinstance(question, SecondSample) else _GRANTED

    def _judged(self, end: End | None, accepted: LoggedReply | None) -> tuple[Range, Range]:
        """Whether an output was accepted that is right, and one that is wrong."""
        if end is None:
            return OPEN, OPEN
        if accepted is None:
            return NO, NO
        match self._recording.correct(accepted, self._policy.output):
            case None:
                return OPEN, OPEN
            case True:
                return YES, NO
            case False:
                return NO, YES
            case never:
                assert_never(never)


def _known(policy: Policy, reply: LoggedReply, tier: str) -> Mapping[str, Finding]:
    """What checks that ask a model found then, as grave as the policy takes it now."""
    recorded = {finding.check: finding for finding in reply.findings}
    return {check.name: _again(check, recorded[check.name]) for check in policy.asking(tier) if check.name in recorded}


def _again(check: Check, recorded: Finding) -> Finding:
    said = check.passed() if recorded.outcome is Outcome.PASS else check.found(recorded.reason)
    return said.model_copy(update={"share": recorded.share}) if recorded.share is not None else said


_NOTHING: Final[Mapping[str, Finding]] = MappingProxyType({})
_DOUBTED: Final = Failure(kind=FailureKind.INTERNAL, message="nobody knows: the log does not tell", billed="no")
_GRANTED: Final = Reading(output={"mistake": None, "right": "yes"})
