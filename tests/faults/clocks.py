"""The clock of the Redis host jumps, and the clocks of the workers' hosts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from router.io.server_facts import read_server
from tests.e2e.house import House
from tests.gang import POLICIES, Gang
from tests.waiting import wait_until

from .case import Case, Report, of, report
from .clock import COMPILER, HostClock
from .scene import Scene
from .server import FallibleServer, Ground
from .servers import forgiven

JUMP_S = 600
_BY_THE_CLOCK = ("no_call_comes_too_late",)
"""The times of lines never go back, those of each stream by themselves: after a jump they cannot be compared."""
_JUMPS_S = (JUMP_S, -JUMP_S)
_EACH = 8
_LEASE_S = 3
_SLOW = "+slow=2.5"
"""Calls that live longer than the grace after which a lease that seems to have run out is taken back."""


def of_redis(house: House, tasks: int) -> Report:
    """Ten minutes ahead, then ten minutes behind, with calls in flight: no lease that lives is taken back."""
    folder = house.folder / "clock-of-redis"
    clock = HostClock(folder)
    with FallibleServer(folder / "redis", env=clock.env) as server:
        ground = Ground(folder, house.models, server.url)
        with Scene(ground, "clock-of-redis", **_slow(folder)) as scene:
            jumps = _jump(scene, clock, tasks)
            seen_s = read_server(server.url).ahead_ms / 1000
        broken = [] if abs(seen_s + JUMP_S) < 5 else [f"the doctor would see a clock {seen_s} s off, not {-JUMP_S} s"]
        judged = forgiven(scene.judged(), _BY_THE_CLOCK)
        return of(judged, faults=jumps, broken=[*broken, *_reclaimed(scene)])


def of_workers(house: House, tasks: int) -> Report:
    """
    The same on the workers' side: leases, deadlines and money go by Redis' clock alone. A gang of started processes: a
    clock is put before a program when it is loaded.
    """
    folder = house.folder / "clock-of-workers"
    clock = HostClock(folder)
    with FallibleServer(folder / "redis") as server:
        ground = Ground(folder, house.models, server.url)
        with Scene(ground, "clock-of-workers", kind=Gang, env=clock.env, **_slow(folder)) as scene:
            jumps = _jump(scene, clock, tasks)
        return report(scene, faults=jumps, broken=_reclaimed(scene))


def _slow(folder: Path) -> dict[str, object]:
    """Deadlines far beyond a jump, else tasks would be late by the clock, as they should."""
    policies = folder / "policies"
    shutil.copytree(POLICIES, policies)
    intents = policies / "intents.yaml"
    intents.write_text(re.sub(r"deadline_s: \d+", "deadline_s: 7200", intents.read_text()))
    return {"models": _SLOW, "policies": policies, "worker_lease_s": str(_LEASE_S)}


def _jump(scene: Scene, clock: HostClock, tasks: int) -> int:
    """Jump with calls in flight, to and fro, until all tasks were handed over; returns how often."""
    jumps = 0
    while len(scene.accepted) < tasks:
        scene.submit(min(_EACH, tasks - len(scene.accepted)))
        scene.busy()
        clock.jump(_JUMPS_S[jumps % len(_JUMPS_S)])
        jumps += 1
        wait_until(lambda: not scene.unended(), f"the ends of tasks; see {scene.gang.log}")
    scene.quiet()
    return jumps


def _reclaimed(scene: Scene) -> list[str]:
    taken = [told.task for told in scene.left.told() if told.kind == "reclaimed"]
    return [f"the lease of {task} was taken back while its shift lived" for task in taken]


CASES = [
    Case("jumps of the Redis host's clock", "clock", of_redis, few=16, many=160),
    Case("jumps of the workers' clocks", "clock", of_workers, few=16, many=160),
] * (COMPILER is not None)
