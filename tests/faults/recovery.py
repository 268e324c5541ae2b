"""How long tasks wait after a kill, with the default lease."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.house import House

from .case import Case, Report, of
from .scene import LEASE_S, Scene
from .table import total

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
    return total(parts)


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
