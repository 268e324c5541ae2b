"""Some tasks teach, others certify."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from router.calibration.learning import learn, teaching_count
from router.calibration.table import NAMES, Table
from router.promise import Promise
from tests.calibration.worlds import a_table

ERROR = Promise(kind="accepted_error", at_most=0.1)
REGRET = Promise(kind="regret", at_most=0.05)


@pytest.mark.parametrize("promise", [ERROR, REGRET])
def test_no_task_teaches_and_certifies(promise: Promise) -> None:
    """The two sets share nothing, and together they are all that is known."""
    rng = np.random.default_rng(1)
    loss = a_table(rng, 1000).loss
    loss[::10] = np.nan
    table = a_table(rng, 1000, loss=loss)
    learnt = learn(table, promise, rng.random(1000))

    assert len(learnt.teaching) > 0
    assert not set(learnt.teaching.tolist()) & set(learnt.certifying.tolist())
    assert sorted([*learnt.teaching, *learnt.certifying]) == np.flatnonzero(table.known).tolist()


def test_trust_does_not_depend_on_what_certifies() -> None:
    """Other labels and other signals of the certifying tasks leave trust as it is, to the last digit."""
    rng = np.random.default_rng(2)
    table, chance = a_table(rng, 1000), rng.random(1000)
    learnt = learn(table, ERROR, chance)

    wrong, signals = table.wrong.copy(), table.signals.copy()
    wrong[learnt.certifying] = 1 - wrong[learnt.certifying]
    signals[learnt.certifying] *= 3
    again = learn(a_table(rng, 1000, wrong=wrong, loss=wrong, signals=signals, ties=table.ties), ERROR, chance)

    assert (again.trusts, again.thrifts) == (learnt.trusts, learnt.thrifts)
    assert again.threshold != learnt.threshold


def test_the_threshold_does_not_depend_on_the_labels_that_taught_beyond_trust() -> None:
    """With the same trust, the labels of the teaching tasks change nothing: they are not counted."""
    rng = np.random.default_rng(3)
    table, chance = a_table(rng, 1000), rng.random(1000)
    learnt = learn(table, ERROR, chance)

    loss = table.loss.copy()
    loss[learnt.teaching] = 1 - loss[learnt.teaching]
    again = learn(
        a_table(rng, 1000, signals=table.signals, wrong=table.wrong, loss=loss, ties=table.ties), ERROR, chance
    )

    assert (again.trusts, again.threshold) == (learnt.trusts, learnt.threshold)


def test_few_labels_all_certify() -> None:
    """Where certifying needs every label the guess has to do, on the scale of what was right."""
    rng = np.random.default_rng(4)
    table = a_table(rng, 150)
    learnt = learn(table, ERROR, rng.random(150))

    assert (len(learnt.teaching), len(learnt.certifying)) == (0, 150)
    said = np.array(
        [learnt.trusts["mini"]({"confidence": row[0, 0], "input_length": row[0, 10]}) for row in table.signals]
    )
    assert said.mean() == pytest.approx(1 - table.wrong.mean(), abs=0.01)


@pytest.mark.parametrize("labels", [0, 1, 10, 49, 100, 300, 1000, 5000, 100_000])
@pytest.mark.parametrize("promise", [ERROR, REGRET, Promise(kind="disagreement", at_most=0.01, confidence=0.99)])
def test_teaching_takes_little(labels: int, promise: Promise) -> None:
    """A fifth at most teaches, or what allows no loss more; never so few that they would be in vain."""
    taught = teaching_count(labels, promise)

    assert taught == 0 or 50 <= taught < labels
    assert taught <= max(labels // 5 + labels // 10, 74)


def test_a_world_without_wrong_replies_is_accepted_whole() -> None:
    """One class alone teaches without a surprise, and certifies everything."""
    rng = np.random.default_rng(5)
    table = a_table(rng, 600, right=1.0)
    learnt = learn(table, ERROR, rng.random(600))

    assert (learnt.accepted(table)[learnt.certifying] == 0).all()


def test_what_failed_a_check_is_never_accepted() -> None:
    """Whatever its trust, a reply that the policy's own checks refused goes up."""
    rng = np.random.default_rng(6)
    passed = rng.random((800, 1)) < 0.7
    table = a_table(rng, 800, right=0.97, passed=passed)
    learnt = learn(table, ERROR, rng.random(800))

    at = learnt.accepted(table)
    assert learnt.threshold is not None
    assert (at[~passed[:, 0]] == 1).all()
    assert (at == 0).sum() > 300


