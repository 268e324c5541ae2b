"""The same load and the same blows on what one writes first: stock RQ, a job per task, check-then-increment budgets."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import Self
from uuid import uuid4

from rq import Queue, Retry

from tests.acl import peek
from tests.e2e.house import House
from tests.gang import alive, children, launch
from tests.waiting import wait_until

from . import stock
from .case import Case, Report

_WORKERS = 4
_RETRIES = 3
_EACH = 10
_LIMIT_NUSD = 100_000
_LET_GO_S = 120.0
"""So long after the last end a job that has not ended is lost, or late where it still stands in a list of RQ's."""


class StockSite:
    """Stock workers that somebody starts again, jobs, and the books that the jobs keep."""

    def __init__(self, house: House, *, patience_s: float = _LET_GO_S) -> None:
        self._house = house
        self.name = f"stock-{uuid4().hex[:6]}"
        self._redis = peek(house.redis_url)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ROUTER_")},
            stock.URL: house.redis_url,
            stock.ADDRESS: house.models.address(self.name),
            stock.PREFIX: f"{self.name}:",
        }
        self._queues = [Queue(f"{self.name}:{name}", connection=self._redis) for name in stock.QUEUES]
        self._workers: list[subprocess.Popen[str]] = []
        self._patience_s = patience_s
        self.jobs: dict[str, str] = {}
        self.blows: list[int] = []
        self.stopped: list[tuple[int, str]] = []

    def __enter__(self) -> Self:
        self.keep_up()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            for pid in (*children(worker.pid), worker.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            worker.wait()

    def keep_up(self) -> None:
        """Start again what has ended, as a supervisor does."""
        self._workers = [worker for worker in self._workers if worker.poll() is None]
        while len(self._workers) < _WORKERS:
            log = self._house.folder / f"{self.name}.log"
            self._workers.append(launch("tests.faults.stock", env=self._environment, log=log))

    def submit(self, count: int, *, limit_nusd: int = 0) -> None:
        for _ in range(count):
            task = f"t{len(self.jobs)}"
            queue = self._queues[len(self.jobs) % len(self._queues)]
            words = (task, len(self.jobs), limit_nusd)
            self.jobs[task] = queue.enqueue(stock.ask, *words, retry=Retry(max=_RETRIES)).id

    def strike(self, kind: str, luck: Random) -> None:
        """End a shift of work: its process, its worker as well, or the worker alone by an order to stop."""
        worker = luck.choice(self._workers)
        working = children(worker.pid)
        victims = {"horse": working, "both": [*working, worker.pid], "stop": [worker.pid]}[kind]
        self.blows.append(time.time_ns() // 1_000_000)
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if kind == "stop" else signal.SIGKILL)
        wait_until(lambda: not any(map(alive, victims)) or kind == "stop", "an end of processes")

    def ends(self) -> dict[str, int]:
        """How often each task's job came to its end; a job whose retries are used up has ended, too."""
        counts = self._redis.mget([f"{self.name}:ended:{task}" for task in self.jobs])
        failed = {job for queue in self._queues for job in queue.failed_job_registry.get_job_ids()}
        return {t: int(n or 0) or int(self.jobs[t] in failed) for t, n in zip(self.jobs, counts, strict=True)}

    def busy(self) -> None:
        wait_until(lambda: (self.keep_up(), any(children(w.pid) for w in self._workers))[1], "a job at work")

    def quiet(self) -> None:
        """Return once all have ended, or nothing has for a long while."""
        before, since_s = -1, time.monotonic()
        while (ended := sum(map(bool, self.ends().values()))) < len(self.jobs):
            self.keep_up()
            if ended != before:
                before, since_s = ended, time.monotonic()
            if time.monotonic() - since_s > self._patience_s:
                return
            time.sleep(0.1)

    def standing(self) -> tuple[int, int]:
        """How many that have not ended are lost, in no list of RQ's, and how many may yet be found."""
        known = set(self._listed())
        missing = [job for task, job in self.jobs.items() if not self.ends()[task]]
        late = sum(job in known for job in missing)
        return len(missing) - late, late

    def figures(self, *, limit_nusd: int = 0, kills: int) -> Report:
        bill = self._house.models.bill(self.name)
        booked = {key.decode() for key in self._redis.hkeys(f"{self.name}:booked")}
        lost, late = self.standing()
        over = sum(amount for _, amount in bill) - limit_nusd if limit_nusd else 0
        paid_tasks = len({task for task, count in self.ends().items() if count})
        return Report(
            faults=len(self.blows),
            tasks=len(self.jobs),
            kills=kills,
            lost=lost,
            ends_not_one=sum(count > 1 for count in self.ends().values()),
            unbooked=sum(call not in booked for call, _ in bill),
            overspend_nusd=max(0, over),
            extra=max(0, len(bill) - paid_tasks) if not limit_nusd else 0,
            recoveries_s=tuple(self._recoveries()),
            notes={"late": late},
        )

    def _listed(self) -> Iterator[str]:
        for queue in self._queues:
            yield from queue.get_job_ids()
            yield from queue.intermediate_queue.get_job_ids()
            for registry in (queue.started_job_registry, queue.scheduled_job_registry, queue.deferred_job_registry):
                yield from registry.get_job_ids(cleanup=False)

    def _recoveries(self) -> Iterator[float]:
        """From each blow to the next beginning of the jobs that had begun before and begin again after it."""
        for task in self.jobs:
            begun = [int(ms) for ms in self._redis.lrange(f"{self.name}:begun:{task}", 0, -1)]
            for before, after in pairwise(begun):
                struck = [blow for blow in self.blows if before <= blow <= after]
                if struck:
                    yield (after - struck[0]) / 1000


def struck(house: House, tasks: int) -> Report:
    """Jobs under blows: to the process at work, to it and its worker, and orders to stop."""
    luck = Random(tasks)
    with StockSite(house, patience_s=5.0 if tasks < 100 else _LET_GO_S) as site:
        kills = 0
        while len(site.jobs) < tasks:
            site.submit(_EACH)
            site.busy()
            kind = luck.choice(("horse", "both", "stop"))
            kills += kind != "stop"
            site.strike(kind, luck)
        site.quiet()
        return site.figures(kills=kills)


def checked_then_incremented(house: House, tasks: int) -> Report:
    """A budget that is looked at before a call and counted up after it, by workers that run at the same time."""
    with StockSite(house) as site:
        site.submit(tasks, limit_nusd=_LIMIT_NUSD)
        site.quiet()
        return site.figures(limit_nusd=_LIMIT_NUSD, kills=0)


CASES = [
    Case("stock RQ, job per task, Retry(3), two queues", "baseline", struck, few=40, many=1500, baseline=True),
    Case("check-then-increment budget", "baseline", checked_then_incremented, few=24, many=400, baseline=True),
]
