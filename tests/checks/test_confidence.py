"""The confidence check: is the model sure enough?"""

from __future__ import annotations

from typing import Any

import pytest

from router.checks import Confidence
from router.reading import Reading
from router.verdict import Outcome
from tests.builders import a_policy, a_subject

LABELS = a_policy(output={"labels": ["refund", "exchange"]}, checks=[])


def confident(confidence: dict[str, float] | None, *, policy: Any = None, **settings: Any) -> Any:
    check = Confidence.model_validate({"check": "confidence", "at_least": 0.8} | settings)
    return check(a_subject({}, policy=policy, confidence=confidence))


@pytest.mark.parametrize(
    ("total", "outcome"), [(0.99, Outcome.PASS), (0.8, Outcome.PASS), (0.79, Outcome.UNSURE), (0.0, Outcome.UNSURE)]
)
def test_below_the_level_is_unsure(total: float, outcome: Outcome) -> None:
    """The level itself is enough; below it the answer is ambiguous, not wrong."""
    assert confident({"merchant": 1.0, "total": total}).outcome is outcome


def test_the_least_sure_of_the_required_fields_decides() -> None:
    """Without `fields` all required ones are looked at, and the reason names the worst."""
    finding = confident({"merchant": 0.5, "total": 0.3, "tip": 0.1})

    assert finding.reason == "confidence 0.30 in total is below 0.8"


def test_named_fields_alone_are_looked_at() -> None:
    """`fields` leaves all others out; a field that the output does not have says nothing."""
    assert confident({"merchant": 0.1, "total": 0.9}, fields=["total", "tip"]).outcome is Outcome.PASS


def test_a_list_is_as_sure_as_its_least_sure_part() -> None:
    """A field that holds others counts with all of them."""
    assert confident({"items.0.price": 0.9, "items.1.price": 0.5}, fields=["items"]).outcome is Outcome.UNSURE


def test_a_label_is_looked_at_by_itself() -> None:
    """For labels the label's own confidence decides."""
    assert confident({"label": 0.7}, policy=LABELS).reason == "confidence 0.70 in label is below 0.8"


@pytest.mark.parametrize("confidence", [None, {}, {"tip": 0.9}])
@pytest.mark.parametrize(
    ("missing", "outcome"),
    [(None, Outcome.UNSURE), ("unsure", Outcome.UNSURE), ("pass", Outcome.PASS), ("fail", Outcome.FAIL)],
)
def test_without_log_probabilities_the_author_decides(
    confidence: dict[str, float] | None, missing: str | None, outcome: Outcome
) -> None:
    """An unknown confidence is unsure, unless `missing` says otherwise."""
    assert confident(confidence, **({"missing": missing} if missing else {})).outcome is outcome


@pytest.mark.parametrize("missing", ["unsure", "pass", "fail"])
def test_a_tier_without_log_probabilities_can_pass_only_where_missing_passes(missing: Any) -> None:
    """The check says beforehand whether it needs them: then such a tier is not asked at all."""
    check = Confidence(check="confidence", at_least=0.8, missing=missing)

    assert check.needs_logprobs == (confident(None, missing=missing).outcome is not Outcome.PASS)
    assert not check.model_copy(update={"severity": "warn"}).needs_logprobs


def test_a_warning_stays_a_warning_without_log_probabilities() -> None:
    """What only shall be told is only told."""
    finding = confident(None, severity="warn")

    assert (finding.outcome, finding.warn) == (Outcome.UNSURE, True)
    assert not confident(None, severity="unsure").warn


@pytest.mark.parametrize(("severity", "outcome"), [("fail", Outcome.FAIL), ("unsure", Outcome.UNSURE)])
def test_the_author_may_be_stricter(severity: str, outcome: Outcome) -> None:
    """`severity: fail` makes a doubtful answer a wrong one."""
    assert confident({"total": 0.1}, severity=severity).outcome is outcome


@pytest.mark.parametrize("level", [-0.1, 1.1])
def test_a_level_is_a_probability(level: float) -> None:
    """85 is no level, 0.85 is."""
    with pytest.raises(ValueError, match="at_least"):
        Confidence(check="confidence", at_least=level)


def test_says_how_sure_each_field_is() -> None:
    """Levels are known of the fields that are looked at and have any; without log-probabilities of none."""
    check = Confidence(check="confidence", at_least=0.8)
    output = a_policy().output

    assert check.levels(Reading(confidence={"total": 0.7, "other": 0.1}), output) == {"total": 0.7}
    assert check.levels(Reading(), output) == {}
