"""Policies, tiers and prices from YAML: every mistake at once, each at its file, line and column."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from router.checks import Confidence, Schema
from router.errors import PolicyInvalid
from router.policy import Policy
from router.policyfile.parse import parse_policy, parse_prices, parse_tiers, unpriced
from router.problem import Code, Problem
from tests.builders import PRICES, RECEIPT, TEXT_INPUT, a_tier

FILES = {
    "policies/schemas/in.json": json.dumps(TEXT_INPUT),
    "policies/schemas/out.json": json.dumps(RECEIPT),
    "policies/schemas/broken.json": '{\n  "type": "object",\n}',
    "policies/schemas/unsound.json": '{"type": "objekt", "properties": {"a": {"$ref": "https://example.com"}}}',
    "policies/tools.json": '[{"name": "call_off", "description": "Calls off.", "parameters": {"type": "object"}}]',
    "policies/examples/good.yaml": "- input: {text: ACME 5}\n  output: {merchant: ACME, total: 5}\n  held_out: true\n",
    "policies/examples/wrong.yaml": (
        "- input: {text: ACME 5}\n  output: {merchant: ACME}\n- input: {txt: A}\n  output: {merchant: A, total: 1}\n"
    ),
    "policies/examples/misspelt.yaml": "- inptu: {text: ACME 5}\n  output: null\n  held_out: maybe\n",
    "policies/examples/twice.yaml": "- input: {text: a, text: b}\n  output: 1\n",
}
RECEIPTS = """\
policy: receipts
prompt: {system: Read., user: "{{ text }}"}
input: {schema: schemas/in.json}
output: {schema: schemas/out.json}
tiers: [mini, {tier: small, attempts: 2}]
"""


def read(name: str) -> str:
    if name not in FILES:
        raise FileNotFoundError(name)
    return FILES[name]


def parsed(text: str) -> Policy:
    return parse_policy(text, "policies/receipts.yaml", read)


def mistakes(text: str, parse: Callable[[str], Any] = parsed) -> list[str]:
    """Each mistake as `file:line:column: message`, without the line and its caret."""
    with pytest.raises(PolicyInvalid) as why:
        parse(text)
    return [str(problem).splitlines()[0].removeprefix("policies/") for problem in why.value.problems]


# What is read.


def test_a_policy_is_complete_with_the_files_it_names() -> None:
    """Schemas and examples are part of the policy: nothing has to be read again when it runs."""
    policy = parsed(RECEIPTS + "examples: examples/good.yaml\n")

    assert policy.policy == "receipts"
    assert policy.input.json_schema == TEXT_INPUT
    assert policy.output.json_schema == RECEIPT
    assert [example.held_out for example in policy.examples] == [True]


def test_short_forms_mean_what_they_say() -> None:
    """A tier may be its name alone; what is left out has its default."""
    policy = parsed(RECEIPTS)

    assert [(rung.tier, rung.attempts) for rung in policy.tiers] == [("mini", 1), ("small", 2)]
    assert (policy.limits.attempts, policy.moves.exhausted, policy.keep_s) == (8, "dead_letter", 604_800)


def test_everything_may_stand_in_one_file() -> None:
    """Schemas, tools and examples may be written out instead of named."""
    inline = f"""\
policy: receipts
prompt: {{system: Read., user: "{{{{ text }}}}"}}
input: {{schema: {json.dumps(TEXT_INPUT)}}}
output: {{schema: {json.dumps(RECEIPT)}}}
tiers: [mini, {{tier: small, attempts: 2}}]
examples:
  - {{input: {{text: ACME 5}}, output: {{merchant: ACME, total: 5}}, held_out: true}}
"""
    assert parsed(inline).digest == parsed(RECEIPTS + "examples: examples/good.yaml\n").digest


def test_tools_are_read_from_their_file() -> None:
    """The list of functions is the providers' own form."""
    policy = parsed(RECEIPTS.replace("{schema: schemas/out.json}", "{tools: tools.json}"))

    assert [tool.name for tool in policy.output.tools or ()] == ["call_off"]


def test_checks_become_what_they_are() -> None:
    """Each kind of check is read into its own, with its settings."""
    policy = parsed(RECEIPTS + "checks: [{check: schema}, {check: confidence, at_least: 0.85, fields: [total]}]\n")

    assert policy.checks == (
        Schema(check="schema"),
        Confidence(check="confidence", at_least=0.85, fields=("total",)),
    )


