"""A running service as its keys show it, and what that means for the tasks in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ..budget import BudgetUse, tightest
from ..cost import usd
from ..ledger import Balance
from ..task import TaskState
from .sign import Sign, fine, problem, warning

_OVERDUE_MS = 10_000
_OVERDUE_FAR_MS = 60_000
_DELAYED_SHARE = 0.1
_DELAYED_MANY = 10
_HOURS_FROM_MIN = 120
_REVIEW_LATE_MS = 4 * 3_600_000
_NEARLY_USED = 0.9
_BUDGETS_TOLD = 5
_MONEY = "reconcile with the provider's own figures: `router audit --bill FILE`"
_SETTLE = (
    f"{_MONEY}; calls that a bill lacks stay in doubt until one that has all calls of their time is given with "
    "`--complete`: what it lacks was not charged"
)


class Breaker(StrEnum):
    """
    CLOSED: the deployment is asked. OPEN: it failed time and again, and is left alone for a while. PROBING: that is
    over, and its next call decides.
    """

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class Worker:
    """
    An RQ worker. `tiers` are those it serves, None for all of its file; `alone` says that it takes suspects of a crash;
    `silent` that nothing was heard of it lately.
    """

    tiers: tuple[str, ...] | None
    alone: bool = False
    silent: bool = False

    @property
    def group(self) -> str:
        """What workers of the same tiers are called together."""
        return "all" if self.tiers is None else "+".join(self.tiers)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that has not ended."""

    id: str
    state: TaskState
    tier: str


@dataclass(frozen=True, slots=True)
class Service:
    """
    `ready` counts the tasks of each queue (a tier, or `!` and a tier for suspects of a crash), `oldest_ms` is how long
    ago the oldest came of those that are next there, `running` counts the tasks of each tier; `waiting` all that have
    not ended, of which `sample` shows some; `overdue_ms` is how long the oldest should have been looked at; `parked`
    tasks wait for a budget, and `review` for a person, the longest for `review_ms`.

    `resting` says of a deployment (`tier/name`) for how many ms it is left alone, `breakers` why; `open_calls` may
    still run, and those that should not any more are `late_calls`; of `dead` letters some were `redriven`, and some
    `unread`.

    Of webhooks, `hooks_waiting` counts deliveries that wait, and `hooks_late_ms` is how long the first of them should
    have been sent. `counts` says how often something has happened since the beginning (`task:succeeded`,
    `webhook:failed`, `alarm:budget`); `published_ms` when the current version of a policy became so.
    """

    workers: Sequence[Worker] = ()
    ready: Mapping[str, int] = field(default_factory=dict)
    oldest_ms: Mapping[str, int] = field(default_factory=dict)
    running: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    sample: Sequence[Waiting] = ()
    overdue_ms: int = 0
    parked: int = 0
    review: int = 0
    review_ms: int = 0
    resting: Mapping[str, int] = field(default_factory=dict)
    breakers: Mapping[str, Breaker] = field(default_factory=dict)
    open_calls: int = 0
    late_calls: int = 0
    dead: int = 0
    redriven: int = 0
    unread: int = 0
    failed_shifts: int = 0
    stuck_shifts: int = 0
    hooks_waiting: int = 0
    hooks_late_ms: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    published_ms: Mapping[str, int] = field(default_factory=dict)

    @property
    def delayed(self) -> int:
        """Tasks that wait for a time."""
        return max(0, self.waiting - sum(self.ready.values()) - sum(self.running.values()) - self.review)


def crew(service: Service, tiers: Iterable[str], used: Mapping[str, str]) -> list[Sign]:
    """
    Whether somebody works, and at every tier that needs it.

    *tiers* are those of the tiers file, none where it could not be read; *used* says of each that policies climb to
    which policy does.
    """
    return [_workers(service), *_tiers(service, set(tiers), used)]


def _workers(service: Service) -> Sign:
    start = "start `router worker`, and have a supervisor start it again whatever its exit code"
    silent = sum(worker.silent for worker in service.workers)
    alive = sum(not worker.silent for worker in service.workers if not worker.alone)
    if not alive:
        return problem("workers", f"none lives, and {_count(service.waiting, 'task')} not ended", start)
    if silent:
        return warning("workers", f"{alive} live; of {silent} nothing was heard for 20 s", "look whether they run")
    return fine("workers", f"{alive} live")


