"""Thresholds that keep promises, in worlds whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from router.calibration.certify import accepted, monotone_threshold, sequential_threshold
from tests.calibration.worlds import drawn, error_below, loss_rate

WORLDS = 300


def too_often(broken: int, delta: float) -> bool:
    """Is the promise broken more often than *delta*? One-sided and exact, at 1 in 10,000."""
    return bool(binomtest(broken, WORLDS, delta, alternative="greater").pvalue < 1e-4)


@pytest.mark.parametrize("tasks", [200, 400])
def test_regret_is_kept(tasks: int) -> None:
    """Over many worlds the true share of losses is above the promise in no more than delta of them."""
    rng = np.random.default_rng(tasks)
    broken = sum(loss_rate(monotone_threshold(*drawn(rng, tasks), 0.02, 0.1)) > 0.02 for _ in range(WORLDS))

    assert broken > 0, "a bound that is never reached is no exact one"
    assert not too_often(broken, 0.1)


@pytest.mark.parametrize("tasks", [150, 600])
def test_accepted_error_is_kept(tasks: int) -> None:
    """Over many worlds the true error of what is accepted is above the promise in no more than delta of them."""
    rng = np.random.default_rng(tasks)
    broken = sum(error_below(sequential_threshold(*drawn(rng, tasks), 0.05, 0.1)) > 0.05 for _ in range(WORLDS))

    assert broken > 0, "tests that never err are wasteful"
    assert not too_often(broken, 0.1)


def test_ties_are_no_way_round_the_promise() -> None:
    """Where scores come in five levels, chance decides within one; what is kept on average is kept."""
    rng = np.random.default_rng(5)
    broken = 0
    for _ in range(WORLDS):
        threshold = sequential_threshold(*drawn(rng, 300, coarse=5), 0.05, 0.1)
        broken += _coarse_error(threshold, 5) > 0.05

    assert not too_often(broken, 0.1)


def _coarse_error(threshold: float | None, levels: int) -> float:
    if threshold is None:
        return 0.0
    at = np.arange(levels) / levels
    taken = np.clip((at - threshold) / 1e-9, 0, 1)
    return float((taken * 0.4 * (1 - at) ** 2).sum() / taken.sum()) if taken.sum() else 0.0


@pytest.mark.parametrize("certify", [monotone_threshold, sequential_threshold])
def test_more_evidence_accepts_more(certify: Any) -> None:
    """With more of the same evidence the threshold comes down to where the promise is just kept."""
    rng = np.random.default_rng(3)
    few, many = certify(*drawn(rng, 200), 0.04, 0.1), certify(*drawn(rng, 20_000), 0.04, 0.1)

    assert many is not None
    assert few is None or many < few


def test_a_wider_promise_is_never_stricter() -> None:
    """The monotone threshold falls as the promise widens."""
    scores, losses = drawn(np.random.default_rng(4), 500)
    found = [monotone_threshold(scores, losses, at_most, 0.1) for at_most in (0.01, 0.02, 0.04, 0.08, 0.2)]
    known = [threshold for threshold in found if threshold is not None]

    assert len(known) >= 4
    assert known == sorted(known, reverse=True)


@pytest.mark.parametrize("certify", [monotone_threshold, sequential_threshold])
def test_without_losses_everything_is_accepted(certify: Any) -> None:
    """Enough tasks without a loss certify the loosest threshold that was seen."""
    scores = np.linspace(0.1, 0.9, 200)[:, None]

    assert certify(scores, np.zeros((200, 1)), 0.05, 0.1) == pytest.approx(0.1)


@pytest.mark.parametrize("certify", [monotone_threshold, sequential_threshold])
@pytest.mark.parametrize("tasks", [0, 1, 44])
def test_too_few_tasks_certify_nothing(certify: Any, tasks: int) -> None:
    """44 tasks without a loss are one too few for 5 % at 90 %."""
    assert certify(np.ones((tasks, 1)), np.zeros((tasks, 1)), 0.05, 0.1) is None


def test_nothing_but_losses_accepts_next_to_nothing() -> None:
    """Where every reply is wrong none is accepted; but for regret, which allows a share of all tasks."""
    scores, losses = np.random.default_rng(1).random((300, 1)), np.ones((300, 1))
    threshold = monotone_threshold(scores, losses, 0.05, 0.1)

    assert sequential_threshold(scores, losses, 0.05, 0.1) is None
    assert threshold is not None
    assert 0 < (scores >= threshold).mean() < 0.05


@pytest.mark.parametrize("certify", [monotone_threshold, sequential_threshold])
def test_what_a_check_refused_is_never_accepted(certify: Any) -> None:
    """Replies at minus infinity are out of reach of every threshold."""
    scores = np.where(np.arange(400)[:, None] % 2 == 0, -np.inf, 0.5 + np.arange(400)[:, None] / 1000)
    threshold = certify(scores, (np.arange(400)[:, None] % 2 == 0).astype(float), 0.05, 0.1)

    assert threshold == pytest.approx(0.501)
    assert certify(np.full((400, 1), -np.inf), np.zeros((400, 1)), 0.05, 0.1) is None


def test_a_few_tasks_certify_what_they_can() -> None:
    """Sixty tasks of which the doubtful third is wrong certify the other two thirds' best."""
    scores = np.linspace(0, 1, 60)[:, None]
    threshold = sequential_threshold(scores, (scores < 0.2).astype(float), 0.05, 0.1)

    assert threshold is not None
    assert 0.2 < threshold < 0.3


def test_a_task_is_a_regret_if_any_of_its_tiers_is() -> None:
    """With several tiers the union of their losses is what grows as the threshold falls."""
    rng = np.random.default_rng(7)
    broken = 0
    for _ in range(WORLDS):
        threshold = monotone_threshold(*drawn(rng, 300, tiers=2), 0.05, 0.1)
        # two independent tiers: a loss at neither is the product
        broken += 1 - (1 - loss_rate(threshold)) ** 2 > 0.05

    assert not too_often(broken, 0.1)


def test_each_task_is_accepted_at_its_first_tier_that_is_trusted() -> None:
    """The order of the tiers decides, not the greater trust; where none reaches the threshold the task goes on."""
    scores = np.array([[0.9, 0.95], [0.1, 0.95], [0.1, 0.2]])

    assert accepted(scores, 0.5).tolist() == [0, 1, 2]
    assert accepted(scores, None).tolist() == [2, 2, 2]


def test_accepted_error_with_several_tiers_counts_the_first_acceptance() -> None:
    """A wrong reply of a later tier does not count where an earlier one is accepted."""
    scores = np.column_stack([np.linspace(0.5, 1, 300), np.full(300, 0.4)])
    losses = np.column_stack([np.zeros(300), np.ones(300)])

    assert sequential_threshold(scores, losses, 0.05, 0.1) == pytest.approx(0.5)
