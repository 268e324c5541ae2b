"""Data of a YAML file in, a value out."""

from __future__ import annotations

from typing import Any

import pytest

from router.budget import Budgets
from router.errors import PolicyInvalid
from router.policyfile.parse import parse_tiers
from router.policyfile.validated import validated
from router.policyfile.yamlfile import read_yaml
from router.problem import Code, Problem


def problems(text: str, model: Any = Budgets) -> list[Problem]:
    document = read_yaml(text, "f.yaml")
    with pytest.raises(PolicyInvalid) as caught:
        validated(document, document.data, model)
    return [problem for problem in caught.value.problems if isinstance(problem, Problem)]


def test_what_is_sound_becomes_a_value() -> None:
    """Data under the model is that value."""
    document = read_yaml("budgets: [{scope: global, usd: 5, per: day}]", "f.yaml")

    assert [budget.scope for budget in validated(document, document.data, Budgets).budgets] == ["global"]


def test_every_mistake_stands_at_its_place() -> None:
    """Unknown keys, missing keys, wrong words and wrong values are told together, from top to bottom."""
    found = problems("budgets:\n  - {scop: global, usd: 5, per: dya}\n  - {scope: global, usd: -1, per: day}\n")

    assert [(one.place.line, one.place.column, one.code, one.suggestion) for one in found] == [
        (2, 5, Code.MISSING_KEY, None),
        (2, 6, Code.UNKNOWN_KEY, "scope"),
        (2, 28, Code.WRONG_VALUE, "day"),
        (3, 21, Code.WRONG_VALUE, None),
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("logprobs: no", "expected true or false, found the text 'no'"),
        ("logprobs: 1", "expected true or false, found 1"),
        ("images: 'true'", "expected true or false, found the text 'true'"),
        ("concurrency: 017", "expected a number, in plain digits, found the text '017'"),
        ("concurrency: 1_000", "expected a number, in plain digits, found the text '1_000'"),
        ("concurrency: '5'", "expected a number, in plain digits, found the text '5'"),
        ("timeout_s: 1:30", "expected a number, found the text '1:30'"),
        ("timeout_s: 0x1F", "expected a number, found the text '0x1F'"),
    ],
)
def test_what_yaml_readers_disagree_about_is_refused(written: str, said: str) -> None:
    """Older YAML's truth values, octals and sexagesimals are texts, and a text is no number: it is told once."""
    with pytest.raises(PolicyInvalid) as caught:
        parse_tiers(f"tiers:\n  mini: {{model: m, {written}}}", "tiers.yaml")

    (problem,) = caught.value.problems
    assert isinstance(problem, Problem)
    assert problem.message == f"tiers.mini.{written.partition(':')[0]}: {said}"
    assert problem.place.line == 2
