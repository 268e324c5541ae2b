"""What a model is sent: the prompt, the examples, and as much of the earlier attempts as the policy allows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.call import Call, FailureKind
from router.checks import Consultation
from router.compose import (
    compose,
    consultation,
    consulted,
    render_user,
    second_sample,
    spelled,
)
from router.decision import Ask
from router.output import Output, Turn
from router.policy import Policy
from router.reading import Reading
from router.refusal import Refusal
from router.ruling import Ruling
from router.tailoring import tailored
from router.task import Task
from router.tier import Tier
from router.trail import Trail
from router.verdict import Finding, Outcome, Verdict
from router.wishes import Parameters, Wishes
from tests.builders import RECEIPT, TIERS, a_chat, a_failure, a_policy, a_task, a_tier, an_attempt

FIRST = Ask("mini", "first")
WRONG = Verdict(
    outcome=Outcome.FAIL,
    findings=(
        Finding(check="schema", outcome=Outcome.PASS),
        Finding(check="length", outcome=Outcome.FAIL, reason="rather long", warn=True),
        Finding(check="total", outcome=Outcome.FAIL, reason="the total is wrong"),
    ),
)
ANSWER = Reading(output={"merchant": "ACME", "total": 1})


def composed(
    policy: Policy | None = None,
    trail: Trail = (),
    ask: Ask = FIRST,
    *,
    task: Task | None = None,
    tier: Tier | None = None,
) -> Call:
    policy, tier = policy or a_policy(), tier or TIERS["mini"]
    return compose(policy, task or a_task(), trail, ask, tier, call_id="c1", timeout_s=30.0)


def roles(call: Call) -> list[str]:
    return [message["role"] for message in call.messages]


def with_prompt(user: str, **changes: Any) -> Policy:
    prompt = {"system": "Read the receipt.", "user": user, **changes}
    properties = {"text": {"type": "string"}, "photo": {}, "notes": {"type": "array"}}
    return a_policy(prompt=prompt, input={"schema": {"type": "object", "properties": properties}})


# A first call.


def test_a_first_call_is_the_prompt_and_the_task() -> None:
    """The system's text as it stands, the user's with the input filled in, and nothing else."""
    call = composed()

    assert call.messages == (
        {"role": "system", "content": "Read the receipt."},
        {"role": "user", "content": "ACME total 12.50"},
    )
    assert (call.id, call.tier, call.timeout_s) == ("c1", "mini", 30.0)
    assert call.deployment.model == "openai/mini-model"


def test_a_call_asks_for_the_policys_schema() -> None:
    """The provider is asked to keep to the schema, under the policy's name."""
    schema = composed().response_schema

    assert schema is not None
    assert (schema.name, schema.body) == ("receipts", RECEIPT)


def test_labels_are_asked_for_as_an_object() -> None:
    """Providers want an object: the label stands in its only field."""
    schema = composed(a_policy(output={"labels": ["refund", "exchange"]}, checks=[])).response_schema

    assert schema is not None
    assert schema.body["properties"] == {"label": {"type": "string", "enum": ["refund", "exchange"]}}
    assert schema.body["additionalProperties"] is False


def test_text_is_asked_for_without_a_schema() -> None:
    """Free text has no form to keep to, but log-probabilities."""
    call = composed(a_policy(output={"text": {}}, checks=[]))

    assert (call.response_schema, call.tools, call.logprobs) == (None, (), True)


def test_functions_are_offered_strictly_and_without_log_probabilities() -> None:
    """Tools go as they are in the policy; providers give no log-probabilities for calls."""
    tool = {"name": "call_off", "description": "Calls an order off.", "parameters": {"type": "object"}}
    call = composed(a_policy(output={"tools": [tool]}, checks=[]))

    assert call.tools == ({"type": "function", "function": {**tool, "strict": True}},)
    assert (call.response_schema, call.logprobs) == (None, False)


def test_a_tiers_own_settings_are_kept_to() -> None:
    """Temperature, effort, seed and abilities come from the tier; the output limit is the lesser of both."""
    tier = a_tier("mini", temperature=0, reasoning_effort="none", seed=7, logprobs=False, output_tokens_max=500)
    call = composed(a_policy(limits={"output_tokens": 800}), tier=tier)

    assert (call.temperature, call.reasoning_effort, call.seed, call.logprobs) == (0, "none", 7, False)
    assert call.max_output_tokens == 500
    assert composed(a_policy(limits={"output_tokens": 400}), tier=tier).max_output_tokens == 400


