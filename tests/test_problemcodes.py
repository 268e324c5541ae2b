"""What the codes of problems mean."""

from __future__ import annotations

import pytest
import yaml

from router.problem import Code
from router.problemcodes import EXPLAINED

_NAMES = """
    NOT_YAML UNKNOWN_KEY MISSING_KEY WRONG_VALUE UNREADABLE_FILE UNSOUND_SCHEMA WRONG_PROMPT UNKNOWN_TIER
    WRONG_EXPRESSION WRONG_PATTERN UNKNOWN_FIELD WRONG_EXAMPLE NO_PRICE WRONG_CASE UNLIKELY TIER_NEVER_ASKED
    CHECK_NEVER_RUN MOVE_NEVER_MADE CONSTANT STRICT_MODE NO_LOGPROBS PARAMETER SUNSET OLD_PRICE LIMIT NOT_WORTH_IT
    ODD_ORDER BUDGET IDLE_PROMISE UNCERTIFIED IDLE_AUDIT
"""
MEANINGS = _NAMES.split()
"""In order of their numbers. A new one is added at the end; none is ever taken out or moved."""


def test_a_code_keeps_its_meaning() -> None:
    """Programs know codes by their numbers, so the numbers stand for the same for ever."""
    assert [code.name for code in Code] == MEANINGS
    assert [code.value for code in Code] == [f"POL{number:03}" for number in range(1, len(MEANINGS) + 1)]


def test_what_cannot_run_is_an_error() -> None:
    """The first fourteen stop a policy from loading; all others are warnings."""
    assert [code.name for code in Code if code.severity == "error"] == MEANINGS[:14]


@pytest.mark.parametrize("code", list(Code))
def test_every_code_is_explained(code: Code) -> None:
    """Each has a title of its own, sentences, and two examples that differ."""
    explained = EXPLAINED[code]

    assert [other for other in Code if EXPLAINED[other].title == explained.title] == [code]
    assert explained.meaning.endswith(".")
    assert explained.why.endswith(".")
    assert explained.wrong != explained.right
    assert explained.meaning.split()[0] in explained.text
    assert max(map(len, explained.text.splitlines())) <= 120


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.NOT_YAML])
def test_examples_are_yaml(code: Code) -> None:
    """What is shown can be read."""
    assert (
        yaml.safe_load(EXPLAINED[code].wrong) != yaml.safe_load(EXPLAINED[code].right) or "#" in EXPLAINED[code].wrong
    )
