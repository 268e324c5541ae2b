"""A policy as a value: its digest, its defaults, its checks and its path."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from router.conversation import CONVERSATION
from router.policy import Policy
from router.policyfile.parse import parse_policy
from router.tier import Tiers
from tests.builders import RECEIPT, TEXT_INPUT, TIERS, a_certificate, a_chat, a_policy, a_promise, a_tier

FULL: dict[str, Any] = {
    "policy": "receipts",
    "description": "Reads receipts.",
    "prompt": {"system": "Read.", "user": "{{ text }}", "examples": 1, "earlier": "findings"},
    "input": {"schema": TEXT_INPUT},
    "output": {"schema": RECEIPT},
    "tiers": [{"tier": "mini", "attempts": 2}, {"tier": "small"}, {"tier": "large"}],
    "checks": [
        {"check": "schema"},
        {"check": "rule", "id": "positive", "expression": "output.total > 0.0", "message": "Not positive."},
        {"check": "confidence", "at_least": 0.85, "fields": ["total"]},
        {"check": "judge", "tier": "large", "question": "Right?"},
    ],
    "moves": {"fail": "repair", "unsure": "escalate"},
    "limits": {"attempts": 6, "deadline_s": 120, "cost_usd": 0.02, "output_tokens": 800},
    "keep_s": 86_400,
    "audit": {"rate": 0.02, "against": "large"},
    "examples": [{"input": {"text": "ACME 5"}, "output": {"merchant": "ACME", "total": 5}}],
}
DIGEST = Policy.model_validate(FULL).digest


def with_change(path: tuple[Any, ...], value: Any) -> Policy:
    """The policy with one thing in it changed."""
    changed = json.loads(json.dumps(FULL))
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return Policy.model_validate(changed)


def shuffled(value: Any, dice: Random) -> Any:
    if isinstance(value, dict):
        keys = dice.sample(sorted(value), len(value))
        return {key: shuffled(value[key], dice) for key in keys}
    return [shuffled(item, dice) for item in value] if isinstance(value, list) else value


# The digest.


@given(st.integers(0, 2**32))
def test_the_order_of_keys_does_not_change_the_digest(seed: int) -> None:
    """The same policy, written in another order, is the same version."""
    assert Policy.model_validate(shuffled(FULL, Random(seed))).digest == DIGEST


def test_the_form_of_the_file_does_not_change_the_digest() -> None:
    """Comments, quotes, flow or block style and spelled-out numbers are form, not meaning."""
    one = 'policy: p\nprompt: {system: S, user: "{{ text }}"}\ninput: {schema: {}}\noutput: {text: {}}\ntiers: [mini]\n'
    other = (
        "# the same\ntiers:\n  - tier: 'mini'\noutput:\n  text: {}\ninput:\n  schema: {}\n"
        "prompt:\n  user: '{{ text }}'\n  system: |-\n    S\n\"policy\": p\n"
    )

    assert parse_policy(one, "p.yaml", str).digest == parse_policy(other, "q.yaml", str).digest


@pytest.mark.parametrize(
    ("path", "same"),
    [
        (("tiers",), ["mini", "small", "large"]),
        (("limits", "cost_usd"), "0.020"),
        (("limits", "deadline_s"), 120.0),
        (("moves", "error"), "retry"),
        (("moves", "exhausted"), "dead_letter"),
        (("checks", 0, "severity"), "fail"),
        (("checks", 2, "missing"), "unsure"),
        (("tiers", 1, "attempts"), 1),
        (("prompt", "images"), []),
        (("examples", 0, "held_out"), False),
    ],
)
def test_a_default_that_is_written_out_does_not_change_the_digest(path: tuple[Any, ...], same: Any) -> None:
    """Saying what holds anyway says nothing new."""
    expected = with_change(("tiers", 0, "attempts"), 1).digest if path == ("tiers",) else DIGEST

    assert with_change(path, same).digest == expected


@pytest.mark.parametrize(("one", "other"), [("1", 1), (1, 1.0), ("10", "1e1"), ("0.5", "0.50")])
def test_an_amount_is_the_same_however_it_is_written(one: Any, other: Any) -> None:
    """A dollar is a dollar."""
    first, second = with_change(("limits", "cost_usd"), one), with_change(("limits", "cost_usd"), other)

    assert first.digest == second.digest
    assert "E" not in str(first.limits.cost_usd)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("policy",), "bills"),
        (("description",), "Reads bills."),
        (("prompt", "system"), "Read it."),
        (("prompt", "user"), "{{ text }}\n"),
        (("prompt", "examples"), 2),
        (("prompt", "earlier"), "attempts"),
        (("prompt", "images"), ["photo"]),
        (("input", "schema", "required"), []),
        (("output", "schema", "additionalProperties"), True),
        (("output",), {"text": {}}),
        (("tiers", 0, "attempts"), 3),
        (("tiers",), ["small", "mini", "large"]),
        (("tiers",), ["mini", "small"]),
        (("checks", 1, "message"), "Not so."),
        (("checks", 1, "expression"), "output.total >= 0.0"),
        (("checks", 1, "severity"), "warn"),
        (("checks", 1, "tiers"), ["mini"]),
        (("checks", 2, "at_least"), 0.86),
        (("checks", 2, "fields"), ["merchant"]),
        (("checks",), []),
        (("checks",), [FULL["checks"][1], FULL["checks"][0], *FULL["checks"][2:]]),
        (("moves", "fail"), "review"),
        (("moves", "exhausted"), "reject"),
        (("limits", "attempts"), 7),
        (("limits", "retries"), 0),
        (("limits", "cost_usd"), 0.021),
        (("limits", "output_tokens"), 801),
        (("keep_s",), 86_401),
        (("audit", "rate"), 0.03),
        (("promise",), {"kind": "regret", "at_most": 0.01}),
        (("examples", 0, "output", "total"), 6),
        (("examples", 0, "held_out"), True),
        (("examples",), []),
    ],
)
def test_any_change_of_meaning_changes_the_digest(path: tuple[Any, ...], value: Any) -> None:
    """A task keeps to its version: nothing that matters may change behind a digest."""
    assert with_change(path, value).digest != DIGEST


def test_a_digest_is_short_and_stable() -> None:
    """Sixteen hexadecimal digits, the same in every process and on every machine."""
    assert DIGEST == "a18fa9473a94aab5"


def test_what_the_tiers_can_do_is_no_part_of_the_policy() -> None:
    """Another tiers file leaves the version as it is, but the policy knows what it runs on."""
    bare = Policy.model_validate(FULL)
    known = bare.on(TIERS)

    assert known.digest == bare.digest
    assert [rung.spec for rung in bare.tiers] == [None, None, None]
    assert [rung.spec.model for rung in known.tiers if rung.spec] == [tier.model for tier in TIERS.values()]
    assert known.on({"mini": a_tier("mini")}).tiers[2].spec is None


def test_a_published_policy_is_read_back_as_it_was() -> None:
    """Its text holds all of it."""
    policy = Policy.model_validate(FULL)
    again = Policy.model_validate_json(policy.text)

    assert again == policy
    assert again.digest == policy.digest


def test_defaults_stay_what_they_are() -> None:
    """Published policies leave them out: another default would change what runs behind an unchanged digest."""
    bare = a_policy(limits={}, checks=[])

    assert bare.limits.model_dump(mode="json") == {
        "attempts": 8,
        "retries": 3,
        "deadline_s": 86_400.0,
        "cost_usd": "0.25",
        "input_bytes": 262_144,
        "image_bytes": 10_485_760,
        "output_tokens": 1_024,
        "wait_at_most_s": 604_800.0,
    }
    assert bare.moves.model_dump() == {
        "fail": "escalate",
        "unsure": "escalate",
        "error": "retry",
        "refused": "escalate",
        "exhausted": "dead_letter",
    }
    assert (bare.keep_s, bare.prompt.examples, bare.prompt.earlier, bare.tiers[0].attempts) == (604_800, 0, "none", 1)


# The rest of it.


def test_a_path_goes_up_only() -> None:
    """Above a tier are those that follow it; above none, all."""
    policy = Policy.model_validate(FULL)

    assert [rung.tier for rung in policy.above(None)] == ["mini", "small", "large"]
    assert [rung.tier for rung in policy.above("mini")] == ["small", "large"]
    assert policy.above("large") == ()
    assert policy.rung("mini").attempts == 2


def test_judges_are_tiers_that_the_policy_may_ask() -> None:
    """A judge need not stand on the path to be needed."""
    policy = a_policy(tiers=["mini"], checks=[{"check": "judge", "tier": "large", "question": "Right?"}])

    assert policy.tier_names == {"mini", "large"}


def test_knows_which_checks_ask_about_a_tier() -> None:
    """Checks that need a model's answer, of those that apply to the tier, in their order."""
    checks = [
        {"check": "judge", "tier": "large", "question": "Right?", "tiers": ["mini"]},
        {"check": "agreement"},
        {"check": "confidence", "at_least": 0.8},
    ]
    policy = a_policy(checks=checks, tiers=["mini", "small"])

    assert [[check.name for check in policy.asking(tier)] for tier in ("mini", "small", "other")] == [
        ["judge", "agreement"],
        ["agreement"],
        [],
    ]