def test_images_go_beside_the_text() -> None:
    """The fields that hold images become image parts, in the policy's order; those that are empty are left out."""
    policy = with_prompt("{{ text }}", images=["photo", "back"])
    photo, back = "data:image/png;base64,AA", "https://example.com/b.png"

    both = composed(policy, task=a_task(input={"text": "t", "back": back, "photo": photo}))
    none = composed(policy, task=a_task(input={"text": "t", "photo": None}))

    assert both.messages[1]["content"] == [
        {"type": "text", "text": "t"},
        {"type": "image_url", "image_url": {"url": photo}},
        {"type": "image_url", "image_url": {"url": back}},
    ]
    assert none.messages[1]["content"] == "t"


# Examples.

EXAMPLES = [
    {"input": {"text": "A 1"}, "output": {"merchant": "A", "total": 1}},
    {"input": {"text": "B 2"}, "output": {"merchant": "B", "total": 2}, "held_out": True},
    {"input": {"text": "C 3"}, "output": {"merchant": "C", "total": 3}},
    {"input": {"text": "D 4"}, "output": {"merchant": "D", "total": 4}},
]


@pytest.mark.parametrize(("count", "shown"), [(0, ""), (1, "A"), (2, "AC"), (9, "ACD")])
def test_examples_stand_before_the_task(count: int, shown: str) -> None:
    """So many examples as the policy wants, never those held out, each as a turn of user and model."""
    policy = with_prompt("{{ text }}", examples=count).model_copy(
        update={"examples": a_policy(examples=EXAMPLES).examples}
    )
    call = composed(policy)

    assert roles(call) == ["system", *["user", "assistant"] * len(shown), "user"]
    assert [m["content"][0] for m in call.messages[1:-1:2]] == list(shown)
    if shown:
        assert call.messages[2]["content"] == '{"merchant":"A","total":1}'


@pytest.mark.parametrize(
    ("output", "value", "text"),
    [
        ({"labels": ["refund", "exchange"]}, "refund", '{"label":"refund"}'),
        ({"text": {}}, "Guten Tag", "Guten Tag"),
        ({"schema": RECEIPT}, {"total": 1, "merchant": "Ä"}, '{"merchant":"Ä","total":1}'),
    ],
)
def test_an_output_is_spelled_as_a_model_would_write_it(output: dict[str, Any], value: Any, text: str) -> None:
    """What we show as the model's earlier words has the form that we ask for."""
    assert spelled(Output.model_validate(output), value) == text


# What a call sees of earlier attempts.


def test_a_repair_shows_the_answer_and_what_was_found() -> None:
    """The model sees its own answer and every finding that counted, whatever `earlier` says."""
    call = composed(trail=(an_attempt(answer=ANSWER, verdict=WRONG),), ask=Ask("mini", "repair"))

    assert roles(call) == ["system", "user", "assistant", "user"]
    assert call.messages[2]["content"] == '{"merchant":"ACME","total":1}'
    assert "That answer was checked and this was found:\n- the total is wrong\n" in call.messages[3]["content"]
    assert "rather long" not in call.messages[3]["content"]


def test_a_repair_sees_its_own_last_answer_only() -> None:
    """A second repair is about the second answer."""
    second = Reading(output={"merchant": "B", "total": 2})
    trail = (an_attempt(answer=ANSWER, verdict=WRONG), an_attempt(2, answer=second, verdict=WRONG, why="repair"))

    call = composed(trail=trail, ask=Ask("mini", "repair"))

    assert [m["content"] for m in call.messages if m["role"] == "assistant"] == ['{"merchant":"B","total":2}']


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (Reading(problem="the reply is not JSON", raw='{"merchant": "AC'), '{"merchant": "AC'),
        (Reading(problem="the model refused", refusal="I cannot"), "I cannot"),
        (Reading(problem="the reply is empty"), "(no answer)"),
    ],
)
def test_a_repair_of_what_could_not_be_read_shows_it_as_it_came(answer: Reading, shown: str) -> None:
    """Broken text is shown broken: only so can the model see what was wrong."""
    call = composed(trail=(an_attempt(answer=answer, verdict=WRONG),), ask=Ask("mini", "repair"))

    assert call.messages[2]["content"] == shown


@pytest.mark.parametrize(
    ("earlier", "turns"),
    [("none", []), ("findings", ["user", "user"]), ("attempts", ["assistant", "user", "assistant", "user"])],
)
def test_a_larger_model_sees_what_the_policy_allows(earlier: str, turns: list[str]) -> None:
    """Nothing by default; the findings alone; or each answer with its findings."""
    policy = with_prompt("{{ text }}", earlier=earlier)
    trail = (
        an_attempt(answer=ANSWER, verdict=WRONG),
        an_attempt(2, outcome=None),
        an_attempt(3, outcome=None, answer=Refusal(limit="cost", message="too dear")),
        an_attempt(4, tier="small", answer=ANSWER, verdict=WRONG),
    )

    call = composed(policy, trail, Ask("large", "escalate"))

    assert roles(call) == ["system", "user", *turns]
    shown = "\n".join(m["content"] for m in call.messages[2:])
    assert ("the total is wrong" in shown) == (earlier != "none")
    assert ("ACME" in shown) == (earlier == "attempts")