# What is told.


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("descripton: x", "6:1: descripton: there is no such key; did you mean 'description'?"),
        ("zzz: x", "6:1: zzz: there is no such key"),
        ("description: [x]", "6:1: description: expected a text; quote it if it is one"),
        ("moves: {fial: repair}", "6:9: moves.fial: there is no such key; did you mean 'fail'?"),
        ("moves: {fail: accept}", "6:9: moves.fail: input should be 'repair', 'retry', 'escalate'"),
        ("moves: {unsure: escalat}", "6:9: moves.unsure: input should be"),
        ("moves: repair", "6:1: moves: expected keys with values"),
        ("limits: {attempts: 0}", "6:10: limits.attempts: input should be greater than or equal to 1"),
        ("limits: {attempts: many}", "6:10: limits.attempts: expected a whole number, found the text 'many'"),
        ("limits: {cost_usd: -1}", "6:10: limits.cost_usd: input should be greater than 0"),
        ("limits: {deadline_s: 12:30}", "6:10: limits.deadline_s: expected a number, found the text '12:30'"),
        ("keep_s: 5", "6:1: keep_s: input should be greater than or equal to 60"),
        ("checks: {check: schema}", "6:1: checks: expected a list"),
        ("checks: [schema]", "6:10: checks.0: expected keys with values"),
        ("checks: [{id: a}]", "6:10: checks.0: the key 'check' is missing; it says what kind"),
        ("checks: [{check: confidense}]", "6:10: checks.0: 'confidense' is no check; there are 'refusal', 'schema'"),
        ("checks: [{check: confidence}]", "6:10: checks.0: the key 'at_least' is missing"),
        ("checks: [{check: schema, sverity: fail}]", "6:26: checks.0.sverity: there is no such key; did you mean"),
        ("checks: [{check: schema, severity: bad}]", "6:26: checks.0.severity: input should be 'fail', 'unsure'"),
        ("checks: [{check: confidence, at_least: 85}]", "6:30: checks.0.at_least: input should be less than or equal"),
        (
            "checks: [{check: schema}, {check: schema}]",
            "6:27: checks.1: 'schema' is there twice; give one of them an id",
        ),
        ("promise: {kind: best, at_most: 2}", "6:11: promise.kind: input should be 'regret'"),
        ("audit: {rate: 0.1}", "6:1: audit: the key 'against' is missing"),
        ("examples: [{input: 5, output: 1}]", "6:13: examples.0.input: expected keys with values"),
        ("policy: again", "6:1: 'policy' is given twice"),
        ("moves: *x", "6:8: anchors and aliases are not allowed"),
    ],
)
def test_a_mistake_is_told_where_it_stands(line: str, told: str) -> None:
    """Unknown, missing and doubled keys and wrong values each have a place, a sentence and often a suggestion."""
    assert mistakes(RECEIPTS + line + "\n")[0].startswith(f"receipts.yaml:{told}")


