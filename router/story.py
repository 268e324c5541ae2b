"""A task told from its trail: why each tier was asked, in which words, what was found, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .auditing import AUDIT
from .because import LeftOut, asked_because, moved_because, not_run, passed_by
from .checks import Subject
from .checks.base import MISSING
from .compose import messages
from .decision import Ask
from .errors import TaskInvalid
from .policy import Policy
from .promise import PROMISE
from .reading import Reading
from .record import Record
from .seen import Seen, audited, seen, weighed
from .tailoring import tailored
from .template import PromptInvalid
from .tier import Tiers
from .trail import Attempt, Trail
from .values import Json
from .verdict import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Told:
    """A finding with the values that its check saw."""

    finding: Finding
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """
    One attempt. `because` says why its tier was asked and `passed_by` which were not; `not_run` are the checks that
    the reply never met. `move` is what was done after it (None while that is open), `to` the tier of the next attempt,
    `why` what led to it.
    """

    attempt: Attempt
    model: str
    because: str
    passed_by: tuple[LeftOut, ...]
    messages: tuple[dict[str, Json], ...]
    told: tuple[Told, ...]
    not_run: tuple[LeftOut, ...]
    move: str | None
    to: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Story:
    """A task, the version of the policy that it ran under, and its attempts."""

    policy: Policy
    record: Record
    steps: tuple[Step, ...]

    @property
    def outdated(self) -> tuple[str, ...]:
        """Why the policy's certificate is not gone by; empty where it holds, or there is none."""
        known = self.policy.certificate
        return known.outdated(self.policy.promise, self.policy.basis) if known is not None else ()


def tell(policy: Policy, record: Record, tiers: Tiers, *, samples: Mapping[int, Json] | None = None) -> Story:
    """
    Tell a task by the version of the policy that it ran under. *samples* are the outputs of second samples by the
    number of their attempt, where they are known: a trail keeps only what was found in them.
    """
    teller = _Teller(_asked(policy.on(tiers), record), record, tiers, samples or {})
    return Story(teller.policy, record, tuple(teller.step(at) for at in range(len(record.trail))))


def _asked(policy: Policy, record: Record) -> Policy:
    """The version as the caller wished it; as it is where that cannot be done: nobody was asked then."""
    try:
        return tailored(policy, record.task.wishes)
    except TaskInvalid:
        return policy


class _Teller:
    def __init__(self, policy: Policy, record: Record, tiers: Tiers, samples: Mapping[int, Json]) -> None:
        self.policy = policy
        self._record = record
        self._tiers = tiers
        self._samples = samples

    def step(self, at: int) -> Step:
        policy, record, trail, done = self.policy, self._record, self._record.trail, self._record.moves
        attempt, following = trail[at], trail[at + 1] if at + 1 < len(trail) else None
        return Step(
            attempt=attempt,
            model=self._model(attempt),
            because=asked_because(policy, record, trail[:at], attempt),
            passed_by=tuple(passed_by(policy, record, trail[at - 1] if at else None, attempt)),
            messages=self._messages(trail[:at], attempt),
            told=tuple(self._told(attempt)),
            not_run=tuple(not_run(policy, attempt)),
            move=done[at] if at < len(done) else None,
            to=following.tier if following is not None else None,
            why=moved_because(policy, record, trail[: at + 1], following),
        )

    def _model(self, attempt: Attempt) -> str:
        spec = self.policy.tier(attempt.tier, self._tiers)
        called = (call.model for call in attempt.calls if call.purpose == "answer")
        return next(called, spec.model if spec is not None else "")

    def _messages(self, before: Trail, attempt: Attempt) -> tuple[dict[str, Json], ...]:
        if attempt.ruling is not None:
            return ()
        try:
            return tuple(messages(self.policy, self._record.task, before, Ask(attempt.tier, attempt.why)))
        except PromptInvalid:
            return ()  # the attempt's failure says so

    def _told(self, attempt: Attempt) -> Iterator[Told]:
        verdict, reading = attempt.verdict, attempt.answer
        if verdict is None or not isinstance(reading, Reading):
            return
        subject = Subject(task=self._record.task, reading=reading, types=self.policy.types, tier=attempt.tier)
        sample = self._samples.get(attempt.number, MISSING)
        for at, finding in enumerate(verdict.findings):
            yield Told(finding, self._seen(finding.check, subject, sample, verdict, verdict.findings[:at]))

    def _seen(
        self, name: str, subject: Subject, sample: Json, verdict: Verdict, before: tuple[Finding, ...]
    ) -> tuple[Seen, ...]:
        check = next((check for check in self.policy.all_checks if check.name == name), None)
        if check is not None:
            return seen(check, subject, sample)
        if name == PROMISE:
            return weighed(self.policy, subject, verdict, before)
        accepted = self._record.task.audits
        return audited(subject, accepted) if name == AUDIT and accepted is not None else ()
