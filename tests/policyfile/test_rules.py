"""What must be true of a policy beyond the types of its keys, told before it runs."""

from __future__ import annotations

from typing import Any

import pytest

from router.policyfile.rules import mistakes
from router.problem import Code
from tests.builders import a_chat, a_policy

PHOTO_INPUT = {"schema": {"type": "object", "properties": {"text": {"type": "string"}, "photo": {"type": "string"}}}}
LABELS = {"labels": ["refund", "exchange"]}
TOOL = {"name": "call_off", "parameters": {"type": "object", "properties": {"order": {"type": "string"}}}}


def told(**changes: Any) -> list[tuple[Any, str]]:
    return [(mistake.path, mistake.message) for mistake in mistakes(a_policy(**changes))]


def prompt(user: str, **changes: Any) -> dict[str, Any]:
    return {"system": "Read.", "user": user, **changes}


def rule(expression: str, **changes: Any) -> dict[str, Any]:
    return {"check": "rule", "expression": expression, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"prompt": prompt("{% for c in text %}{{ c }}{{ loop.index }}{% endfor %}")},
        {"prompt": prompt("{{ text }}", images=["photo"]), "input": PHOTO_INPUT},
        {"input": {"schema": {"type": "object"}}, "prompt": prompt("{{ whatever }}", images=["anything"])},
        {"checks": [rule("output.total > 0.0 && input.text != ''", when="output.merchant != null")]},
        {"checks": [{"check": "pattern", "field": "merchant", "matches": "^[A-Z]", "forbids": r"\d$"}]},
        {"checks": [{"check": "length", "field": "merchant", "at_least": 2, "tiers": ["mini"]}]},
        {"checks": [{"check": "grounding", "fields": ["total", "merchant"]}, {"check": "agreement"}]},
        {"checks": [{"check": "confidence", "at_least": 0.5, "fields": ["label"]}], "output": LABELS},
        {"checks": [{"check": "length", "field": "text", "at_most": 9}, {"check": "steps"}], "output": {"text": {}}},
        {"checks": [{"check": "pattern", "field": "arguments.order", "matches": "A"}], "output": {"tools": [TOOL]}},
        {"checks": [{"check": "steps", "field": "anything"}], "output": {"schema": {"type": "object"}}},
        {"checks": [{"check": "judge", "tier": "frontier", "question": "Right?"}]},
        {"examples": [{"input": {"text": "a"}, "output": {"merchant": None, "total": 1}}]},
    ],
)
def test_a_sound_policy_has_no_mistakes(changes: dict[str, Any]) -> None:
    """What can work is not complained about; where a schema leaves open what is there, nothing is guessed."""
    assert told(**changes) == []


