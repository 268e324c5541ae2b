"""Deployments, policies and models, as they are told."""

from __future__ import annotations

from tests.builders import NOW_MS
from tests.metrics.snapshots import FULL
from tests.scrape import scraped
from tests.test_producing import CARD


def test_deployments_tell_how_their_breaker_stands() -> None:
    """One state of three, and for how long it is left alone."""
    read = scraped(FULL)

    assert {labels for labels, on in read["router_breaker_state"].items() if on} == {
        ("east", "open", "mini"),
        ("west", "closed", "mini"),
    }
    assert len(read["router_breaker_state"]) == 6
    assert read["router_deployment_rest_seconds"] == {("east", "mini"): 2.5, ("west", "mini"): 0}


def test_policies_and_models_tell_their_times() -> None:
    """Which version is current since when, and when a tier's model leaves its provider."""
    read = scraped(FULL)

    assert read["router_policy_info"] == {("receipts", CARD.digest): 1}
    assert read["router_policy_published_timestamp_seconds"] == {("receipts",): NOW_MS / 1000}
    assert read["router_tier_sunset_timestamp_seconds"] == {("mini",): 1_799_884_800}
