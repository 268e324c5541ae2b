"""A worker that gets its SIGTERM at an unlucky moment: `python -m tests.workers.raced MOMENT QUEUE URL`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from redis import Redis
from rq.executions import Execution
from rq.job import Job

from workers.rq_worker import ShiftWorker


class BeforeTheFork(ShiftWorker):
    """It has taken a job and has no process for it yet."""

    def prepare_execution(self, job: Job) -> Execution:
        execution = super().prepare_execution(job)
        os.kill(os.getpid(), signal.SIGTERM)
        return execution


class AfterTheFork(ShiftWorker):
    """The process of the shift has begun, and has no signal handlers of its own yet."""

    def main_work_horse(self, *words: Any) -> None:
        os.kill(os.getppid(), signal.SIGTERM)
        super().main_work_horse(*words)


MOMENTS = {"before": BeforeTheFork, "after": AfterTheFork}

if __name__ == "__main__":
    moment, queue, url = sys.argv[1:]
    MOMENTS[moment](queue, connection=Redis.from_url(url)).work(logging_level="ERROR")