@pytest.mark.parametrize(
    ("was", "written", "told"),
    [
        ("policy: receipts\n", "", "1:1: the file: the key 'policy' is missing"),
        ("policy: receipts", "policy: My Receipts", "1:1: policy: expected a name: lower case letters, digits"),
        ("tiers: [mini, {tier: small, attempts: 2}]", "tiers: []", "5:1: tiers: expected 1 or more, found 0"),
        (
            "[mini, {tier: small, attempts: 2}]",
            "[mini, mini]",
            "5:15: tiers.1: 'mini' is there twice; give it `attempts`",
        ),
        ("{tier: small, attempts: 2}", "{teir: small}", "5:15: tiers.1: the key 'tier' is missing"),
        ("{tier: small, attempts: 2}", "{tier: small, attempts: 99}", "5:29: tiers.1.attempts: input should be less"),
        ("{schema: schemas/out.json}", "{labels: [one]}", "4:10: output.labels: expected 2 or more, found 1"),
        (
            "{schema: schemas/out.json}",
            "{labels: [one, one]}",
            "4:1: output: labels must be unique, 'one' is there twice",
        ),
        ("{schema: schemas/out.json}", "{}", "4:1: output: give exactly one of schema, labels, text or tools"),
        ("schemas/out.json}", "schemas/out.json, text: {}}", "4:1: output: give exactly one of schema, labels"),
        ("schemas/out.json", "schemas/gone.json", "4:10: the file policies/schemas/gone.json cannot be read; paths"),
        ("schemas/out.json", "schemas/broken.json", "4:10: policies/schemas/broken.json is not JSON: line 3, column 1"),
        ('"{{ text }}"', '"{{ txt }}"', "2:35: the input has no field 'txt' for the template; did you mean 'text'?"),
        (RECEIPTS, "just a text", "1:1: the file: expected keys with values"),
        (RECEIPTS, "- a list", "1:1: the file: expected keys with values"),
        (RECEIPTS, "", "1:1: the file is empty"),
        (RECEIPTS, "a: [", "2:1: not YAML"),
    ],
)
def test_a_broken_part_is_told_where_it_stands(was: str, written: str, told: str) -> None:
    """Whatever part of a good file is spoilt, the first thing told is at its place."""
    found = mistakes(RECEIPTS.replace(was, written))

    assert f"receipts.yaml:{told}" in found[0]


def test_a_mistake_in_a_file_of_a_schema_is_told_in_that_file() -> None:
    """A schema of a hundred lines is not to be searched through."""
    first, second = mistakes(RECEIPTS.replace("schemas/in.json", "schemas/unsound.json"))

    assert first.startswith("schemas/unsound.json:1:2: the schema is unsound: $.type: 'objekt'")
    assert second.startswith("schemas/unsound.json:1:41: the schema is unsound: $.properties.a.$ref: 'https://")


def test_all_mistakes_of_a_file_are_told_at_once_in_order() -> None:
    """An author mends a file once: keys, values, rules and fields are all looked at, from top to bottom."""
    text = RECEIPTS.replace("{{ text }}", "{{ txt }}") + (
        "checks:\n"
        "  - {check: rule, expression: 'output.totl > 0.0'}\n"
        "  - {check: confidence, at_leest: 0.8}\n"
        "  - {check: grounding, fields: [merchnt]}\n"
        "limits: {atempts: 3}\n"
        "movs: {}\n"
    )

    assert [told.partition(": ")[0] for told in mistakes(text)] == [
        "receipts.yaml:2:35",
        "receipts.yaml:7:39",
        "receipts.yaml:8:5",
        "receipts.yaml:8:25",
        "receipts.yaml:9:33",
        "receipts.yaml:10:10",
        "receipts.yaml:11:1",
    ]


def test_a_mistake_is_shown_with_its_line_and_a_caret() -> None:
    """What is printed shows the very place."""
    with pytest.raises(PolicyInvalid) as why:
        parsed(RECEIPTS + "limits: {atempts: 3}\n")

    assert str(why.value).splitlines() == [
        "policies/receipts.yaml:6:10: limits.atempts: there is no such key; did you mean 'attempts'?",
        " 6 | limits: {atempts: 3}",
        "   |          ^",
    ]


def test_mistakes_have_codes_for_programs() -> None:
    """Editors and CI tell the kinds of mistakes apart by their codes."""
    with pytest.raises(PolicyInvalid) as why:
        parsed(RECEIPTS.replace("in.json", "gone.json") + "zzz: 1\nchecks: [{check: confidence}, {check: x}]\n")

    codes = [problem.code for problem in why.value.problems if isinstance(problem, Problem)]
    assert codes == [Code.UNREADABLE_FILE, Code.UNKNOWN_KEY, Code.MISSING_KEY, Code.WRONG_VALUE]


