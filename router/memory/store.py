"""The store in memory, by the same rules as the scripts in Redis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, assert_never

from ..auditing import audit_of
from ..budget import Budget, BudgetUse
from ..call import Deployment
from ..decision import Accept, Ask, DeadLetter, Decision, Expire, Reject, Review, Wait
from ..erasure import erased, erased_task
from ..errors import NotInReview, UnknownPolicy, UnknownTask
from ..ledger import Balance, Entry, EntryKind, Intent, Settlement, fold, fold_days
from ..policy import Policy
from ..ports import Claim, Kept, Rates, Swept, attempt_entry
from ..record import Record
from ..refusal import Refusal, lost_lease, over_cost
from ..ruling import REVIEW, not_in_review
from ..submission import Admission, Busy, Conflict, Submission, Submitted
from ..task import AUDITOR, Task, TaskState
from ..trail import Attempt, Trail
from .books import FRESH_MS, Books, Call
from .queues import Queues

READY_CHECK_MS = 60_000
AUDITS_WAITING_MAX = 1000
LEFT_FIRST_MS, LEFT_LONGEST_MS = 500, 30_000
"""How long a task is let alone that a process could not read: twice as long each time."""
_BY_ERASING: Final = "erased by the caller"


@dataclass
class _Row:
    """What the store holds of a task; the names are those of the hash in Redis, spelled out."""

    task: Task
    tier: str
    urgency_ms: int
    state: TaskState = TaskState.READY
    trail: Trail = ()
    token: str = ""
    lease_ms: int = 0
    noted_lease_ms: int | None = None
    suspect: bool = False
    crashes: int = 0
    done: str = ""
    kept: dict[int, Kept] = field(default_factory=dict)
    shows_kept: bool = False
    ended_ms: int | None = None
    reason: str | None = None
    audit: str | None = None
    erased_ms: int | None = None
    left: int = 0

    @property
    def queue(self) -> str:
        return f"!{self.tier}" if self.suspect else self.tier


class MemoryStore:
    """
    Implements `ports.Store` without any server; `clock_ms` is its clock. It knows budgets, but no rates, breakers and
    escalation storms: those are about many workers and real providers.
    """

    def __init__(
        self,
        *,
        clock_ms: Callable[[], int],
        lease_ms: int = 30_000,
        waiting_max: int = 1_000_000,
        crashes_max: int = 3,
    ) -> None:
        self._clock_ms = clock_ms
        self._lease_ms = lease_ms
        self._waiting_max = waiting_max
        self._crashes_max = crashes_max
        self._policies: dict[str, Policy] = {}
        self._rows: dict[str, _Row] = {}
        self._due: dict[str, int] = {}
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}
        self._slots: dict[str, dict[str, int]] = defaultdict(dict)
        self._claims: dict[str, list[str]] = {}
        self._queues, self._books = Queues(), Books(clock_ms)
        self._parked: set[str] = set()
        self.events: list[tuple[str, str]] = []

    async def publish(self, policies: Sequence[Policy]) -> None:
        self._policies |= {policy.digest: policy for policy in policies}

    async def policy(self, digest: str) -> Policy:
        if digest not in self._policies:
            raise UnknownPolicy(f"no policy with digest {digest} was published; publish its folder again")
        return self._policies[digest]

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Admission]:
        return [self._admit(submission) for submission in submissions]

    async def publish_budgets(self, budgets: Sequence[Budget]) -> None:
        self._books.publish(budgets)
        self._due |= dict.fromkeys(self._parked, self._clock_ms())
        self._parked.clear()

    async def budgets(self) -> Sequence[BudgetUse]:
        return self._books.uses()

    async def claim(
        self,
        tiers: Mapping[str, int],
        *,
        at_most: int,
        token: str,
        alone: bool = False,
        rates: Mapping[str, Rates] = MappingProxyType({}),
    ) -> Sequence[Claim]:
        now = self._clock_ms()
        if token in self._claims:
            held = [t for t in self._claims[token] if self._rows[t].token == token]
            return [self._show(task_id, token) for task_id in held]
        taken: list[str] = []
        for tier, concurrency in tiers.items():
            slots = self._slots[tier] = {t: end for t, end in self._slots[tier].items() if end > now}
            limit = at_most if alone else min(at_most, len(taken) + concurrency - len(slots))
            queue = f"!{tier}" if alone else tier
            while len(taken) < limit and (task_id := self._queues.take(queue)):
                if self._lease(task_id, token, now):
                    taken.append(task_id)
        if taken:
            self._claims[token] = taken
        return [self._show(task_id, token) for task_id in taken]

    def opens_in_ms(self) -> int | None:
        return None

    def stands_back(self) -> bool:
        return False

    async def renew(self, claims: Sequence[Claim]) -> frozenset[str]:
        lost = set()
        for claim in claims:
            row = self._rows.get(claim.task.id)
            if row is None or row.state is not TaskState.RUNNING or row.token != claim.token:
                lost.add(claim.task.id)
                continue
            self._prolong(row)
        return frozenset(lost)

    async def reserve(
        self, claim: Claim, intent: Intent, *, rates: Rates, limit_nusd: int, open_for_ms: int
    ) -> Deployment | Refusal:
        place = rates.deployments[0]
        row, now = self._rows[claim.task.id], self._clock_ms()
        if row.state is not TaskState.RUNNING or row.token != claim.token:
            return lost_lease(row.state)
        if row.task.deadline_ms <= now:
            return lost_lease("past its deadline")
        if (known := self._books.call(intent.call)) is not None:
            return known.place or place
        held_nusd = self._books.held(claim.task.id)
        if held_nusd + intent.reserved_nusd > limit_nusd:
            return over_cost(held_nusd, asked_nusd=intent.reserved_nusd, limit_nusd=limit_nusd)
        if refusal := self._books.refusal(intent, claim.task):
            return refusal
        self._books.reserve(intent, claim.token, place, open_for_ms=open_for_ms)
        return place

    async def resolve(self, intent: Intent, settlement: Settlement, kept: Kept) -> None:
        call = self._books.call(intent.call) or self._books.forgotten(intent, settlement)
        if call.kind in (EntryKind.SETTLED, EntryKind.VOID):
            return
        self._keep(call, kept)
        if call.kind is not settlement.kind:
            self._books.settle(call, settlement)

    async def finish(self, claim: Claim, policy: Policy, attempt: Attempt | None, decision: Decision) -> bool:
        row = self._rows[claim.task.id]
        done = f"{claim.token}:{attempt.number if attempt else 0}:{_move(claim, decision)}"
        if (before := _before(row, claim, done)) is not None:
            return before
        if attempt is not None and len(row.trail) + 1 != attempt.number:
            return False
        row.done = done
        if attempt is not None:
            row.trail += (attempt,)
            row.kept, row.suspect, row.crashes, row.shows_kept = {}, False, 0, False
            self._books.lines.append(attempt_entry(claim, policy, attempt, decision, at_ms=self._clock_ms()))
        self._move(row, policy, decision)
        if (audit := audit_of(policy, row.task, decision)) is not None and self._has_room_to_audit(audit.tier):
            row.audit = audit.task_id
            self._take_in(audit)
        return True

    async def release(self, claim: Claim) -> bool:
        row = self._rows[claim.task.id]
        done = f"{claim.token}:release"
        if (before := _before(row, claim, done)) is not None:
            return before
        row.done = done
        self._slots[row.tier].pop(row.task.id, None)
        row.shows_kept = True
        self._make_ready(row)
        return True

    async def leave(self, claim: Claim, why: str) -> bool:
        row = self._rows[claim.task.id]
        done = f"{claim.token}:leave"
        if (before := _before(row, claim, done)) is not None:
            return before
        row.done = done
        self._slots[row.tier].pop(row.task.id, None)
        row.state, row.token, row.reason = TaskState.DELAYED, "", why
        pause_ms = min(LEFT_FIRST_MS * 2 ** min(row.left, 10), LEFT_LONGEST_MS)
        self._due[row.task.id] = min(self._clock_ms() + pause_ms, row.task.deadline_ms)
        row.left += 1
        return True

    async def sweep(self, *, at_most: int) -> Swept:
        now, found = self._clock_ms(), Swept()
        due = (task_id for task_id, at_ms in self._due.items() if at_ms <= now)
        for task_id in sorted(due, key=lambda t: (self._due[t], t))[:at_most]:
            found = self._look_at(self._rows[task_id], now, found)
        for call in self._books.late(at_most=at_most):
            self._books.settle(call, Settlement(kind=EntryKind.UNSETTLED))
            found = replace(found, unsettled=found.unsettled + 1)
        return found

    async def cancel(self, task_id: str) -> TaskState:
        row = self._row(task_id)
        if not row.state.terminal:
            self._end(row, TaskState.CANCELLED, "cancelled by the caller")
        return row.state

    async def rule(self, task_id: str, attempt: Attempt, *, patience_ms: int) -> TaskState:
        row, ruling = self._row(task_id), attempt.ruling
        assert ruling is not None
        sign = attempt.signature
        if row.state is not TaskState.REVIEW and row.done == sign:
            return row.state
        if row.state is not TaskState.REVIEW or len(row.trail) + 1 != attempt.number:
            raise NotInReview(not_in_review(task_id, row.state))
        row.trail += (attempt,)
        row.done, row.tier, row.reason = sign, ruling.tier or REVIEW, None
        row.kept, row.suspect, row.crashes, row.shows_kept = {}, False, 0, False
        if ruling.reached is TaskState.READY:
            deadline_ms = max(row.task.deadline_ms, self._clock_ms() + patience_ms)
            row.task = row.task.model_copy(update={"deadline_ms": deadline_ms})
            self._make_ready(row)
        else:
            self._end(row, ruling.reached, ruling.because or None)
        return row.state

    async def erase(self, task_id: str) -> TaskState:
        row = self._row(task_id)
        if not row.state.terminal:
            self._end(row, TaskState.CANCELLED, _BY_ERASING)
        if row.erased_ms is None:
            row.task = erased_task(row.task)
            row.trail = tuple(map(erased, row.trail))
            row.reason = row.reason if row.reason == _BY_ERASING else None
            row.erased_ms = self._clock_ms()
            if row.audit is not None:
                await self.erase(row.audit)
        return row.state

    async def read(self, task_id: str) -> Record:
        row = self._row(task_id)
        return Record(
            task=row.task,
            state=row.state,
            tier=row.tier,
            trail=row.trail,
            reason=row.reason,
            cost_nusd=self._books.held(task_id),
            ended_ms=row.ended_ms,
            audit=row.audit,
            erased_ms=row.erased_ms,
        )

    def now_ms(self) -> int:
        return self._clock_ms()

    async def ledger(self) -> Sequence[Entry]:
        return tuple(self._books.lines)

    async def balance(self) -> Balance:
        return fold(self._books.lines)

    async def balances(self, names: Collection[str]) -> Mapping[str, Balance]:
        return {name: balance for name, balance in fold_days(self._books.lines).items() if name in names}

    def _row(self, task_id: str) -> _Row:
        if task_id not in self._rows:
            raise UnknownTask(f"there is no task {task_id}")
        return self._rows[task_id]

    def _admit(self, s: Submission) -> Admission:
        known = self._keys.get((s.tenant, s.key)) if s.key else None
        if known is not None:
            task_id, fingerprint = known
            if fingerprint != s.fingerprint:
                return Conflict(task_id)
            return Submitted(task_id, replayed=task_id != s.task_id)
        if s.task_id in self._rows:
            return Submitted(s.task_id)
        if len(self._due) >= self._waiting_max:
            return Busy(len(self._due))
        return self._take_in(s)

    def _has_room_to_audit(self, tier: str) -> bool:
        return self._queues.length(tier, AUDITOR) < AUDITS_WAITING_MAX

    def _take_in(self, s: Submission) -> Admission:
        now = self._clock_ms()
        task = Task(
            id=s.task_id,
            policy=s.policy,
            input=dict(s.input),
            tenant=s.tenant,
            priority=s.priority,
            created_ms=now,
            deadline_ms=now + int(s.deadline_s * 1000),
            metadata=dict(s.metadata),
            audits=s.audits,
            wishes=s.wishes,
            background=s.background,
        )
        urgency_ms = min(task.deadline_ms, now + s.priority.patience_ms)
        row = self._rows[s.task_id] = _Row(task=task, tier=s.tier, urgency_ms=urgency_ms)
        if s.key:
            self._keys[s.tenant, s.key] = (s.task_id, s.fingerprint)
        self._make_ready(row)
        return Submitted(s.task_id)

    def _make_ready(self, row: _Row) -> None:
        row.state, row.token = TaskState.READY, ""
        self._queues.put(row.queue, row.task.tenant, row.task.id, row.urgency_ms)
        check_ms = READY_CHECK_MS + len(self._due)
        self._due[row.task.id] = min(self._clock_ms() + check_ms, row.task.deadline_ms)

    def _lease(self, task_id: str, token: str, now: int) -> bool:
        row = self._rows[task_id]
        if row.state is not TaskState.READY:
            return False
        if row.task.deadline_ms <= now:
            self._end(row, TaskState.EXPIRED, f"the deadline passed before {row.tier} was asked")
            return False
        row.state, row.token = TaskState.RUNNING, token
        self._prolong(row)
        return True

    def _prolong(self, row: _Row) -> None:
        """No lease outlives the deadline by more than its own length."""
        row.lease_ms = min(self._clock_ms(), row.task.deadline_ms) + self._lease_ms
        self._slots[row.tier][row.task.id] = row.lease_ms
        self._due[row.task.id] = row.lease_ms - self._lease_ms // 2

    def _show(self, task_id: str, token: str) -> Claim:
        row = self._rows[task_id]
        kept = dict(row.kept) if row.shows_kept else {}
        return Claim(task=row.task, trail=row.trail, tier=row.tier, token=token, kept=kept)

    def _move(self, row: _Row, policy: Policy, decision: Decision) -> None:
        if isinstance(decision, Ask) and decision.tier == row.tier:
            return
        self._slots[row.tier].pop(row.task.id, None)
        match decision:
            case Ask(tier=tier):
                row.tier, row.kept = tier, {}
                self._make_ready(row)
            case Wait(until_ms=until_ms, reason=reason, parked=parked):
                row.state, row.token, row.reason = TaskState.DELAYED, "", reason
                if parked:
                    self._parked.add(row.task.id)
                    if self._books.fresh:
                        until_ms = min(until_ms, self._clock_ms() + FRESH_MS)
                self._due[row.task.id] = min(until_ms, row.task.deadline_ms)
            case Review(reason=reason):
                row.state, row.token, row.reason = TaskState.REVIEW, "", reason
                self._due[row.task.id] = self._clock_ms() + int(policy.limits.wait_at_most_s * 1000)
            case Accept():
                self._end(row, TaskState.SUCCEEDED, None)
            case Reject(reason=reason):
                self._end(row, TaskState.REJECTED, reason)
            case DeadLetter(reason=reason):
                self._end(row, TaskState.DEAD, reason)
            case Expire(reason=reason):
                self._end(row, TaskState.EXPIRED, reason)
            case never:
                assert_never(never)

    def _end(self, row: _Row, state: TaskState, reason: str | None) -> None:
        self._queues.pull(row.queue, row.task.tenant, row.task.id)
        self._slots[row.tier].pop(row.task.id, None)
        self._due.pop(row.task.id, None)
        self._parked.discard(row.task.id)
        row.state, row.token, row.ended_ms, row.kept = state, "", self._clock_ms(), {}
        row.reason = reason or row.reason
        self.events.append((state, row.task.id))

    def _look_at(self, row: _Row, now: int, found: Swept) -> Swept:
        """What a sweep does with one due task."""
        if row.state is TaskState.RUNNING:
            if row.noted_lease_ms == row.lease_ms <= now:
                return self._reclaim(row, now, found)
            look_ms = row.lease_ms if row.noted_lease_ms == row.lease_ms else now + self._lease_ms // 2
            row.noted_lease_ms = row.lease_ms
            self._due[row.task.id] = max(row.lease_ms, look_ms)
            return found
        if row.state is TaskState.REVIEW or row.task.deadline_ms <= now:
            reviewed = row.state is TaskState.REVIEW
            late = "nobody reviewed it in time" if reviewed else f"the deadline passed while the task was {row.state}"
            if row.state is TaskState.DELAYED:
                late += f": {row.reason}"
            self._end(row, TaskState.EXPIRED, late)
            return replace(found, ended=found.ended + 1)
        lost = not self._queues.holds(row.queue, row.task.tenant, row.task.id)
        if row.state is TaskState.DELAYED:
            row.reason = None
            self._parked.discard(row.task.id)
        self._make_ready(row)
        return replace(found, readied=found.readied + lost)

    def _reclaim(self, row: _Row, now: int, found: Swept) -> Swept:
        self._slots[row.tier].pop(row.task.id, None)
        row.noted_lease_ms = None
        row.crashes += row.suspect
        if row.crashes >= self._crashes_max:
            state = TaskState.REJECTED if row.task.audits else TaskState.DEAD
            self._end(row, state, f"its worker crashed {row.crashes} times while it ran alone")
        elif row.task.deadline_ms <= now:
            self._end(row, TaskState.EXPIRED, "the deadline passed while the task was running")
        else:
            row.suspect = row.shows_kept = True
            self._make_ready(row)
            return replace(found, reclaimed=found.reclaimed + 1)
        return replace(found, ended=found.ended + 1)

    def _keep(self, call: Call, kept: Kept) -> None:
        """The answer that the holder of the lease got stands; a late one of an older call only fills a gap."""
        row = self._rows.get(call.intent.task)
        if row is None or row.state.terminal or len(row.trail) + 1 != call.intent.attempt:
            return
        if row.token == call.token:
            row.kept[call.intent.position] = kept
        else:
            row.kept.setdefault(call.intent.position, kept)
            row.shows_kept = True


def _before(row: _Row, claim: Claim, done: str) -> bool | None:
    """True for a step that was done before, False where the lease is lost, None where it is to be done now."""
    if row.done == done:
        return True
    return None if row.state is TaskState.RUNNING and row.token == claim.token else False


def _move(claim: Claim, decision: Decision) -> str:
    """The kind of a decision: with lease and attempt it tells a repeated finish from another one."""
    if isinstance(decision, Ask):
        return "same" if decision.tier == claim.tier else "tier"
    if isinstance(decision, Wait):
        return "park" if decision.parked else "later"
    return "review" if isinstance(decision, Review) else "end"