def test_shots_are_the_first_examples_that_are_not_held_out() -> None:
    """Held-out examples measure; they are never shown."""
    examples = [{"input": {"text": str(n)}, "output": None, "held_out": n % 2 == 0} for n in range(6)]
    policy = a_policy(prompt={"system": "S", "user": "{{ text }}", "examples": 2}, examples=examples)

    assert [shot.input["text"] for shot in policy.shots] == ["1", "3"]


@pytest.mark.parametrize(
    "changes",
    [
        {"tiers": []},
        {"tiers": ["mini", "mini"]},
        {"tiers": ["Mini"]},
        {"checks": [{"check": "schema"}, {"check": "schema"}]},
        {"checks": [{"check": "schema", "id": "a"}, {"check": "steps", "id": "a"}]},
        {"output": {}},
        {"output": {"labels": ["a", "b"], "text": {}}},
        {"moves": {"fail": "accept"}},
        {"moves": {"exhausted": "retry"}},
        {"limits": {"attempts": 51}},
        {"limits": {"cost_usd": "NaN"}},
        {"limits": {"deadline_s": float("inf")}},
        {"policy": "no good name"},
        {"unknown": 1},
    ],
)
def test_a_policy_that_cannot_be_is_no_value(changes: dict[str, Any]) -> None:
    """Whoever builds one, from a file or a program, gets the same refusal."""
    with pytest.raises(ValidationError):
        a_policy(**changes)


