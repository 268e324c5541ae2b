"""A real Prometheus with our rules beside the real service: every chart has something to show, no alert is raised."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from router.apikey import Scope
from router.io.embedded import EmbeddedServer
from router.io.haste import SILENCE_S
from router.settings import Settings
from tests.api.keys import a_guarded
from tests.api.served import served
from tests.deploy.conftest import Running
from tests.deploy.queries import panels, records, rules, scalers
from tests.deploy.tools import DEPLOY, prometheus
from tests.frozen import frozen
from tests.waiting import wait_until

NOTHING_YET = {
    "router:cost_overrun_dollars_total",
    "router:cost_unsettled_dollars",
    "router:http_errors:rate5m",
}
"""Records of what has not happened here; what shows them says so by zeros."""
WARNED = {"RouterSunset", "RouterSunsetNear", "RouterSunsetPassed"}
"""Those that depend on the day."""


class Prometheus:
    """Prometheus with the rules of deploy/, which reads a service every second, with its key where it needs one."""

    def __init__(self, folder: Path, target: str, *, key: str | None = None) -> None:
        self._file = folder / "prometheus.yaml"
        self._file.write_text(yaml.safe_dump(_configured(target, key)))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self._log = folder / "prometheus.log"
        words = [f"--config.file={self._file}", f"--storage.tsdb.path={folder / 'tsdb'}"]
        words += [f"--web.listen-address=127.0.0.1:{port}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([prometheus("prometheus"), *words], stdout=log, stderr=log)
        wait_until(self._ready, f"Prometheus; see {self._log}")

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)

    def ask(self, query: str) -> list[Any]:
        """What a query gives now."""
        result: list[Any] = self._get("query", query=query)["result"]
        return result

    def raised(self) -> set[str]:
        """The alerts that are pending or firing."""
        return {alert["labels"]["alertname"] for alert in self._get("alerts")["alerts"]}

    def failed(self) -> list[str]:
        """The rules that could not be evaluated."""
        groups = self._get("rules")["groups"]
        return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]

    def _get(self, what: str, **words: str) -> Any:
        url = f"{self.address}/api/v1/{what}?{urllib.parse.urlencode(words)}"
        with urllib.request.urlopen(url, timeout=20) as told:
            return json.load(told)["data"]

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(f"{self.address}/-/ready", timeout=5):
                return True
        except urllib.error.URLError:
            return False


def _configured(target: str, key: str | None) -> dict[str, Any]:
    """Our own configuration, but quicker, and with the address of the service here."""
    told: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    told["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    told["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in told["rule_files"]]
    job = next(job for job in told["scrape_configs"] if job["job_name"] == "router")
    del job["dns_sd_configs"], job["authorization"]
    shown = {} if key is None else {"authorization": {"credentials": key}}
    told["scrape_configs"] = [{**job, **shown, "static_configs": [{"targets": [target]}]}]
    return told


@pytest.fixture(scope="module")
def watched(service: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, once every query has had its chance: tasks went through the service all the while."""
    running = Prometheus(tmp_path_factory.mktemp("prometheus"), service.address.removeprefix("http://"))
    with suppress(TimeoutError):
        wait_until(lambda: service.work() or not empty(running), "data for every chart", timeout_s=75)
    yield running
    running.stop()


def raised_with(running: Prometheus, alert: str) -> set[str]:
    """The alerts that are pending or firing, once that one is."""
    wait_until(lambda: alert in running.raised(), alert)
    return running.raised()


def empty(running: Prometheus) -> list[str]:
    """The queries that give nothing."""
    shown = [*panels(), *scalers()]
    recorded = [
        query for query, rule in zip(records(), rules("recording"), strict=True) if rule["record"] not in NOTHING_YET
    ]
    return [query.place for query in (*shown, *recorded) if not running.ask(query.text)]


def test_every_query_gives_something(watched):
    """Each panel, each scaler and each record has data of a service that works."""
    assert empty(watched) == []


def test_every_rule_can_be_evaluated(watched):
    """No record and no alert fails on real data."""
    assert watched.failed() == []


def test_a_service_that_does_well_alarms_nobody(watched):
    """No alert is pending or firing where tasks are worked on as they come."""
    assert watched.raised() - WARNED == set()


async def test_prometheus_hears_of_a_frozen_redis_though_its_key_cannot_be_looked_up(tmp_path):
    """Where a key is needed, as in production, that Redis hangs is alarmed as such, within the usual time to scrape."""
    with EmbeddedServer(tmp_path / "redis") as server:
        async with a_guarded(Settings(redis_url=server.url), silence_s=0.3) as guarded:
            key = (await guarded.key("ops", Scope.METRICS)).text
            async with served(guarded.app) as url:
                running = await asyncio.to_thread(Prometheus, tmp_path, url.removeprefix("http://"), key=key)
                try:
                    await asyncio.to_thread(wait_until, lambda: running.ask("router_store_reachable == 1"), "a scrape")
                    with frozen(server):
                        raised = await asyncio.to_thread(raised_with, running, "RouterStoreUnreachable")
                finally:
                    await asyncio.to_thread(running.stop)

    assert "RouterDown" not in raised
    assert SILENCE_S < 10, "Prometheus scrapes no longer by default"
