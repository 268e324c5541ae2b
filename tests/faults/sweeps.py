"""Too few sweeps and too many."""

from __future__ import annotations

import signal

from tests.e2e.house import House
from tests.gang import environment, launch
from tests.waiting import wait_until

from .case import Case, Report, report
from .scene import Scene

_MODELS = "+latebill=0.15"
_ROUND = 10
_SWEEPS = 10


def no_sweep(house: House, tasks: int) -> Report:
    """The sweep stands still while shifts are killed: nothing is lost, and all ends once it goes on."""
    broken: list[str] = []
    kills = 0
    with Scene(house, "sweepless", models=_MODELS) as scene:
        while len(scene.accepted) < tasks:
            scene.submit(_ROUND)
            scene.busy()
            scene.strike(scene.gang.pid("sweep"), by=signal.SIGSTOP)
            scene.strike(*scene.gang.shifts())
            kills += 1
            broken += [] if scene.unended() else ["all tasks ended without a sweep: the case shows nothing"]
            scene.strike(scene.gang.pid("sweep"), by=signal.SIGCONT)
            scene.quiet(timeout_s=60)
    return report(scene, faults=2 * kills, kills=kills, broken=broken)


def ten_sweeps(house: House, tasks: int) -> Report:
    """Ten sweeps at once put back what killed shifts leave behind: nothing is put back twice."""
    with Scene(house, "sweeps", models=_MODELS, fault=f"send:{0.1 if tasks < 100 else 0.02}:KILL:1") as scene:
        log = house.folder / f"{scene.name}.sweeps"
        more = launch("tests.faults.sweeper", str(_SWEEPS - 1), env=environment(scene.settings), log=log)
        try:
            wait_until(lambda: more.poll() is None, f"more sweeps; see {log}")
            scene.submit(tasks)
            scene.quiet(timeout_s=60 + tasks)
            broken = [] if more.poll() is None else [f"the sweeps ended by themselves; see {log}"]
        finally:
            more.send_signal(signal.SIGTERM)
            more.wait(timeout=30)
    return report(scene, faults=scene.crashes() + _SWEEPS - 1, kills=scene.crashes(), broken=broken)


CASES = [
    Case("no sweep for a while", "sweep", no_sweep, few=10, many=50),
    Case("ten sweeps at once", "sweep", ten_sweeps, few=10, many=600),
]