def test_a_file_that_cannot_be_read_hides_nothing_else() -> None:
    """A missing schema is told once; what could only be said with it is not guessed at."""
    text = RECEIPTS.replace("in.json", "gone.json").replace("out.json", "broken.json") + "keep_s: 1\n"

    assert [told.partition(": ")[0] for told in mistakes(text)] == [
        "receipts.yaml:3:9",
        "receipts.yaml:4:10",
        "receipts.yaml:6:1",
    ]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "wrong",
            [
                "examples/wrong.yaml:2:3: the example's output is not under the schema: $: 'total' is missing",
                "examples/wrong.yaml:3:3: the example's input is not under the schema: $: 'text' is missing",
            ],
        ),
        (
            "misspelt",
            [
                "examples/misspelt.yaml:1:3: 0: the key 'input' is missing",
                "examples/misspelt.yaml:1:3: 0.inptu: there is no such key; did you mean 'input'?",
                "examples/misspelt.yaml:3:3: 0.held_out: expected true or false, found the text 'maybe'",
            ],
        ),
        ("twice", ["examples/twice.yaml:1:20: 'text' is given twice"]),
        ("gone", ["receipts.yaml:6:1: the file examples/gone.yaml cannot be read"]),
    ],
)
def test_mistakes_of_examples_stand_in_their_own_file(name: str, told: list[str]) -> None:
    """An example that breaks the schema, misspells a key or doubles one is pointed at where it was written."""
    found = mistakes(RECEIPTS + f"examples: examples/{name}.yaml\n")

    assert len(found) == len(told)
    assert all(one.startswith(beginning) for one, beginning in zip(found, told, strict=True)), found


def test_examples_in_the_policys_own_file_stand_there() -> None:
    """Written out, an example has its place in the policy."""
    text = RECEIPTS + "examples:\n  - {input: {text: a}, output: {merchant: a, total: 1}}\n  - {input: {}, output: 5}\n"

    assert [told.partition(": ")[0] for told in mistakes(text)] == ["receipts.yaml:8:6", "receipts.yaml:8:17"]


# Tiers and prices.


def test_tiers_are_read_by_name() -> None:
    """A tier is called by its key; everything but the model has a default."""
    tiers = parse_tiers(
        "tiers:\n  mini: {model: m, sunset: 2027-01-14}\n  large: {model: l, temperature: 0}\n", "t.yaml"
    )

    assert [(tier.name, tier.model) for tier in tiers.values()] == [("mini", "m"), ("large", "l")]
    assert (tiers["mini"].sunset, tiers["mini"].concurrency) == (date(2027, 1, 14), 64)


def test_deployments_have_what_they_do_not_say_from_their_tier() -> None:
    """Model and address are the tier's; a key never goes to an address that it was not named with."""
    text = (
        "tiers:\n"
        "  mini:\n"
        "    model: openai/m\n"
        "    api_key_env: OPENAI_API_KEY\n"
        "    deployments:\n"
        "      - {name: main, requests_per_minute: 100}\n"
        "      - {name: eu, model: azure/m, api_base: https://eu, api_key_env: EU_KEY}\n"
        "      - {name: own, api_base: https://own}\n"
    )
    tier = parse_tiers(text, "t.yaml")["mini"]

    assert [(p.name, p.model, p.api_base, p.api_key_env) for p in tier.places] == [
        ("main", "openai/m", None, "OPENAI_API_KEY"),
        ("eu", "azure/m", "https://eu", "EU_KEY"),
        ("own", "openai/m", "https://own", None),
    ]
    assert tier.places[0].requests_per_minute == 100
    assert tier.key_names == {"OPENAI_API_KEY", "EU_KEY"}


def test_a_tier_without_deployments_has_one() -> None:
    """Its own."""
    tier = parse_tiers("tiers:\n  mini: {model: m, api_base: http://x, api_key_env: KEY}\n", "t.yaml")["mini"]

    assert [(p.name, p.model, p.api_base, p.api_key_env) for p in tier.places] == [("main", "m", "http://x", "KEY")]


def test_a_deployment_is_named_once() -> None:
    """Two of one name could not be told apart in a trail."""
    text = "tiers:\n  mini:\n    model: m\n    deployments: [{name: eu}, {name: us}, {name: eu}]\n"

    assert mistakes(text, lambda given: parse_tiers(given, "tiers.yaml")) == [
        "tiers.yaml:4:43: tiers.mini.deployments.2: deployment 'eu' is there twice; rename one"
    ]