def test_what_a_person_said_is_for_no_models_eyes() -> None:
    """A tier that a person had asked is shown what it would have been shown without them."""
    policy = with_prompt("{{ text }}", earlier="attempts")
    trail = (an_attempt(answer=ANSWER, verdict=WRONG),)
    ruling = Ruling(wish="ask", by="anna", tier="large", reason="SECRET")
    reviewed = (*trail, an_attempt(2, "review", why="review", verdict=WRONG, ruling=ruling))

    for why in ("escalate", "retry"):
        assert composed(policy, reviewed, Ask("large", why)) == composed(policy, trail, Ask("large", why))


@pytest.mark.parametrize("why", ["first", "retry", "audit"])
def test_a_call_for_another_reason_sees_nothing(why: Any) -> None:
    """Only repairs and escalations are told what came before."""
    policy = with_prompt("{{ text }}", earlier="attempts")
    trail = (an_attempt(answer=ANSWER, verdict=WRONG),)

    assert roles(composed(policy, trail, Ask("mini", why))) == ["system", "user"]


def test_a_retry_asks_again_what_was_asked_before() -> None:
    """After an error the same call is made, there or elsewhere: a larger model, say, still sees the findings."""
    policy = with_prompt("{{ text }}", earlier="findings")
    read = an_attempt(answer=ANSWER, verdict=WRONG)
    for why, tier in (("repair", "mini"), ("escalate", "small")):
        failed = an_attempt(2, tier, None, why=why, answer=a_failure(FailureKind.TIMEOUT))
        again = an_attempt(3, tier, None, why="retry", answer=a_failure(FailureKind.TIMEOUT))

        before = composed(policy, (read,), Ask(tier, why))  # type: ignore[arg-type]

        assert composed(policy, (read, failed), Ask(tier, "retry")).messages == before.messages
        assert composed(policy, (read, failed, again), Ask(tier, "retry")).messages == before.messages
        assert composed(policy, (read, failed), Ask(tier, "fallback")).messages == before.messages
        assert len(before.messages) > 2


# Judges and second samples.


def test_a_second_sample_is_the_same_call_but_warmer() -> None:
    """Everything but identity, time, temperature and seed stays: a fixed seed would give the same answer."""
    call = composed(tier=a_tier("mini", seed=7))
    again = second_sample(call, call_id="c2", timeout_s=5.0, temperature=0.7)

    assert (again.id, again.timeout_s, again.temperature, again.seed) == ("c2", 5.0, 0.7, None)
    kept = {"id", "timeout_s", "temperature", "seed"}
    assert again.model_dump(exclude=kept) == call.model_dump(exclude=kept)


def test_a_judges_call_is_its_own() -> None:
    """The judge gets its own prompt and schema, and nothing of the policy's."""
    question = Consultation(tier="large", system="Judge.", user="{}", answer_schema={"type": "object"})
    call = consultation(question, TIERS["large"], call_id="c9", timeout_s=9.0)

    assert [m["content"] for m in call.messages] == ["Judge.", "{}"]
    assert call.response_schema is not None
    assert (call.tier, call.response_schema.body, call.tools) == ("large", {"type": "object"}, ())
    assert consulted(question).kind == "schema"


# Templates.


def test_templates_see_all_fields_given_or_not() -> None:
    """A field that the input leaves out is empty, not an error; conditions and loops work."""
    policy = with_prompt("{% if notes %}{% for n in notes %}- {{ n }}\n{% endfor %}{% endif %}{{ text }}")

    assert render_user(policy, {"text": "t"}) == "t"
    assert render_user(policy, {"text": "t", "notes": ["a", "b"]}) == "- a\n- b\nt"


@pytest.mark.parametrize(
    "text",
    ["{{ 7 * 7 }}", "{% for x in range(9) %}x{% endfor %}", "{{ text }}", "{# gone #}", "{{ self }}", "{%", "<b>&amp;"],
)
def test_the_users_text_is_never_a_template(text: str) -> None:
    """What an input holds is put in as it is: no rendering, no escaping."""
    assert composed(task=a_task(input={"text": text})).messages[1]["content"] == text


@given(st.text(max_size=60))
def test_any_text_arrives_as_it_was(text: str) -> None:
    """Whatever a user writes, the model reads, to the last newline."""
    assert render_user(a_policy(), {"text": text}) == text


# Conversations.

TALK = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello", "name": "ann"})


def a_talk(**changes: Any) -> Task:
    return a_task(input={"messages": list(TALK)}, **changes)


def test_a_conversation_is_passed_on_as_it_is() -> None:
    """Without a prompt the messages are the caller's, to the last key."""
    assert composed(a_chat(), task=a_talk()).messages == TALK