@pytest.mark.parametrize("columns", [{}, {"tags": np.full((400, 2), "same", dtype=object)}])
def test_tiers_share_one_threshold(columns: dict[str, Any]) -> None:
    """Each tier has a trust of its own, all one threshold; a task ends at its first tier that reaches it."""
    rng = np.random.default_rng(7)
    table = a_table(rng, 400, right=0.95, tiers=("mini", "small"), **columns)
    learnt = learn(table, REGRET, rng.random(400))

    scores = learnt.scores(table)
    at = learnt.accepted(table)
    assert set(learnt.trusts) == {"mini", "small"}
    assert learnt.threshold is not None
    assert ((scores[:, 0] >= learnt.threshold) == (at == 0)).all()


def test_unlabelled_traffic_gives_the_scale() -> None:
    """Signals are standardised by tasks that certify nothing, labelled or not."""
    rng = np.random.default_rng(8)
    loss = a_table(rng, 600).loss
    loss[:400] = np.nan
    table = a_table(rng, 600, loss=loss)
    learnt = learn(table, ERROR, rng.random(600))

    told = learnt.trusts["mini"].features["confidence"]
    assert told.mean == pytest.approx(table.signals[:400, 0, 0].mean(), abs=1e-5)
    assert told.scale == pytest.approx(table.signals[:400, 0, 0].std(), abs=1e-5)


def by_length(table: Table) -> Table:
    """The same tasks at costs that go with the length of their input."""
    lengths = table.signals[:, :, NAMES.index("input_length")]
    return replace(table, cost=np.column_stack([np.full(lengths.shape, 10.0), 100 * np.exp(lengths[:, 0] - 5)]))


def test_costs_count_without_a_look_at_what_certifies() -> None:
    """What the larger tier would cost is learnt from the teaching tasks: other costs of the others change nothing."""
    rng = np.random.default_rng(9)
    table, chance = by_length(a_table(rng, 1000)), rng.random(1000)
    learnt = learn(table, REGRET, chance)
    cost = table.cost.copy()
    cost[learnt.certifying] = 7.0

    again = learn(replace(table, cost=cost), REGRET, chance)

    thrift = learnt.thrifts["mini"]
    assert thrift is not None
    assert thrift.features["input_length"].weight == pytest.approx(1.0, abs=0.1)
    assert (again.thrifts, again.threshold) == (learnt.thrifts, learnt.threshold)


def test_what_is_allowed_among_the_accepted_is_spared() -> None:
    """Accepted errors leave the promised share free; a share of all tasks leaves nothing."""
    rng = np.random.default_rng(10)
    table, chance = by_length(a_table(rng, 1000)), rng.random(1000)

    spared = [learn(table, promise, chance).thrifts["mini"] for promise in (ERROR, REGRET)]

    assert [thrift.spared for thrift in spared if thrift is not None] == [0.1, 0.0]


def test_where_no_label_teaches_costs_do_not_count() -> None:
    """The guess gets its scale from what certifies, which changes no order by trust, but would change one by cost."""
    rng = np.random.default_rng(11)
    learnt = learn(by_length(a_table(rng, 150)), ERROR, rng.random(150))

    assert len(learnt.teaching) == 0
    assert learnt.thrifts == {}


@pytest.mark.parametrize("promise", [ERROR, REGRET], ids=lambda promise: promise.kind)
def test_the_promise_holds_and_costs_less(promise: Promise) -> None:
    """Of 100 calibrations no more broke the promise than may, by a binomial test; and more is saved than without."""
    rng, broken, saved = np.random.default_rng(12), 0, []
    world = by_length(a_table(rng, 20_000))
    flat = replace(world, cost=np.full_like(world.cost, 50.0))
    for _ in range(100):
        rows, chance = rng.integers(0, len(world), 600), rng.random(600)
        ends = [learn(table.take(rows), promise, chance).accepted(world) == 0 for table in (world, flat)]
        of = ends[0].sum() if promise.kind == "accepted_error" else len(world)
        broken += bool(world.loss[ends[0], 0].sum() > promise.at_most * of)
        saved.append([world.cost[below, 1].sum() for below in ends])

    assert binomtest(broken, 100, 0.1, alternative="greater").pvalue > 0.05
    thrifty, plain = np.mean(saved, axis=0)
    assert thrifty > 1.02 * plain


def test_the_reply_at_the_threshold_is_accepted_whatever_the_last_digit() -> None:
    """The threshold lies a hair below the score that it is from, and above the next one."""
    rng = np.random.default_rng(13)
    table = by_length(a_table(rng, 800))
    learnt = learn(table, REGRET, rng.random(800))

    scores = learnt.scores(table)[learnt.certifying, 0]
    assert learnt.threshold is not None
    assert 1e-16 < scores[scores >= learnt.threshold].min() - learnt.threshold < 1e-13
