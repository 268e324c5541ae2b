"""Certificates: trust in pure Python, thresholds, and what outdates them."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from router.certificate import TIE, Bin, Certificate, Chance, Feature, Level, Thrift, Trust, broken_ties, lot
from router.tier import Answering
from tests.builders import a_certificate, a_certified_policy, a_promise

TRUST = Trust(
    intercept=0.5,
    features={"confidence": Feature(mean=2.0, scale=2.0, weight=1.0, missing=-0.7)},
    tags={"vip": -1.0},
)


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def test_trust_is_a_logistic_regression() -> None:
    """Standardised signals times their weights, the tag's log-odds, and the intercept."""
    assert TRUST({"confidence": 4.0}) == pytest.approx(sigmoid(1.5))
    assert TRUST({"confidence": 4.0}, "vip") == pytest.approx(sigmoid(0.5))
    assert TRUST({"confidence": 4.0}, "unheard of") == pytest.approx(sigmoid(1.5))


def test_a_missing_signal_counts_as_it_was_learnt() -> None:
    """Nothing known of a signal is no average value of it."""
    assert TRUST({}) == pytest.approx(sigmoid(-0.2))


def test_a_value_never_seen_does_not_decide_alone() -> None:
    """Signals are cut at four standard deviations, and huge log-odds stay numbers."""
    assert TRUST({"confidence": 1e300}) == TRUST({"confidence": 10.0}) == pytest.approx(sigmoid(4.5))
    assert Trust(intercept=1e6)({}) == 1.0
    assert Trust(intercept=-1e6)({}) == pytest.approx(0.0)


def test_knots_bend_trust_without_changing_its_order() -> None:
    """Between knots trust rises on a line; at the ends it is theirs."""
    bent = TRUST.model_copy(update={"knots": ((0.0, 0.0), (0.5, 0.9), (1.0, 1.0))})

    said = [bent({"confidence": value}) for value in (-6, -2, 0, 1, 2, 4, 8)]
    raw = [TRUST({"confidence": value}) for value in (-6, -2, 0, 1, 2, 4, 8)]
    assert said == sorted(said)
    assert said[2] == pytest.approx(raw[2] * 0.9 / 0.5)
    assert said[6] == pytest.approx(0.9 + (raw[6] - 0.5) * 0.1 / 0.5)


def test_a_level_without_a_threshold_accepts_nothing() -> None:
    """What could not be certified is never accepted, however sure the model is."""
    assert not Level(trust=TRUST).accepts(1.0)
    assert Level(trust=TRUST, threshold=0.8).accepts(0.8)
    assert not Level(trust=TRUST, threshold=0.8).accepts(0.8 - TIE)


def a_thrift(spared: float = 0.0) -> Thrift:
    """Twice the usual cost a deviation up, half of it a deviation down."""
    return Thrift(spared=spared, features={"input_length": Feature(mean=5.0, scale=0.5, weight=math.log(2))})


def test_odds_count_by_the_cost_that_is_saved() -> None:
    """Where the larger tier costs twice the usual odds of 9 to 1 count as 18 to 1, at half of it as 4.5 to 1."""
    assert a_thrift()(0.9, {"input_length": 5.0}) == pytest.approx(0.9)
    assert a_thrift()(0.9, {"input_length": 5.5}) == pytest.approx(18 / 19)
    assert a_thrift()(0.9, {"input_length": 4.5}) == pytest.approx(4.5 / 5.5)
    assert a_thrift()(0.9, {}) == pytest.approx(0.9)


def test_doubt_that_is_spared_counts_as_it_is() -> None:
    """What errs no more than is allowed takes nothing from anybody; only what is beyond that has a price."""
    assert a_thrift(0.1)(0.92, {"input_length": 5.5}) == 0.92
    assert a_thrift(0.1)(0.8, {"input_length": 5.5}) == pytest.approx(0.9 * 16 / 17)
    assert a_thrift(0.1)(0.8, {"input_length": 4.5}) == pytest.approx(0.9 * 4 / 5)
    assert a_thrift(1.0)(0.0, {"input_length": 5.5}) == 0.0