def test_a_conversation_is_told_what_was_found() -> None:
    """A repair stands behind the caller's own messages; a larger model sees those alone."""
    trail = (an_attempt(answer=Reading(output="Good day to you."), verdict=WRONG),)

    repair = composed(a_chat(), trail, Ask("mini", "repair"), task=a_talk())
    larger = composed(a_chat(), trail, Ask("large", "escalate"), task=a_talk())

    assert repair.messages[:2] == larger.messages == TALK
    assert roles(repair)[2:] == ["assistant", "user"]
    assert repair.messages[2]["content"] == "Good day to you."


def test_a_turn_is_shown_as_text_or_as_what_was_called() -> None:
    """A repair shows the model its calls; a mere text stays one."""
    turn = Turn.model_validate({"tools": [{"name": "f", "parameters": {}}]})

    assert spelled(turn, {"text": "Hello", "calls": []}) == "Hello"
    called = {"text": None, "calls": [{"name": "f", "arguments": {}}]}
    assert spelled(turn, called) == '{"calls":[{"arguments":{},"name":"f"}],"text":null}'


# What callers wish.

EVERYTHING: dict[str, Any] = {
    "temperature": 0.3,
    "top_p": 0.9,
    "seed": 11,
    "stop": ("END",),
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "logit_bias": {"50256": -100.0},
    "top_logprobs": 2,
    "reasoning_effort": "none",
    "verbosity": "low",
    "user": "u1",
    "safety_identifier": "s1",
    "prompt_cache_key": "k1",
}


def wishing(**wished: Any) -> Task:
    return a_task(wishes=Wishes.model_validate(wished))


def test_every_parameter_of_the_caller_is_in_the_call() -> None:
    """What a caller asks for takes the place of the tier's own settings; nothing is left out."""
    tier = a_tier("mini", temperature=0, seed=7, reasoning_effort="none")
    call = composed(task=wishing(parameters=EVERYTHING, logprobs=True), tier=tier)

    assert EVERYTHING.keys() == Parameters.model_fields.keys()
    assert {name: getattr(call, name) for name in EVERYTHING} == EVERYTHING
    assert (call.logprobs, call.keeps_logprobs) == (True, True)


def test_a_second_sample_keeps_what_the_caller_asked_for() -> None:
    """But for what makes it a second one."""
    call = composed(task=wishing(parameters=EVERYTHING, logprobs=True))
    again = second_sample(call, call_id="c2", timeout_s=5.0, temperature=0.7)

    kept = EVERYTHING.keys() - {"temperature", "seed"}
    assert {name: getattr(again, name) for name in kept} == {name: EVERYTHING[name] for name in kept}


@pytest.mark.parametrize(("wished", "given"), [(None, 500), (5, 5), (900, 500)])
def test_a_caller_can_only_lower_the_output_limit(wished: int | None, given: int) -> None:
    """The least of the policy's, the tier's and the caller's limit holds."""
    call = composed(
        a_policy(limits={"output_tokens": 800}),
        task=wishing(max_output_tokens=wished),
        tier=a_tier("mini", output_tokens_max=500),
    )

    assert call.max_output_tokens == given


def test_a_tiers_settings_go_with_its_own_effort() -> None:
    """Models that reason refuse temperatures and log-probabilities: those of the tier stay behind, the caller's go."""
    tier = a_tier("mini", temperature=0, seed=7, reasoning_effort="none")

    thinking = composed(task=wishing(parameters={"reasoning_effort": "high"}), tier=tier)
    stubborn = composed(task=wishing(parameters={"reasoning_effort": "high", "temperature": 1}), tier=tier)
    same = composed(task=wishing(parameters={"reasoning_effort": "none"}), tier=tier)

    assert (thinking.temperature, thinking.seed, thinking.logprobs) == (None, 7, False)
    assert (stubborn.temperature, stubborn.reasoning_effort) == (1, "high")
    assert (same.temperature, same.logprobs) == (0, True)


def test_forms_and_functions_are_asked_for_in_the_callers_words() -> None:
    """Name, strictness, choice and parallel calls are the caller's; what was not said is not sent."""
    schema = {"name": "place", "body": {"type": "object"}, "strict": None}
    tool = {"name": "f", "parameters": {"type": "object"}, "strict": False}
    asked = Wishes.model_validate({"response_schema": schema, "tools": [tool], "tool_choice": "required"})

    call = composed(tailored(a_chat(), asked), task=a_talk(wishes=asked))

    assert call.response_schema == asked.response_schema
    function = {"name": "f", "parameters": {"type": "object"}, "strict": False}
    assert call.tools == ({"type": "function", "function": function},)
    assert (call.tool_choice, call.parallel_tool_calls) == ("required", None)
    form = Wishes(json_object=True)
    assert composed(tailored(a_chat(), form), task=a_talk(wishes=form)).json_object
