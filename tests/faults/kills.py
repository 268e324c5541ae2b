"""Processes that end at once, at every point of a task's way."""

from __future__ import annotations

from functools import partial

from router.fault import POINTS
from tests.e2e.house import House

from .case import Case, Report, report
from .scene import Scene

_ROUNDS_MAX = 5
"""Luck may spare a whole round; never so many."""
STORED = ("resolve", "checks", "finish")
"""From here on the reply is kept: nothing is bought twice."""


def at_point(house: House, tasks: int, *, point: str, alone: bool) -> Report:
    """
    Shifts that kill themselves at one point; `alone` lets one call be in flight at a time, else there are neighbours,
    whose calls a kill loses, too.
    """
    width = {"workers": 1, "worker_concurrency": "1"} if alone else {"workers": 2}
    with Scene(
        house, f"kill-{point}", fault=f"{point}:{_probability(tasks)}:KILL:{tasks}", timeout_s=2, **width
    ) as scene:
        for _ in range(_ROUNDS_MAX):
            scene.submit(tasks)
            scene.quiet(timeout_s=60 + tasks)
            if scene.crashes() > 0:
                break
    kills, judged = scene.crashes(), scene.judged()
    broken = [] if kills else ["no shift was killed: the case shows nothing"]
    if judged.again:
        broken.append(f"{judged.again} answers were bought again after they were stored")
    if alone and point in STORED and judged.extra:
        broken.append(f"{judged.extra} extra paid calls though every reply was stored")
    return report(scene, faults=kills, kills=kills, broken=broken)


def _probability(tasks: int) -> float:
    """Some kills in a short run, one task in twenty in a long one."""
    return 0.15 if tasks < 100 else 0.05


CASES = [
    *(
        Case(f"kill after {point}", "kills", partial(at_point, point=point, alone=point in STORED), few=8, many=400)
        for point in POINTS
    ),
    *(
        Case(
            f"kill after {point}, with neighbours",
            "neighbours",
            partial(at_point, point=point, alone=False),
            few=0,
            many=1000,
        )
        for point in STORED
    ),
]