@pytest.mark.parametrize("address", ["nonsense", "localhost:8000/v1", "ftp://host", "https://", "https:///v1"])
def test_an_address_without_a_scheme_or_a_host_is_told(address: str) -> None:
    """A tier, or one of its deployments, would else fail at its first call, or be asked somewhere else."""
    text = f"tiers:\n  mini: {{model: m, api_base: '{address}'}}\n"
    place = f"tiers:\n  mini: {{model: m, deployments: [{{name: eu, api_base: '{address}'}}]}}\n"
    said = f"{address!r} is no address; write http:// or https:// and a host, such as http://localhost:8000/v1"

    assert mistakes(text, lambda given: parse_tiers(given, "t.yaml")) == [f"t.yaml:2:20: tiers.mini.api_base: {said}"]
    assert mistakes(place, lambda given: parse_tiers(given, "t.yaml")) == [
        f"t.yaml:2:45: tiers.mini.deployments.0.api_base: {said}"
    ]


def test_all_mistakes_of_a_tiers_file_are_told() -> None:
    """Each at its key, with suggestions."""
    text = (
        "tiers:\n"
        "  mini: {model: m, concurency: 5}\n"
        "  Mini: {model: m}\n"
        "  small: {}\n"
        "  large: {model: m, reasoning_effort: hgh, sunset: 2027-13-01}\n"
        "  last: 5\n"
    )

    assert mistakes(text, lambda given: parse_tiers(given, "tiers.yaml")) == [
        "tiers.yaml:2:20: tiers.mini.concurency: there is no such key; did you mean 'concurrency'?",
        "tiers.yaml:3:3: tiers.Mini: expected a name: lower case letters, digits, `_` and `-`, a letter first;"
        " found 'Mini'",
        "tiers.yaml:4:3: tiers.small: the key 'model' is missing",
        "tiers.yaml:5:21: tiers.large.reasoning_effort: input should be 'none', 'minimal', 'low', 'medium', 'high',"
        " 'xhigh' or 'max'; did you mean 'high'?",
        "tiers.yaml:5:44: tiers.large.sunset: input should be a valid date or datetime, month value is outside expected"
        " range of 1-12",
        "tiers.yaml:6:3: tiers.last: expected keys with values",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tiers: {}", "tiers.yaml:1:1: tiers: expected 1 or more, found 0"),
        ("tiers: 5", "tiers.yaml:1:1: tiers: expected keys with values"),
        ("teirs: {}", "tiers.yaml:1:1: the file: the key 'tiers' is missing"),
        ("5", "tiers.yaml:1:1: the file: expected keys with values"),
    ],
)
def test_a_file_that_is_no_tiers_file_is_told(text: str, told: str) -> None:
    """Whatever stands there instead."""
    assert mistakes(text, lambda given: parse_tiers(given, "tiers.yaml"))[0] == told


def test_prices_are_read_exactly() -> None:
    """A price is the decimal that stands in the file, not the nearest float."""
    text = "prices:\n  m:\n    - {from: 2024-07-18, input: 0.15, cached_input: 0.075, output: 0.60, source: list}\n"

    price = parse_prices(text, "prices.yaml").price("m", date(2026, 1, 1))

    assert price is not None
    assert (price.input, price.cached_input, price.output) == (Decimal("0.15"), Decimal("0.075"), Decimal("0.6"))


def test_all_mistakes_of_a_price_file_are_told() -> None:
    """A price without a source, a date that is none, a negative amount, a misspelled key, a model without any."""
    text = (
        "prices:\n"
        "  m:\n"
        "    - {from: 2024-07-18, input: 0.15, output: 0.6}\n"
        "    - {from: 2024-7-18, input: -1, output: x, source: s, cached: 1}\n"
        "  n: []\n"
    )

    found = mistakes(text, lambda given: parse_prices(given, "prices.yaml"))

    assert [told.split(": ")[:2] for told in found] == [
        ["prices.yaml:3:7", "prices.m.0"],
        ["prices.yaml:4:8", "prices.m.1.from"],
        ["prices.yaml:4:25", "prices.m.1.input"],
        ["prices.yaml:4:36", "prices.m.1.output"],
        ["prices.yaml:4:58", "prices.m.1.cached"],
        ["prices.yaml:5:3", "prices.n"],
    ]