@pytest.mark.parametrize(
    ("changes", "path", "message", "suggestion", "code"),
    [
        (
            {"prompt": prompt("{{ txet }}")},
            ("prompt", "user"),
            "the input has no field 'txet' for the template",
            "text",
            Code.WRONG_PROMPT,
        ),
        (
            {"prompt": prompt("{{ text")},
            ("prompt", "user"),
            "the template cannot be read",
            None,
            Code.WRONG_PROMPT,
        ),
        (
            {"prompt": prompt("{{ text }}", images=["photo", "foto"]), "input": PHOTO_INPUT},
            ("prompt", "images", 1),
            "the input has no field 'foto'",
            "photo",
            Code.WRONG_PROMPT,
        ),
        (
            {"checks": [{"check": "schema"}, {"check": "steps", "tiers": ["large", "minni"]}]},
            ("checks", 1, "tiers", 1),
            "minni is no tier of this policy",
            "mini",
            Code.UNKNOWN_TIER,
        ),
        (
            {"checks": [{"check": "pattern", "field": "merchant"}]},
            ("checks", 0),
            "give `matches` or `forbids`",
            None,
            Code.WRONG_PATTERN,
        ),
        (
            {"checks": [{"check": "pattern", "matches": "(?=x)"}]},
            ("checks", 0, "matches"),
            "RE2 cannot read the expression: invalid perl operator: (?=",
            None,
            Code.WRONG_PATTERN,
        ),
        (
            {"checks": [{"check": "pattern", "forbids": "["}]},
            ("checks", 0, "forbids"),
            "RE2 cannot read the expression: missing ]: [",
            None,
            Code.WRONG_PATTERN,
        ),
        (
            {"checks": [{"check": "length", "field": "merchent"}]},
            ("checks", 0, "field"),
            "the output has no field 'merchent'",
            "merchant",
            Code.UNKNOWN_FIELD,
        ),
        (
            {"checks": [{"check": "grounding", "fields": ["total", "totl.0"]}]},
            ("checks", 0, "fields", 1),
            "the output has no field 'totl.0'",
            "total",
            Code.UNKNOWN_FIELD,
        ),
        (
            {"checks": [{"check": "confidence", "at_least": 0.5, "fields": ["merchant"]}], "output": LABELS},
            ("checks", 0, "fields", 0),
            "the output has no field 'merchant'",
            None,
            Code.UNKNOWN_FIELD,
        ),
        (
            {"checks": [{"check": "pattern", "field": "order", "matches": "A"}], "output": {"tools": [TOOL]}},
            ("checks", 0, "field"),
            "the output has no field 'order'",
            None,
            Code.UNKNOWN_FIELD,
        ),
        (
            {"examples": [{"input": {"text": 5}, "output": {"merchant": None, "total": 1}}]},
            ("examples", 0, "input"),
            "the example's input is not under the schema: $.text",
            None,
            Code.WRONG_EXAMPLE,
        ),
        (
            {"examples": [{"input": {"text": ""}, "output": "complaint"}], "output": LABELS, "checks": []},
            ("examples", 0, "output"),
            "the example's output is not under the schema",
            None,
            Code.WRONG_EXAMPLE,
        ),
    ],
)
def test_a_mistake_is_told_at_its_path(
    changes: dict[str, Any], path: Any, message: str, suggestion: str | None, code: Code
) -> None:
    """Each says where it is, what was expected, of which kind it is, and what was probably meant."""
    (mistake,) = mistakes(a_policy(**changes))

    assert (mistake.path, mistake.suggestion, mistake.code) == (path, suggestion, code)
    assert mistake.message.startswith(message)


@pytest.mark.parametrize(
    ("user", "line", "column", "message", "meant"),
    [
        ("{{ text }}\n{% if text %}\n{{ text | trunc(3) }}{% endif %}", 3, 11, "No filter named 'trunc'", "truncate"),
        ("{{ text }}{% if text is defind %}{% endif %}", 1, 25, "No test named 'defind'", "defined"),
        ("{% for a in text %}\n  {% endfro %}", 2, 6, "Encountered unknown tag 'endfro'", None),
        ("{% if text %}\n  {{ text }}", 2, 3, "Unexpected end of template", None),
        ("{{ text }}\n{{ text } {{ text }}", 2, 9, "unexpected '}'", None),
        ("txet: {{ text }}\n {% if txet %}{{ txet }}{% endif %}", 2, 8, "the input has no field 'txet'", "text"),
        ("{{ text }}\n{{ text[txet] }}", 2, 9, "the input has no field 'txet'", "text"),
    ],
)
def test_a_mistake_in_a_template_is_told_at_its_word(
    user: str, line: int, column: int, message: str, meant: str | None
) -> None:
    """A long prompt is not to be searched through: the line is told, and the word where there is one."""
    (mistake,) = mistakes(a_policy(prompt=prompt(user)))

    assert (mistake.line, mistake.column, mistake.suggestion) == (line, column, meant)
    assert message in mistake.message


def test_two_functions_of_one_name_are_a_mistake() -> None:
    """Nobody could tell which of them a call is meant for."""
    (mistake,) = mistakes(a_policy(output={"tools": [TOOL, TOOL]}, checks=[]))

    assert mistake.path == ("output", "tools", 1)
    assert mistake.message.startswith(f"there are two functions {TOOL['name']!r}")


