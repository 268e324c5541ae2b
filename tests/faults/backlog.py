"""More tasks than can be done in time."""

from __future__ import annotations

from tests.e2e.house import House

from .case import Case, Report, report
from .scene import Scene

_DEADLINE_S = 90.0
_KILLS = 5


def backlog(house: House, tasks: int) -> Report:
    """All are accepted, shifts are killed meanwhile, some are done, and the rest end at their deadline: each once."""
    kills = 0 if tasks < 1000 else _KILLS
    with Scene(house, "backlog", workers=2, worker_concurrency="40") as scene:
        for part in range(kills + 1):
            scene.submit(tasks // (kills + 1), deadline_s=_DEADLINE_S)
            if part < kills:
                scene.busy()
                scene.strike(scene.gang.shift())
        scene.quiet(timeout_s=_DEADLINE_S + 300)
    done = sum(told.kind == "succeeded" for told in scene.left.told())
    return report(scene, faults=kills, kills=kills, succeeded=done)


CASES = [Case("backlog of 100,000 tasks", "backlog", backlog, few=0, many=100_000)]