def test_a_tier_without_a_price_in_force_is_told() -> None:
    """A model that nobody priced, or not yet, is an error when loading: an unknown price is never zero."""
    tiers = {"mini": a_tier("mini"), "new": a_tier("new", model="openai/mini-modle")}

    (mistake,) = unpriced(tiers, PRICES, date(2026, 1, 1))

    assert (mistake.path, mistake.code, mistake.suggestion) == (
        ("tiers", "new", "model"),
        Code.NO_PRICE,
        "openai/mini-model",
    )
    assert mistake.message == (
        "tier new: no price of openai/mini-modle is in force on 2026-01-01; add one to prices.yaml"
    )
    early = unpriced(tiers, PRICES, date(2020, 1, 1))
    assert [one.message.rpartition("; ")[2] for one in early] == [
        "the first one holds from 2024-07-18",
        "add one to prices.yaml",
    ]
    stand_in = {"new": a_tier("new", model="local/new", price_of="openai/mini-model")}
    assert unpriced(stand_in, PRICES, date(2026, 1, 1)) == []


def test_a_wrong_key_hides_nothing_of_its_own_section() -> None:
    """What else is wrong in a check or a section with a misspelt key is told in the same go."""
    found = mistakes(
        RECEIPTS.replace("{{ text }}", "{{ txt }}").replace("system: Read.", "system: Read., earlyer: none")
        + "checks:\n  - {check: pattern, matches: '(', feild: total}\n"
    )

    assert [one.partition(" ")[2].partition(":")[0] for one in found] == [
        "prompt.earlyer",
        "the input has no field 'txt' for the template; did you mean 'text'?",
        "RE2 cannot read the expression",
        "checks.0.feild",
    ]


def test_a_name_given_twice_hides_nothing_else() -> None:
    """Each check and tier that is named twice is told, with what is wrong in it and around it."""
    found = mistakes(
        RECEIPTS.replace("small", "mini").replace("{{ text }}", "{{ txt | uper }}")
        + "checks:\n"
        + "  - {check: rule, id: a, expression: 'output.totl > 0.0'}\n"
        + "  - {check: rule, id: a, expression: 'output.total > 0'}\n"
        + "  - {check: pattern, id: a, matches: '('}\n"
        + "  - {check: grounding, fields: [merchnt]}\n"
        + "limits: {atempts: 3}\n"
    )

    assert [one.removeprefix("receipts.yaml:") for one in found] == [
        "2:35: the input has no field 'txt' for the template; did you mean 'text'?",
        "2:41: the template cannot be read: No filter named 'uper'; did you mean 'upper'?",
        "5:15: tiers.1: 'mini' is there twice; give it `attempts` instead",
        "7:46: output has no field 'totl'; did you mean 'total'?",
        "8:5: checks.1: 'a' is there twice; give one of them an id of its own",
        "8:52: '>' does not take double and int; did you mean '0.0'?",
        "9:5: checks.2: 'a' is there twice; give one of them an id of its own",
        "9:39: RE2 cannot read the expression: missing ): (",
        "10:33: the output has no field 'merchnt'; did you mean 'merchant'?",
        "11:10: limits.atempts: there is no such key; did you mean 'attempts'?",
    ]


# Conversations.


def test_a_policy_may_have_neither_prompt_nor_input() -> None:
    """It passes conversations on."""
    assert parsed("policy: chat\noutput: {text: {}}\ntiers: [mini]\n").conversation


@pytest.mark.parametrize("left_out", ["prompt", "input"])
def test_one_without_the_other_is_told_at_its_place(left_out: str) -> None:
    """Where the one that is there begins, beside what else is wrong."""
    text = "".join(line for line in RECEIPTS.splitlines(keepends=True) if not line.startswith(f"{left_out}: "))

    (told,) = mistakes(text)
    others = mistakes(text + "keep_s: 1\n")

    assert told.startswith(f"receipts.yaml:2:1: the key '{left_out}' is missing")
    assert len(others) == 2
    assert told in others


def test_a_wrong_prompt_or_input_is_not_missing() -> None:
    """What is there but wrong is told once, as what it is."""
    wrong_input = mistakes(RECEIPTS.replace("{schema: schemas/in.json}", "5"))
    wrong_prompt = mistakes(RECEIPTS.replace('{system: Read., user: "{{ text }}"}', "5"))

    assert wrong_input == ["receipts.yaml:3:1: input: expected keys with values"]
    assert wrong_prompt == ["receipts.yaml:2:1: prompt: expected keys with values"]