def test_an_unsound_schema_hides_only_what_hangs_on_it() -> None:
    """Misspelt keywords, fields of the sound schema and the prompt are told beside it."""
    wrong = {"schema": {"type": "object", "properties": {"text": {"type": "sting", "minLenght": 1}}}}
    checks = [{"check": "grounding", "fields": ["totl"]}, {"check": "pattern", "field": "merchant", "matches": "["}]

    found = mistakes(a_policy(input=wrong, checks=checks))
    other = mistakes(a_policy(output=wrong, checks=checks, prompt=prompt("{{ txet }}")))

    assert {(one.path[:2], one.code) for one in found} == {
        (("input", "schema"), Code.UNSOUND_SCHEMA),
        (("checks", 0), Code.UNKNOWN_FIELD),
        (("checks", 1), Code.WRONG_PATTERN),
    }
    assert [one.suggestion for one in found if one.path[-1] == "minLenght"] == ["minLength"]
    assert {(one.path[:2], one.code) for one in other} == {
        (("output", "schema"), Code.UNSOUND_SCHEMA),
        (("prompt", "user"), Code.WRONG_PROMPT),
        (("checks", 1), Code.WRONG_PATTERN),
    }


def test_an_argument_that_no_function_has_is_told_at_its_name() -> None:
    """A call may be of any function, so rules have no types for arguments; a name that none has is a mistake."""
    expression = "output.arguments.order == 'a' &&\n  has(output.arguments.ordr) || output.arguments.a.b == 1"

    found = mistakes(a_policy(output={"tools": [TOOL]}, checks=[rule(expression)]))

    assert [(one.line, one.column, one.suggestion, one.code) for one in found] == [
        (2, 24, "arguments.order", Code.WRONG_EXPRESSION),
        (2, 52, None, Code.WRONG_EXPRESSION),
    ]
    assert found[0].message == "no function of this policy has 'arguments.ordr'"


@pytest.mark.parametrize("key", ["expression", "when"])
def test_a_mistake_in_an_expression_is_told_at_its_character(key: str) -> None:
    """Expressions are typed against the schemas; the place lies inside their text."""
    check = rule("output.total > 0.0") | {key: "output.total > 0.0 &&\n  output.totl > 0.0"}

    (mistake,) = mistakes(a_policy(checks=[check]))

    assert (mistake.path, mistake.code) == (("checks", 0, key), Code.WRONG_EXPRESSION)
    assert (mistake.line, mistake.column) == (2, 10)
    assert "output has no field 'totl'" in mistake.message
    assert "total" in str(mistake.suggestion)


@pytest.mark.parametrize(
    "expression",
    [
        "output.total",
        "output.total > 0",
        "output.merchant + 1 == 2",
        "nothing == 1",
        "output.total >",
        "",
        "true ? 1 : 2",
    ],
)
def test_an_expression_that_is_no_rule_is_told(expression: str) -> None:
    """A rule says yes or no, of fields that there are, with types that go together."""
    assert [mistake.code for mistake in mistakes(a_policy(checks=[rule(expression)]))] == [Code.WRONG_EXPRESSION]


def test_every_mistake_is_told_at_once() -> None:
    """Prompt, tiers, checks and examples are all looked at, however many are wrong."""
    found = told(
        prompt=prompt("{{ a }} {{ b }}"),
        checks=[rule("output.x"), {"check": "pattern", "id": "p", "matches": "("}, {"check": "steps", "tiers": ["x"]}],
        examples=[{"input": {}, "output": 5}],
    )

    assert [path for path, _ in found] == [
        ("prompt", "user"),
        ("prompt", "user"),
        ("checks", 2, "tiers", 0),
        ("checks", 0, "expression"),
        ("checks", 1, "matches"),
        ("examples", 0, "input"),
        ("examples", 0, "output"),
    ]


