"""The table that the long run prints, in the README's form."""

from __future__ import annotations

from collections.abc import Iterable

from .case import Case, Report

_HEAD = (
    "case",
    "faults injected",
    "tasks",
    "lost",
    "ends != 1",
    "billed but unbooked",
    "overspend",
    "extra paid calls per 1,000 kills",
    "time to recover p50/p99",
)


def table(results: Iterable[tuple[Case, Report]]) -> str:
    """One line for each case, ours before the baselines, and a sum of ours."""
    ours = [(case, report) for case, report in results if not case.baseline]
    others = [(case, report) for case, report in results if case.baseline]
    rows = [_row(case.name, report) for case, report in ours]
    rows += [_row("**all of ours**", total(report for _, report in ours))] if ours else []
    rows += [_row(f"baseline: {case.name}", report) for case, report in others]
    return "\n".join(["| " + " | ".join(row) + " |" for row in (_HEAD, ("---",) * len(_HEAD), *rows)])


def total(reports: Iterable[Report]) -> Report:
    """What many reports come to."""
    all_of_them = list(reports)
    return Report(
        faults=sum(r.faults for r in all_of_them),
        tasks=sum(r.tasks for r in all_of_them),
        kills=sum(r.kills for r in all_of_them),
        broken=tuple(said for r in all_of_them for said in r.broken),
        lost=sum(r.lost for r in all_of_them),
        ends_not_one=sum(r.ends_not_one for r in all_of_them),
        unbooked=sum(r.unbooked for r in all_of_them),
        overspend_nusd=max((r.overspend_nusd for r in all_of_them), default=0),
        extra=sum(r.extra for r in all_of_them),
        recoveries_s=tuple(wait for r in all_of_them for wait in r.recoveries_s),
    )


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that *share* of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _row(name: str, report: Report) -> tuple[str, ...]:
    late = report.notes.get("late")
    return (
        name,
        f"{report.faults:,}",
        f"{report.tasks:,}",
        f"{report.lost:,}" + (f" ({late:,} late)" if late else ""),
        f"{report.ends_not_one:,}",
        f"{report.unbooked:,}",
        f"${report.overspend_nusd / 1e9:.6f}",
        f"{1000 * report.extra / report.kills:,.0f}" if report.kills else "-",
        _waits(report.recoveries_s),
    )


def _waits(waits_s: tuple[float, ...]) -> str:
    if not waits_s:
        return "-"
    return f"{percentile(waits_s, 0.5):.1f} s / {percentile(waits_s, 0.99):.1f} s"
