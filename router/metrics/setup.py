"""Metrics of deployments, policies and the models behind tiers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final

from prometheus_client.metrics_core import Metric

from ..health.service import Breaker
from .facts import Facts
from .family import gauge
from .names import Names

PLACES_MAX: Final = 200


def deployments(facts: Facts, _names: Names) -> Iterator[Metric]:
    service, places = facts.service, sorted(facts.service.breakers)[:PLACES_MAX]
    by = {place: tuple(place.split("/", 1)) for place in places}
    states = {
        (*by[place], state.value): float(service.breakers[place] is state) for place in places for state in Breaker
    }
    yield gauge(
        "router_breaker_state",
        "How the breaker of a deployment stands: 1 for its state. Open: it failed time and again, and is left alone "
        "for a while; probing: that is over, and its next call decides.",
        ("tier", "deployment", "state"),
        states,
    )
    yield gauge(
        "router_deployment_rest_seconds",
        "For how long a deployment is left alone, because it failed or asked for fewer calls.",
        ("tier", "deployment"),
        {by[place]: service.resting.get(place, 0) / 1000 for place in places},
    )


def policies(facts: Facts, names: Names) -> Iterator[Metric]:
    cards = {name: card for name, card in facts.cards.items() if names.policy(name) == name}
    yield gauge(
        "router_policy_info",
        "The current version of a policy; always 1.",
        ("policy", "version"),
        {(name, card.digest): 1 for name, card in cards.items()},
    )
    yield gauge(
        "router_policy_published_timestamp_seconds",
        "When the current version of a policy was published, in Unix time.",
        ("policy",),
        {(name,): ms / 1000 for name, ms in facts.service.published_ms.items() if name in cards},
    )
    yield gauge(
        "router_tier_sunset_timestamp_seconds",
        "When the model of a tier leaves its provider, in Unix time; only where the tiers file says so.",
        ("tier",),
        {
            (name,): _midnight_s(tier.sunset)
            for name, tier in facts.tiers.items()
            if tier.sunset and names.tier(name) == name
        },
    )


def _midnight_s(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
