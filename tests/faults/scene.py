"""A site under fire: its tasks, the blows that fell, and what is left of it afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from router.local.tiers import write_tiers
from router.settings import Settings
from tests.acl import peek
from tests.e2e.house import House, Site, open_site
from tests.gang import Gang
from tests.waiting import wait_until

from .evidence import Evidence, Leftovers
from .nursery import ForkedGang
from .oracle import Judgement, judge

LEASE_S = 2
"""A tenth and less of the default, so that a short run sees many leases run out."""
_MAIL = "Where is my parcel {}? It was to come on {}."
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@dataclass(frozen=True)
class Recovery:
    """How long a task that was in flight at a blow waited for its next attempt."""

    task: str
    waited_s: float


class Scene:
    """
    Starts workers with keys, and an account at the provider, of their own. `models` is put behind each model's name
    (`+slow=0.2`), `timeout_s` and `concurrency` are the tiers'; what else is named are settings. Judge it when left.
    """

    def __init__(
        self,
        house: House,
        name: str,
        *,
        models: str = "",
        timeout_s: float = 5.0,
        concurrency: int = 64,
        workers: int = 1,
        kind: type[Gang] = ForkedGang,
        **settings: Any,
    ) -> None:
        self.house = house
        self.name = f"{name}-{uuid4().hex[:6]}"
        self.accepted: list[str] = []
        self.blows: list[int] = []
        self._stack = ExitStack()
        tiers = house.folder / f"{self.name}.yaml"
        write_tiers(tiers, api_base=house.models.address(self.name))
        changed = tiers.read_text().replace(
            "concurrency: 64, timeout_s: 30", f"concurrency: {concurrency}, timeout_s: {timeout_s:g}"
        )
        for model in ("mini", "small", "large", "frontier"):
            changed = changed.replace(f"openai/local-{model},", f"openai/local-{model}{models},")
        tiers.write_text(changed)
        self._opened = {
            "redis_url": house.redis_url,
            "tiers": tiers,
            "words": ("--workers", str(workers)),
            "kind": kind,
            **{"worker_lease_s": str(LEASE_S), "worker_concurrency": "8", **settings},
        }
        self.redis = peek(house.redis_url)
        self.left = Leftovers(self.redis, prefix=f"{self.name}:")

    def __enter__(self) -> Self:
        self.site: Site = self._stack.enter_context(open_site(self.name, self.house.folder, **self._opened))
        self.gang, self.client = self.site.gang, self.site.client
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def settings(self) -> Settings:
        return self.site.settings

    # the load

    def submit(self, count: int, *, policy: str = "intents", **order: Any) -> list[str]:
        """Hand tasks over; they are accepted from then on."""
        first = len(self.accepted)
        inputs = [a_mail(first + i) for i in range(count)]
        ids = [handle.id for handle in self.client.submit_many(policy, inputs, **order)]
        self.accepted += ids
        return ids

    def quiet(self, *, timeout_s: float = 120.0) -> None:
        """Return once every accepted task has ended and nothing is open. Raises: TimeoutError."""
        wait_until(lambda: not self.unended(), f"the ends of tasks; see {self.gang.log}", timeout_s=timeout_s)
        wait_until(lambda: not any(self.left.sizes().values()), "open calls and slots", timeout_s=timeout_s)

    def unended(self) -> list[str]:
        return self.left.unended(self.accepted)

    def in_flight(self) -> int:
        """Calls that have come to the models and are not booked."""
        written = {call.decode() for call in self.redis.zrange(f"{self.name}:open", 0, -1)}
        return len(written.intersection(self.house.models.requests(self.name)))

    def busy(self, calls: int = 1) -> None:
        """Return once so many calls are in flight."""
        wait_until(lambda: self.in_flight() >= calls, f"{calls} calls in flight; see {self.gang.log}")

    # the blows

    def strike(self, *pids: int, by: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to processes; it counts as one blow."""
        self.blows.append(_now_ms())
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, by)

    def crashes(self) -> int:
        """Shifts that began, do not run, and never said that they ended."""
        return len(self.gang.events("shift.started")) - len(self.gang.events("shift.ended")) - len(self.gang.shifts())

    # what is left

    def judged(self, budgets: Mapping[str, int] | None = None) -> Judgement:
        """Hold the promises against what is left; the gang has ended before."""
        return judge(self.evidence(budgets))

    def evidence(self, budgets: Mapping[str, int] | None = None) -> Evidence:
        bill, requests = self.house.models.bill(self.name), self.house.models.requests(self.name)
        return Evidence(
            accepted=self.accepted,
            tasks=self.left.standings(),
            events=self.left.told(),
            entries=self.site.entries(),
            balance=self.site.balance(),
            sums=self.left.sums(),
            left=self.left.sizes(),
            bill=bill,
            requests=requests,
            budgets=budgets or {},
        )

    def recoveries(self) -> list[Recovery]:
        """For each task that was taken back: from the last blow before that to what was done next with it."""
        told = self.left.told()
        doings = [(entry.at_ms, entry.task) for entry in self.site.entries()]
        doings += [(line.at_ms, line.task) for line in told if line.kind not in ("reclaimed", "again")]
        next_ms = _Next(doings)
        return [
            Recovery(line.task, (next_ms.after(line.task, line.at_ms) - self._blow_before(line.at_ms)) / 1000)
            for line in told
            if line.kind == "reclaimed"
        ]

    def _blow_before(self, at_ms: int) -> int:
        return max(blow for blow in self.blows if blow <= at_ms)


class _Next:
    """What was done with a task first, from some moment on."""

    def __init__(self, doings: Sequence[tuple[int, str]]) -> None:
        self._by_task: dict[str, list[int]] = {}
        for at_ms, task in sorted(doings):
            self._by_task.setdefault(task, []).append(at_ms)

    def after(self, task: str, at_ms: int) -> int:
        return next(done_ms for done_ms in self._by_task[task] if done_ms >= at_ms)


def a_mail(number: int) -> dict[str, Any]:
    """An input of the policy `intents`, a different one for each number."""
    return {"text": _MAIL.format(number, _DAYS[number % len(_DAYS)])}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
