"""This process, as it is told."""

from __future__ import annotations

from tests.metrics.snapshots import FULL
from tests.scrape import scraped


def test_this_process_is_told() -> None:
    """The requests that it has answered, how long they took, and what it is."""
    read = scraped(FULL)

    assert read["router_http_requests_total"] == {("GET", "/livez", "200"): 3}
    assert read["router_http_request_duration_seconds_count"] == {("GET", "/livez"): 0}
    assert read["router_build_info"] == {("3.11.7", "1.2.3"): 1}
    assert read.one("router_store_reachable") == 1
