"""What a prompt's template names within the fields of its input, told before it runs."""

from __future__ import annotations

from typing import Any

import pytest

from router.policyfile.prompts import prompt_mistakes, strays
from router.problem import Code
from tests.builders import a_policy

INPUT = {
    "type": "object",
    "properties": {
        "ticket": {
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
                "free": {"type": "object"},
            },
            "additionalProperties": False,
        },
        "open": {"type": "object", "properties": {"name": {"type": "string"}}},
        "order": {"type": "object", "properties": {"items": {"type": "array"}}},
    },
    "$defs": {"line": {"type": "object", "properties": {"who": {"type": "string"}}, "additionalProperties": False}},
}


def a_prompt(user: str) -> Any:
    return a_policy(prompt={"system": "Read.", "user": user}, input={"schema": INPUT})


@pytest.mark.parametrize(
    ("user", "said", "meant", "place"),
    [
        ("{{ ticket.titel }}", "ticket.titel", "title", (1, 11)),
        ("The\n  {{ ticket['titel'] }}", "ticket.titel", "title", (2, 14)),
        ("{% for line in ticket.lines %}{{ line.whom }}{% endfor %}", "ticket.lines[].whom", "who", (1, 39)),
        (
            "{% for l in ticket.lines|sort %}{% if l.whom %}a{% endif %}{% endfor %}",
            "ticket.lines[].whom",
            "who",
            (1, 41),
        ),
        ("{{ ticket.lines[0].whom }}", "ticket.lines[].whom", "who", (1, 20)),
        ("{{ (ticket.lines|first).whom }}", "ticket.lines[].whom", "who", (1, 25)),
        ("{{ ticket.lines.who }}", "ticket.lines.who", None, (1, 17)),
        ("{{ ticket.title.text }}", "ticket.title.text", None, (1, 17)),
        ("{{ ticket.titel | default('none') }}{{ ticket.titel.text }}", "ticket.titel", "title", (1, 11)),
    ],
)
def test_a_nested_name_that_cannot_be_there_is_told(user: str, said: str, meant: str, place: tuple[int, int]) -> None:
    """Also by the name that a loop gives, and once: every such task would fail, or lack what was meant."""
    (found,) = prompt_mistakes(a_prompt(user))

    assert found.message == f"the input has no field {said!r} for the template"
    assert (found.code, found.suggestion, (found.line, found.column)) == (Code.WRONG_PROMPT, meant, place)


@pytest.mark.parametrize(
    "user",
    [
        "{{ ticket.title.upper() }}{{ ticket['title'] }}{{ ticket.lines.0.who }}{{ ticket.lines[:2][0].who }}",
        "{% for line in ticket.lines %}{{ loop.index }}{{ line.who }}{% else %}{{ ticket.title }}{% endfor %}",
        "{% for name, value in ticket.items() %}{{ name }}{{ value.anything }}{% endfor %}",
        "{% for c in ticket.title %}{{ c }}{% endfor %}{{ ticket[open.name] }}{{ ticket.free.anything.at.all }}",
        "{{ open.anything }}{{ order['items'] }}{{ (ticket.lines | map(attribute='who') | list)[0] }}",
    ],
)
def test_what_may_be_there_is_fine(user: str) -> None:
    """Nothing is guessed where the schema leaves names open, or where nobody can tell what is looked at."""
    assert list(prompt_mistakes(a_prompt(user))) == []
    assert list(strays(a_prompt(user))) == []


@pytest.mark.parametrize(
    "more",
    [
        *({"allOf": [{"properties": {"extra": {}}}]}, {"if": {}, "then": {"properties": {"extra": {}}}}),
        *({"patternProperties": {"^e": {}}}, {"additionalProperties": {"type": "string"}}),
    ],
)
def test_variables_and_images_are_found_wherever_the_schema_has_them(more: dict[str, Any]) -> None:
    """Beside the fields that it lists a schema may have others; a field that it has nowhere is told."""
    prompt = {"system": "Read.", "user": "{{ open.name }}{{ extra }}", "images": ["extra"]}
    policy = a_policy(prompt=prompt, input={"schema": INPUT | more})

    assert list(prompt_mistakes(policy)) == []
    assert len(list(prompt_mistakes(a_policy(prompt=prompt, input={"schema": INPUT})))) == 2


@pytest.mark.parametrize("user", ["One.\rTwo.\r{{ ticket.titel }}", "One.\rTwo.\r{{ ticket.title | uper }}"])
def test_a_carriage_return_ends_a_line_of_a_template(user: str) -> None:
    """As it does for Jinja, which counts them."""
    (found,) = prompt_mistakes(a_prompt(user))

    assert (found.code, found.line) == (Code.WRONG_PROMPT, 3)


def test_a_near_miss_in_an_open_object_is_no_mistake() -> None:
    """It may be there: it is told as a doubt."""
    policy = a_prompt("{{ open.naem }}")

    assert list(prompt_mistakes(policy)) == []
    assert [(look.said, wrong.meant, wrong.sure) for look, wrong in strays(policy)] == [("open.naem", "name", False)]


def test_a_field_that_is_called_like_a_method_is_told() -> None:
    """After a dot Jinja takes the method of the object, and every task would fail."""
    (found,) = prompt_mistakes(a_prompt("{% for item in order.items %}{{ item }}{% endfor %}"))

    assert found.message == "order.items is a method of objects, not a field; write order['items']"
    assert found.column == 22


def test_a_template_that_cannot_be_read_is_told_once() -> None:
    """What it looks at is anybody's guess then."""
    (found,) = prompt_mistakes(a_prompt("{{ ticket.titel"))

    assert found.message.startswith("the template cannot be read")
