"""How long tasks wait after a kill, with the default lease."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.house import House

from .case import Case, Report, of
from .scene import LEASE_S, Scene

_IN_FLIGHT = 10
_SITES = 4


def of_a_shift(house: House, tasks: int) -> Report:
    """Its worker lives, and hands over what it had."""
    return _waits(house, tasks, with_worker=False)


def of_both(house: House, tasks: int) -> Report:
    """Nobody is left who knows: the leases run out."""
    return _waits(house, tasks, with_worker=True)


def _waits(house: House, tasks: int, *, with_worker: bool) -> Report:
    """From a kill to the next attempt of each task that was in flight."""
    rounds = max(1, tasks // (_IN_FLIGHT * _SITES))
    sites = _SITES if tasks >= 100 else 1
    with ThreadPoolExecutor(sites) as pool:
        parts = list(
            pool.map(lambda _: _one_site(house, rounds, default=tasks >= 100, with_worker=with_worker), range(sites))
        )
    waited = sorted(wait for part in parts for wait in part.recoveries_s)
    return Report(
        faults=sum(part.faults for part in parts),
        tasks=sum(part.tasks for part in parts),
        kills=sum(part.kills for part in parts),
        broken=tuple(said for part in parts for said in part.broken),
        lost=sum(part.lost for part in parts),
        ends_not_one=sum(part.ends_not_one for part in parts),
        unbooked=sum(part.unbooked for part in parts),
        extra=sum(part.extra for part in parts),
        recoveries_s=tuple(waited),
    )


def _one_site(house: House, rounds: int, *, default: bool, with_worker: bool) -> Report:
    lease = {} if default else {"worker_lease_s": str(LEASE_S)}
    settings = {"worker_lease_s": "30", "worker_concurrency": str(_IN_FLIGHT), **lease}
    with Scene(house, "recovery", models="+latebill=0.5", **settings) as scene:
        for _ in range(rounds):
            scene.submit(_IN_FLIGHT)
            scene.busy(_IN_FLIGHT)
            worker = [scene.gang.pid("worker-0")] if with_worker else []
            scene.strike(*worker, scene.gang.shift())
            scene.quiet(timeout_s=180)
    waited = [recovery.waited_s for recovery in scene.recoveries()]
    broken = [] if waited else ["no task was taken back: the case shows nothing"]
    return of(scene.judged(), faults=rounds, kills=rounds, broken=broken, recoveries_s=waited)


CASES = [
    Case("time to recover: shift killed", "recovery", of_a_shift, few=10, many=240),
    Case("time to recover: worker killed, too", "recovery", of_both, few=10, many=240),
]
