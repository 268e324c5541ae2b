"""The promises, held against the evidence: each check is a function from evidence to sentences about what is broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from router.ledger import Entry, EntryKind
from router.task import TaskState

from .evidence import Evidence

DAY_MS = 86_400_000
_RESERVED, _SETTLED, _VOID, _UNSETTLED = EntryKind.RESERVED, EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED
_ENDS = frozenset(state.value for state in TaskState if state.terminal)
_FIELD = {_RESERVED: "reserved", _SETTLED: "settled", _VOID: "settled", _UNSETTLED: "unsettled"}


@dataclass(frozen=True)
class Judgement:
    """
    The sentences about what is broken, and the figures. `extra` are paid calls that no trail tells of, `again` those
    made though the answer to the same question was booked and kept; amounts are nano-dollars.
    """

    broken: tuple[str, ...]
    tasks: int
    lost: int
    ends_not_one: int
    unbooked: int
    overspend_nusd: int
    overrun_nusd: int
    calls: int
    extra: int
    again: int


def judge(evidence: Evidence) -> Judgement:
    """Hold all promises against the evidence."""
    return Judgement(
        broken=tuple(f"{name}: {said}" for name, check in CHECKS.items() for said in check(evidence)),
        tasks=len(evidence.accepted),
        lost=sum(1 for _ in tasks_end(evidence)),
        ends_not_one=sum(1 for _ in tasks_end_once(evidence)),
        unbooked=sum(1 for _ in billed_is_booked(evidence)),
        overspend_nusd=max(_overspent(evidence).values(), default=0),
        overrun_nusd=evidence.balance.overrun_nusd,
        calls=len(_lasts(evidence)),
        extra=len(_paid(evidence) - _told_of(evidence)),
        again=len(bought_again(evidence)),
    )


def tasks_end(evidence: Evidence) -> Iterator[str]:
    """P1: what was accepted reaches an end."""
    for task in evidence.accepted:
        standing = evidence.tasks.get(task)
        if standing is None:
            yield f"{task} is gone"
        elif not standing.state.terminal:
            yield f"{task} is {standing.state}"


def tasks_end_once(evidence: Evidence) -> Iterator[str]:
    """P2: one end each, of the tasks that ended."""
    ends = Counter(told.task for told in evidence.events if told.kind in _ENDS)
    for task in evidence.accepted:
        standing = evidence.tasks.get(task)
        if ends[task] > 1 or (ends[task] == 0 and standing is not None and standing.state.terminal):
            yield f"{task} ended {ends[task]} times"


def told_as_they_stand(evidence: Evidence) -> Iterator[str]:
    """P2: the end that was told is the one that stands."""
    for told in evidence.events:
        standing = evidence.tasks.get(told.task)
        if told.kind in _ENDS and standing is not None and standing.state != told.kind:
            yield f"{told.task} was told to be {told.kind} and is {standing.state}"


def nothing_is_made_up(evidence: Evidence) -> Iterator[str]:
    """P7: there is no task that nobody was given the id of."""
    for task in sorted(set(evidence.tasks) - set(evidence.accepted)):
        yield f"{task} was accepted by nobody"


def successes_passed(evidence: Evidence) -> Iterator[str]:
    """P3: who succeeded has an attempt that was accepted, and nobody else has."""
    accepted = {entry.task for entry in evidence.entries if entry.kind is EntryKind.ATTEMPT and entry.accepted}
    for task, standing in evidence.tasks.items():
        if (standing.state is TaskState.SUCCEEDED) != (task in accepted):
            yield f"{task} is {standing.state}, {'with' if task in accepted else 'without'} an accepted attempt"


def nothing_is_left(evidence: Evidence) -> Iterator[str]:
    """After the last end nothing is due, no call is open, no slot is taken."""
    for name, size in evidence.left.items():
        if size:
            yield f"{name} holds {size}"


def nothing_is_reserved(evidence: Evidence) -> Iterator[str]:
    """After the last end no money is set aside."""
    if evidence.balance.reserved_nusd:
        yield f"{evidence.balance.reserved_nusd} are reserved"


def bill_is_within_bounds(evidence: Evidence) -> Iterator[str]:
    """P5: settled <= billed <= settled + unsettled + reserved."""
    balance, billed = evidence.balance, sum(amount for _, amount in evidence.bill)
    most = balance.settled_nusd + balance.unsettled_nusd + balance.reserved_nusd
    if not balance.settled_nusd <= billed <= most:
        yield f"{billed} were billed, not between {balance.settled_nusd} and {most}"


def settled_is_billed(evidence: Evidence) -> Iterator[str]:
    """P5: a settled call cost what the provider charged for it."""
    bill = _amounts(evidence)
    for call, last in _lasts(evidence).items():
        if last.kind is _SETTLED and bill[call] != last.amount_nusd:
            yield f"{call} is settled at {last.amount_nusd} and was billed at {bill[call]}"


def billed_is_booked(evidence: Evidence) -> Iterator[str]:
    """P5: no charge that the ledger does not know."""
    lasts = _lasts(evidence)
    for call, amount in _amounts(evidence).items():
        if amount and call not in lasts:
            yield f"{call} was billed at {amount} and is not booked"


def void_is_free(evidence: Evidence) -> Iterator[str]:
    """P5: a call that is booked as free was free."""
    bill = _amounts(evidence)
    for call, last in _lasts(evidence).items():
        if last.kind is _VOID and bill[call]:
            yield f"{call} is void and was billed at {bill[call]}"


def unknown_is_bounded(evidence: Evidence) -> Iterator[str]:
    """P5: an unknown outcome cost its bound at most."""
    bill = _amounts(evidence)
    for call, last in _lasts(evidence).items():
        if last.kind in (_UNSETTLED, _RESERVED) and bill[call] > last.amount_nusd:
            yield f"{call} is bounded by {last.amount_nusd} and was billed at {bill[call]}"


def ledger_folds(evidence: Evidence) -> Iterator[str]:
    """The lines of the ledger add up to the balances, in all, and by scope and day."""
    totals = _folded(evidence, lambda _: ("all",)).get("all", {})
    balance = evidence.balance
    stated = {
        "reserved": balance.reserved_nusd,
        "settled": balance.settled_nusd,
        "unsettled": balance.unsettled_nusd,
        "overrun": balance.overrun_nusd,
        "calls": balance.calls,
    }
    yield from _differences("all", totals, stated)
    by_day = _folded(evidence, _scopes_of_day)
    for name, sums in evidence.sums.items():
        yield from _differences(name, by_day.get(name, {}), sums)


def budgets_hold(evidence: Evidence) -> Iterator[str]:
    """P6: at no line of the ledger is more spent or held than a budget allows, a provider's overrun apart."""
    for scope, over in _overspent(evidence).items():
        if over:
            yield f"{scope} was over its {evidence.budgets[scope]} by {over}"


