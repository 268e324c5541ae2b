"""What the newest lines of the ledger show of policies, read at most once in a while by one process."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ..api.backend import Backend
from ..auditreport import Audits, audits
from ..io.recent_lines import Recent, recent_lines
from ..io.redis_keys import Keys
from ..ledger import Entry, EntryKind

LINES_MAX: Final = 20_000
"""A second of work, once in `FRESH_S` at most."""
DAYS: Final = 7
FRESH_S: Final = 60.0
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """Lines of the ledger since a moment (Unix ms): of `DAYS` days where `complete`, else as many as were read."""

    lines: list[Entry]
    since_ms: int
    complete: bool

    def audits(self, policy: str) -> list[Audits]:
        """How often accepted outputs of a policy differed from a larger tier's, by version."""
        return [row for row in audits(self.lines) if row.policy == policy]

    def findings(self, policy: str, tenant: str | None) -> list[tuple[str, Counter[str]]]:
        """How often each check found something at each tier, the busiest check first; of one tenant, or of all."""
        counts: dict[str, Counter[str]] = {}
        for line in self._judged(policy, tenant):
            for check in line.checks:
                counts.setdefault(check, Counter())[line.tier] += 1
        return sorted(counts.items(), key=lambda item: (-item[1].total(), item[0]))

    def judged(self, policy: str, tenant: str | None) -> Counter[str]:
        """How many attempts of each tier had a reply to look at."""
        return Counter(line.tier for line in self._judged(policy, tenant) if line.outcome is not None)

    def _judged(self, policy: str, tenant: str | None) -> Iterable[Entry]:
        return (
            line
            for line in self.lines
            if line.kind is EntryKind.ATTEMPT
            and line.policy == policy
            and line.lane != "audit"
            and tenant in (None, line.tenant)
        )


class Witness:
    """Reads evidence for one process; whoever asks meanwhile waits for the same."""

    def __init__(self, backend: Backend, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._backend = backend
        self._clock_s = clock_s
        self._reading: asyncio.Task[Evidence] | None = None
        self._at_s = 0.0

    async def evidence(self) -> Evidence:
        """What was read less than a minute ago. Raises: StoreUnavailable."""
        stale = self._clock_s() - self._at_s >= FRESH_S
        if self._reading is None or (self._reading.done() and (stale or self._reading.exception() is not None)):
            self._at_s = self._clock_s()
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> Evidence:
        since_ms = await self._backend.client.now_ms() - DAYS * _DAY_MS
        keys = Keys(self._backend.settings.prefix)
        flow = recent_lines(keys, since_ms=since_ms, at_most=LINES_MAX)
        read: Recent = await self._backend.link.carry_out(flow)
        first_ms = read.lines[0].at_ms if read.lines and not read.complete else since_ms
        return Evidence(read.lines, first_ms, read.complete)
