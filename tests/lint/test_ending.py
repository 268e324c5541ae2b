"""Replies that nobody can settle: the end of the path."""

from __future__ import annotations

from typing import Any

import pytest

from router.lint.ending import ending_doubts
from router.problem import Code
from tests.builders import TIERS, a_policy, a_tier

SURE = {"check": "confidence", "at_least": 0.8}


def told(known: Any = TIERS, **changes: Any) -> list[tuple[Any, Code, str]]:
    return [(doubt.path, doubt.code, doubt.message) for doubt in ending_doubts(a_policy(**changes).on(known))]


@pytest.mark.parametrize("unsure", ["escalate", "retry", "repair"])
def test_an_unsure_reply_of_the_last_tier_is_lost(unsure: str) -> None:
    """A confidence check that applies to the last tier makes dead letters of right answers, unless it is limited."""
    assert told(moves={"unsure": unsure, "exhausted": "reject"}) == [
        (
            ("checks", 0),
            Code.UNLIKELY,
            "what is unsure at large, the last tier, ends as reject, even if it is right; "
            "limit the check to `tiers: [mini, small]`, or send it to `review`",
        )
    ]


def test_a_path_of_one_tier_has_none_to_limit_the_check_to() -> None:
    """Then people are all that is left."""
    ((_, _, said),) = told(tiers=["mini"])

    assert (
        said == "what is unsure at mini, the last tier, ends as dead_letter, even if it is right; send it to `review`"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"checks": [SURE | {"tiers": ["mini", "small"]}]},
        {"checks": [SURE | {"severity": "warn"}]},
        {"checks": [SURE | {"severity": "fail"}]},
        {"checks": [{"check": "length", "field": "merchant", "at_most": 5, "severity": "unsure"}]},
        {"moves": {"unsure": "accept"}},
        {"moves": {"unsure": "review"}},
        {"moves": {"exhausted": "review"}},
        {"limits": {"attempts": 2}},
        {"output": {"tools": [{"name": "pay", "parameters": {"type": "object"}}]}},
    ],
)
def test_an_end_that_was_meant_is_no_doubt(changes: dict[str, Any]) -> None:
    """Who limits the check, only warns, ends on purpose or sends what is left to people is not told anything."""
    assert told(**changes) == []


def test_a_last_tier_without_log_probabilities_may_be_passed() -> None:
    """With `missing: pass` the check says nothing there, so nothing is lost."""
    silent = TIERS | {"large": a_tier("large", logprobs=False)}
    passing = [SURE | {"missing": "pass"}]

    assert told(silent, checks=passing) == []
    assert [path for path, _, _ in told(TIERS, checks=passing)] == [("checks", 0)]
