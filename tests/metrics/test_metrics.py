"""What Prometheus is told of a service keeps its rules."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest

from router.metrics import families
from tests.metrics.snapshots import FULL
from tests.scrape import complaints, scraped


def test_without_the_store_the_process_tells_of_itself() -> None:
    """Where Redis is away nothing is invented: there is no series that would say 0."""
    read = scraped(replace(FULL, facts=None))

    assert read.one("router_store_reachable") == 0
    assert {family.name for family in read.families} == {
        *("router_build_info", "router_http_requests", "router_http_request_duration_seconds"),
        "router_store_reachable",
    }


def test_it_keeps_the_rules_of_prometheus() -> None:
    """Names in base units that say what is counted, a sentence of help for each, no series twice."""
    assert list(complaints(scraped(FULL).text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "# HELP router_queue_age_ms Ages.\n# TYPE router_queue_age_ms gauge\nrouter_queue_age_ms 1\n",
        "# HELP router_tasks_total Tasks.\n# TYPE router_tasks_total gauge\nrouter_tasks_total 1\n",
        "# HELP router_tasks \n# TYPE router_tasks gauge\nrouter_tasks 1\n",
        "# HELP router_tasks_gauge Tasks.\n# TYPE router_tasks_gauge gauge\nrouter_tasks_gauge 1\n",
        "# HELP router_tasks Tasks.\n# TYPE router_tasks gauge\nrouter_tasks 1\nrouter_tasks 2\n",
    ],
)
def test_the_rules_find_what_breaks_them(text: str) -> None:
    """Each rule has a text that it refuses."""
    assert list(complaints(text)) != []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool, a part of Prometheus, is not on PATH")
def test_promtool_finds_nothing() -> None:
    """Prometheus' own tool reads it all and complains of nothing."""
    ended = subprocess.run(
        ["promtool", "check", "metrics"], input=scraped(FULL).text, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_counters_are_what_ends_in_total() -> None:
    """What only grows is a counter, and nothing else is."""
    kinds = {family.name: family.type for family in families(FULL)}

    assert {name for name, kind in kinds.items() if kind == "counter"} == {
        *("router_http_requests", "router_tasks_ended", "router_alarms", "router_attempts", "router_escalations"),
        *("router_results_accepted", "router_unpriced_attempts", "router_cost_dollars"),
        *("router_cost_overrun_dollars", "router_cost_waste_dollars", "router_webhook_deliveries"),
        *("router_tokens", "router_cost_always_top_dollars", "router_cost_cache_saving_dollars"),
        "router_cost_accepted_dollars",
    }
