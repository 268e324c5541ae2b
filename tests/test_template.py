"""What an author may write in a prompt, and that no input makes it run for long or write a gigabyte."""

from __future__ import annotations

import pytest
from jinja2 import nodes

from router.template import (
    CHARACTERS_MAX,
    TURNS_MAX,
    PromptInvalid,
    check_template,
    parsed,
    rendered,
    template,
    unknown_variables,
)
from tests.builders import TEXT_INPUT

NOTES = [{"at": 1, "said": "a"}, {"at": 2, "said": "b"}]


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("{% for n in notes %}{{ loop.index }}/{{ loop.length }} {{ n.said }};{% endfor %}", "1/2 a;2/2 b;"),
        ("{% for n in notes if n.at > 1 %}{{ n.said }}{% else %}none{% endfor %}", "b"),
        ("{% for n in [] %}{{ n }}{% else %}none{% endfor %}", "none"),
        ("{% for a in notes %}{% for b in notes %}{{ a.at * b.at }}{% endfor %}{% endfor %}", "1224"),
        ("{% for key, value in notes[0].items() %}{{ key }}={{ value }} {% endfor %}", "at=1 said=a "),
        ("{{ notes|map(attribute='said')|join(', ') }}", "a, b"),
        ("{{ notes|tojson }}", '[{"at": 1, "said": "a"}, {"at": 2, "said": "b"}]'),
        ("{{ text|replace('l', 'L')|upper }} {{ text.split('l')[0] }}", "HELLO he"),
        ("{{ 'yes' if text == 'hello' and not missing is defined else 'no' }}", "yes"),
        ("{{ text ~ 1 ~ text }} {{ 7 % 4 }} {{ 7 // 2 }}", "hello1hello 3 3"),
        ("{{ none }} {{ true }} {{ 1.5 }} {{ notes[0] }}", "None True 1.5 {'at': 1, 'said': 'a'}"),
    ],
)
def test_writes_what_a_prompt_needs(source: str, written: str) -> None:
    """Conditions, loops, arithmetic, and the filters and methods that look, cut, order or join."""
    assert rendered(source, {"text": "hello", "notes": NOTES}) == written


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% set x = text %}{{ x }}", "{% set %} is not allowed in prompts"),
        ("{% set x %}{{ text }}{% endset %}", "{% set %} is not allowed in prompts"),
        ("{% macro m() %}{% endmacro %}", "{% macro %} is not allowed in prompts"),
        ("{% filter upper %}{% endfilter %}", "{% filter %} is not allowed in prompts"),
        ("{% block b %}{% endblock %}", "{% block %} is not allowed in prompts"),
        ("{{ text|center(9) }}", "No filter named 'center'"),
    ],
)
def test_what_could_grow_is_refused_when_a_policy_is_loaded(source: str, said: str) -> None:
    """Without assignments, macros and filters that fill up, no step can double what the one before it wrote."""
    with pytest.raises(PromptInvalid) as why:
        template(source)
    with pytest.raises(PromptInvalid):
        rendered(source, {"text": "t"})

    assert said in str(why.value)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% for a in notes %}{% for b in notes %}{% endfor %}{% endfor %}", f"more than {TURNS_MAX:,} turns"),
        ("{% for a in text %}{% for b in range(200) %}{% endfor %}{% endfor %}", f"more than {TURNS_MAX:,} turns"),
        ("{{ text|replace('a', text) }}", f"more than {CHARACTERS_MAX:,} characters"),
        ("{{ text|list|join(text) }}", f"more than {CHARACTERS_MAX:,} characters"),
        ("{% for n in notes %}{{ text }}{% endfor %}", f"more than {CHARACTERS_MAX:,} characters"),
        ("{{ notes|map(attribute='no', default=text)|list }}", f"more than {CHARACTERS_MAX:,} characters"),
        ("{{ notes|map(attribute='no', default=text)|list|tojson }}", f"more than {CHARACTERS_MAX:,} characters"),
        ("{{ notes|map('replace', 'a', text)|list|length }}", f"more than {CHARACTERS_MAX:,} characters"),
        ("{{ text.center(100000000) }}", "not safely callable"),
        ("{{ text.join(text) }}", "not safely callable"),
        ("{{ '%100000000d' % 1 }}", "% is not allowed here"),
    ],
)
def test_no_input_makes_a_prompt_huge(source: str, said: str) -> None:
    """What loops and what is written is counted, in all of one rendering together; the task is refused, no more."""
    with pytest.raises(PromptInvalid) as why:
        rendered(source, {"text": "a" * 9_000, "notes": ["a"] * 9_000})

    assert said in str(why.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ text.__init__.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__['os'].environ }}",
        "{{ text|attr('__class__') }}",
        "{{ '{0.__class__}'.format(text) }}",
        "{{ notes.append(1) }}",
        "{{ config }}",
        "{{ range(100000000)|list }}",
        "{% for x in range(10 ** 9) %}x{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ [text] * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 1 / 0 }}",
        "{{ 1 + text }}",
        "{{ text.nope() }}",
        "{{ notes[5].name }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% extends text %}",
    ],
)
def test_a_template_that_reaches_out_is_refused(source: str) -> None:
    """Python's insides, files, huge ranges and mistakes end as one kind of error, with a reason."""
    with pytest.raises(PromptInvalid, match=r"\w"):
        rendered(source, {"text": "t", "notes": ["a"]})


