"""The parts that measurements share: a provider process, an embedded server, settings that lead to them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from router.app import load_book, open_store
from router.io.embedded import EmbeddedServer
from router.settings import Settings

POLICIES = Path(__file__).parents[2] / "policies"


@dataclass(frozen=True)
class Bench:
    """Where everything is. `settings_for` gives each measurement a prefix of its own."""

    server: EmbeddedServer
    provider_url: str
    folder: Path

    def settings_for(self, *, concurrency: int) -> Settings:
        tiers = self.folder / f"tiers-{uuid4().hex[:6]}.yaml"
        common = f'api_base: "{self.provider_url}", concurrency: 10000, timeout_s: 30, temperature: 0'
        names = ("mini", "small", "large", "frontier")
        lines = [f"  {n}: {{model: openai/gpt-4o-mini, {common}}}" for n in names]
        tiers.write_text("tiers:\n" + "\n".join(lines) + "\n")
        return Settings(
            redis_url=self.server.url,
            policies=POLICIES,
            tiers=tiers,
            prefix=f"{uuid4().hex[:6]}:",
            log="info",
            worker_concurrency=str(concurrency),
        )


async def publish(settings: Settings) -> None:
    async with open_store(settings) as store:
        await store.publish(list(load_book(settings).policies.values()))


@contextmanager
def bench(*, latency_s: float = 0.0) -> Iterator[Bench]:
    """Start both processes; stop them at the end."""
    with tempfile.TemporaryDirectory(prefix="router-bench-") as name, EmbeddedServer(Path(name) / "redis") as server:
        words = [sys.executable, "-m", "tests.bench.provider", str(latency_s)]
        provider = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert provider.stdout is not None
            yield Bench(server, provider.stdout.readline().strip(), Path(name))
        finally:
            provider.kill()
            provider.wait()
