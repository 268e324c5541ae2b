"""How good the models are on the shipped examples that they never saw."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.local.lessons import Lesson, lessons_in
from router.local.measure import accuracy, cascade, results
from router.local.school import School

POLICIES = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="module")
def shipped() -> tuple[Lesson, ...]:
    """The shipped policies that have examples held out."""
    return tuple(lesson for lesson in lessons_in(POLICIES) if lesson.held_out)


@pytest.fixture(scope="module")
def taught(shipped: tuple[Lesson, ...]) -> School:
    """Models taught on the others."""
    return School.teaching(shipped)


def mean(shares: list[float]) -> float:
    """The mean."""
    return sum(shares) / len(shares)


def test_larger_models_are_right_more_often(shipped: tuple[Lesson, ...], taught: School) -> None:
    """Averaged over the policies, each step up the usual path brings more right answers."""
    mini, small, large, _ = (
        mean([accuracy(results(taught, lesson, model)) for lesson in shipped]) for model in taught.names
    )

    assert mini < small < large
    assert large - mini > 0.08


def test_who_is_sure_is_right_more_often(shipped: tuple[Lesson, ...], taught: School) -> None:
    """Probabilities carry information on every model: sure answers are right more often than the others."""
    for model in taught.names:
        found = [result for lesson in shipped for result in results(taught, lesson, model)]
        sure = [result for result in found if result.probability >= 0.7]
        unsure = [result for result in found if result.probability < 0.7]

        assert accuracy(sure) > accuracy(unsure) + 0.2


def test_a_cascade_comes_near_the_largest_model_without_asking_it_always(
    shipped: tuple[Lesson, ...], taught: School
) -> None:
    """Passing on only what is unsure costs little accuracy, on policies whose smallest model knows something."""
    for lesson in shipped:
        if accuracy(results(taught, lesson, "local-mini")) < 0.5:
            continue
        passed = cascade(taught, lesson)

        assert passed.right >= accuracy(results(taught, lesson, "local-large")) - 0.08
        assert passed.escalated < 0.8
