"""Play a policy's cases: the real engine, checks and decisions; recorded replies, a clock moved by hand, no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .asking import World
from .call import Answer, Call, Deployment, Failure, FailureKind, Reply, Usage
from .cases.case import JUDGE, Case, Suite
from .cases.expect import CaseEnd, Difference, differences, rewritten
from .cost import PriceBook, input_tokens_at_most
from .decision import Wait, decide
from .engine import Engine
from .ledger import Intent
from .memory import MemoryStore
from .output import Output
from .policy import Policy
from .ports import Claim
from .reading import read
from .record import Record
from .refusal import Refusal
from .story import Story, tell
from .submission import Submission
from .task import TaskState
from .tier import Tiers
from .trail import Trail
from .values import Json
from .verdict import Outcome

_BYTES_PER_TOKEN = 4
_JUDGEMENT = Output(json_schema={"type": "object"})
_STOPS = frozenset(TaskState) - {TaskState.READY, TaskState.RUNNING, TaskState.DELAYED}


@dataclass(frozen=True)
class Played:
    """
    A case as it went. `unscripted` names the tiers (or `judge`) that were asked without a recorded reply, `samples`
    holds the outputs of second samples by the number of their attempt.
    """

    case: Case
    policy: Policy
    tiers: Tiers
    record: Record
    unscripted: tuple[str, ...]
    samples: Mapping[int, Json]

    @property
    def passed(self) -> bool:
        return not self.differences

    @property
    def trail(self) -> Trail:
        return self.record.trail

    @cached_property
    def end(self) -> CaseEnd:
        """What came of it; `tier` is the one that was asked last."""
        return CaseEnd(
            status=self.record.state.value,
            tier=self.trail[-1].tier if self.trail else None,
            attempts=len(self.trail),
            failed=self._checks(warn=False),
            warned=self._checks(warn=True),
            moves=self.record.moves,
            reason=self.record.reason,
            output=self.record.output,
            cost_nusd=self.record.cost_nusd,
        )

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Where the case did not go as expected; empty for a case that passed."""
        asked = "none, and it was asked"
        missing = (Difference(f"replies.{name}", "a recorded reply", asked) for name in self.unscripted)
        return (*missing, *differences(self.case.expect, self.end))

    @cached_property
    def story(self) -> Story:
        """The case step by step, with the values that checks saw."""
        return tell(self.policy, self.record, self.tiers, samples=self.samples)

    @property
    def advice(self) -> str:
        """What to write into the case where what came is right."""
        if self.unscripted:
            names = ", ".join(self.unscripted)
            return f"record what {names} would answer under `replies`, or mend what lets the task climb there"
        return f"if this is right, the case is to say\n{rewritten(self.case.expect, self.end)}"

    def _checks(self, *, warn: bool) -> tuple[str, ...]:
        verdicts = (attempt.verdict for attempt in self.trail if attempt.verdict is not None)
        found = (f for verdict in verdicts for f in verdict.findings if f.outcome is not Outcome.PASS)
        return tuple(dict.fromkeys(f.check for f in found if f.warn is warn))


async def play(policy: Policy, case: Case, *, tiers: Tiers, prices: PriceBook, start_ms: int) -> Played:
    """Carry one task from its submission to its end, or to the person who has to decide. Nothing of it is audited."""
    version = _version(policy, tiers)
    clock = _Clock(start_ms)
    store = _Witness(clock_ms=clock)
    models = _Models(version, case, store, clock)
    engine = Engine(World(tiers=tiers, prices=prices, llm=models, store=store, clock_ms=clock))
    await store.publish([version])
    await store.submit([_submission(version, case)])
    serving = dict.fromkeys((rung.tier for rung in version.tiers), 1)
    claims = 0
    while (record := await store.read(case.name)).state not in _STOPS:
        decision = decide(version.on(tiers), record.task, record.trail, clock())
        if isinstance(decision, Wait):
            clock.ms = decision.until_ms
            await store.sweep(at_most=1)
        claims += 1
        for claim in await store.claim(serving, at_most=1, token=f"claim-{claims}"):
            await engine.carry(claim)
    return Played(case, version, tiers, record, tuple(models.unscripted), models.samples)


async def play_all(
    policy: Policy, suite: Suite, *, tiers: Tiers, prices: PriceBook, start_ms: int
) -> tuple[Played, ...]:
    """Play every case of a suite, each from the same moment on."""
    version = _version(policy, tiers)
    return tuple([await play(version, case, tiers=tiers, prices=prices, start_ms=start_ms) for case in suite.cases])


def _version(policy: Policy, tiers: Tiers) -> Policy:
    """The version that would be published, so that its certificate counts, without audits."""
    bound = policy if policy.models else policy.bound_to(tiers)
    return bound.model_copy(update={"audit": None})


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
        self.intents: dict[str, Intent] = {}

    async def reserve(self, claim: Claim, intent: Intent, **limits: Any) -> Deployment | Refusal:
        self.intents[intent.call] = intent
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
        self.samples: dict[int, Json] = {}

    async def complete(self, call: Call) -> Answer:
        intent = self._store.intents[call.id]
        judging = intent.purpose == JUDGE
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
        answer = recorded.answer(_JUDGEMENT if judging else self._policy.output, usage=_usual(call))
        if intent.purpose == "sample" and isinstance(answer, Reply):
            self.samples[intent.attempt] = read(self._policy.output, answer).output
        return answer


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