def test_kinds_of_the_same_check_need_ids_of_their_own() -> None:
    """Two rules are told apart by their ids."""
    checks = [{"check": "rule", "id": name, "expression": "true"} for name in ("one", "two")]

    assert [check.name for check in a_policy(checks=checks).checks] == ["one", "two"]


def test_what_the_tiers_answer_with_is_part_of_the_version() -> None:
    """A published version names the models it runs on: with another one it is another version."""
    bare = Policy.model_validate(FULL)
    bound = bare.bound_to(TIERS)

    assert bound.digest != bare.digest
    assert bound.digest == bare.bound_to(TIERS).digest == bound.bound_to(TIERS).digest
    assert bound.digest != bare.bound_to(TIERS | {"mini": a_tier("mini", temperature=1)}).digest
    assert bound.digest == bare.bound_to(TIERS | {"mini": a_tier("mini", concurrency=1)}).digest
    assert {name: model.model for name, model in bound.models.items()} == {
        name: TIERS[name].model for name in sorted(bound.tier_names)
    }


def test_a_version_asks_the_models_it_was_published_with() -> None:
    """Where the tiers file names another model by now, a task of an older version still gets its own."""
    published = a_policy().bound_to(TIERS)
    today = TIERS | {"mini": a_tier("mini", model="openai/newer")}

    rungs = published.on(today).tiers

    assert [rung.spec.model for rung in rungs if rung.spec] == [tier.model for tier in TIERS.values()]
    assert a_policy().on(today).tiers[0].spec == today["mini"]


@pytest.mark.parametrize(
    ("promise", "tiers"),
    [
        (None, ()),
        ({"against": "large"}, ("mini", "small")),
        ({"against": "small"}, ("mini",)),
        ({}, ("mini", "small")),
        ({"against": "mini"}, ()),
    ],
)
def test_a_promise_is_about_the_tiers_below(promise: dict[str, Any] | None, tiers: tuple[str, ...]) -> None:
    """Held against a tier of the path, by default the last, it concerns what was accepted before that one."""
    whole = promise if promise is None else {"kind": "regret", "at_most": 0.01} | promise

    assert a_policy(promise=whole).promised_tiers == tiers


def test_a_certificate_holds_as_long_as_nothing_changes() -> None:
    """A change of prompt, schema, checks, models or promise outdates it, and each is told."""
    made = a_policy(promise=a_promise().model_dump(), models=_answering(TIERS))
    certificate = a_certificate(basis=made.basis.model_dump(), promise=a_promise().model_dump())

    def changes(**other: Any) -> tuple[str, ...]:
        settings = {"promise": a_promise().model_dump(), "models": _answering(TIERS)} | other
        policy = a_policy(**settings)
        return certificate.outdated(policy.promise, policy.basis)

    assert changes() == ()
    assert changes(prompt={"system": "Read.", "user": "{{ text }}"}) == ("the prompt has changed",)
    assert changes(output={"text": {}}, checks=[]) == ("the output's schema has changed", "the checks have changed")
    assert changes(promise=a_promise(at_most=0.2).model_dump()) == ("the promise is another one",)
    assert changes(models=_answering(TIERS | {"mini": a_tier("mini", seed=1)})) == (
        "tier mini answers with openai/mini-model seed=1, it was openai/mini-model",
    )
    assert changes(limits={"deadline_s": 5}, moves={"unsure": "review"}) == ()


def _answering(tiers: Tiers) -> dict[str, Any]:
    return {name: tier.answering.model_dump() for name, tier in tiers.items()}


# Conversations.


def test_a_policy_without_a_prompt_takes_a_conversation() -> None:
    """Its input is the schema of messages, and stands in no file and no published text."""
    policy = a_chat()

    assert policy.conversation
    assert not a_policy().conversation
    assert policy.input.json_schema == CONVERSATION
    assert (policy.images, policy.earlier, policy.shots) == ((), "none", ())
    assert json.loads(policy.text).keys() == {"policy", "output", "tiers"}
    assert Policy.model_validate_json(policy.text).digest == policy.digest == policy.bound_to({}).digest


def test_knows_which_checks_are_about_a_text() -> None:
    """Where one of them is listed, nobody may ask for another form of the text."""
    checks = [
        {"check": "length", "at_most": 9},
        {"check": "pattern", "id": "polite", "forbids": "x"},
        {"check": "steps"},
        {"check": "confidence", "at_least": 0.5},
        {"check": "judge", "tier": "large", "question": "Right?"},
    ]

    assert a_chat(checks=checks).text_checks == ("polite", "steps")
    assert a_policy(checks=[{"check": "rule", "expression": "true"}]).text_checks == ()
