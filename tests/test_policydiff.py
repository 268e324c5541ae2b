"""What changes between two versions of a policy, in words."""

from __future__ import annotations

from typing import Any

import pytest

from router.policydiff import changes
from tests.builders import RECEIPT, TEXT_INPUT, TIERS, a_chat, a_policy, a_tier

TOOL = {"name": "pay", "parameters": {"type": "object", "properties": {"amount": {"type": "number"}}}}
PROMISE = {"kind": "regret", "at_most": 0.01}
PLAIN = {"type": "object", "properties": {"merchant": {"type": "string"}}, "required": ["merchant"]}


def said(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [str(change) for change in changes(a_policy(**old), a_policy(**new))]


def test_the_same_version_has_not_changed() -> None:
    """Nothing is told of two versions that are equal."""
    assert said({}, {}) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {"policy": "bills"}, "policy: receipts -> bills"),
        ({}, {"keep_s": 60}, "keep_s: 604800 -> 60"),
        ({}, {"moves": {"fail": "repair"}}, "moves fail: escalate -> repair"),
        ({}, {"prompt": {"system": "Read.", "user": "{{ text }}"}}, "prompt system: Read the receipt. -> Read."),
        ({}, {"tiers": ["mini", "large"]}, "tier small removed"),
        ({"tiers": ["mini"]}, {"tiers": [{"tier": "mini", "attempts": 2}]}, "tier mini attempts: 1 -> 2"),
        (
            {"tiers": ["mini", "large"]},
            {"tiers": ["large", "mini"]},
            'tiers order: ["mini", "large"] -> ["large", "mini"]',
        ),
        ({}, {"checks": [{"check": "confidence", "at_least": 0.9}]}, "check confidence at_least: 0.8 -> 0.9"),
        ({}, {"checks": []}, "check confidence removed"),
        ({}, {"promise": PROMISE}, 'promise added: {"kind": "regret", "at_most": 0.01, "confidence": 0.9}'),
        ({"promise": PROMISE}, {"promise": PROMISE | {"at_most": 0.02}}, "promise at_most: 0.01 -> 0.02"),
        ({}, {"audit": {"rate": 0.02, "against": "large"}}, 'audit added: {"rate": 0.02, "against": "large"}'),
        ({}, {"output": {"text": {}}, "checks": []}, "output kind: schema -> text"),
        ({}, {"output": {"schema": RECEIPT | {"required": ["total"]}}}, "output field merchant: "),
        ({}, {"output": {"schema": PLAIN}, "checks": []}, 'output field total removed: {"type": "number"}'),
        ({}, {"input": {"schema": TEXT_INPUT | {"additionalProperties": False}}}, "input schema: "),
    ],
)
def test_every_part_is_told(old: dict[str, Any], new: dict[str, Any], told: str) -> None:
    """A change of any part is a sentence with what it was and what it is."""
    assert [line for line in said(old, new) if line.startswith(told)] != []


def test_a_new_check_is_told_with_its_settings() -> None:
    """What an added check does stands in the sentence, by the name it is known by."""
    grounding = {"check": "grounding", "id": "stands_there", "fields": ["total"]}
    checks = [{"check": "confidence", "at_least": 0.8}, grounding]

    told = 'check stands_there added: {"check": "grounding", "severity": "fail", "fields": ["total"]}'
    assert said({}, {"checks": checks}) == [told]


def test_a_long_prompt_is_told_by_its_lines() -> None:
    """Only the lines that differ are shown, with one around them."""
    lines = [f"Rule {number}." for number in range(9)]
    old, new = ("\n".join(text) for text in (lines, [*lines[:4], "Never guess.", *lines[5:]]))

    (told,) = said({"prompt": {"system": old, "user": "{{ text }}"}}, {"prompt": {"system": new, "user": "{{ text }}"}})

    assert told.splitlines() == [
        "prompt system changed:",
        "  @@ -4,3 +4,3 @@",
        "   Rule 3.",
        "  -Rule 4.",
        "  +Never guess.",
        "   Rule 5.",
    ]


def test_labels_and_functions_come_and_go() -> None:
    """Labels are told one by one, functions by name, with their parameters."""
    labels = said(*({"output": {"labels": names}, "checks": []} for names in (["a", "b"], ["b", "c"])))
    dear = TOOL | {"parameters": {"type": "object", "properties": {"amount": {"type": "integer"}}}}
    tools = said(*({"output": {"tools": each}, "checks": []} for each in ([TOOL], [dear, TOOL | {"name": "ask"}])))

    assert labels == ["label removed: a", "label added: c"]
    assert tools[1] == "tool ask added"
    assert tools[0].startswith("tool pay field amount: ")


def test_other_models_are_told() -> None:
    """A version knows what its tiers answer with; another model is another version."""
    old = a_policy().bound_to(TIERS)
    new = a_policy().bound_to(TIERS | {"mini": a_tier("mini", model="openai/newer", temperature=0)})

    assert [str(change) for change in changes(old, new)] == [
        "model of mini: openai/mini-model -> openai/newer temperature=0.0"
    ]


def test_knows_what_models_may_answer_otherwise_for() -> None:
    """Prompts, outputs and models decide answers; checks, limits and moves judge them."""
    asked = changes(a_policy(), a_policy(prompt={"system": "Read.", "user": "{{ text }}"}))
    judged = changes(a_policy(), a_policy(checks=[], limits={"attempts": 2}, moves={"fail": "repair"}, tiers=["mini"]))

    assert [change.about_answers for change in asked] == [True]
    assert {change.about_answers for change in judged} == {False}


def test_a_prompt_may_come_and_go() -> None:
    """A policy that passes conversations on has none, and takes another input."""
    came = [(change.part, change.how) for change in changes(a_chat(policy="receipts"), a_policy())]
    went = [(change.part, change.how) for change in changes(a_policy(), a_chat(policy="receipts"))]

    assert ("prompt", "added") in came
    assert ("prompt", "removed") in went
    assert ("input field", "removed") in came
