"""Trust from labels: near a sensible guess, and the same at run time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from router.calibration.fit import GUESS, fitted, guessed, most_likely, rescaled, scale_of, stepped, trusted
from router.calibration.table import NAMES
from router.signals import SIGNALS
from tests.calibration.worlds import a_table

CONFIDENCE = NAMES.index("confidence")


def test_the_guess_knows_every_signal() -> None:
    """A new signal needs a guess of how it speaks."""
    assert set(GUESS) == set(SIGNALS)


def test_it_is_the_logistic_regression_that_everybody_knows() -> None:
    """With no guess and the intercept free, the weights are scikit-learn's at C = 1 / penalty."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 3))
    right = (rng.random(300) < 1 / (1 + np.exp(-x @ [1.0, -0.5, 0.0] - 0.3))).astype(float)

    ours = most_likely(np.column_stack([np.ones(300), x]), right, np.zeros(4), np.array([1e-9, 7.0, 7.0, 7.0]))
    theirs = LogisticRegression(C=1 / 7, tol=1e-10).fit(x, right)

    assert ours == pytest.approx([*theirs.intercept_, *theirs.coef_[0]], abs=1e-4)


def test_run_time_says_what_was_fitted() -> None:
    """Trust called reply by reply, in pure Python, is the same number as the arrays gave, tags and gaps included."""
    rng = np.random.default_rng(2)
    table = a_table(rng, 700)
    signals, tags = table.signals[:, 0], np.where(rng.random(700) < 0.3, "vip", "plain").astype(object)
    signals[::7, CONFIDENCE] = np.nan
    right = 1 - table.wrong[:, 0]
    trust = stepped(fitted(scale_of(signals), signals, tags, right), signals, tags, right)

    rows = [{n: v for n, v in zip(NAMES, row, strict=True) if not np.isnan(v)} for row in signals]
    one_by_one = [trust(told, tag) for told, tag in zip(rows, tags, strict=True)]

    assert trust.tags.keys() == {"plain", "vip"}
    assert trust.knots
    assert trusted(trust, signals, tags) == pytest.approx(one_by_one, abs=1e-12)


def test_few_labels_hardly_move_the_guess() -> None:
    """A handful of labels that contradict a signal's meaning do not turn it round; many do."""
    rng = np.random.default_rng(3)
    table = a_table(rng, 3000)
    signals, tags = table.signals[:, 0], table.tags[:, 0]
    against = table.wrong[:, 0]  # the world upside down: what is confident is wrong

    few = fitted(scale_of(signals[:10]), signals[:10], tags[:10], against[:10])
    many = fitted(scale_of(signals), signals, tags, against)

    assert few.features["confidence"].weight > 0.5
    assert many.features["confidence"].weight < -0.5


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_one_class_alone_is_no_certainty(right: float) -> None:
    """Labels that are all right, or all wrong, give finite weights and a trust between the extremes."""
    table = a_table(np.random.default_rng(4), 60, right=right)
    trust = fitted(scale_of(table.signals[:, 0]), table.signals[:, 0], table.tags[:, 0], 1 - table.wrong[:, 0])

    said = trusted(trust, table.signals[:, 0], table.tags[:, 0])
    assert np.isfinite(said).all()
    assert (said > 0).all() and (said < 1).all()
    assert abs(said.mean() - right) < 0.1


def test_no_labels_leave_the_guess() -> None:
    """Without a label the fit is the guess itself."""
    table = a_table(np.random.default_rng(5), 50)
    scale = scale_of(table.signals[:, 0])

    assert fitted(scale, table.signals[:0, 0], table.tags[:0, 0], np.array([])) == guessed(scale)


def test_at_most_eight_signals_that_vary_are_used() -> None:
    """Constant signals, copies of others and those beyond the eighth are left out, the most telling kept."""
    rng = np.random.default_rng(6)
    signals = rng.normal(size=(100, len(NAMES)))
    signals[:, NAMES.index("agreement")] = 1.0
    signals[:, NAMES.index("judge")] = 2 * signals[:, CONFIDENCE] + 1

    names = scale_of(signals).names

    assert len(names) == 8
    assert names[0] == "confidence"
    assert not {"agreement", "judge"} & set(names)


def test_nothing_at_all_gives_a_constant_trust() -> None:
    """A tier without a single signal is trusted alike in everything."""
    nothing = np.full((5, len(NAMES)), np.nan)

    assert guessed(scale_of(nothing)).features == {}
    assert guessed(scale_of(nothing[:0])).features == {}
    assert trusted(guessed(scale_of(nothing)), nothing, np.array([""] * 5)).tolist() == pytest.approx([0.8] * 5)


def test_rare_tags_are_no_kind() -> None:
    """A tag seen a few times says nothing; tags that are seen often carry shrunk log-odds."""
    rng = np.random.default_rng(7)
    table = a_table(rng, 400)
    tags = np.array(["common"] * 200 + ["other"] * 195 + ["rare"] * 5, dtype=object)
    wrong = np.where(tags == "common", 0.0, table.wrong[:, 0])

    trust = fitted(scale_of(table.signals[:, 0]), table.signals[:, 0], tags, 1 - wrong)

    assert set(trust.tags) == {"common", "other"}
    assert trust.tags["common"] > 0 > trust.tags["other"]


def test_rescaling_changes_no_order() -> None:
    """The line of log-odds rises whatever the labels say, so that thresholds accept what they did."""
    rng = np.random.default_rng(8)
    table = a_table(rng, 300)
    signals, tags = table.signals[:, 0], table.tags[:, 0]
    guess = guessed(scale_of(signals))
    said = trusted(guess, signals, tags)

    for right in (1 - table.wrong[:, 0], table.wrong[:, 0], np.ones(300)):
        again = trusted(rescaled({"mini": guess}, said, right)["mini"], signals, tags)
        assert (np.argsort(again, kind="stable") == np.argsort(said, kind="stable")).all()
    mended = trusted(rescaled({"mini": guess}, said, 1 - table.wrong[:, 0])["mini"], signals, tags)
    assert mended.mean() == pytest.approx(1 - table.wrong.mean(), abs=0.005)


def test_knots_rise_from_corner_to_corner() -> None:
    """Isotonic steps become a line that rises everywhere, so that no two different trusts fall together."""
    table = a_table(np.random.default_rng(9), 900)
    signals, tags, right = table.signals[:, 0], table.tags[:, 0], 1 - table.wrong[:, 0]
    knots = stepped(fitted(scale_of(signals), signals, tags, right), signals, tags, right).knots

    assert (knots[0], knots[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(knots))
