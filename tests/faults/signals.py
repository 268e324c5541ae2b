"""Blows from outside: to shifts, to their workers, to both; orders to stop; processes that freeze and thaw."""

from __future__ import annotations

import signal
from collections.abc import Callable
from random import Random

from tests.e2e.house import House
from tests.gang import Gang, alive
from tests.waiting import wait_until

from .case import Case, Report, report
from .nursery import ForkedGang
from .scene import Scene

_EACH = 10
"""Tasks that are handed over before each blow."""
_SLOW = "+latebill=0.15"
"""Billed at once, answered later: whoever dies in between has lost what was paid for."""


def rounds(scene: Scene, tasks: int, blow: Callable[[], None]) -> None:
    """Keep the site loaded, and strike whenever calls are in flight."""
    while len(scene.accepted) < tasks:
        scene.submit(min(_EACH, tasks - len(scene.accepted)))
        scene.busy()
        blow()
    scene.quiet(timeout_s=60 + tasks)


def killed_mains(house: House, tasks: int) -> Report:
    """The worker is killed, its shift lives: it hears of it, drains, and a new worker takes over."""
    with Scene(house, "mains", models=_SLOW) as scene:
        rounds(scene, tasks, lambda: scene.strike(*_live(scene.gang, "worker-0")))
    return report(scene, faults=len(scene.blows), kills=len(scene.blows))


def killed_both(house: House, tasks: int) -> Report:
    """Shift and worker are killed in one go, as a machine that goes down does it."""
    with Scene(house, "both", models=_SLOW) as scene:
        rounds(scene, tasks, lambda: scene.strike(*scene.gang.shifts(), *scene.gang.mains()))
    return report(scene, faults=len(scene.blows), kills=len(scene.blows))


def term_storm(house: House, tasks: int) -> Report:
    """Workers and shifts are told to stop, again and again, some of them twice: nothing is bought twice."""
    luck = Random(tasks)

    def blow() -> None:
        victims = [*scene.gang.shifts(), *scene.gang.mains()]
        for _ in range(3):
            scene.strike(luck.choice(victims), by=signal.SIGTERM)

    with Scene(house, "storm", models=_SLOW, workers=2) as scene:
        rounds(scene, tasks, blow)
    judged, crashes = scene.judged(), scene.crashes()
    broken = [f"{judged.extra} extra paid calls though nobody was killed"] if judged.extra else []
    broken += [f"{crashes} shifts did not drain"] if crashes else []
    return report(scene, faults=len(scene.blows), broken=broken)


def frozen(house: House, tasks: int) -> Report:
    """
    A shift stands still for longer than its lease, and its tasks run elsewhere. When it wakes its ends are refused, and
    what it paid for is booked.
    """
    with Scene(house, "frozen", models=_SLOW) as scene:
        while len(scene.accepted) < tasks:
            scene.submit(min(_EACH, tasks - len(scene.accepted)))
            scene.busy()
            victim, before = scene.gang.shift(), _reclaims(scene)
            scene.strike(victim, by=signal.SIGSTOP)
            wait_until(lambda n=before: _reclaims(scene) > n, "a task to be taken back")
            scene.strike(victim, by=signal.SIGCONT)
            scene.quiet(timeout_s=60)
        refused = len(scene.gang.events("task.lost"))
    broken = [] if refused else ["no late end was refused: the case shows nothing"]
    return report(scene, faults=len(scene.blows) // 2, broken=broken, refused=refused)


def rolling_restart(house: House, tasks: int) -> Report:
    """Two groups of workers take turns in being replaced, under load: nobody notices."""
    turns = max(2, tasks // 50)
    with Scene(house, "rolling", models=_SLOW) as scene:
        folder = house.folder / scene.name
        gangs: list[Gang] = [scene.gang, ForkedGang(scene.settings, folder / "b")]
        try:
            for turn in range(turns):
                scene.submit(tasks // turns)
                scene.busy()
                scene.blows.append(turn)
                new = ForkedGang(scene.settings, folder / f"new-{turn}")
                wait_until(lambda gang=new: gang.events("policies.published"), f"new workers; see {new.log}")
                gangs.append(new)
                gangs.pop(0).__exit__()
            scene.quiet(timeout_s=60 + tasks)
        finally:
            for gang in gangs:
                gang.__exit__()
    judged = scene.judged()
    broken = [f"{judged.extra} extra paid calls though all were asked to stop"] if judged.extra else []
    return report(scene, faults=len(scene.blows), broken=broken)


def _live(gang: Gang, name: str) -> list[int]:
    wait_until(lambda: any(map(alive, gang.pids(name))), f"a live {name}")
    return [pid for pid in gang.pids(name) if alive(pid)]


def _reclaims(scene: Scene) -> int:
    return sum(told.kind == "reclaimed" for told in scene.left.told())


CASES = [
    Case("kill of the worker, its shift alive", "signals", killed_mains, few=20, many=900),
    Case("kill of worker and shift", "signals", killed_both, few=10, many=600),
    Case("SIGTERM storm", "signals", term_storm, few=20, many=1200),
    Case("SIGSTOP longer than the lease, then SIGCONT", "signals", frozen, few=10, many=300),
    Case("rolling restart under load", "restart", rolling_restart, few=40, many=600),
]
