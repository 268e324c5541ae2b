"""Play a policy's cases: the real engine, checks and decisions; recorded replies, a clock moved by hand, no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, assert_never

from .asking import World
from .call import Answer, Call, Deployment, Failure, FailureKind, Usage
from .checks import Confidence
from .cost import PriceBook, input_tokens_at_most
from .decision import Wait, decide
from .engine import Engine
from .ledger import Intent
from .memory import MemoryStore
from .output import Output
from .policy import Policy
from .policycase import JUDGE, Case, Suite
from .ports import Claim
from .reading import Reading
from .record import Record
from .refusal import Refusal
from .submission import Submission
from .task import TaskState
from .tier import Tiers
from .trail import Attempt, Purpose, Trail
from .values import Json
from .verdict import Finding, Outcome

Occasion: TypeAlias = Literal["fail", "unsure", "error", "refused", "exhausted"]
"""The keys of a policy's `moves`."""

_BYTES_PER_TOKEN = 4
_JUDGEMENT = Output(json_schema={"type": "object"})
_END = {
    TaskState.SUCCEEDED: "accept",
    TaskState.REJECTED: "reject",
    TaskState.REVIEW: "review",
    TaskState.DEAD: "dead_letter",
    TaskState.EXPIRED: "expire",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """What a case expected of something, and what came."""

    what: str
    expected: Json
    got: Json

    def __str__(self) -> str:
        return f"{self.what}: expected {_said(self.expected)}, got {_said(self.got)}"


@dataclass(frozen=True)
class Played:
    """A case as it went. `unscripted` names the tiers (or `judge`) that were asked without a recorded reply."""

    case: Case
    record: Record
    unscripted: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences

    @property
    def trail(self) -> Trail:
        return self.record.trail

    @property
    def status(self) -> str:
        return self.record.state.value

    @property
    def tier(self) -> str | None:
        """The tier that was asked last; None where none was."""
        return self.trail[-1].tier if self.trail else None

    @property
    def failed(self) -> tuple[str, ...]:
        """The checks that failed or doubted a reply, in the order in which they first did."""
        return self._checks(warn=False)

    @property
    def warned(self) -> tuple[str, ...]:
        return self._checks(warn=True)

    @property
    def moves(self) -> tuple[str, ...]:
        """What was done after each attempt; for an input that no tier could take, the end alone."""
        return (*(attempt.why for attempt in self.trail[1:]), _END[self.record.state])

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Where the case did not go as expected; empty for a case that passed."""
        return tuple(self._compare())

    def story(self) -> Iterator[str]:
        """The trail in a line an attempt, and the end, for people."""
        for attempt, move in zip(self.trail, self.moves, strict=False):
            yield f"{attempt.number}. {attempt.tier} ({attempt.why}): {_outcome(attempt)} -> {move}"
            for finding in _findings(attempt):
                if finding.outcome is not Outcome.PASS:
                    grade = "warn" if finding.warn else finding.outcome.value
                    yield f"   {grade}: {finding.check}: {finding.reason}"
        if self.record.reason:
            yield f"{self.status}: {self.record.reason}"

    def _checks(self, *, warn: bool) -> tuple[str, ...]:
        found = [f for attempt in self.trail for f in _findings(attempt) if f.outcome is not Outcome.PASS]
        return tuple(dict.fromkeys(f.check for f in found if f.warn is warn))

    def _compare(self) -> Iterator[Difference]:
        for name in self.unscripted:
            yield Difference(f"replies.{name}", "a recorded reply", "none, and it was asked")
        wanted = self.case.expect
        got = {
            "status": self.status,
            "tier": self.tier,
            "attempts": len(self.trail),
            "failed": self.failed,
            "warned": self.warned,
            "moves": self.moves,
            "output": self.record.output,
        }
        for what, came in got.items():
            if what in wanted.model_fields_set and getattr(wanted, what) != came:
                yield Difference(what, getattr(wanted, what), came)
        if wanted.reason is not None and wanted.reason not in (self.record.reason or ""):
            yield Difference("reason", wanted.reason, self.record.reason)


async def play(policy: Policy, case: Case, *, tiers: Tiers, prices: PriceBook, start_ms: int) -> Played:
    """Carry one task from its submission to its end, or to the person who has to decide."""
    clock = _Clock(start_ms)
    store = _Witness(clock_ms=clock)
    models = _Models(policy, case, store, clock)
    engine = Engine(World(tiers=tiers, prices=prices, llm=models, store=store, clock_ms=clock))
    await store.publish([policy])
    await store.submit([_submission(policy, case)])
    serving = dict.fromkeys((rung.tier for rung in policy.tiers), 1)
    claims = 0
    while (record := await store.read(case.name)).state not in _END:
        decision = decide(policy.on(tiers), record.task, record.trail, clock())
        if isinstance(decision, Wait):
            clock.ms = decision.until_ms
            await store.sweep(at_most=1)
        claims += 1
        for claim in await store.claim(serving, at_most=1, token=f"claim-{claims}"):
            await engine.carry(claim)
    return Played(case, record, tuple(models.unscripted))


async def play_all(
    policy: Policy, suite: Suite, *, tiers: Tiers, prices: PriceBook, start_ms: int
) -> tuple[Played, ...]:
    """Play every case of a suite, each from the same moment on."""
    return tuple([await play(policy, c, tiers=tiers, prices=prices, start_ms=start_ms) for c in suite.cases])


@dataclass(frozen=True)
class Coverage:
    """How often each check of a policy found something or passed a reply, and each tier and move was reached."""

    found: dict[str, int]
    passed: dict[str, int]
    tiers: dict[str, int]
    moves: dict[str, int]

    @property
    def gaps(self) -> tuple[str, ...]:
        """What no case reached, a sentence each; empty where all of the policy was."""
        return (
            *(f"check {name} found nothing in any case" for name, count in self.found.items() if not count),
            *(f"check {name} passed no reply" for name, count in self.passed.items() if not count),
            *(f"tier {name} was asked in no case" for name, count in self.tiers.items() if not count),
            *(f"moves.{name} was called for in no case" for name, count in self.moves.items() if not count),
        )


def coverage(policy: Policy, played: Sequence[Played]) -> Coverage:
    """Say what of a policy its cases reached."""
    checks = [check.name for check in policy.all_checks]
    attempts = [attempt for one in played for attempt in one.trail]
    findings = [finding for attempt in attempts for finding in _findings(attempt)]
    return Coverage(
        found=_counted(checks, [f.check for f in findings if f.outcome is not Outcome.PASS]),
        passed=_counted(checks, [f.check for f in findings if f.outcome is Outcome.PASS]),
        tiers=_counted([rung.tier for rung in policy.tiers], [attempt.tier for attempt in attempts]),
        moves=_counted(_possible(policy), [o for one in played for o in _occasions(policy, one)]),
    )


class _Clock:
    """Stands still until it is moved."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


class _Witness(MemoryStore):
    """A store that remembers what each call is for."""

    def __init__(self, *, clock_ms: Callable[[], int]) -> None:
        super().__init__(clock_ms=clock_ms)
        self.purposes: dict[str, Purpose] = {}

    async def reserve(self, claim: Claim, intent: Intent, **limits: Any) -> Deployment | Refusal:
        self.purposes[intent.call] = intent.purpose
        return await super().reserve(claim, intent, **limits)


class _Models:
    """All models of a case. A tier gives its replies in turn, to first and second samples alike; the last one stays."""

    def __init__(self, policy: Policy, case: Case, store: _Witness, clock: _Clock) -> None:
        self._policy = policy
        self._replies = case.replies
        self._store = store
        self._clock = clock
        self._asked: Counter[str] = Counter()
        self.unscripted: dict[str, None] = {}

    async def complete(self, call: Call) -> Answer:
        judging = self._store.purposes[call.id] == JUDGE
        name = JUDGE if judging else call.tier
        replies = self._replies.get(name)
        if replies is None:
            self.unscripted[name] = None
            return Failure(kind=FailureKind.INTERNAL, message=f"the case records no reply of {name}", billed="no")
        recorded = replies[min(self._asked[name], len(replies) - 1)]
        self._asked[name] += 1
        self._clock.ms += int(min(recorded.takes_s, call.timeout_s) * 1000)
        if recorded.takes_s > call.timeout_s:
            said = f"no full answer within {call.timeout_s:g} s"
            return Failure(kind=FailureKind.TIMEOUT, message=said, billed="unknown")
        return recorded.answer(_JUDGEMENT if judging else self._policy.output, usage=_usual(call))


def _usual(call: Call) -> Usage:
    """About what a provider would count: four bytes a token."""
    input_tokens = input_tokens_at_most(call, image_tokens_max=_BYTES_PER_TOKEN * 1000) // _BYTES_PER_TOKEN
    return Usage(input_tokens=input_tokens, output_tokens=min(50, call.max_output_tokens))


def _submission(policy: Policy, case: Case) -> Submission:
    return Submission(
        task_id=case.name,
        policy=policy.digest,
        tier=policy.tiers[0].tier,
        input=case.input,
        deadline_s=policy.limits.deadline_s,
        keep_s=policy.keep_s,
    )


def _findings(attempt: Attempt) -> tuple[Finding, ...]:
    return attempt.verdict.findings if attempt.verdict is not None else ()


def _outcome(attempt: Attempt) -> str:
    match attempt.answer:
        case Reading():
            return attempt.verdict.outcome.value if attempt.verdict is not None else "not judged"
        case Failure(kind=kind, message=message):
            return f"{kind.value}: {message}"
        case Refusal(message=message):
            return f"not sent: {message}"
        case never:
            assert_never(never)


def _counted(names: Sequence[str], seen: Sequence[str]) -> dict[str, int]:
    counts = Counter(seen)
    return {name: counts[name] for name in names}


def _possible(policy: Policy) -> list[Occasion]:
    doubting = any(c.severity == "unsure" or isinstance(c, Confidence) for c in policy.all_checks)
    return ["fail", *(("unsure",) if doubting else ()), "error", "refused", "exhausted"]


def _occasions(policy: Policy, played: Played) -> Iterator[Occasion]:
    """Which of the policy's moves were called for in a case."""
    for attempt in played.trail:
        if (occasion := _occasion(attempt)) is not None:
            yield occasion
    last = _occasion(played.trail[-1]) if played.trail else None
    wished = getattr(policy.moves, last) if last is not None else "escalate"
    if played.trail and wished in ("repair", "retry", "escalate") and played.moves[-1] not in ("accept", "expire"):
        yield "exhausted"


def _occasion(attempt: Attempt) -> Occasion | None:
    """Which key of `moves` speaks of that attempt; None for a good reply, and for what no move can help."""
    match attempt.answer:
        case Refusal():
            return None
        case Failure(kind=FailureKind.CONTENT_POLICY):
            return "refused"
        case Failure() as failure:
            return "error" if failure.passing else None
        case Reading() as reading:
            outcome = attempt.verdict.outcome if attempt.verdict is not None else Outcome.FAIL
            if outcome is Outcome.FAIL:
                return "refused" if reading.refused else "fail"
            return "unsure" if outcome is Outcome.UNSURE else None
        case never:
            assert_never(never)


def _said(value: Json) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    return repr(value) if isinstance(value, str) and not value.isidentifier() else str(value)