def test_an_unsound_schema_is_told_before_what_depends_on_it() -> None:
    """With a schema that means nothing, nothing can be said of the rules about it."""
    found = told(
        input={"schema": {"type": "objekt"}},
        output={"tools": [{"name": "f", "parameters": {"$ref": "https://example.com"}}]},
        checks=[rule("nonsense")],
    )

    assert [path for path, _ in found] == [
        ("input", "schema", "type"),
        ("output", "tools", 0, "parameters", "$ref"),
    ]
    assert all(message.startswith("the schema is unsound: $.") for _, message in found)


def test_a_mistake_in_a_pattern_is_told_at_its_character() -> None:
    """What RE2 stumbles over is pointed at, in a check and in a rule."""
    checks = [
        {"check": "pattern", "matches": r"^a(?<=b)c$"},
        rule(r"input.text.matches('(?=x)')"),
    ]

    found = [(m.path, m.code, m.line, m.column) for m in mistakes(a_policy(checks=checks))]

    assert found == [
        (("checks", 0, "matches"), Code.WRONG_PATTERN, 1, 3),
        (("checks", 1, "expression"), Code.WRONG_PATTERN, 1, 20),
    ]


def test_a_promise_is_held_against_a_tier_of_the_policy() -> None:
    """A tier that the policy does not climb to can be no measure of it."""
    (found,) = mistakes(a_policy(promise={"kind": "regret", "at_most": 0.01, "against": "lrage"}))

    assert (found.path, found.code, found.suggestion) == (("promise", "against"), Code.UNKNOWN_TIER, "large")


def test_an_unsound_schema_hides_no_pattern_and_no_tier() -> None:
    """What does not depend on the schema is told beside it."""
    found = mistakes(
        a_policy(
            output={"schema": {"type": "objekt"}}, checks=[{"check": "pattern", "matches": "(", "tiers": ["minni"]}]
        )
    )

    assert [mistake.code for mistake in found] == [Code.UNSOUND_SCHEMA, Code.UNKNOWN_TIER, Code.WRONG_PATTERN]


def test_a_prompt_and_an_input_belong_together() -> None:
    """A prompt is written from an input; a policy without one passes conversations on and has no other input."""
    (without_input,) = mistakes(a_policy().model_copy(update={"input": a_chat().input}))
    (without_prompt,) = mistakes(a_policy(prompt=None))

    assert mistakes(a_chat()) == []
    assert (without_input.path, without_input.code) == (("prompt",), Code.MISSING_KEY)
    assert "the key 'input' is missing" in without_input.message
    assert (without_prompt.path, without_prompt.code) == (("input",), Code.MISSING_KEY)
    assert "write a prompt, or leave the input out" in without_prompt.message


@pytest.mark.parametrize(
    ("given", "path", "meant"),
    [
        ("sting", ("type",), "string"),
        (["nubmer", "null"], ("type", 0), "number"),
        (["string", None], ("type", 1), "null"),
        ("date", ("type",), None),
    ],
)
def test_a_misspelt_type_has_one_that_was_meant(given: Any, path: tuple[Any, ...], meant: str | None) -> None:
    """Also null that YAML took for nothing; what is like no type has none."""
    schema = {"type": "object", "properties": {"text": {"type": given}}}
    found = [each for each in mistakes(a_policy(input={"schema": schema})) if each.code is Code.UNSOUND_SCHEMA]

    assert [(each.path, each.suggestion) for each in found] == [
        (("input", "schema", "properties", "text", *path), meant)
    ]


def test_an_output_that_can_never_be_given_is_a_mistake() -> None:
    """A name under `required` that is misspelt, and that nothing else allows: every reply would fail."""
    schema = {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["nubmer"]}
    closed = a_policy(output={"schema": schema | {"additionalProperties": False}}, checks=[])
    (found,) = mistakes(closed)

    assert (found.path, found.suggestion, found.code) == (
        ("output", "schema", "required", 0),
        "number",
        Code.UNSOUND_SCHEMA,
    )
    assert found.message == "the schema is unsound: $: 'nubmer' is required and not allowed: no object can meet it"
    assert mistakes(a_policy(output={"schema": schema}, checks=[])) == []
