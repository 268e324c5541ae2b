"""The doctor's judgement as a whole: files, keys and what is published beside Redis and the service in it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from router.budget import Budget, BudgetUse, Window
from router.health.doctor import Folder, Found, Sunset, diagnose, ill
from router.health.service import Service, Worker
from router.health.sign import Level, Sign
from router.ledger import Balance
from router.submission import Card
from tests.health.test_server import GOOD
from tests.test_producing import CARD

FOLDER = Folder("policies", digests={"receipts": CARD.digest}, tiers=("mini",), used={"mini": "receipts"})
LEAVING = Sunset("mini", "openai/gpt-4o-mini and its day", "gpt-new")
STAFF = (Worker(None), Worker(None, alone=True))
FOUND = Found(GOOD, None, Service(workers=STAFF), {"receipts": CARD}, Balance())


def bad(folder: Folder = FOLDER, found: Found | None = FOUND) -> list[Sign]:
    return [sign for sign in diagnose(folder, found) if sign.level is not Level.OK]


def test_all_is_well() -> None:
    """A service that is set up well and does well has no bad sign; each thing that was looked at is named once."""
    signs = diagnose(FOLDER, FOUND)

    assert not ill(signs)
    assert bad() == []
    assert len({sign.about for sign in signs}) == len(signs)


def test_warnings_are_no_illness() -> None:
    """Only a problem makes the answer no."""
    folder = replace(FOLDER, leaving=[LEAVING])

    assert [sign.level for sign in bad(folder)] == [Level.WARNING]
    assert not ill(diagnose(folder, FOUND))
    assert ill(diagnose(replace(FOLDER, gone=[LEAVING]), FOUND))


def test_without_redis_the_files_are_judged() -> None:
    """Where Redis cannot be reached, policies and keys are looked at all the same."""
    assert [sign.about for sign in diagnose(FOLDER, None)] == ["policies", "keys"]


def test_every_mistake_of_the_files_is_a_problem() -> None:
    """What the policies, tiers and prices say wrong is told as the linter tells it."""
    signs = bad(Folder("policies", mistakes=["a.yaml:1:2: one", "prices.yaml:3:1: two"]))

    assert [(sign.about, sign.level, sign.seen) for sign in signs] == [
        ("policies", Level.PROBLEM, "a.yaml:1:2: one"),
        ("policies", Level.PROBLEM, "prices.yaml:3:1: two"),
    ]


@pytest.mark.parametrize(
    ("field", "level"), [("gone", Level.PROBLEM), ("leaving", Level.WARNING)], ids=["gone", "leaving"]
)
def test_sunsets_are_told(field: str, level: Level) -> None:
    """A model that has left its provider is a problem, one that will leave soon a warning."""
    changes: dict[str, Any] = {field: [LEAVING]}
    (sign,) = bad(replace(FOLDER, **changes))

    assert (sign.about, sign.level, sign.seen) == ("sunset", level, LEAVING.said)
    assert sign.advice == "make gpt-new the model of tier 'mini' in the tiers file, then `router policy test`"
    changes = {field: [replace(LEAVING, successor=None)]}
    assert bad(replace(FOLDER, **changes))[0].advice.startswith("make another one the model of tier 'mini'")


def test_missing_keys_are_a_problem_unless_workers_live() -> None:
    """Workers do not start without their keys: where some live, it is this shell that lacks them."""
    folder = replace(FOLDER, keys_missing=["OPENAI_API_KEY"])
    idle = replace(FOUND, service=Service(workers=(Worker(None, silent=True),)))

    assert [(s.about, s.level) for s in bad(folder)] == [("keys", Level.WARNING)]
    assert ("keys", Level.PROBLEM) in [(s.about, s.level) for s in bad(folder, idle)]
    assert [(s.about, s.level) for s in bad(folder, None)] == [("keys", Level.PROBLEM)]


def test_keys_that_nobody_could_name_are_not_called_set() -> None:
    """Without the tiers file nobody knows which keys are needed, and that is what is said."""
    signs = bad(replace(FOLDER, mistakes=["tiers.yaml:1:1: cannot be read"], keys_missing=None))

    assert [(sign.about, sign.level) for sign in signs] == [("policies", Level.PROBLEM), ("keys", Level.WARNING)]
    assert signs[1].seen == "not looked at: the tiers file could not be read"


def test_what_is_published_is_compared_with_the_folder() -> None:
    """Nothing published is a problem; another version than the folder's, or none of one of its policies, a warning."""
    other: Card = replace(CARD, digest="e" * 16)
    more = replace(FOLDER, digests={**FOLDER.digests, "mail": "f" * 16})

    assert [(s.about, s.level) for s in bad(found=replace(FOUND, cards={}))] == [("published", Level.PROBLEM)]
    for folder, cards, name in ((FOLDER, {"receipts": other}, "receipts"), (more, {"receipts": CARD}, "mail")):
        (sign,) = bad(folder, replace(FOUND, cards=cards))
        assert (sign.about, sign.level) == ("published", Level.WARNING)
        assert sign.seen.startswith(f"{name}: what is published")


def test_a_nearly_used_budget_takes_the_place_of_the_fine_line() -> None:
    """Nobody reads that budgets are fine beside one that is not; parked tasks are told all the same."""
    use = BudgetUse("global", Budget(scope="global", usd=Decimal(1), per="day"), Window(0, 86_400_000), 970_000_000)
    parked = replace(FOUND, service=replace(FOUND.service, parked=2), budgets=[use])

    (sign,) = [sign for sign in diagnose(FOLDER, replace(FOUND, budgets=[use])) if sign.about == "budgets"]
    assert (sign.level, sign.seen.partition(" is left")[0]) == (
        Level.WARNING,
        "3.0% of the budget of global per day",
    )
    assert [sign.about for sign in bad(FOLDER, parked)] == ["budgets", "budgets"]
