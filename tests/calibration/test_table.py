"""Evidence as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from router.calibration.sample import sampled
from router.calibration.table import NAMES, table
from router.certificate import TIE, broken_ties, lot
from tests.calibration.logs import a_promising_policy, a_recording


def test_a_table_has_what_the_samples_say() -> None:
    """A row a task, a column a tier; what nobody knows is NaN."""
    policy = a_promising_policy()
    unknown = a_recording(2, expected=..., replies={"mini": {"output": "red"}})
    found = table([sampled(policy, each, shadow=False) for each in (a_recording(), unknown)], ["mini"])

    assert found.ids == ("t1", "t2")
    assert found.signals[0, 0, NAMES.index("confidence")] == pytest.approx(0.405, abs=0.001)
    assert np.isnan(found.signals[1, 0, NAMES.index("confidence")])
    assert found.tags.tolist() == [["red"], ["red"]]
    assert found.passed.tolist() == [[True], [True]]
    assert found.known.tolist() == [True, False]
    assert found.cost[0].tolist() == [10_000, 200_000]
    assert np.isnan(found.cost[1]).all()


def test_what_counts_at_its_worst_is_known_and_has_no_label() -> None:
    """A review that nobody labelled is a loss, and is not told as labelled."""
    unlabelled = a_recording(2, expected=..., status="review", tier="large")
    log = [a_recording(1, status="review", tier="large"), unlabelled, a_recording(3, expected=...)]
    found = table([sampled(a_promising_policy(), each, shadow=False) for each in log], ["mini"])

    assert found.known.tolist() == [True, True, False]
    assert found.labelled.tolist() == [True, False, False]
    assert found.loss[:2].tolist() == [[1.0], [1.0]]


def test_only_whole_rows_count() -> None:
    """A task that lacks a reply of one of the tiers is no row."""
    policy = a_promising_policy(tiers=("mini", "small", "large"))

    assert len(table([sampled(policy, a_recording(), shadow=False)], ["mini", "small"])) == 0
    assert len(table([], ["mini"])) == 0


def test_ties_are_broken_as_at_run_time() -> None:
    """The chance of a task is the same in the evidence and when it comes."""
    (ties,) = table([sampled(a_promising_policy(), a_recording(), shadow=False)], ["mini"]).ties

    assert 0.9 - TIE * ties == broken_ties(0.9, "t1")


def test_a_task_drawn_twice_can_count_as_two() -> None:
    """Taken with ids of their own, draws have chances of their own."""
    policy = a_promising_policy()
    found = table([sampled(policy, a_recording(), shadow=False)], ["mini"]).take([0, 0], ["a", "b"])

    assert found.ids == ("a", "b")
    assert found.ties.tolist() == [lot("a"), lot("b")]
    assert found.wrong.tolist() == [[1.0], [1.0]]


def test_a_cost_that_is_not_known_is_the_mean_of_its_tier() -> None:
    """A task that large was not asked about counts with what large usually costs; what nobody knows stays unknown."""
    policy = a_promising_policy()
    mini = {"mini": {"output": "red", "cost_usd": "0.00003"}}
    dear = {"mini": {"output": "red"}, "large": {"output": "blue", "cost_usd": "0.0004"}}
    log = [a_recording(1), a_recording(2, replies=mini), a_recording(3, replies=dear)]
    found = table([sampled(policy, each, shadow=False) for each in log], ["mini"])

    assert found.priced().cost.tolist() == [[10_000, 200_000], [30_000, 300_000], [20_000, 400_000]]
    assert found.take([1]).priced().cost[0, 0] == 30_000
    assert np.isnan(found.take([1]).priced().cost[0, 1])
    assert len(table([], ["mini"]).priced()) == 0
