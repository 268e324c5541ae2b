"""What a template looks at within the fields of its input."""

from __future__ import annotations

import pytest

from router.policyfile.looks import looks
from router.template import PromptInvalid


def seen(source: str) -> list[tuple[str, int]]:
    return [(look.said, look.line) for look in looks(source)]


def test_members_are_found_by_their_way_from_the_input() -> None:
    """Each hop by itself, the longest first; the names of loops stand for elements, only within their loop."""
    source = "{{ a.b.c }}\n{% for x in a.list if x.there %}{{ x.d }}{{ loop.index }}{% endfor %}\n{{ x.y }}"

    assert seen(source) == [
        ("a.b.c", 1),
        ("a.b", 1),
        ("a.list", 2),
        ("a.list[].there", 2),
        ("a.list[].d", 2),
        ("x.y", 3),
    ]


def test_what_nobody_can_follow_is_left_out() -> None:
    """Methods, and what filters and pairs make of a value, are no members; what goes into them is looked at."""
    assert seen("{{ a.b.upper() }}{{ (a.c|join).d }}{% for k, v in a.items() %}{{ v.e }}{% endfor %}") == [
        ("a.b", 1),
        ("a.c", 1),
    ]


def test_a_default_out_of_the_input_may_stand_in() -> None:
    """What is looked at then is either of two; one that is written out has no fields that anybody misspells."""
    source = "{{ (a.b|default(c)).d }}{{ (a.b|default(default_value=c.e)).d }}{{ (a.b|default({})).d }}"

    assert seen(source) == [("a.b", 1), ("a.b", 1), ("c.e", 1), ("a.b.d", 1), ("a.b", 1)]


def test_methods_are_told_from_members() -> None:
    """A dot finds the method of an object first, brackets the field."""
    assert [(look.said, look.is_method) for look in looks("{{ a.items }}{{ a['items'] }}{{ a.item }}")] == [
        ("a.items", True),
        ("a.items", False),
        ("a.item", False),
    ]


def test_a_template_that_cannot_be_read_is_refused() -> None:
    """The same words as everywhere."""
    with pytest.raises(PromptInvalid):
        list(looks("{{ a.b"))