def leases_exclude_each_other(evidence: Evidence) -> Iterator[str]:
    """One lease at a time: who asks while a call is open, or asks the same again, took the task back in between."""
    reclaimed = defaultdict(list)
    for told in evidence.events:
        if told.kind == "reclaimed":
            reclaimed[told.task].append(told.at_ms)
    latest: dict[str, Entry] = {}
    booked: set[str | None] = set()
    for entry in evidence.entries:
        if entry.kind is not _RESERVED:
            booked.add(entry.call)
            continue
        before = latest.get(entry.task)
        latest[entry.task] = entry
        if before is None or not (before.call not in booked or _same_question(before, entry)):
            continue
        if not any(before.at_ms <= at_ms <= entry.at_ms for at_ms in reclaimed[entry.task]):
            yield f"{entry.task} was asked by {entry.call} while {before.call} had it"


def no_call_comes_too_late(evidence: Evidence) -> Iterator[str]:
    """P4: no call starts after the deadline of its task, or after its end."""
    ended = {told.task: told.at_ms for told in evidence.events if told.kind in _ENDS}
    for entry in evidence.entries:
        if entry.kind is not _RESERVED:
            continue
        standing = evidence.tasks.get(entry.task)
        if standing is not None and entry.at_ms > standing.deadline_ms:
            yield f"{entry.call} of {entry.task} began after the deadline"
        if entry.at_ms > ended.get(entry.task, entry.at_ms):
            yield f"{entry.call} of {entry.task} began after the end"


def one_call_is_one_request(evidence: Evidence) -> Iterator[str]:
    """P4: the provider saw each call once at most, and none that had not been written down."""
    lasts = _lasts(evidence)
    for call, count in Counter(evidence.requests).items():
        if count > 1:
            yield f"{call} was requested {count} times"
        if call not in lasts:
            yield f"{call} was requested and is not in the ledger"
    for call, count in Counter(call for call, _ in evidence.bill).items():
        if count > 1:
            yield f"{call} was billed {count} times"