def test_no_input_is_so_dear_that_its_cost_decides_alone() -> None:
    """A length never seen is cut, a hopeless reply stays one, and more trust always counts more."""
    dear = Thrift(features={"input_length": Feature(weight=1e6)})
    said = [a_thrift(0.1)(trust / 100, {"input_length": 4.2}) for trust in range(101)]

    assert a_thrift()(0.2, {"input_length": 1e300}) == a_thrift()(0.2, {"input_length": 7.0}) == pytest.approx(0.8)
    assert dear.of_usual({"input_length": 1e300}) == pytest.approx(20.0855, abs=1e-4)
    assert dear(0.01, {"input_length": 1e300}) < 0.2
    assert (said[0], said[100]) == (0.0, 1.0)
    assert said == sorted(set(said))


def test_a_level_scores_by_trust_alone_unless_costs_count() -> None:
    """Certificates without a word about costs, as older ones are, hold trust itself against the threshold."""
    plain = Level.model_validate({"trust": {"intercept": 0.0}, "threshold": 0.8})
    thrifty = Level(trust=TRUST, thrift=a_thrift(), threshold=0.8)

    assert plain.score(0.75, {"input_length": 5.5}) == 0.75
    assert thrifty.accepts(thrifty.score(0.75, {"input_length": 5.5}))
    assert not thrifty.accepts(thrifty.score(0.85, {"input_length": 4.5}))


def test_equal_trusts_are_told_apart_by_chance_of_the_task() -> None:
    """The same task always gets the same trust; the difference is far below what means anything."""
    broken = {broken_ties(0.9, f"t{n}") for n in range(100)}

    assert len(broken) == 100
    assert broken_ties(0.9, "t1") == broken_ties(0.9, "t1")
    assert all(0.9 - TIE <= each <= 0.9 for each in broken)


def test_lots_fall_evenly() -> None:
    """Ids that look alike draw as evenly as random ones: in ten bins of a thousand none is far from a hundred."""
    drawn = [int(lot(f"t{n}") * 10) for n in range(1000)]

    assert all(60 < drawn.count(number) < 140 for number in range(10))


def test_a_chance_moves_with_trust() -> None:
    """The log-odds of a later tier's accepting are a line in the log-odds of trust; certainty is no infinity."""
    assert Chance(a=0.5, b=1.0)(0.5) == pytest.approx(sigmoid(0.5))
    assert Chance(a=0.0, b=1.0)(1.0) == pytest.approx(1 - 1e-6)


def test_a_certificate_survives_its_file() -> None:
    """What is written is read again as the same value, with nothing left out that matters."""
    made = a_certificate(threshold=0.7730486688390394)

    assert Certificate.model_validate_json(made.model_dump_json(indent=2, exclude_none=True)) == made


def test_a_level_without_a_threshold_survives_its_file() -> None:
    """An empty threshold is left out of the file, and still means that nothing is accepted."""
    made = a_certificate(threshold=None)
    read = Certificate.model_validate_json(made.model_dump_json(exclude_none=True))

    assert read.levels["mini"].threshold is None


def test_nothing_changed_is_nothing_outdated() -> None:
    """A certificate holds for exactly what it was made for."""
    made = a_certificate()

    assert made.outdated(made.promise, made.basis) == ()


@pytest.mark.parametrize(
    ("part", "said"),
    [("prompt", "the prompt has changed"), ("output", "the output's schema has changed")],
)
def test_a_changed_part_is_named(part: str, said: str) -> None:
    """Each part of the policy that a certificate depends on is told when it changes."""
    made = a_certificate()

    assert made.outdated(made.promise, made.basis.model_copy(update={part: "other"})) == (said,)


def test_another_promise_and_another_model_are_named() -> None:
    """A promise that was widened, and a tier that answers with another model, are told apart."""
    made = a_certificate()
    basis = made.basis.model_copy(update={"models": {"mini": Answering(model="other")}})

    changes = made.outdated(a_promise(at_most=0.2), basis)

    assert changes[0] == "the promise is another one"
    assert changes[1] == "tier mini answers with other, it was nothing"


