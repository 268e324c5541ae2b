"""Cases as authors write them: recorded replies become what real ones are, mistakes are told at their place."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from router.call import Failure, Reply, Usage
from router.cases.case import Recorded, parse_cases
from router.errors import PolicyInvalid
from router.policy import Policy
from router.reading import Reading, read
from tests.builders import a_policy

USAGE = Usage(input_tokens=100, output_tokens=10)
TOOLS = [{"name": "pay", "parameters": {"type": "object", "properties": {"amount": {"type": "number"}}}}]


def read_back(policy: Policy, **recorded: Any) -> Reading:
    """What the reader of real replies makes of a recorded one."""
    reply = Recorded(**recorded).answer(policy.output, usage=USAGE)
    assert isinstance(reply, Reply)
    return read(policy.output, reply)


@pytest.mark.parametrize("output", [{"merchant": "A, “B”", "total": 3.0}, {"merchant": None, "total": 0}])
def test_a_recorded_confidence_is_read_like_a_real_one(output: dict[str, Any]) -> None:
    """The reader of real replies gets exactly the recorded number for each field, null, quoted or not."""
    reading = read_back(a_policy(), output=output, confidence={"merchant": 0.31, "total": 0.82})

    assert reading.output == output
    assert reading.confidence == {"merchant": 0.31, "total": 0.82}


def test_a_field_without_a_recorded_confidence_is_certain() -> None:
    """Confidence by field speaks of the named fields and all within them, the others are sure."""
    properties = {"items": {"type": "array"}, "note": {"type": "string"}, "total": {"type": "number"}}
    policy = a_policy(output={"schema": {"type": "object", "properties": properties}}, checks=[])
    output = {"items": [{"price": 1}, {"price": 2}], "note": "", "total": 3}

    reading = read_back(policy, output=output, confidence={"items": 0.5, "note": 0.25})

    assert reading.confidence == {"items.0.price": 0.5, "items.1.price": 0.5, "note": 0.25, "total": 1.0}


@pytest.mark.parametrize(
    ("output", "value", "confidence", "field"),
    [
        ({"labels": ["yes", "no"]}, "no", 0.61, "label"),
        ({"labels": ["yes", "no"]}, "no", {"label": 0.61}, "label"),
        ({"text": {}}, "Grüß Gott, {name}!", 0.61, "text"),
        ({"text": {}}, "Grüß Gott, {name}!", {"text": 0.61}, "text"),
    ],
)
def test_labels_and_texts_have_one_confidence(output: Any, value: str, confidence: Any, field: str) -> None:
    """A label's confidence is the field `label`, a text's is `text`."""
    reading = read_back(a_policy(output=output, checks=[]), output=value, confidence=confidence)

    assert (reading.output, reading.confidence_in(field)) == (value, 0.61)


def test_a_raw_text_may_be_sure_too() -> None:
    """A raw text with a confidence is read with it where it is JSON, and stays unreadable where it is not."""
    sound = read_back(a_policy(), text='{"merchant": "A", "total": 1}', confidence=0.5)
    broken = read_back(a_policy(), text="no JSON", confidence=0.5)

    assert sound.confidence == {"merchant": 0.5, "total": 0.5}
    assert (broken.output, broken.raw) == (None, "no JSON")


def test_without_confidence_there_are_no_logprobs() -> None:
    """No recorded confidence is a model that gave no log-probabilities, not one that is sure."""
    assert read_back(a_policy(), output={"merchant": "A", "total": 1}).confidence is None


@pytest.mark.parametrize(
    ("kind", "billed"), [("rate_limit", "no"), ("auth", "no"), ("timeout", "unknown"), ("server", "unknown")]
)
def test_a_failure_is_billed_as_a_real_one(kind: str, billed: str) -> None:
    """What a provider surely did not charge is void; what may have been charged stays in doubt."""
    failure = Recorded(failure=kind).answer(a_policy().output, usage=USAGE)  # type: ignore[arg-type]

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.billed) == (kind, billed)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({}, "say what the model answers"),
        ({"output": {}, "text": "{}"}, "not both"),
        ({"failure": "timeout", "text": "a"}, "a failure has no reply beside it"),
        ({"text": "a", "retry_after_s": 2}, "retry_after_s belongs to a failure"),
        ({"refusal": "no", "confidence": 0.5}, "confidence needs an output"),
        ({"text": "{}", "confidence": {"total": 0.5}}, "a raw text takes one number"),
        ({"failure": "tiemout"}, "did you mean 'timeout'"),
        ({"outptu": {}}, "did you mean 'output'"),
    ],
)
def test_a_reply_that_says_nothing_or_two_things_is_a_mistake(reply: dict[str, Any], said: str) -> None:
    """A recorded reply is one thing, and what contradicts itself is told at its place."""
    assert said in _problems(f"""
        policy: receipts
        cases:
          - name: one
            input: {{text: a}}
            replies: {{mini: {_flow(reply)}}}
            expect: {{status: dead}}
        """)


def test_every_mistake_of_a_file_is_told_at_its_place() -> None:
    """Names that the policy does not have, inputs that it would refuse and cases that are there twice: all at once."""
    told = _problems("""
        policy: receipt
        cases:
          - name: one
            input: {txt: a}
            replies: {mnii: {text: a}, judge: {text: a}, small: [{output: {}, confidence: {totl: 0.5}}]}
            expect: {status: dead, tier: lrage, failed: [confidance], warned: [schema]}
          - name: one
            input: {text: a}
            expect: {attempts: 1}
        """)

    assert [line.split(": ", 1) for line in told.splitlines() if line.startswith("cases.yaml")] == [
        ["cases.yaml:2:1", "these are cases of 'receipt', expected 'receipts'; did you mean 'receipts'?"],
        ["cases.yaml:5:5", "the input is not under the policy's schema: $: 'text' is missing"],
        ["cases.yaml:6:15", "the policy asks no 'mnii'; it has mini, small, large; did you mean 'mini'?"],
        ["cases.yaml:6:32", "the policy asks no 'judge'; it has mini, small, large"],
        ["cases.yaml:6:84", "the output has no field 'totl'; it has merchant, total; did you mean 'total'?"],
        ["cases.yaml:7:28", "the policy has no tier 'lrage'; it has mini, small, large; did you mean 'large'?"],
        [
            "cases.yaml:7:50",
            "the policy has no check 'confidance'; it has refusal, schema, confidence; did you mean 'confidence'?",
        ],
        ["cases.yaml:8:5", "two cases are called 'one'; give each its own name"],
    ]


def test_a_case_must_expect_something() -> None:
    """A case without any expectation can only pass, so it is a mistake."""
    told = _problems("""
        policy: receipts
        cases: [{name: one, input: {text: a}, expect: {}}]
        """)

    assert "say what is expected" in told


def test_function_calls_take_no_confidence() -> None:
    """Providers give no log-probabilities for function calls, so a case that records some would test what never is."""
    told = _problems(
        """
        policy: receipts
        cases:
          - name: one
            input: {text: a}
            replies: {mini: {output: {name: pay, arguments: {}}, confidence: 0.5}}
            expect: {status: succeeded}
        """,
        a_policy(output={"tools": TOOLS}, checks=[]),
    )

    assert "cases.yaml:6:58: function calls come without log-probabilities" in told


def _problems(text: str, policy: Policy | None = None) -> str:
    with pytest.raises(PolicyInvalid) as caught:
        parse_cases("\n" + dedent(text).lstrip("\n"), "cases.yaml", policy or a_policy())
    return str(caught.value)


def _flow(reply: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {value!r}" for key, value in reply.items()) + "}"


def test_the_promise_may_be_expected_where_one_is_made() -> None:
    """A case names the promise like a check; a policy without one has none of that name."""
    cases = """\
        policy: receipts
        cases:
          - name: doubted
            input: {text: a}
            replies: {mini: {output: {merchant: a, total: 1}}}
            expect: {failed: [promise]}
        """
    promised = a_policy(promise={"kind": "regret", "at_most": 0.1})

    assert parse_cases(dedent(cases), "cases.yaml", promised).cases[0].expect.failed == ("promise",)
    with pytest.raises(PolicyInvalid, match="the policy has no check 'promise'"):
        parse_cases(dedent(cases), "cases.yaml", a_policy())


def test_a_wrong_value_hides_nothing_of_the_other_cases() -> None:
    """A percent sign and a misspelt status are told together with what else is wrong, each once."""
    told = _problems("""
        policy: receipt
        cases:
          - name: one
            input: {text: a}
            replies: {mini: {output: {merchant: a, total: 1}, confidence: 55%}, smal: {output: {}}}
            expect: {status: succeded}
          - name: one
            input: {txt: a}
            replies: {mini: {failure: tiemout}}
            expect: {status: dead, failed: [confidance]}
          - name: three
            input: {txt: a}
        """)

    assert [line.split(": ")[0] for line in told.splitlines() if line.startswith("cases.yaml")] == [
        "cases.yaml:2:1",
        "cases.yaml:6:55",
        "cases.yaml:6:73",
        "cases.yaml:7:14",
        "cases.yaml:8:5",
        "cases.yaml:9:5",
        "cases.yaml:10:22",
        "cases.yaml:11:37",
        "cases.yaml:12:5",
        "cases.yaml:13:5",
    ]
    assert "cases.0.replies.mini.confidence: expected a number, found the text '55%'\n" in told