def _tiers(service: Service, known: set[str], used: Mapping[str, str]) -> Iterator[Sign]:
    """Queues with tasks and nobody to take them; then tiers that only may get some."""
    waiting = Counter({queue: count for queue, count in service.ready.items() if count})
    for queue, count in sorted(waiting.items()):
        tier = queue.removeprefix("!")
        if _served(service, queue, known):
            continue
        suspects = " that were there at a crash" if queue != tier else ""
        yield problem(
            "tiers", f"{_count(count, 'task')}{suspects} at {tier!r}, which no worker serves", _serve(tier, known)
        )
    for tier, policy in sorted(used.items()):
        if service.workers and not waiting[tier] and not _served(service, tier, known):
            yield warning(
                "tiers", f"policy {policy} may climb to {tier!r}, which no worker serves", _serve(tier, known)
            )


def _served(service: Service, queue: str, known: set[str]) -> bool:
    tier, alone = queue.removeprefix("!"), queue.startswith("!")
    able = [w.tiers for w in service.workers if w.alone == alone and not w.silent]
    return any(tier in (known or {tier} if tiers is None else tiers) for tiers in able)


def _serve(tier: str, known: set[str]) -> str:
    if tier in (known or {tier}):
        return f"start `router worker --tier {tier}`"
    return f"put tier {tier!r} back into the tiers file and restart the workers, or cancel those tasks"


def flow(service: Service) -> list[Sign]:
    """Whether what waits is looked at, and what stands still."""
    return [
        _sweep(service),
        _backlog(service),
        _reviews(service),
        _parked(service),
        *_resting(service),
        _dead(service),
        _shifts(service),
    ]


def _sweep(service: Service) -> Sign:
    if service.overdue_ms < _OVERDUE_MS:
        return fine("sweep", "nothing is overdue")
    said = f"the oldest task should have been looked at {service.overdue_ms / 1000:,.0f} s ago"
    todo = "no sweep runs, or none keeps up: start `router worker` (each brings one); look for sweep.failed in its log"
    far = service.overdue_ms >= _OVERDUE_FAR_MS
    return problem("sweep", said, todo) if far else warning("sweep", said, todo)


def _backlog(service: Service) -> Sign:
    states = Counter(task.state for task in service.sample)
    shown = ", ".join(f"{count:,} {state}" for state, count in states.most_common())
    of_all = f" ({len(service.sample):,} of them looked at)" if len(service.sample) < service.waiting else ""
    seen = f"{_count(service.waiting, 'task')} not ended{of_all}" + (f": {shown}" if shown else "")
    delayed = [task.id for task in service.sample if task.state is TaskState.DELAYED]
    if len(delayed) >= max(_DELAYED_MANY, _DELAYED_SHARE * len(service.sample)):
        why = f"`router task show {delayed[0]}` says which"
        return warning("backlog", seen, f"a budget, a rate limit or a provider's errors hold them back: {why}")
    return fine("backlog", seen)


def _reviews(service: Service) -> Sign:
    if not service.review:
        return fine("reviews", "no task waits for a person")
    waits = "waits" if service.review == 1 else "wait"
    said = f"{_count(service.review, 'task')} {waits} for a person, the longest for {_span(service.review_ms)}"
    if service.review_ms < _REVIEW_LATE_MS:
        return fine("reviews", said)
    todo = "`router review list` has them, the longest first; what nobody decides ends after wait_at_most_s"
    return warning("reviews", said, f"{todo} of its policy")


def _parked(service: Service) -> Sign:
    if service.parked:
        todo = (
            "`router budget list` shows which has little left: they go on when its window turns; or raise it in "
            "budgets.yaml, then `router budget publish`"
        )
        waits = "waits" if service.parked == 1 else "wait"
        return warning("budgets", f"{_count(service.parked, 'task')} {waits} for room in a budget", todo)
    return fine("budgets", "no task waits for room in one")