def test_what_the_evidence_never_lacked_must_be_there() -> None:
    """A reply without a signal that every reply of the evidence had cannot be compared: it is not trusted at all."""
    always = Trust(intercept=5.0, features={"confidence": Feature(weight=1.0)})
    sometimes = Trust(intercept=5.0, features={"confidence": Feature(weight=1.0, missing=-1.0)})

    assert (always.lacking({}), always({})) == (("confidence",), 0.0)
    assert (sometimes.lacking({}), sometimes({})) == ((), pytest.approx(1 / (1 + math.exp(-4.0))))
    assert always.lacking({"confidence": 0.0}) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"intercept": float("nan")},
        {"intercept": 1e300},
        {"intercept": 0, "features": {"confidence": {"weight": 1, "scale": 1e-300}}},
        {"intercept": 0, "tags": {"a": float("inf")}},
        {"intercept": 0, "knots": [[0, 0]]},
        {"intercept": 0, "knots": [[0, 0], [1, 0.5], [1, 1]]},
        {"intercept": 0, "knots": [[0, 1], [1, 0]]},
    ],
    ids=str,
)
def test_numbers_that_no_calibration_writes_are_refused(wrong: dict[str, object]) -> None:
    """A file that was edited by hand must not trust what nobody measured, nor stop a worker."""
    with pytest.raises(ValidationError):
        Trust.model_validate(wrong)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy": "other"}, "it was made for the policy receipts"),
        ({"path": ("large", "mini")}, "the tiers are large, mini, they were mini, large"),
        ({"output_tokens": 5}, "limits.output_tokens is 5, it was 1024"),
    ],
)
def test_what_shapes_the_path_is_part_of_the_basis(changes: dict[str, object], said: str) -> None:
    """Another policy, another order of the tiers, or shorter answers are not what the evidence is about."""
    made = a_certificate()
    made = made.model_copy(update={"basis": made.basis.model_copy(update={"path": ("mini", "large")})})

    assert said in made.outdated(made.promise, made.basis.model_copy(update=changes))


def a_bin(**changes: float) -> dict[str, float]:
    return {"count": 40, "trust": 0.9, "right": 36} | changes


def test_a_level_may_tell_how_often_replies_were_right() -> None:
    """What was seen survives the file, exactly; a certificate of before says nothing of it, and stays as it is."""
    seen = a_certificate(bins=[a_bin(trust=0.5, right=20), a_bin()])
    before = a_certificate()

    assert Certificate.model_validate_json(seen.model_dump_json(exclude_none=True)) == seen
    assert [each.share for each in seen.levels["mini"].bins] == [0.5, 0.9]
    assert before.levels["mini"].bins == ()
    assert "bins" not in before.model_dump_json(exclude_defaults=True)


def test_what_was_seen_is_a_part_of_the_version() -> None:
    """What is published under a digest is always the same text; without bins it is the text of before."""
    plain, empty = a_certified_policy(), a_certified_policy(certificate={"bins": ()})
    seen = a_certified_policy(certificate={"bins": (a_bin(),)})

    assert plain.digest == empty.digest != seen.digest
    assert "bins" not in plain.text
    assert seen.certified is not None


@pytest.mark.parametrize(
    "wrong",
    [
        [a_bin(count=0, right=0)],
        [a_bin(right=41)],
        [a_bin(right=-1)],
        [a_bin(trust=1.1)],
        [a_bin(trust=float("nan"))],
        [a_bin(count=10**12)],
        [a_bin(trust=0.9), a_bin(trust=0.8)],
        [a_bin()] * 9,
    ],
    ids=str,
)
def test_groups_that_no_calibration_writes_are_refused(wrong: list[dict[str, float]]) -> None:
    """At most eight groups of some replies each, by trust, of which no more are right than there are."""
    with pytest.raises(ValidationError):
        Level.model_validate({"trust": {"intercept": 0.0}, "bins": wrong})


def test_all_of_a_group_may_be_right_or_wrong() -> None:
    """The share of a group is between none and all."""
    assert [Bin(count=3, trust=0.5, right=right).share for right in (0, 3)] == [0.0, 1.0]
