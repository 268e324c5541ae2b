"""What a finished task of each shipped policy leaves in Redis: its record, its calls, its ledger, its events."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import redis

from router import log
from router.app import load_book
from router.call import Answer, Call, Reply, Usage
from router.client import Client
from router.io.embedded import EmbeddedServer
from router.local.tiers import write_tiers
from router.policy import Policy
from router.settings import Settings
from tests.e2e.house import Models
from tests.gang import POLICIES

from .house import publish
from .shifts import run_shift

TASKS = 200
PARTS = {"record": ("t", "in", "trail"), "calls": ("c",), "ledger": ("ledger",), "events": ("events",)}
GOES_AFTER = {"record": "keep_s", "calls": "a day", "ledger": "40 days", "events": "10^6 newer ones"}


class Translating:
    """A stand-in for what the local models cannot do: knows the examples' translations by heart."""

    def __init__(self, policy: Policy) -> None:
        self._known = {f"{e.input['target']}\nText:\n{e.input['text']}": str(e.output) for e in policy.examples}

    async def complete(self, call: Call) -> Answer:
        asked = str(call.messages[-1]["content"])
        known = (translated for source, translated in self._known.items() if asked.endswith(source))
        text = next(known, '{"mistake": null, "right": "yes"}')
        return Reply(text=text, usage=Usage(input_tokens=400, output_tokens=60), latency_ms=1000)


@dataclass(frozen=True)
class Left:
    """Bytes a task, by part; attempts and how many of the tasks succeeded."""

    policy: str
    bytes: dict[str, float]
    attempts: float
    succeeded: int

    def __str__(self) -> str:
        parts = "".join(f"{self.bytes[part]:>9,.0f}" for part in PARTS)
        total = sum(self.bytes.values())
        return f"{self.policy:<12}{self.attempts:>9.2f}{self.succeeded:>10}{parts}{total:>9,.0f}"


async def measure(settings: Settings, policy: Policy) -> Left:
    """Send a policy's own examples, one after the other, as often as it takes."""
    inputs = [e.input for e in policy.examples if not any(e.input.get(name) for name in policy.images)]
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        handles = client.submit_many(policy.policy, [inputs[i % len(inputs)] for i in range(TASKS)])
        llm = Translating(policy) if policy.policy == "translate" else None
        await run_shift(settings, tasks=TASKS, at_once=50, llm=llm)
        records = [client.read(handle.id) for handle in handles]
    with redis.Redis.from_url(settings.redis_url) as server:
        held = {part: _bytes(server, settings.prefix, names) / TASKS for part, names in PARTS.items()}
    attempts = sum(len(record.trail) for record in records) / TASKS
    return Left(policy.policy, held, attempts, sum(record.output is not None for record in records))


def _bytes(server: redis.Redis, prefix: str, names: Iterable[str]) -> int:
    """What the server says that the keys of these names hold, every element of them looked at."""
    keys = [key for name in names for key in (*server.scan_iter(f"{prefix}{name}:*", count=1000), f"{prefix}{name}")]
    return sum(server.memory_usage(key, samples=0) or 0 for key in keys)


async def measure_all(folder: Path, server: EmbeddedServer, models: Models) -> None:
    tiers = write_tiers(folder / "tiers.yaml", api_base=models.api_base)
    settings = Settings(redis_url=server.url, policies=POLICIES, tiers=tiers, worker_concurrency="50")
    print(f"{'policy':<12}{'attempts':>9}{'succeeded':>10}" + "".join(f"{part:>9}" for part in PARTS) + f"{'all':>9}")
    for policy in load_book(settings).policies.values():
        if not policy.examples:
            continue
        own = replace(settings, prefix=f"{policy.policy}:")
        await publish(own)
        print(await measure(own, policy), flush=True)
    print(f"bytes a task, of {TASKS}; gone after: " + ", ".join(f"{p} {after}" for p, after in GOES_AFTER.items()))


def main() -> None:
    with (
        open(os.devnull, "w") as nowhere,
        tempfile.TemporaryDirectory(prefix="router-bench-") as name,
        EmbeddedServer(Path(name) / "redis") as server,
        Models(Path(name)) as models,
    ):
        log.configure("info", console=False, stream=nowhere)
        asyncio.run(measure_all(Path(name), server, models))


if __name__ == "__main__":
    main()
