"""Checks that never run, or that can say nothing."""

from __future__ import annotations

from typing import Any

import pytest

from router.lint.checks import check_doubts
from router.problem import Code
from tests.builders import TIERS, a_policy, a_tier

SHORT = {"check": "length", "field": "merchant", "at_most": 80}
NEVER = {"check": "length", "id": "never", "at_least": 5, "at_most": 2}
TOOLS = [{"name": "pay", "parameters": {"type": "object"}}]


def told(*checks: dict[str, Any], tiers: Any = TIERS, **changes: Any) -> list[tuple[Any, Code, str]]:
    found = check_doubts(a_policy(checks=checks, **changes).on(tiers))
    return [(doubt.path, doubt.code, doubt.message) for doubt in found]


def test_a_check_for_tiers_that_are_never_asked() -> None:
    """A check runs only where a task gets to."""
    ((path, code, message),) = told(SHORT | {"tiers": ["large"]}, limits={"attempts": 2})

    assert (path, code) == (("checks", 0, "tiers"), Code.CHECK_NEVER_RUN)
    assert message == "large is never asked, so this check never runs"
    assert told(SHORT | {"tiers": ["small", "large"]}, limits={"attempts": 2}) == []


@pytest.mark.parametrize(
    ("before", "after", "runs"),
    [
        ({}, {}, False),
        ({"severity": "unsure"}, {}, True),
        ({"tiers": ["mini"]}, {}, True),
        ({"tiers": ["mini"]}, {"tiers": ["mini"]}, False),
    ],
)
def test_a_check_after_one_that_always_fails(before: dict[str, Any], after: dict[str, Any], runs: bool) -> None:
    """The first fail ends the examination, at the tiers where that check runs."""
    found = told(NEVER | before, SHORT | after)

    assert found == (
        []
        if runs
        else [(("checks", 1), Code.CHECK_NEVER_RUN, "this check never runs: never before it fails every reply")]
    )


def test_the_same_check_twice() -> None:
    """Two checks that differ in their ids alone say the same twice; any other setting makes them two."""
    ((path, code, message),) = told(SHORT | {"id": "short"}, SHORT | {"id": "again"})

    assert (path, code, message) == (("checks", 1), Code.CHECK_NEVER_RUN, "this is short again, setting for setting")
    assert told(SHORT | {"id": "short"}, SHORT | {"id": "again", "severity": "unsure"}) == []


def test_a_confidence_that_never_comes() -> None:
    """Function calls have no log-probabilities, so a confidence check on them says nothing."""
    ((path, code, _),) = told({"check": "confidence", "at_least": 0.8}, output={"tools": TOOLS})

    assert (path, code) == (("checks", 0), Code.NO_LOGPROBS)


def test_a_confidence_that_waits_for_nobody() -> None:
    """A check that passes replies without log-probabilities, at tiers that give none, looks at nothing."""
    silent = TIERS | {name: a_tier(name, logprobs=False) for name in ("mini", "small")}
    check = {"check": "confidence", "at_least": 0.8, "missing": "pass"}

    ((path, code, message),) = told(check | {"tiers": ["mini", "small"]}, tiers=silent)

    assert (path, code) == (("checks", 0), Code.NO_LOGPROBS)
    assert message.startswith("mini and small give no log-probabilities")
    assert told(check, tiers=silent) == []
