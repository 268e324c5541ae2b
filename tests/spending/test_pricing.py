"""What calls would have cost otherwise."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from router.call import Usage
from router.cost import PriceBook
from router.ledger import Entry, EntryKind
from router.spending.pricing import Pricing, Rungs
from tests.builders import TIERS, a_policy, a_price, a_tier
from tests.test_ledger import a_line

USAGE = Usage(input_tokens=1_000, cached_input_tokens=200, output_tokens=100)
MINI, LARGE = TIERS["mini"].model, TIERS["large"].model
CHEAP = a_price()
DEAR = a_price(input=Decimal("10"), cached_input=Decimal("1"), output=Decimal("40"))
BOOK = PriceBook(prices={MINI: (CHEAP,), LARGE: (DEAR,)})
RUNGS = Rungs(top="large", models={"mini": MINI, "large": LARGE})


def settled(**changes: Any) -> Entry:
    told = {"usage": USAGE, "version": "v1", "model": MINI, "price_since": CHEAP.since, **changes}
    return a_line(EntryKind.SETTLED, "c1", 100, **told)


def pricing(rungs: Rungs | None = RUNGS) -> Pricing:
    known = Pricing(BOOK)
    known.learn("v1", rungs)
    return known


def test_a_task_is_priced_at_its_policys_top_tier() -> None:
    """The tokens of its answer, at the price of that tier's model on the day."""
    assert pricing().top(settled()) == DEAR.of(USAGE)


def test_a_price_that_is_not_in_force_is_none() -> None:
    """Neither a version that nobody knows any more nor a model without a price is taken for free."""
    assert pricing(None).top(settled()) is None
    assert pricing(Rungs("large", {"large": "openai/unknown"})).top(settled()) is None
    assert pricing().top(settled(at_ms=0)) is None
    assert pricing().top(settled(usage=None)) is None


def test_caches_save_what_fresh_input_would_have_cost_more() -> None:
    """By the price at which the call was booked; where that is not known, nothing is claimed."""
    saved = CHEAP.of(USAGE.model_copy(update={"cached_input_tokens": 0})) - CHEAP.of(USAGE)

    assert (pricing().cache_saved(settled()), saved) == (saved, 15_000)
    assert pricing().cache_saved(settled(usage=Usage(input_tokens=9, output_tokens=1))) == 0
    assert pricing().cache_saved(settled(price_since="2020-01-01")) == 0
    assert pricing(None).cache_saved(settled()) == 0


def test_a_version_says_what_its_tiers_are_priced_as() -> None:
    """Stand-ins are priced as the models they stand for, as their calls are booked."""
    tiers = TIERS | {"large": a_tier("large", model="openai/local", price_of=LARGE, simulated=True)}

    published = a_policy().bound_to(tiers).model_dump(mode="json", by_alias=True)

    assert Rungs.of(published) == Rungs("large", {"mini": MINI, "small": TIERS["small"].model, "large": LARGE})


def test_versions_are_learnt_once() -> None:
    """One that is not there any more is not asked for again; lines of before versions have none."""
    known = Pricing(BOOK)

    assert known.unknown([settled(), settled(version="v2"), settled(version="")]) == ["v1", "v2"]
    known.learn("v1", RUNGS)
    known.learn("v2", None)
    assert known.unknown([settled(), settled(version="v2")]) == []
