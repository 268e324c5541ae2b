"""Metrics of this process."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from .facts import Asked, Snapshot
from .family import counter, gauge, histogram


def build(snapshot: Snapshot) -> Iterator[Metric]:
    labels = {(snapshot.version, snapshot.python): 1.0}
    yield gauge(
        "router_build_info",
        "The versions of router and Python of this process; always 1.",
        ("version", "python"),
        labels,
    )


def http(asked: Asked) -> Iterator[Metric]:
    yield counter(
        "router_http_requests_total",
        "HTTP requests that this process has answered.",
        ("method", "route", "status"),
        asked.answered,
    )
    yield histogram(
        "router_http_request_duration_seconds",
        "How long this process took to answer HTTP requests, to the last byte.",
        ("method", "route"),
        asked.took,
    )
