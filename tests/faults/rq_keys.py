"""
RQ's own keys, lost, doubled and stale: shifts are interchangeable, and no task stands there.

Hostile jobs are refused one by one in tests/workers/test_rq_worker.py.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from rq.intermediate_queue import IntermediateQueue
from rq.job import JobStatus
from rq.registry import clean_registries

from tests.acl import peek
from tests.e2e.house import House
from tests.waiting import wait_until
from workers.rq_worker import SHIFT, ShiftJob, ShiftWorker, enqueue_shift, queue_name, shift_queue

from .case import Case, Report, report
from .scene import Scene

_SURPLUS = 10_000
_STALE = 20
_AT_ONCE = 8
_EACH = 15
_MODELS = "+latebill=0.1"


class RqKeys:
    """RQ's keys of one group of workers, and what may happen to them."""

    def __init__(self, scene: Scene) -> None:
        self._url = scene.settings.redis_url
        self._redis = peek(self._url)
        self._name = queue_name(scene.settings, alone=False)
        self.queue = shift_queue(self._name, self._redis)

    def delete_all(self) -> None:
        """Nothing of RQ's is left: queues, jobs, registries, workers."""
        if keys := list(self._redis.scan_iter(match="rq:*", count=1000)):
            self._redis.delete(*keys)

    def pile_up(self) -> None:
        """Ten thousand shifts more than anybody wants."""
        job = self.queue.create_job(SHIFT, kwargs={"alone": False}, timeout=-1, result_ttl=0, status=JobStatus.QUEUED)
        with self._redis.pipeline(transaction=False) as pipe:
            for _ in range(_SURPLUS):
                job_id = uuid4().hex
                pipe.hset(ShiftJob.key_for(job_id), mapping=job.to_dict())
                pipe.rpush(self.queue.key, job_id)
            pipe.execute()

    def leave_stale_entries(self) -> None:
        """As if workers had died before they registered a job: jobs that exist, that ended, that never were."""
        for _ in range(_STALE):
            enqueue_shift(self.queue, alone=False)
        taken = [job_id.decode() for job_id in self._redis.lpop(self.queue.key, _STALE) or ()]
        for job_id in taken[::2]:
            self._redis.hset(ShiftJob.key_for(job_id), "status", JobStatus.FINISHED)
        intermediate = IntermediateQueue(self.queue.key, self._redis)
        long_ago = "1"
        for job_id in (*taken, uuid4().hex):
            self._redis.lpush(intermediate.key, job_id)
            self._redis.set(intermediate.get_first_seen_key(job_id), long_ago)

    def clean_up(self) -> None:
        """Eight workers go through the same registries and stale entries at the same time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done in [pool.submit(self._clean_once) for _ in range(_AT_ONCE)]:
                done.result()

    def _clean_once(self) -> None:
        connection = peek(self._url)
        queue = shift_queue(self._name, connection)
        cleaner = ShiftWorker(self._name, connection=connection)
        clean_registries(queue)
        queue.intermediate_queue.cleanup(cleaner, queue)
        connection.close()

    def close(self) -> None:
        self._redis.close()


def disturbed(house: House, tasks: int) -> Report:
    """Under load, one after the other; on a server of its own, because all of RQ's keys go."""
    with House(house.folder / f"rq-{uuid4().hex[:6]}", models=house.models) as own:
        with Scene(own, "rq", models=_MODELS) as scene:
            keys = RqKeys(scene)
            faults = 0
            while len(scene.accepted) < tasks:
                faults += _disturb(scene, keys)
            scene.quiet(timeout_s=60 + tasks)
            wait_until(lambda: keys.queue.count <= 1, "an end of the surplus of shifts")
            keys.close()
        return report(scene, faults=faults + len(scene.blows), kills=len(scene.blows))


def _disturb(scene: Scene, keys: RqKeys) -> int:
    """All of it once, each under load; then a kill, so that a new shift has to come out of what is left."""
    blows: list[Callable[[], None]] = [keys.delete_all, keys.pile_up, keys.leave_stale_entries, keys.clean_up]
    for blow in blows:
        scene.submit(_EACH)
        scene.busy()
        blow()
    scene.strike(*scene.gang.shifts())
    return len(blows)


CASES = [Case("RQ's keys deleted, 10,000 surplus shifts, stale entries, 8 cleanups", "rq", disturbed, few=60, many=900)]