def _resting(service: Service) -> Iterator[Sign]:
    for place, ms in sorted(service.resting.items()):
        said = f"{place} is left alone for {ms / 1000:,.0f} s more: it failed, or said that it gets too many calls"
        yield warning("provider", said, "see its status page and your limits there; `router task show` has the errors")


def _dead(service: Service) -> Sign:
    left = service.dead - service.redriven
    if not left:
        return fine("dead letters", f"none but {service.redriven:,} sent again" if service.dead else "none")
    seen = f"{left:,} {f'of {service.dead:,} ' if service.redriven else ''}not sent again"
    if service.unread:
        seen = f"at most {seen}; {service.unread:,} were not looked at"
    todo = "`router dead list --open --by reason` says why; then `router dead redrive` or `router dead drop`"
    return warning("dead letters", seen, todo)


def _shifts(service: Service) -> Sign:
    """RQ's own keys: what went wrong there costs no task, and says that processes die."""
    wrong = [
        said
        for count, said in (
            (service.failed_shifts, f"{_count(service.failed_shifts, 'shift')} failed within the hour"),
            (service.stuck_shifts, f"{_count(service.stuck_shifts, 'shift')} taken and never begun"),
        )
        if count
    ]
    if wrong:
        todo = "no task is lost by it; the workers' log says what ended them (shift.died, worker.died, process.failed)"
        return warning("RQ", ", ".join(wrong), todo)
    return fine("RQ", "no failed and no stuck shifts")


def nearly_used(uses: Iterable[BudgetUse]) -> list[Sign]:
    """The budgets of which less than a tenth is left in their window, which is when the alert goes off, too."""
    todo = "`router budget list` has all; raise it in budgets.yaml, then `router budget publish`; or let it hold"
    used = [use for use in uses if use.budget.limit_nusd and use.used_share > _NEARLY_USED]
    told = [warning("budgets", _left(use), todo) for use in tightest(used)[:_BUDGETS_TOLD]]
    if more := len(used) - len(told):
        told.append(warning("budgets", f"so it is with {_count(more, 'more budget')}", "`router budget list` has all"))
    return told


def _left(use: BudgetUse) -> str:
    share = max(0.0, 1 - use.used_share)
    then = "parked" if use.budget.on_exceeded == "park" else "refused"
    left = f"{share:.1%} of the budget of {use.scope} per {use.budget.per} is left"
    return f"{left} (${usd(use.left_nusd)} of ${usd(use.budget.limit_nusd)}); at nothing its tasks are {then}"


def money(service: Service, balance: Balance) -> list[Sign]:
    """What is not known of calls, and what was charged beyond their bounds."""
    return [_late_calls(service), _in_doubt(balance), *_overrun(balance)]


def _late_calls(service: Service) -> Sign:
    if service.late_calls:
        said = f"{_count(service.late_calls, 'call')} open past their time, with money set aside"
        return warning("calls", said, "a sweep gives them up: see `sweep` above")
    return fine("calls", "none is open past its time")


def _in_doubt(balance: Balance) -> Sign:
    """The two parts of what is in doubt: calls under way, which end by themselves, and those of unknown outcome."""
    doubt_nusd = balance.reserved_nusd + balance.unsettled_nusd
    if not doubt_nusd:
        return fine("money", f"${usd(balance.settled_nusd)} settled, none in doubt")
    parts = f"${usd(balance.reserved_nusd)} under way, ${usd(balance.unsettled_nusd)} of unknown outcome"
    said = f"${usd(balance.settled_nusd)} settled; in doubt at most ${usd(doubt_nusd)}: {parts}"
    if not balance.unsettled_nusd:
        return fine("money", said)
    return warning("money", f"{said}; budgets hold both as spent", _SETTLE)


def _overrun(balance: Balance) -> Iterator[Sign]:
    if balance.overrun_nusd:
        said = f"providers charged ${usd(balance.overrun_nusd)} more than the worst case of their calls"
        yield warning("overrun", said, f"compare prices.yaml and image_tokens_max with the provider's pages; {_MONEY}")


def _span(ms: int) -> str:
    """A time that people wait, in the unit that they would say it in."""
    minutes = ms // 60_000
    return f"{minutes} min" if minutes < _HOURS_FROM_MIN else f"{minutes / 60:.1f} h"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
