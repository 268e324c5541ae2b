"""The policies that come with the product: sound, tested in full, with examples that keep their own rules."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Generator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

from router.cases.case import Case, Recorded, parse_cases
from router.cases.coverage import coverage
from router.cases.expect import Expect
from router.cel.words import WORDS
from router.checks import AnyCheck, Consultation, Question, SecondSample, Subject, examine
from router.checks.base import Check
from router.cli.policy.formats import as_text
from router.cost import Price
from router.errors import PolicyInvalid
from router.grounds import normal
from router.io.folder import Book, policy_files, read_book, read_cases
from router.lint.doubts import doubts
from router.lint.surroundings import Surroundings
from router.policy import Example, Limits, Moves, Policy
from router.policyfile.editors import editor_schema
from router.policyfile.parse import parse_budgets, parse_policy, parse_tiers
from router.policytest import play_all
from router.problem import Problem
from router.reading import Reading
from router.task import Task
from router.tier import Tier
from tests.builders import NOW_MS

FOLDER = Path(__file__).parent.parent / "policies"
TODAY = date(2026, 11, 20)
FILES = {path.stem: path for path in policy_files(FOLDER)}
TAUGHT = ["contacts", "intents", "moderation", "receipts", "toolcall", "translate"]
"""Those that have examples: conversations have none."""
NAMES = ["chat", *TAUGHT]
"""A user may have added policies of their own to the folder: these tests are about ours."""
README = (FOLDER / "README.md").read_text("utf-8")

EXAMPLES_MIN = 60
HELD_OUT = (0.2, 0.5)


@pytest.fixture(scope="module")
def book() -> Book:
    return read_book(FOLDER, FOLDER / "tiers.yaml", today=TODAY)


def test_the_seven_are_there() -> None:
    """Chats, receipts, mail, comments, contacts, translations, function calls: each has a policy, a page and cases."""
    assert set(NAMES) <= set(FILES)
    for name in NAMES:
        assert (FOLDER / f"{name}.md").read_text("utf-8").startswith(f"# {name}")


def test_they_load_with_tiers_and_prices(book: Book) -> None:
    """Every policy is sound, its tiers exist, and each tier's model has a price in force."""
    assert set(NAMES) <= set(book.policies)
    assert list(book.tiers) == ["mini", "small", "large", "frontier"]
    assert all(book.prices.price(tier.priced_model, TODAY) for tier in book.tiers.values())


@pytest.mark.parametrize("name", NAMES)
def test_lint_has_no_doubts(book: Book, name: str) -> None:
    """No shipped policy does what lint warns of: schemas that strict mode refuses, tiers that are never asked."""
    assert doubts(book.policies[name], Surroundings(book.tiers, book.prices, TODAY)) == []


@pytest.mark.parametrize("name", NAMES)
async def test_cases_pass_and_reach_everything(book: Book, name: str) -> None:
    """All cases of a shipped policy pass, and together they reach every check, tier and move of it."""
    policy = book.policies[name]
    suite = read_cases(FILES[name], policy)
    assert suite is not None

    played = await play_all(policy, suite, tiers=book.tiers, prices=book.prices, start_ms=NOW_MS)

    assert {one.case.name: [str(d) for d in one.differences] for one in played if not one.passed} == {}
    assert coverage(policy, [one.record for one in played]).gaps == ()


@pytest.mark.parametrize("name", TAUGHT)
def test_there_are_enough_examples_and_some_are_held_out(book: Book, name: str) -> None:
    """Learners and few-shots have something to go by, and something is left that they never saw."""
    examples = book.policies[name].examples
    held_out = sum(example.held_out for example in examples)

    assert len(examples) >= EXAMPLES_MIN
    assert HELD_OUT[0] <= held_out / len(examples) <= HELD_OUT[1]


@pytest.mark.parametrize("name", TAUGHT)
def test_no_example_is_there_twice(book: Book, name: str) -> None:
    """No input comes twice, whatever its case and punctuation: a held-out one would not be unseen."""
    seen = Counter(_bare(example.input) for example in book.policies[name].examples)

    assert [text for text, count in seen.items() if count > 1] == []


@pytest.mark.parametrize("name", TAUGHT)
def test_examples_pass_the_policys_own_checks(book: Book, name: str) -> None:
    """A model that answers as the examples do is accepted at every tier."""
    policy = book.policies[name]

    found = [
        (example.input, rung.tier, finding.reason)
        for example in policy.examples
        for rung in policy.tiers
        for finding in _findings(policy, example, rung.tier)
        if finding.counts
    ]

    assert found == []


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("toolcall", "translate")])
def test_confidence_is_asked_for_below_the_top_alone(book: Book, name: str) -> None:
    """A mere doubt about the last tier's answer makes no dead letter: there is nobody left to ask."""
    policy = book.policies[name]
    confidence = [check for check in policy.checks if check.check == "confidence"]

    assert confidence
    assert not any(check.applies_to(policy.tiers[-1].tier) for check in confidence)


def test_the_editors_schema_is_current() -> None:
    """`policy.schema.json` is what `router policy schema` prints."""
    assert json.loads((FOLDER / "policy.schema.json").read_text("utf-8")) == editor_schema()


