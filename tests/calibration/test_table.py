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
