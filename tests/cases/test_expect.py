"""What is to come of a case, and what is said where something else came."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from router.cases.expect import CaseEnd, Difference, Expect, differences, rewritten
from router.policyfile.yamlfile import read_yaml


def an_end(**changes: Any) -> CaseEnd:
    settings: dict[str, Any] = {
        "status": "succeeded",
        "tier": "small",
        "attempts": 2,
        "failed": ("confidence",),
        "warned": (),
        "moves": ("escalate", "accept"),
        "reason": None,
        "output": {"label": "no"},
        "cost_nusd": 210_000,
    }
    return CaseEnd(**(settings | changes))


def differing(expect: dict[str, Any], **changes: Any) -> list[tuple[str, Any, Any]]:
    return [(d.what, d.expected, d.got) for d in differences(Expect.model_validate(expect), an_end(**changes))]


def test_what_is_met_and_what_is_not_said_makes_no_difference() -> None:
    """A case compares what it names and leaves the rest open."""
    assert differing({"status": "succeeded", "failed": ["confidence"], "output": {"label": "no"}}) == []


def test_every_difference_is_told_with_both_sides() -> None:
    """Status, tier, checks and moves each by themselves."""
    assert differing({"tier": "mini", "moves": ["accept"], "warned": []}) == [
        ("tier", "mini", "small"),
        ("moves", ("accept",), ("escalate", "accept")),
    ]


def test_a_part_of_the_reason_is_enough() -> None:
    """Sentences change; what matters of one is named."""
    assert differing({"reason": "no tier"}, reason="no tier is left") == []
    assert differing({"reason": "no tier"}) == [("reason", "no tier", None)]


@pytest.mark.parametrize(
    ("cost", "met"),
    [
        ("0.00021", True),
        (0.00021, True),
        ("0.000210001", False),
        ({"at_most": "0.00021"}, True),
        ({"at_most": "0.0002"}, False),
        ({"at_least": "0.0003", "at_most": 1}, False),
    ],
)
def test_costs_are_met_exactly_or_within_bounds(cost: Any, met: bool) -> None:
    """One amount is met to the nano-dollar, bounds are inclusive."""
    assert (differing({"cost_usd": cost}) == []) is met


@pytest.mark.parametrize("cost", [-1, {"at_least": 2, "at_most": 1}, {"at_least": 1}, "0.0000000001", "cheap"])
def test_what_is_no_cost_is_refused(cost: Any) -> None:
    """Negative amounts, bounds that exclude each other, no upper bound, and parts of a nano-dollar."""
    with pytest.raises(ValidationError):
        Expect.model_validate({"cost_usd": cost})


def test_expecting_nothing_is_refused() -> None:
    """A case without an expectation would pass whatever came."""
    with pytest.raises(ValidationError, match="say what is expected"):
        Expect.model_validate({})


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Difference("tier", "mini", None), "tier: expected mini, got None"),
        (Difference("failed", (), ("a", "b")), "failed: expected [], got [a, b]"),
        (Difference("reason", "no tier", "none left"), "reason: expected 'no tier', got 'none left'"),
        (Difference("cost_usd", {"at_most": "0.1"}, "0.2"), 'cost_usd: expected {"at_most": "0.1"}, got 0.2'),
    ],
)
def test_a_difference_reads_as_a_sentence(difference: Difference, said: str) -> None:
    """Names stand bare, lists as in YAML, sentences in quotes."""
    assert str(difference) == said


def test_writes_what_the_case_would_have_to_expect() -> None:
    """The keys of the case with what came, as YAML that means just that; what was met stays as it was written."""
    expect = Expect.model_validate({"status": "dead", "failed": [], "cost_usd": {"at_most": 1}, "output": None})

    text = rewritten(expect, an_end())

    assert text.startswith("    expect: {status: succeeded, ")
    assert yaml.safe_load(text) == {
        "expect": {
            "status": "succeeded",
            "failed": ["confidence"],
            "output": {"label": "no"},
            "cost_usd": {"at_most": "1.000000000"},
        }
    }


def test_a_cost_that_was_not_met_is_written_as_it_came() -> None:
    """Bounds that do not hold give way to the amount."""
    expect = Expect.model_validate({"cost_usd": {"at_most": "0.0001"}})

    assert yaml.safe_load(rewritten(expect, an_end())) == {"expect": {"cost_usd": "0.000210000"}}


def test_what_is_too_long_for_a_line_takes_several() -> None:
    """A large output is written as a block, indented as in the file."""
    expect = Expect.model_validate({"status": "succeeded", "output": "x"})

    text = rewritten(expect, an_end(output={"text": "word " * 40}))

    assert text.splitlines()[:2] == ["    expect:", "      status: succeeded"]
    assert yaml.safe_load(text)["expect"]["output"] == {"text": "word " * 40}


@pytest.mark.parametrize(
    "text", ["1e3", "true", "no", "12:30", "a\u2028b", "a: b", " x ", "", "#", "null", "0x1F", "a\tb"]
)
def test_texts_stay_texts_when_they_are_pasted(text: str) -> None:
    """What is proposed for a case says the same when it is read: a text that looks like a number is still one."""
    expect = Expect.model_validate({"output": "other"})

    pasted = rewritten(expect, an_end(output=text))

    read = read_yaml("\n".join(line[4:] for line in pasted.split("\n")), "cases.yaml")
    assert read.data == {"expect": {"output": text}}