def test_a_template_keeps_its_last_newline() -> None:
    """What an author writes is what is sent: YAML decides about the last line end, not the template engine."""
    assert rendered("{{ text }}\n", {"text": "t"}) == "t\n"


def test_arithmetic_of_templates_is_no_crime() -> None:
    """Numbers may be multiplied."""
    assert rendered("{{ 6 * 7 }}, {{ notes|length * 2 }}", {"notes": ["a"]}) == "42, 2"


@pytest.mark.parametrize(
    "source", ["{{ text", "{% if %}", "{{ text|nofilter }}", "{% unknown %}", "{{ 'a }}", "{{ " + "(" * 100_000]
)
def test_a_template_that_cannot_be_parsed_is_told(source: str) -> None:
    """Syntax errors and unknown filters are found when a policy is loaded."""
    with pytest.raises(PromptInvalid, match=r"\w"):
        template(source)


def test_variables_that_the_input_does_not_have_are_listed() -> None:
    """A slip in a field's name is found when a policy is loaded; loop variables and tests are no fields."""
    source = "{{ txet }}{% for n in notes %}{{ n }}{{ loop.index }}{% endfor %}{{ merchant|upper }}"

    assert unknown_variables(source, TEXT_INPUT["properties"]) == ["merchant", "notes", "txet"]
    assert unknown_variables("{{ text|trim }}", ["text"]) == []


def test_a_filter_that_does_not_exist_hides_no_variable() -> None:
    """Both slips of a template are told together."""
    assert unknown_variables("{{ txet|uper }}{% if x is odder %}{% endif %}", ["text"]) == ["txet", "x"]


def test_what_an_if_would_hide_is_refused_too() -> None:
    """A filter or test that does not exist would fail a task only when it gets there."""
    check_template("{% if a is defined %}{{ a | upper }}{% endif %}")

    with pytest.raises(PromptInvalid, match="No filter named 'uper'") as refused:
        check_template("{% if a %}\n{{ a | uper }}{% endif %}")
    assert refused.value.line == 2
    with pytest.raises(PromptInvalid, match="No test named 'defind'"):
        check_template("{% if a is defind %}{% endif %}")


def test_a_tree_is_read_by_the_same_rules() -> None:
    """What a prompt may not hold is refused with its line, whoever reads it."""
    assert [node.name for node in parsed("{{ a }}{{ b }}").find_all(nodes.Name)] == ["a", "b"]
    with pytest.raises(PromptInvalid, match="set") as refused:
        parsed("\n{% set a = 1 %}")
    assert refused.value.line == 2
