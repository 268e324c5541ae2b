"""What two versions of a policy do to the same traffic: as text, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...cost import usd
from ...estimate import Estimate
from ...policydiff import Change
from ...recorded.replayed import Range
from ..printing import count, dollars
from .traffic import aligned, said_file, said_missing

if TYPE_CHECKING:
    from ...recorded.comparing import Comparison, Measure, Moved

MOVED_SHOWN = 10
_METHODS = (
    "Intervals hold with 95 %: Wilson's for shares, Newcombe's for differences of paired shares (1998, method 10),\n"
    "else a percentile bootstrap over tasks."
)


def told(comparison: Comparison, found: Sequence[Change], file: str, *, by: str | None, every: bool) -> Iterator[str]:
    """For people. *by* is the tier whose output counts as right where there are no labels."""
    changed = comparison.changed
    share = _interval(f"{changed.count / changed.of:.1%}", *(f"{bound:.1%}" for bound in changed.interval))
    yield f"{count(comparison.tasks, 'task')} of {said_file(file)}, judged again under both; no model was asked"
    if stale := [f"{change.part} {change.what}".strip() for change in found if change.about_answers]:
        yield f"  Beware: the replies are recorded ones. {_and(stale)} changed, so models may answer otherwise now."
    yield from _labels(comparison, by)
    yield ""
    yield f"decided otherwise: {changed.count:,} of {changed.of:,}, {share}"
    for (before, after), number in sorted(comparison.outcomes.items(), key=lambda item: -item[1]):
        if before != after:
            yield f"  {before} -> {after}: {number:,}"
    yield ""
    yield from aligned(
        [["", "old", "new", "difference"], *(_row(measure, comparison) for measure in comparison.measures)]
    )
    yield from _open(comparison)
    yield from _moved_lines(comparison.moved, every=every)
    yield f"\n{_METHODS}"


def _labels(comparison: Comparison, by: str | None) -> Iterator[str]:
    if by is not None:
        yield f"  The log has no labels: an output counts as right if it says the same as that of {by}."
    known = min(measure.tasks for measure in comparison.measures if measure.name.startswith("accepted"))
    if known < comparison.tasks:
        yield f"  For {known:,} of {count(comparison.tasks, 'task')} the log tells what is right under both."


def _row(measure: Measure, comparison: Comparison) -> list[str]:
    sides = [_estimate(measure, one) for one in (measure.old, measure.new)]
    name = measure.name if measure.tasks == comparison.tasks else f"{measure.name}, of {measure.tasks:,} known"
    return [name, *sides, _estimate(measure, measure.difference, sign=True)]


def _estimate(measure: Measure, one: Estimate, *, sign: bool = False) -> str:
    if one.value is None:
        return "unknown"
    return _interval(*(_said(measure, number, sign=sign) for number in (one.value, one.low, one.high)))


def _interval(value: str, low: str, high: str) -> str:
    return f"{value} ({low} to {high})"


def _said(measure: Measure, value: float, *, sign: bool = False) -> str:
    plus = "+" if sign and value > 0 else ""
    match measure.unit:
        case "share":
            return f"{plus}{value:.1%}"
        case "nusd":
            return f"{plus}{dollars(round(value))}".replace("$-", "-$")
        case "ms":
            return f"{plus}{value:,.0f} ms"


def _open(comparison: Comparison) -> Iterator[str]:
    """What the log lacks, and between what bounds the numbers lie over all tasks."""
    for side, missing, repeated in zip(("old", "new"), comparison.missing, comparison.repeated, strict=True):
        for what, number in sorted(missing.items(), key=lambda item: -item[1]):
            yield f"{side}: the log lacks {said_missing(what)} for {count(number, 'task')}"
        if repeated:
            said = "asked a tier more often than the log has replies of it: the last counts again"
            yield f"{side}: {count(repeated, 'task')} {said}"
    if any(measure.bounds is not None for measure in comparison.measures):
        yield "Tasks without an answer in the log may differ from the rest. With them, whatever they would give:"
    for measure in comparison.measures:
        if measure.bounds is not None:
            (a, b), (c, d) = ((_said(measure, low), _said(measure, high)) for low, high in measure.bounds)
            yield f"  {measure.name}, of all {comparison.tasks:,}: old {a} to {b}, new {c} to {d}"


def _moved_lines(moved: Sequence[Moved], *, every: bool) -> Iterator[str]:
    if not moved:
        return
    shown = moved if every else moved[:MOVED_SHOWN]
    yield ""
    yield "changed tasks" + (f" ({len(shown)} of {len(moved):,}; --all lists them)" if len(shown) < len(moved) else "")
    yield from aligned(
        [[f"  {m.task}", f"{m.old} -> {m.new}", _range(m.old_cost), "->", _range(m.new_cost)] for m in shown]
    )


def _range(cost: Range) -> str:
    return dollars(cost.low) if cost.known is not None else f"{dollars(cost.low)} to {dollars(cost.high)}"


def _and(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]


def comparison_json(comparison: Comparison, *, by: str | None) -> dict[str, Any]:
    """For programs: all of it; money as decimal strings in dollars."""
    return {
        "tasks": comparison.tasks,
        "right_is": "as labelled" if by is None else f"as {by} replied",
        "changed": {"count": comparison.changed.count, "interval": list(comparison.changed.interval)},
        "outcomes": [{"old": old, "new": new, "tasks": n} for (old, new), n in sorted(comparison.outcomes.items())],
        "measures": [_measure_json(measure) for measure in comparison.measures],
        "missing": {
            side: [{"what": said_missing(what), "tasks": number} for what, number in missing.items()]
            for side, missing in zip(("old", "new"), comparison.missing, strict=True)
        },
        "changed_tasks": [
            {
                "id": m.task,
                "old": m.old,
                "new": m.new,
                "old_usd": _usd(m.old_cost),
                "new_usd": _usd(m.new_cost),
            }
            for m in comparison.moved
        ],
    }


def _measure_json(measure: Measure) -> dict[str, Any]:
    def number(value: float | None) -> Any:
        return usd(round(value)) if measure.unit == "nusd" and value is not None else value

    def estimate(one: Estimate) -> dict[str, Any]:
        return {"value": number(one.value), "interval": [number(one.low), number(one.high)]}

    return {
        "name": measure.name,
        "unit": "usd" if measure.unit == "nusd" else measure.unit,
        "tasks": measure.tasks,
        "old": estimate(measure.old),
        "new": estimate(measure.new),
        "difference": estimate(measure.difference),
        "bounds": [[number(n) for n in side] for side in measure.bounds] if measure.bounds is not None else None,
    }


def _usd(cost: Range) -> list[str]:
    return [usd(cost.low), usd(cost.high)]
