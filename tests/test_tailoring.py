"""A policy as a task's caller wishes it: what is asked, what is checked, and what is promised no more."""

from __future__ import annotations

from typing import Any

import pytest

from router.checks import Subject, examine
from router.errors import TaskInvalid
from router.output import Formed, Turn
from router.policy import Policy
from router.reading import Reading
from router.tailoring import Tailor, asks_otherwise, tailored
from router.verdict import Outcome, Verdict
from router.wishes import Wishes
from tests.builders import RECEIPT, TIERS, a_certified_policy, a_chat, a_policy, a_task

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ASKED = {"name": "place", "body": CITY, "strict": False}
TOOL = {"name": "weather", "parameters": CITY}
CHECKED = a_chat(
    checks=[
        {"check": "length", "field": "text", "at_most": 20},
        {"check": "confidence", "at_least": 0.5},
        {"check": "agreement", "fields": ["text"]},
    ]
)


def wishes(**wished: Any) -> Wishes:
    return Wishes.model_validate(wished)


def judged(policy: Policy, output: Any, *, second: Any = None, **reading: Any) -> Verdict:
    """The verdict of the policy's checks, with *second* as the second sample."""
    subject = Subject(task=a_task(), reading=Reading(output=output, **reading), types=policy.types, tier="mini")
    examination = examine(policy.all_checks, subject)
    try:
        next(examination)
        examination.send(Reading(output=output if second is None else second))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict
    raise AssertionError("more than one question was asked")


def failed(policy: Policy, output: Any, **given: Any) -> list[str]:
    return [
        finding.check for finding in judged(policy, output, **given).findings if finding.outcome is not Outcome.PASS
    ]


# What is asked.


def test_without_wishes_a_policy_is_itself() -> None:
    """No copy is made, so nothing is compiled again; the same goes for wishes that are no form."""
    policy = a_chat()

    assert tailored(policy, None) is policy
    assert tailored(policy, wishes(max_output_tokens=5, logprobs=True, parameters={"temperature": 1})) is policy


def test_a_pinned_tier_is_the_whole_path() -> None:
    """It is asked alone, with the policy's checks; nothing is promised of it, and nobody audits it."""
    policy = a_certified_policy(audit={"rate": 1, "against": "large"}).on(TIERS)

    pinned = tailored(policy, wishes(tier="small"))

    assert pinned.path == ("small",)
    assert pinned.tiers[0].spec == TIERS["small"]
    assert (pinned.promise, pinned.certified, pinned.audit) == (None, None, None)
    assert pinned.checks == policy.checks


def test_a_texts_form_becomes_the_output() -> None:
    """The schema goes to the provider under the caller's name and strictness, and is what the output must meet."""
    policy = tailored(a_chat(), wishes(response_schema=ASKED))

    assert isinstance(policy.output, Formed)
    assert policy.response_schema is not None
    assert policy.response_schema.model_dump() == ASKED
    assert policy.output.value_schema == CITY
    assert failed(tailored(CHECKED, wishes(response_schema=ASKED)), {"town": "Bern"}) == ["schema"]


def test_any_object_is_a_form_too() -> None:
    """Without a schema the text has to be a JSON object."""
    policy = tailored(CHECKED, wishes(json_object=True))

    assert policy.response_schema is None
    assert failed(policy, [1]) == ["schema"]
    assert failed(policy, {"a": 1}, confidence={"a": 0.1, "text": 0.9}) == []


def test_tools_make_a_turn() -> None:
    """Text, calls or both may come; choice and parallel calls are as the caller says."""
    policy = tailored(a_chat(), wishes(tools=[TOOL], tool_choice={"name": "weather"}, parallel_tool_calls=True))

    assert isinstance(policy.output, Turn)
    assert policy.output.kind == "turn"
    assert (policy.output.tool_choice.name, policy.output.parallel_tool_calls) == ("weather", True)  # type: ignore[union-attr]


def test_a_form_beside_the_policys_own_must_be_met_as_well() -> None:
    """The provider is asked for the policy's own form; both are checked."""
    policy = a_policy(checks=[{"check": "schema"}, {"check": "agreement"}])
    both = tailored(
        policy, wishes(response_schema={"name": "cheap", "body": {"properties": {"total": {"maximum": 9}}}})
    )

    assert both.output == policy.output
    assert both.response_schema == policy.response_schema
    assert [check.name for check in both.all_checks] == ["refusal", "schema", "response_format", "agreement"]
    assert failed(both, {"merchant": "A", "total": 10}) == ["response_format"]
    assert failed(both, {"merchant": "A"}) == ["schema"]
    assert failed(both, {"merchant": "A", "total": 9}) == []


def test_what_cannot_be_done_is_refused() -> None:
    """The same rule as at submission, in case that a version has changed since."""
    with pytest.raises(TaskInvalid, match=r"^tier: policy 'chat' has no tier 'huge'"):
        tailored(a_chat(), wishes(tier="huge"))
    with pytest.raises(TaskInvalid, match=r"^tools: policy 'receipts' has an output of its own"):
        tailored(a_policy(), wishes(tools=[TOOL]))


# What is checked.


def test_a_checked_text_is_not_given_another_form() -> None:
    """Rules, patterns, grounding and recomputed steps are about a free text, and are not got round."""
    checks = [
        {"check": "rule", "id": "short", "expression": "size(output) < 9"},
        {"check": "pattern", "forbids": "secret"},
        {"check": "grounding", "fields": ["text"]},
        {"check": "steps"},
    ]
    for check in checks:
        with pytest.raises(TaskInvalid, match=r"checks its text"):
            tailored(a_chat(checks=[check]), wishes(tools=[TOOL]))
        with pytest.raises(TaskInvalid, match=r"checks its text"):
            tailored(a_chat(checks=[check]), wishes(json_object=True))


