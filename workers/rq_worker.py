"""RQ, tamed: one queue a worker, JSON, one job that may run, and a SIGTERM that reaches it."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from redis import Redis
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from router.app import shift_group
from router.settings import Settings

SHIFT = "workers.shift.work"
QUEUE_PREFIX = "router-"

_WORKER_TTL_S = 60
_MONITORING_S = 5
_FAILURE_KEPT_S = 3600


class JobRefused(Exception):
    """A job hash names something that is not ours to run."""


class ShiftJob(Job):
    """
    Runs shifts and nothing else.

    Whoever can write to Redis can name any function of any module in a job's hash, and in its callbacks: a serializer
    does not prevent that, only this list does.
    """

    def perform(self) -> Any:
        """Raises: JobRefused."""
        if self.func_name != SHIFT:
            raise JobRefused(f"job {self.id} names {self.func_name!r}; workers of ours run {SHIFT!r} only")
        return super().perform()

    @property
    def success_callback(self) -> None:  # type: ignore[override]
        return None

    @property
    def failure_callback(self) -> None:  # type: ignore[override]
        return None

    @property
    def stopped_callback(self) -> None:  # type: ignore[override]
        return None

    def send_webhooks(self, *_: Any, **__: Any) -> None:
        """Nothing is sent to addresses that stand in a job's hash."""


class ShiftWorker(Worker):
    """Listens to one queue. On SIGTERM its running shift is told to finish its calls and to release the rest."""

    job_class = ShiftJob

    def __init__(self, queue: str, *, connection: Redis) -> None:
        super().__init__(
            [shift_queue(queue, connection)],
            connection=connection,
            job_class=ShiftJob,
            serializer=JSONSerializer,
            worker_ttl=_WORKER_TTL_S,
            job_monitoring_interval=_MONITORING_S,
            maintenance_interval=_WORKER_TTL_S,
            log_job_description=False,
        )

    def handle_warm_shutdown_request(self) -> None:
        """Pass the request on: the shift runs in a process group of its own."""
        if self.horse_pid:
            self.kill_horse(signal.SIGTERM)

    def setup_work_horse_signals(self) -> None:
        """Hold a SIGTERM that comes before the shift's loop can take it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, note_stop)


class StopNoted:
    """Whether this process was asked to stop before anybody listened."""

    noted = False


def note_stop(_signum: int, _frame: FrameType | None) -> None:
    StopNoted.noted = True


def shift_queue(name: str, connection: Redis) -> Queue:
    return Queue(name, connection=connection, serializer=JSONSerializer, job_class=ShiftJob)


def queue_name(settings: Settings, *, alone: bool) -> str:
    """The RQ queue of a group of workers; RQ's names are not under our prefix, so it is part of them."""
    return f"{QUEUE_PREFIX}{settings.prefix.strip(':')}-{shift_group(settings, alone=alone)}"


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