@pytest.mark.parametrize("name", NAMES)
def test_the_editors_schema_takes_the_shipped_policies(name: str) -> None:
    """An editor draws no red line under a shipped policy."""
    from jsonschema import Draft202012Validator

    from router.policyfile.yamlfile import read_yaml

    path = FILES[name]
    data = read_yaml(path.read_text("utf-8"), str(path)).data

    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=policy.schema.json\n")
    assert [error.message for error in Draft202012Validator(editor_schema()).iter_errors(data)] == []


def test_the_editors_schema_refuses_what_lint_refuses() -> None:
    """An unknown key, a wrong move and a check without its settings are red in an editor too."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(editor_schema())
    sound = {
        "policy": "x",
        "prompt": {"system": "a", "user": "b"},
        "input": {"schema": {}},
        "output": {"text": {}},
        "tiers": ["mini"],
    }

    assert validator.is_valid(sound)
    for wrong in ({"tires": []}, {"moves": {"fail": "accept"}}, {"checks": [{"check": "grounding"}]}, {"tiers": []}):
        assert not validator.is_valid(sound | wrong)
    for key in ("prompt", "input"):
        assert not validator.is_valid({name: value for name, value in sound.items() if name != key})
    assert validator.is_valid({"policy": "x", "output": {"text": {}}, "tiers": ["mini"]})


async def test_the_first_policy_of_the_readme_works(book: Book) -> None:
    """The README's policy loads without a doubt, and its cases pass."""
    policy_text, cases_text, _, _ = _blocks("yaml")
    policy = parse_policy(policy_text, "policies/invoices.yaml", _no_file)
    suite = parse_cases(cases_text, "policies/tests/invoices.yaml", policy)

    played = await play_all(policy, suite, tiers=book.tiers, prices=book.prices, start_ms=NOW_MS)

    assert doubts(policy, Surroundings(book.tiers, book.prices, TODAY)) == []
    assert [one.passed for one in played] == [True, True]


def test_the_mistake_that_the_readme_shows_is_told_so() -> None:
    """The README shows what lint really prints."""
    policy_text = _blocks("yaml")[0]
    wrong = policy_text.replace("output.amount > 0.0", "output.amuont > 0")

    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(wrong, "policies/invoices.yaml", _no_file)

    (problem,) = (found for found in caught.value.problems if isinstance(found, Problem))
    assert as_text(problem) == _blocks("text")[0].rstrip("\n")


def test_the_readmes_tier_and_budgets_load() -> None:
    """The example of deployments is a tier, that of budgets a file of them."""
    _, _, tier_text, budgets_text = _blocks("yaml")

    places = parse_tiers("tiers:\n" + tier_text, "tiers.yaml")["large"].places
    assert [(place.name, place.api_key_env) for place in places] == [("openai", "OPENAI_API_KEY"), ("eu", "EU_API_KEY")]
    budgets = parse_budgets(budgets_text, "budgets.yaml")
    assert [budget.per for budget in budgets] == ["day", "day", "day", "month"]


def test_the_readme_lists_every_word_of_rules() -> None:
    """What a rule may use stands in the README, word for word."""
    lines = [re.split(r"\s{2,}", line, maxsplit=1) for line in _blocks("text")[1].splitlines()]

    assert lines == [[word.example, word.meaning] for word in WORDS]


@pytest.mark.parametrize(
    "model", [Policy, Moves, Limits, Tier, Price, Case, Recorded, Expect], ids=lambda model: model.__name__
)
def test_the_readme_names_every_key(model: Any) -> None:
    """No key of a policy, its tiers, prices and cases is left to be found by chance."""
    keys = {field.alias or name for name, field in model.model_fields.items()} - {"name"}

    assert {key for key in keys if not re.search(rf"`[^`\n]*\b{key}\b[^`\n]*`", README)} == set()


@pytest.mark.parametrize("check", get_args(get_args(AnyCheck)[0]), ids=lambda check: check.__name__)
def test_the_readme_names_every_setting_of_a_check(check: type[Check]) -> None:
    """The table of checks has a row for each kind, with all its own settings."""
    (kind,) = get_args(check.model_fields["check"].annotation)
    table = README.partition("| check | finds something when")[2]
    row = next(line for line in table.splitlines() if line.startswith(f"| `{kind}` | "))
    own = set(check.model_fields) - set(Check.model_fields)

    assert {setting for setting in own if f"`{setting}`" not in row} == set()
    if (severity := check.model_fields["severity"].default) is not None:
        assert row.rstrip(" |").endswith(severity)


def _bare(input: dict[str, Any]) -> str:
    """The words of an input; the signs where it has no words."""
    text = "\n".join(f"{value}" for _, value in sorted(input.items()))
    return normal(text) or text


def _findings(policy: Policy, example: Example, tier: str) -> Any:
    task = Task(id="t", policy="p", input=example.input, created_ms=NOW_MS, deadline_ms=NOW_MS + 1)
    fields = dict.fromkeys(policy.output.required_fields, 1.0)
    reading = Reading(output=example.output, confidence=fields)
    examination = examine(policy.all_checks, Subject(task=task, reading=reading, types=policy.types, tier=tier))
    return _agreeing(examination, reading).findings


def _agreeing(examination: Generator[Question, Any, Any], reading: Reading) -> Any:
    """Drive an examination with second samples that say the same and judges that say yes."""
    try:
        question = next(examination)
        while True:
            match question:
                case SecondSample():
                    question = examination.send(reading)
                case Consultation():
                    question = examination.send(Reading(output={"right": "yes", "mistake": None}))
    except StopIteration as end:
        return end.value


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def _no_file(name: str) -> str:
    raise OSError(name)