def test_a_texts_checks_look_at_the_whole_answer() -> None:
    """Length, confidence and agreement of a JSON answer are those of its text, however its fields are called."""
    policy = tailored(CHECKED, wishes(response_schema=ASKED))
    sure, long = {"text": 0.9, "city": 0.1}, {"city": "Llanfairpwllgwyngyll"}

    assert failed(policy, {"city": "Bern"}, confidence=sure) == []
    assert failed(policy, long, confidence=sure) == ["length"]
    assert failed(policy, {"city": "Bern"}, confidence={"text": 0.4, "city": 1.0}) == ["confidence"]
    assert failed(policy, {"city": "Bern"}, second={"city": "Bonn"}, confidence=sure) == ["agreement"]


def test_of_a_turn_they_look_at_what_there_is() -> None:
    """A text is measured, calls are compared; that calls have no probabilities is a doubt, as it is anywhere else."""
    policy = tailored(CHECKED, wishes(tools=[TOOL]))
    bern = {"text": None, "calls": [{"name": "weather", "arguments": {"city": "Bern"}}]}
    bonn = {"text": None, "calls": [{"name": "weather", "arguments": {"city": "Bonn"}}]}
    wrong = {"text": None, "calls": [{"name": "weather", "arguments": {"town": "Bern"}}]}

    assert failed(policy, {"text": "It rains.", "calls": []}, confidence={"text": 0.9}) == []
    assert failed(policy, {"text": "It rains cats and dogs.", "calls": []}, confidence={"text": 0.9}) == ["length"]
    assert failed(policy, bern) == ["confidence"]
    assert failed(policy, bern, second=bonn) == ["confidence", "agreement"]
    assert failed(policy, wrong) == ["schema"]


def test_the_text_of_a_turn_has_the_form_that_is_asked_for() -> None:
    """With tools and a form, calls need none, and a text must be under the schema."""
    policy = tailored(a_chat(checks=[{"check": "agreement"}]), wishes(tools=[TOOL], response_schema=ASKED))

    assert failed(policy, {"text": '{"city": "Bern"}', "calls": []}) == []
    assert failed(policy, {"text": '{"town": "Bern"}', "calls": []}) == ["response_format"]
    assert failed(policy, {"text": None, "calls": [{"name": "weather", "arguments": {"city": "Bern"}}]}) == []


def test_no_policy_makes_light_of_its_callers_form() -> None:
    """Where an author only warns of a text's form, an answer beside the caller's schema fails all the same."""
    lax = a_chat(checks=[{"check": "schema", "severity": "warn"}, {"check": "agreement"}])

    verdict = judged(tailored(lax, wishes(response_schema=ASKED)), {"town": "Bern"})

    assert (verdict.outcome, verdict.findings[-1].check) == (Outcome.FAIL, "schema")


# What is promised.


@pytest.mark.parametrize(
    ("wished", "otherwise"),
    [
        ({"parameters": {"user": "u1", "prompt_cache_key": "k", "top_logprobs": 2}, "logprobs": True}, False),
        ({"max_output_tokens": 5}, False),
        ({"parameters": {"temperature": 0.7}}, True),
        ({"parameters": {"stop": ["."]}}, True),
        ({"response_schema": {"name": "r", "body": RECEIPT}}, True),
        ({"tier": "mini"}, True),
    ],
)
def test_a_certificate_is_about_what_was_asked(wished: dict[str, Any], otherwise: bool) -> None:
    """Asked otherwise, models answer otherwise: then nothing is loosened, and the task is no evidence either."""
    policy = a_certified_policy()
    assert policy.certified is not None

    assert asks_otherwise(policy, wishes(**wished)) is otherwise
    assert (tailored(policy, wishes(**wished)).certified is None) is otherwise


def test_a_setting_that_the_tiers_have_anyway_changes_nothing() -> None:
    """A caller who asks for the temperature that the evidence was made at is covered by it."""
    cold = {name: tier.model_copy(update={"temperature": 0.0}) for name, tier in TIERS.items()}
    policy = a_policy().bound_to(cold)

    assert not asks_otherwise(policy, wishes(parameters={"temperature": 0}))
    assert asks_otherwise(policy, wishes(parameters={"temperature": 0, "top_p": 0.5}))
    assert not asks_otherwise(policy, None)


# Once for all.


def test_one_form_is_made_once() -> None:
    """Tasks that wish the same form share a version, whatever else they set; so schemas are not compiled per task."""
    tailor, policy = Tailor(), a_chat()
    first = tailor(policy, wishes(response_schema=ASKED, parameters={"user": "a", "seed": 1}))

    assert tailor(policy, wishes(response_schema=ASKED, parameters={"user": "b", "seed": 2})) is first
    assert tailor(policy, wishes(response_schema=ASKED, tier="large")) is not first
    assert tailor(a_chat(description="another"), wishes(response_schema=ASKED)) is not first


def test_only_so_many_forms_are_kept() -> None:
    """The ones used last stay; a caller with a new form for each task fills no memory."""
    tailor, policy = Tailor(kept_max=2), a_chat()
    forms = [wishes(response_schema={"name": f"form{number}", "body": CITY}) for number in range(3)]
    first, second = tailor(policy, forms[0]), tailor(policy, forms[1])

    assert tailor(policy, forms[0]) is first
    tailor(policy, forms[2])

    assert tailor(policy, forms[0]) is first
    assert tailor(policy, forms[1]) is not second
