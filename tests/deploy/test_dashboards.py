"""The dashboards: files that Grafana provisions, whole and in order."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest

from tests.deploy.queries import DASHBOARDS

BOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}
UNITS = {"short", "s", "d", "currencyUSD", "percentunit"}
SOURCE = {"type": "prometheus", "uid": "prometheus"}


def test_there_is_one_for_each_question():
    """Overview, costs, tiers, tasks and webhooks, each under an address of its own."""
    assert {name: board["uid"] for name, board in BOARDS.items()} == {
        name: f"router-{name}" for name in ("costs", "overview", "tasks", "tiers", "webhooks")
    }


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_panels_do_not_overlap(board):
    """Each panel has a place of its own on a grid of 24 columns, and a number of its own."""
    places = [panel["gridPos"] for panel in board["panels"]]

    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert [
        (a, b)
        for a, b in combinations(places, 2)
        if a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    ] == []
    assert len({panel["id"] for panel in board["panels"]}) == len(places)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_panels_say_what_they_show(board):
    """Each has a title of its own, a unit, and queries to the one data source that is provisioned."""
    panels = board["panels"]

    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        units = {panel["fieldConfig"]["defaults"].get("unit")}
        units |= {
            one["value"]
            for rule in panel["fieldConfig"]["overrides"]
            for one in rule["properties"]
            if one["id"] == "unit"
        }
        assert units & UNITS
        assert all(target["datasource"] == SOURCE for target in [panel, *panel["targets"]])


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_nobody_edits_them_by_hand(board):
    """What is shown is what stands in the repository, in UTC, and every board leads to the others."""
    assert (board["editable"], board["timezone"]) == (False, "utc")
    assert board["links"][0]["tags"] == board["tags"] == ["router"]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_no_mark_falls_between_two_steps(board):
    """Steps as long as what they look back on would miss what happens between the last sample of one and the next."""
    marks = board["annotations"]["list"]

    assert [mark["expr"] for mark in marks if "[$__rate_interval]" not in mark["expr"]] == []


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_bars_of_shares_end_at_all_of_it(board):
    """A bar of a tenth is a tenth long, however much of the others is left."""
    bars = [panel["fieldConfig"]["defaults"] for panel in board["panels"] if panel["type"] == "bargauge"]

    assert [(bar["min"], bar.get("max")) for bar in bars if bar["unit"] == "percentunit"] in ([], [(0, 1)])
