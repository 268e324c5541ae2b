"""The two places where the service touches the world, and the values that pass there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from .auditing import AUDIT, SHADOW
from .budget import Budget, BudgetUse
from .call import Answer, Call, Deployment
from .decision import Accept, Ask, Decision
from .ledger import Balance, Entry, EntryKind, Intent, Settlement
from .policy import Policy
from .record import Record
from .refusal import Refusal
from .submission import Admission, Submission
from .task import Task, TaskState
from .trail import Attempt, Spent, Trail
from .verdict import Finding, Outcome


class LLM(Protocol):
    """The seam to the models."""

    async def complete(self, call: Call) -> Answer:
        """Send *call* as exactly one HTTP request. Never raises: what goes wrong is a Failure."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was paid for before a crash, with its booking."""

    answer: Answer
    spent: Spent


@dataclass(frozen=True, slots=True)
class Claim:
    """
    A shift's time-limited right to a task at one tier. `kept` holds what the open attempt has been answered already,
    by the position of the call in it.
    """

    task: Task
    trail: Trail
    tier: str
    token: str
    kept: Mapping[int, Kept]


def attempt_entry(claim: Claim, policy: Policy, attempt: Attempt, decision: Decision, *, at_ms: int = 0) -> Entry:
    """The ledger's line that settles an attempt: its cost, tokens and verdict. A store fills in the time."""
    verdict = attempt.verdict
    asked = policy.specs.get(attempt.tier)
    return Entry(
        kind=EntryKind.ATTEMPT,
        at_ms=at_ms,
        task=claim.task.id,
        attempt=attempt.number,
        tier=attempt.tier,
        model=attempt.calls[0].model if attempt.calls else asked.model if asked else None,
        policy=policy.policy,
        version=claim.task.policy,
        tenant=claim.task.tenant,
        why=attempt.why,
        amount_nusd=attempt.cost_nusd,
        price_since=attempt.calls[0].price_since if attempt.calls else None,
        usage=attempt.usage,
        latency_ms=sum(call.latency_ms for call in attempt.calls),
        outcome=verdict.outcome if verdict else None,
        accepted=isinstance(decision, Accept),
        escalated=isinstance(decision, Ask) and decision.tier != attempt.tier,
        failure=attempt.failure,
        simulated=asked.simulated if asked else False,
        checks=tuple(f.check for f in verdict.findings if _told(f)) if verdict else (),
    )


def _told(finding: Finding) -> bool:
    """What the ledger says of an attempt: the checks that counted, differences that audits found, and shadow runs."""
    differs = finding.check == AUDIT and finding.outcome is not Outcome.PASS
    return finding.counts or differs or finding.check == SHADOW


@dataclass(frozen=True, slots=True)
class Rates:
    """Where a call may be sent, in order of preference, and what the tier takes in a minute; None for no bound."""

    deployments: tuple[Deployment, ...]
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Swept:
    """How many tasks a sweep put back, made ready, and ended; how many calls it gave up on."""

    reclaimed: int = 0
    readied: int = 0
    ended: int = 0
    unsettled: int = 0


class Store(Protocol):
    """
    The seam to Redis. Every write is one atomic step that may be applied twice; a shift whose lease is gone is told so
    and changes nothing, but money is booked whoever brings it.
    """

    async def publish(self, policies: Sequence[Policy]) -> None:
        """Make these versions the current ones of their names; older versions stay for the tasks that have them."""
        ...

    async def policy(self, digest: str) -> Policy:
        """Raises: UnknownPolicy, FormatTooNew."""
        ...

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Admission]: ...

    async def claim(
        self,
        tiers: Mapping[str, int],
        *,
        at_most: int,
        token: str,
        alone: bool = False,
        rates: Mapping[str, Rates] = MappingProxyType({}),
    ) -> Sequence[Claim]:
        """
        Take the most urgent ready tasks of *tiers* (name -> concurrency); `alone`: suspects of a crash instead. Of a
        tier with *rates* only as many as could be asked now. Tasks that this process cannot read are left to others.
        """
        ...

    def opens_in_ms(self) -> int | None:
        """
        How long after the last claim a gate opens (a rate, a rest, a breaker) that held ready tasks back from it; None
        where none did.
        """
        ...

    def stands_back(self) -> bool:
        """True where tasks were given back lately that this process cannot read: others may take what comes next."""
        ...

    async def renew(self, claims: Sequence[Claim]) -> frozenset[str]:
        """Prolong these leases; returns the ids of the tasks that are no longer ours."""
        ...

    async def publish_budgets(self, budgets: Sequence[Budget]) -> None:
        """Put these budgets in the place of all; tasks that a budget parked try again."""
        ...

    async def budgets(self) -> Sequence[BudgetUse]:
        """Every budget of every scope that has one, with what is used of it now."""
        ...

    async def reserve(
        self, claim: Claim, intent: Intent, *, rates: Rates, limit_nusd: int, open_for_ms: int
    ) -> Deployment | Refusal:
        """
        Set the worst case of a call aside before it is sent, in all its scopes at once, and say where to send it.

        A Refusal means that it must not be sent. Calls after the first of an attempt are never refused for a rate: what
        they are needed for is paid already.
        """
        ...

    async def resolve(self, intent: Intent, settlement: Settlement, kept: Kept) -> None:
        """Book how a call ended, and keep its answer while its attempt is open."""
        ...

    async def finish(self, claim: Claim, policy: Policy, attempt: Attempt | None, decision: Decision) -> bool:
        """Append *attempt* and carry out *decision*. False where the lease was lost: nothing has changed then."""
        ...

    async def release(self, claim: Claim) -> bool:
        """Give a task back unchanged."""
        ...

    async def leave(self, claim: Claim, why: str) -> bool:
        """Give a task back unchanged, for others: this process cannot read what it takes, and gets it no more soon."""
        ...

    async def sweep(self, *, at_most: int) -> Swept:
        """Put lost, late and stuck things back."""
        ...

    async def cancel(self, task_id: str) -> TaskState:
        """End a task that has not ended; returns the state it is in now. Raises: UnknownTask."""
        ...

    async def rule(self, task_id: str, attempt: Attempt, *, patience_ms: int) -> TaskState:
        """
        Carry out what a person decided of a task in review: append *attempt*, whose ruling it is, and end the task or
        have a tier asked, for *patience_ms* from now on at least. Returns the state it is in then.

        Raises: UnknownTask, NotInReview.
        """
        ...

    async def erase(self, task_id: str) -> TaskState:
        """Erase a task's contents, after ending it if it has not ended; returns its state. Raises: UnknownTask."""
        ...

    async def read(self, task_id: str) -> Record:
        """Raises: UnknownTask."""
        ...

    def now_ms(self) -> int:
        """The store's clock: the only one that leases and deadlines go by."""
        ...

    async def ledger(self) -> Sequence[Entry]:
        """Every line, oldest first."""
        ...

    async def balance(self) -> Balance:
        """The running sums that the scripts keep."""
        ...

    async def balances(self, names: Collection[str]) -> Mapping[str, Balance]:
        """The running sums of these scopes and days (as `ledger.fold_days` names them) that are still kept."""
        ...
