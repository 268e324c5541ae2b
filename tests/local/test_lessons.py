"""Reading policies and examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.local.lessons import Lesson, LessonError, lessons_in
from router.local.school import School


def test_every_policy_with_examples_is_a_lesson(lessons: dict[str, Lesson]) -> None:
    """Labels, forms and functions are taught; files that are no policies are passed over."""
    assert set(lessons) == {"mail", "orders", "desk"}
    assert lessons["desk"].functions == {"track", "book"}
    assert len(lessons["mail"].examples) == 19


def test_texts_are_rendered_as_a_request_renders_them(lessons: dict[str, Lesson]) -> None:
    """The prompt's template is filled in with the example's input."""
    assert lessons["mail"].examples[0].text == "Mail: refund"


def test_fields_that_are_left_out_render_as_nothing_and_images_are_passed_over(policies: Path) -> None:
    """The prompt is the one that the router would write; an example that lives in its picture teaches nothing."""
    (policies / "mail.yaml").write_text(
        """
policy: mail
prompt:
  system: Sort the mail.
  user: "{% if subject is defined %}[{{ subject }}] {% endif %}{{ text }}"
  images: [photo]
tiers: [mini]
input: {schema: {properties: {subject: {type: string}, text: {type: string}, photo: {type: string}}}}
output: {labels: [refund, praise]}
examples:
  - {input: {text: a}, output: refund}
  - {input: {text: b, photo: "data:image/png;base64,AA"}, output: praise}
"""
    )
    (lesson,) = [lesson for lesson in lessons_in(policies) if lesson.policy == "mail"]

    assert [example.text for example in lesson.examples] == ["[] a"]


def test_dates_stay_text_and_only_true_and_false_are_booleans(policies: Path) -> None:
    """YAML's plain words mean what JSON would make of them."""
    (policies / "mail.yaml").unlink()
    (policies / "orders.yaml").write_text(
        """
policy: orders
prompt: {system: Read the order., user: "{{ text }}"}
input: {schema: {properties: {text: {type: string}}}}
tiers: [mini]
output: {schema: {type: object}}
examples:
  - {input: {text: "no"}, output: {a: 2026-03-04, b: no, c: 12:30, d: 1.5, e: 0123, f: true, g: 7, h: null, i: 1e3}}
"""
    )
    (lesson,) = [lesson for lesson in lessons_in(policies) if lesson.policy == "orders"]

    form = lesson.examples[0].form
    assert form == {
        "a": "2026-03-04", "b": "no", "c": "12:30", "d": 1.5, "e": "0123", "f": True, "g": 7, "h": None, "i": 1000.0,
    }  # fmt: skip


def test_examples_held_out_are_never_taught(policies: Path) -> None:
    """`held_out: true` keeps an example from the learners."""
    (policies / "examples" / "mail.yaml").write_text(
        "- {input: {text: a}, output: refund}\n- {input: {text: b}, output: praise, held_out: true}\n"
    )
    (lesson,) = [lesson for lesson in lessons_in(policies) if lesson.policy == "mail"]

    assert [example.text for example in lesson.examples] == ["Mail: a"]
    assert [example.text for example in lesson.held_out] == ["Mail: b"]


def test_one_example_is_enough_and_none_is_no_lesson(policies: Path) -> None:
    """A policy in the making does not keep the models from starting."""
    beside = policies / "examples" / "mail.yaml"
    beside.write_text("- {input: {text: a}, output: refund}\n")
    assert School.teaching(lessons_in(policies)).names

    beside.write_text("- {input: {text: a}, output: refund, held_out: true}\n")
    assert "mail" not in {lesson.policy for lesson in lessons_in(policies)}


@pytest.mark.parametrize(("output", "written"), [("{text: {}}", "fine"), ("{schema: {type: array}}", "[1]")])
def test_what_is_no_form_is_no_lesson(policies: Path, output: str, written: str) -> None:
    """Free text and lists are passed over; the other policies are taught."""
    (policies / "mail.yaml").write_text(
        f"""
policy: mail
prompt: {{system: Sort the mail., user: "{{{{ text }}}}"}}
input: {{schema: {{properties: {{text: {{type: string}}}}}}}}
output: {output}
tiers: [mini]
examples: [{{input: {{text: a}}, output: {written}}}]
"""
    )

    assert {lesson.policy for lesson in lessons_in(policies)} == {"orders", "desk"}


def test_a_file_that_cannot_be_read_is_a_sentence(policies: Path) -> None:
    """The policy that names the file is told, with the line, and the file itself."""
    (policies / "examples" / "mail.yaml").unlink()

    with pytest.raises(LessonError, match=r"mail\.yaml:7:1: the file examples/mail\.yaml cannot be read"):
        lessons_in(policies)


def test_an_example_that_does_not_render_is_a_sentence(policies: Path) -> None:
    """A template that stumbles over an example's values is told without a traceback."""
    orders = policies / "orders.yaml"
    orders.write_text(orders.read_text().replace("{{ text }}", "{{ 1 // (text | int) }}"))

    with pytest.raises(LessonError, match=r"orders\.yaml: an example does not fit the policy's prompt"):
        lessons_in(policies)


@pytest.mark.parametrize("broken", ["- {input: [", "- {input: {text: a}}", "- just words"])
def test_a_broken_file_is_named(policies: Path, broken: str) -> None:
    """The author is told which file to look at."""
    (policies / "examples" / "mail.yaml").write_text(broken)

    with pytest.raises(LessonError, match="mail"):
        lessons_in(policies)


def test_a_conversation_is_no_lesson(policies: Path) -> None:
    """These models cannot chat, whatever a policy without a prompt has for examples."""
    (policies / "mail.yaml").write_text(
        """
policy: mail
output: {labels: [refund, praise]}
tiers: [mini]
examples: [{input: {messages: [{role: user, content: a}]}, output: refund}]
"""
    )

    assert {lesson.policy for lesson in lessons_in(policies)} == {"orders", "desk"}
