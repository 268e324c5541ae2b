"""What a case is, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.house import House

from .oracle import Judgement
from .scene import Scene


@dataclass(frozen=True)
class Report:
    """
    What became of the tasks of a case. `faults` were injected, `kills` of them ended a process; `extra` are paid calls
    that no trail tells of, `recoveries_s` the waits from a kill to a task's next attempt. A baseline breaks promises
    that it never made: only its figures count.
    """

    faults: int
    tasks: int
    kills: int = 0
    broken: tuple[str, ...] = ()
    lost: int = 0
    ends_not_one: int = 0
    unbooked: int = 0
    overspend_nusd: int = 0
    extra: int = 0
    recoveries_s: tuple[float, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One way to break the service, at a size: `few` in the test suite, `many` in the long run."""

    name: str
    family: str
    run: Callable[[House, int], Report]
    few: int
    many: int
    baseline: bool = False


def report(scene: Scene, *, faults: int, kills: int = 0, broken: Sequence[str] = (), **notes: Any) -> Report:
    """Judge a scene that was left; *broken* are promises that the case itself found broken."""
    judgement = scene.judged()
    return of(judgement, faults=faults, kills=kills, broken=broken, **notes)


def of(
    judgement: Judgement,
    *,
    faults: int,
    kills: int = 0,
    broken: Sequence[str] = (),
    recoveries_s: Sequence[float] = (),
    **notes: Any,
) -> Report:
    return Report(
        faults=faults,
        tasks=judgement.tasks,
        kills=kills,
        broken=(*judgement.broken, *broken),
        lost=judgement.lost,
        ends_not_one=judgement.ends_not_one,
        unbooked=judgement.unbooked,
        overspend_nusd=judgement.overspend_nusd,
        extra=judgement.extra,
        recoveries_s=tuple(recoveries_s),
        notes={"calls": judgement.calls, "again": judgement.again, "overrun": judgement.overrun_nusd, **notes},
    )
