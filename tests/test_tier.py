"""Tiers: what of them decides their answers."""

from __future__ import annotations

from typing import Any

import pytest

from router.tier import Answering
from tests.builders import a_tier

WEST = {"name": "west", "model": "azure/west-model", "api_base": "https://west.example/v1"}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"model": "openai/other"}, False),
        ({"temperature": 0.2}, False),
        ({"reasoning_effort": "low"}, False),
        ({"seed": 7}, False),
        ({"deployments": [WEST]}, False),
        ({"api_base": "https://elsewhere.example/v1"}, True),
        ({"concurrency": 3, "timeout_s": 9, "requests_per_minute": 5}, True),
        ({"deployments": [{"name": "east"}]}, True),
    ],
    ids=str,
)
def test_who_answers_is_model_and_settings(changes: dict[str, Any], same: bool) -> None:
    """Where a model answers and how much it takes are the operator's; what it answers with is the version's."""
    assert (a_tier("mini", **changes).answering == a_tier("mini").answering) is same


def test_a_tier_can_be_asked_as_it_was() -> None:
    """An older version gets its model and settings, at today's address and limits."""
    today = a_tier("mini", model="openai/new", temperature=1, api_base="https://gate.example/v1", concurrency=3)

    then = today.answering_as(Answering(model="openai/old", seed=7))

    assert (then.model, then.temperature, then.seed) == ("openai/old", None, 7)
    assert (then.api_base, then.concurrency) == ("https://gate.example/v1", 3)
    assert [place.model for place in then.places] == ["openai/old"]


def test_the_price_is_that_of_the_model_that_is_asked() -> None:
    """A stand-in's price is for its own model: an older model that had none is booked at its own."""
    today = a_tier("mini", model="openai/new", price_of="openai/like-new")

    assert today.answering_as(Answering(model="openai/old")).priced_model == "openai/old"
    assert today.answering_as(today.answering).priced_model == "openai/like-new"


def test_deployments_of_other_models_are_left_out() -> None:
    """A deployment that names a model which the older version did not know is not asked for it."""
    today = a_tier("mini", deployments=[{"name": "east"}, WEST])

    then = today.answering_as(Answering(model="openai/old"))

    assert [(place.name, place.model) for place in then.places] == [("east", "openai/old")]


def test_it_reads_as_people_write_it() -> None:
    """A change is told by model and settings that are set."""
    assert str(a_tier("mini", temperature=0, deployments=[WEST]).answering) == (
        "openai/mini-model azure/west-model temperature=0.0"
    )


def test_what_is_asked_is_what_is_booked() -> None:
    """The place of a call names the model of the version, also where today's places have been looked at before."""
    today = a_tier("mini", model="openai/new")

    assert today.places[0].model == "openai/new"
    assert today.answering_as(Answering(model="openai/old")).places[0].model == "openai/old"


def test_a_stand_in_keeps_its_price() -> None:
    """An older version of a tier that is booked at another model's price is booked so still."""
    old = a_tier("mini", model="openai/local-1", price_of="openai/gpt-4o-mini", simulated=True).answering
    today = a_tier("mini", model="openai/local-2", price_of="openai/gpt-4o-mini", simulated=True)

    then = today.answering_as(old)
    assert (then.model, then.priced_model, then.simulated) == ("openai/local-1", "openai/gpt-4o-mini", True)


def test_a_task_never_goes_where_nobody_sent_it() -> None:
    """Where no deployment has a model of the older version, today's are asked, and no address that nobody named."""
    old = a_tier("mini", deployments=[WEST]).answering
    today = a_tier("mini", deployments=[WEST | {"model": "azure/renamed"}])

    assert [place.api_base for place in today.answering_as(old).places] == ["https://west.example/v1"]