CHECKS: Mapping[str, Callable[[Evidence], Iterator[str]]] = {
    check.__name__: check
    for check in (
        tasks_end,
        tasks_end_once,
        told_as_they_stand,
        nothing_is_made_up,
        successes_passed,
        nothing_is_left,
        nothing_is_reserved,
        bill_is_within_bounds,
        settled_is_billed,
        billed_is_booked,
        void_is_free,
        unknown_is_bounded,
        ledger_folds,
        budgets_hold,
        leases_exclude_each_other,
        no_call_comes_too_late,
        one_call_is_one_request,
    )
}


def bought_again(evidence: Evidence) -> list[str]:
    """Calls for an attempt whose answer had been booked, and so kept: P4 says that they are not made."""
    answered: set[tuple[str, int]] = set()
    again = []
    for entry in evidence.entries:
        if entry.purpose != "answer":
            continue
        if entry.kind is _SETTLED:
            answered.add((entry.task, entry.attempt))
        elif entry.kind is _RESERVED and (entry.task, entry.attempt) in answered:
            again.append(str(entry.call))
    return again


def _same_question(one: Entry, other: Entry) -> bool:
    return (one.attempt, one.purpose) == (other.attempt, other.purpose) and one.purpose == "answer"


def _lasts(evidence: Evidence) -> dict[str, Entry]:
    """The last line of each call."""
    return {entry.call: entry for entry in evidence.entries if entry.call is not None}


def _amounts(evidence: Evidence) -> Counter[str]:
    amounts: Counter[str] = Counter()
    for call, amount in evidence.bill:
        amounts[call] += amount
    return amounts


def _told_of(evidence: Evidence) -> set[str]:
    """The calls that a trail tells of; and of tasks that crashes ended, the one whose answer was still to be judged."""
    told = {call for task in evidence.tasks.values() for call in task.calls}
    crashed = {task for task, standing in evidence.tasks.items() if standing.crashed}
    settled = {e.task: e.call for e in evidence.entries if e.kind is _SETTLED and e.task in crashed and e.call}
    return told | set(settled.values())


def _paid(evidence: Evidence) -> set[str]:
    return {call for call, amount in evidence.bill if amount}


def _steps(evidence: Evidence) -> Iterator[tuple[Entry, Entry, Entry | None]]:
    """Each line of a call with the first line of that call and the one before, None at its first."""
    firsts: dict[str, Entry] = {}
    befores: dict[str, Entry] = {}
    for entry in evidence.entries:
        if entry.call is not None:
            yield entry, firsts.setdefault(entry.call, entry), befores.get(entry.call)
            befores[entry.call] = entry


def _folded(evidence: Evidence, names_of: Callable[[Entry], tuple[str, ...]]) -> dict[str, dict[str, int]]:
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for entry, first, before in _steps(evidence):
        for name in names_of(first):
            if before is None:
                sums[name]["calls"] += 1
            else:
                sums[name][_FIELD[before.kind]] -= before.amount_nusd
            sums[name][_FIELD[entry.kind]] += entry.amount_nusd
            sums[name]["overrun"] += entry.overrun_nusd
    return {name: dict(counted) for name, counted in sums.items()}


def _differences(name: str, folded: Mapping[str, int], stated: Mapping[str, int]) -> Iterator[str]:
    for what in ("reserved", "settled", "unsettled", "overrun", "calls"):
        if folded.get(what, 0) != stated.get(what, 0):
            yield f"{name}: {what} is {stated.get(what, 0)}, its lines come to {folded.get(what, 0)}"


def _scopes(entry: Entry) -> tuple[str, ...]:
    return "global", f"tenant:{entry.tenant}", f"policy:{entry.policy}", f"tier:{entry.tier}"


def _day(entry: Entry) -> int:
    """The day on which a call was reserved, where all of it is booked."""
    day = getattr(entry, "day", None)
    return entry.at_ms // DAY_MS if day is None else day


def _scopes_of_day(first: Entry) -> tuple[str, ...]:
    return tuple(f"{scope}:d{_day(first)}" for scope in _scopes(first))


def _overspent(evidence: Evidence) -> dict[str, int]:
    """By how much each budget of a day was exceeded at its worst moment."""
    held: Counter[tuple[str, int]] = Counter()
    over = dict.fromkeys(evidence.budgets, 0)
    for entry, first, before in _steps(evidence):
        for scope in _scopes(first):
            held[scope, _day(first)] += _counted(entry) - (_counted(before) if before else 0)
            if scope in over:
                over[scope] = max(over[scope], held[scope, _day(first)] - evidence.budgets[scope])
    return over


def _counted(entry: Entry) -> int:
    return entry.amount_nusd - entry.overrun_nusd
