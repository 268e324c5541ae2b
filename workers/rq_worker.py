"""RQ, tamed: one queue a worker, JSON, one job that may run, and a SIGTERM that reaches it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any
from uuid import uuid4

import redis
from redis import Redis
from redis.client import Pipeline
from rq import Queue, Worker
from rq.exceptions import NoSuchJobError, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus
from rq.worker_registration import register

from router.io import rq_keys
from router.io.parent import end_with
from router.settings import Settings

SHIFT = "workers.shift.work"

_WORKER_TTL_S = 20
"""An idle worker says 15 s before this time is over that it lives."""
_MAINTENANCE_S = 60
_MONITORING_S = 5
_FAILURE_KEPT_S = 3600
_STOPS = {signal.SIGTERM, signal.SIGINT}
_FULL = redis.exceptions.OutOfMemoryError
_AWAY = (redis.ConnectionError, redis.TimeoutError, _FULL)


class JobRefused(Exception):
    """A job hash names something that is not ours to run."""


class ShiftJob(Job):
    """
    Runs shifts and nothing else.

    Whoever can write to Redis can name any function of any module in a job's hash, and in its callbacks: a serializer
    does not prevent that, only this list does.
    """

    def restore(self, raw_data: Any) -> Any:
        """Raises: NoSuchJobError for a hash that cannot be read, over which RQ passes; else it would stop working."""
        try:
            return super().restore(raw_data)
        except Exception as why:  # noqa: BLE001  # RQ trusts its hashes: it raises AssertionErrors, too
            raise NoSuchJobError(f"the hash of job {self.id} cannot be read: {why!r}") from None

    def perform(self) -> Any:
        """Raises: JobRefused."""
        if self.func_name != SHIFT:
            raise JobRefused(f"job {self.id} names {self.func_name!r}; workers of ours run {SHIFT!r} only")
        return super().perform()

    @property
    def success_callback(self) -> None:
        return None

    @property
    def failure_callback(self) -> None:
        return None

    @property
    def stopped_callback(self) -> None:
        return None

    def send_webhooks(self, *_: Any, **__: Any) -> None:
        """Nothing is sent to addresses that stand in a job's hash."""


class ShiftWorker(Worker):
    """
    Listens to one queue. On SIGTERM its running shift is told to finish its calls and to release the rest; the shift
    hears the same when the worker dies. While Redis is away, or full, the worker stays, and so does its shift.
    `hand_over` is called with the name of a shift that died, as soon as its process is gone.
    """

    job_class = ShiftJob
    max_connection_wait_time = 5.0

    def __init__(
        self, queue: str, *, connection: Redis, hand_over: Callable[[str], None] = lambda _shift: None
    ) -> None:
        self._hand_over = hand_over
        self._asked_to_stop = False
        super().__init__(
            [shift_queue(queue, connection)],
            connection=connection,
            job_class=ShiftJob,
            serializer=JSONSerializer,
            worker_ttl=_WORKER_TTL_S,
            job_monitoring_interval=_MONITORING_S,
            maintenance_interval=_MAINTENANCE_S,
            log_job_description=False,
        )

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """
        Say that this worker lives, in full: RQ's keys may have been lost, and the sweep counts by them.

        Raises: redis.ConnectionError where Redis is full, too: RQ waits then, at any other error it stops.
        StopRequested, where an idle worker was asked to and went on: RQ raises this once, wherever the signal finds it,
        and what is raised while an object is being collected nobody hears.
        """
        if self._asked_to_stop and self.get_state() != WorkerStatus.BUSY:
            raise StopRequested
        try:
            super().heartbeat(timeout, pipeline)
            connection = self.connection if pipeline is None else pipeline
            connection.hset(self.key, mapping={**self.serialize(), "state": self.get_state()})
            register(self, pipeline)
        except _FULL as why:
            raise redis.ConnectionError(str(why)) from None

    def _shutdown(self) -> None:
        self._asked_to_stop = True
        super()._shutdown()  # type: ignore[no-untyped-call]

    def set_current_job_working_time(self, current_job_working_time: float, pipeline: Pipeline | None = None) -> None:
        with suppress(*_AWAY):
            super().set_current_job_working_time(current_job_working_time, pipeline)

    def maintain_heartbeats(self, job: Job) -> None:
        """RQ's worker would leave its running shift behind when Redis is away; the next heartbeat is soon enough."""
        with suppress(*_AWAY):
            super().maintain_heartbeats(job)

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """Fork the process of a shift. A SIGTERM on the way waits until it finds both processes ready for it."""
        ShiftName.name = uuid4().hex[:12]
        with _held_back(_STOPS):
            super().fork_work_horse(job, queue)
        if self._stop_requested:
            self.handle_warm_shutdown_request()

    def wait_for_horse(self) -> Any:
        """Wait for the shift's process; one that died leaves tasks behind, which need not wait for their leases."""
        ended = super().wait_for_horse()
        if ended[1] != os.EX_OK:
            self._hand_over(ShiftName.name)
        return ended

    def handle_warm_shutdown_request(self) -> None:
        """Pass the request on. To the shift alone: just after its fork it is still in this process's group."""
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def setup_work_horse_signals(self) -> None:
        """Note a SIGTERM that comes before the shift's loop can take it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, note_stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        end_with(self.pid or os.getppid())


@contextmanager
def _held_back(signals: set[signal.Signals]) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ShiftName:
    """The name of the shift that this process runs, or (in a worker) of the one that it forked last."""

    name = ""


class StopNoted:
    """Whether this process was asked to stop before anybody listened."""

    noted = False


def note_stop(_signum: int, _frame: FrameType | None) -> None:
    StopNoted.noted = True


def shift_queue(name: str, connection: Redis) -> Queue:
    return Queue(name, connection=connection, serializer=JSONSerializer, job_class=ShiftJob)


def queue_name(settings: Settings, *, alone: bool) -> str:
    """The RQ queue of the group of workers with these settings."""
    return rq_keys.queue_name(settings.prefix, settings.group, alone=alone)


def enqueue_shift(queue: Queue, *, alone: bool) -> None:
    """Put one interchangeable shift on the queue. RQ keeps nothing of it: our own keys say what happened."""
    queue.enqueue_call(
        SHIFT,
        kwargs={"alone": alone},
        timeout=-1,
        result_ttl=0,
        failure_ttl=_FAILURE_KEPT_S,
        description="a shift",
    )
