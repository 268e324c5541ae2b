"""The sweep keeps a shift at every worker, whatever happened to RQ's keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from rq.worker import WorkerStatus

from router.io.embedded import EmbeddedServer
from router.io.redis_link import connect
from router.io.redis_store import RedisStore
from router.settings import Settings
from tests.acl import peek
from tests.builders import a_policy, a_submission
from tests.conftest import Clock
from workers.rq_worker import ShiftJob, ShiftWorker, enqueue_shift, queue_name, shift_queue
from workers.sweep import SWEEP_MAX, sweep_once, top_up

TIERS = ("mini", "small")


class Plant:
    """Registered workers without processes, whose states the test sets, and the queues of their group."""

    def __init__(self, url: str, prefix: str) -> None:
        self.settings = Settings(redis_url=url, prefix=prefix)
        self.redis = connect(url)
        self.queue = shift_queue(queue_name(self.settings, alone=False), self.redis)
        self.quarantine = shift_queue(queue_name(self.settings, alone=True), self.redis)
        self.workers: list[ShiftWorker] = []

    def hire(self, state: WorkerStatus = WorkerStatus.IDLE, *, alone: bool = False) -> ShiftWorker:
        name = queue_name(self.settings, alone=alone)
        worker = ShiftWorker(name, connection=Redis.from_url(self.settings.redis_url))
        worker.register_birth()
        worker.set_state(state)
        self.workers.append(worker)
        return worker

    def top_up(self) -> tuple[int, int]:
        """Returns how many shifts wait now, for all tasks and for suspects."""
        top_up(self.redis, self.settings, TIERS)
        return self.queue.count, self.quarantine.count

    def take(self, worker: ShiftWorker) -> None:
        """The worker takes a shift from its queue, as RQ does, and begins it."""
        taken = self.redis.lpop(worker.queues[0].key)
        assert taken is not None
        worker.set_state(WorkerStatus.BUSY)

    def close(self) -> None:
        for worker in self.workers:
            worker.register_death()


@pytest.fixture
def plant(server: EmbeddedServer, prefix: str) -> Iterator[Plant]:
    plant = Plant(server.url, prefix)
    yield plant
    plant.close()


def test_keeps_one_shift_for_each_live_worker(plant: Plant) -> None:
    """Queued and running shifts together are as many as there are workers, however often it looks."""
    one, other = plant.hire(), plant.hire()
    assert [plant.top_up() for _ in range(3)] == [(2, 0)] * 3

    plant.take(one)
    assert [plant.top_up() for _ in range(3)] == [(1, 0)] * 3

    plant.take(other)
    assert [plant.top_up() for _ in range(3)] == [(0, 0)] * 3

    one.set_state(WorkerStatus.IDLE)
    assert plant.top_up() == (1, 0)


def test_puts_valid_shifts_on_the_queue(plant: Plant) -> None:
    """What it adds is a shift that our workers run, for all tasks or for suspects."""
    plant.hire()
    plant.top_up()

    (job,) = plant.queue.jobs

    assert isinstance(job, ShiftJob)
    assert job.kwargs == {"alone": False}


def test_workers_that_are_gone_get_none(plant: Plant) -> None:
    """A worker that was killed stays in RQ's registry for minutes; its hash is what counts."""
    plant.hire()
    gone = plant.hire()
    plant.redis.delete(gone.key)

    assert plant.top_up() == (1, 0)


def test_a_worker_whose_shift_crashed_has_a_new_one_at_once(plant: Plant) -> None:
    """Nothing that a crashed shift leaves behind keeps its worker idle."""
    worker = plant.hire()
    plant.top_up()
    plant.take(worker)
    assert plant.top_up() == (0, 0)

    worker.set_state(WorkerStatus.IDLE)  # what RQ's worker does when the process of its job is gone

    assert plant.top_up() == (1, 0)


@pytest.mark.parametrize("lost", ["rq:*", "rq:queue:*", "rq:job:*", "rq:worker*"])
def test_recovers_from_the_loss_of_rq_s_keys(plant: Plant, lost: str) -> None:
    """After somebody deleted keys of RQ, the workers' next heartbeats and one look put everything right."""
    idle, busy = plant.hire(), plant.hire()
    plant.top_up()
    plant.take(busy)
    plant.top_up()
    plant.redis.delete(*peek(plant.settings.redis_url).keys(lost))

    for worker in (idle, busy):
        worker.heartbeat()

    assert [plant.top_up() for _ in range(3)] == [(1, 0)] * 3


def test_a_thousand_surplus_shifts_are_taken_away(plant: Plant) -> None:
    """Shifts that somebody else queued, or a clock that jumped, do not keep workers from ending."""
    worker = plant.hire()
    for _ in range(1000):
        enqueue_shift(plant.queue, alone=False)
        enqueue_shift(plant.quarantine, alone=True)
    jobs = [ShiftJob.key_for(job_id) for queue in (plant.queue, plant.quarantine) for job_id in queue.job_ids]

    assert plant.top_up() == (1, 0)
    assert plant.redis.exists(*jobs) == 1

    plant.take(worker)
    assert plant.top_up() == (0, 0)


async def test_suspects_get_a_quarantine_shift(plant: Plant, redis_store: RedisStore, clock: Clock) -> None:
    """While there are suspects of a crash one quarantine shift waits or runs, and none when there are no more."""
    worker = plant.hire(alone=True)
    assert plant.top_up() == (0, 0)

    await _make_suspects(redis_store, clock)
    assert [plant.top_up() for _ in range(3)] == [(0, 1)] * 3

    plant.take(worker)
    assert [plant.top_up() for _ in range(3)] == [(0, 0)] * 3

    worker.set_state(WorkerStatus.IDLE)
    assert plant.top_up() == (0, 1)

    await redis_store.claim({"mini": 10}, at_most=10, token="takes all suspects", alone=True)
    await redis_store.claim({"mini": 10}, at_most=10, token="finds no more", alone=True)
    assert plant.top_up() == (0, 0)


async def test_suspects_of_tiers_that_others_serve_are_left_to_them(
    plant: Plant, redis_store: RedisStore, clock: Clock
) -> None:
    """A group of workers starts quarantine shifts for its own tiers only."""
    plant.hire(alone=True)
    await _make_suspects(redis_store, clock)

    top_up(plant.redis, plant.settings, ("large",))

    assert plant.quarantine.count == 0


async def test_says_whether_there_may_be_more_to_sweep(redis_store: RedisStore, clock: Clock) -> None:
    """A sweep that was cut at its limit asks for another one at once; one that found less does not."""
    await redis_store.publish([a_policy()])
    await redis_store.submit([a_submission(f"t{i}", deadline_s=1.0) for i in range(SWEEP_MAX + 1)])
    clock.advance(2)

    assert [await sweep_once(redis_store) for _ in range(3)] == [True, False, False]


async def _make_suspects(store: RedisStore, clock: Clock) -> None:
    await store.publish([a_policy()])
    await store.submit([a_submission("t1"), a_submission("t2")])
    await store.claim({"mini": 10}, at_most=10, token="a shift that crashes")
    for _ in range(2):
        clock.advance(31)
        await store.sweep(at_most=10)
