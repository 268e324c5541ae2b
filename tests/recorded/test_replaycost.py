"""What recorded tasks cost, and how much more it may have been."""

from __future__ import annotations

from datetime import date
from typing import Any

from router.cost import PriceBook
from router.recorded.recording import LoggedReply, Recording
from router.recorded.replaycost import Account, cost_of, dearest
from router.recorded.replayed import Missing, Range
from tests.builders import TIERS, a_policy, a_price

NONE = PriceBook(prices={})
PRICES = PriceBook(prices={TIERS["mini"].model: (a_price(), a_price(**{"from": "2026-01-01", "input": "0.30"}))})
COUNTED = {"output": 1, "usage": {"input_tokens": 1000, "output_tokens": 100}}
ASKING = a_policy(
    checks=[{"check": "agreement"}, {"check": "judge", "tier": "large", "question": "Right?", "tiers": ["mini"]}],
    tiers=["mini", {"tier": "small", "attempts": 2}],
)
MOST = {"mini": 1, "small": 10, "large": 100}


def a_reply(**told: Any) -> LoggedReply:
    return LoggedReply.model_validate({"output": 1} | told)


def an_account(**most: int) -> Account:
    recording = Recording.model_validate({"id": "t1", "input": {}, "replies": {}})
    return Account(ASKING, recording, NONE, most)


def test_a_cost_that_is_told_counts() -> None:
    """What the log says of a cost is exact, whatever its tokens would come to."""
    reply = a_reply(**COUNTED, cost_usd="0.000021")

    assert cost_of(reply, TIERS["mini"], PRICES, date.max) == 21_000


def test_costs_follow_from_tokens() -> None:
    """Without a cost the tokens are priced as of the day; without tokens or a price nobody knows."""
    priced = [cost_of(a_reply(**COUNTED), TIERS["mini"], PRICES, date(year, 6, 1)) for year in (2025, 2026)]

    assert priced == [210_000, 360_000]
    assert cost_of(a_reply(), TIERS["mini"], PRICES, date.max) is None
    assert cost_of(a_reply(**COUNTED), TIERS["mini"], NONE, date.max) is None
    assert cost_of(a_reply(**COUNTED), None, PRICES, date.max) is None


def test_finds_the_dearest_reply_of_each_tier() -> None:
    """What is not told counts as nothing here."""
    replies = [{"mini": [{"output": 1, "cost_usd": "0.1"}, {"output": 1}]}, {"mini": {"output": 1, "cost_usd": "0.3"}}]
    log = [Recording.model_validate({"id": "t", "input": {}, "replies": each}) for each in replies]

    assert dearest(log) == {"mini": 300_000_000}


def test_an_untold_cost_lies_between_nothing_and_the_dearest() -> None:
    """What is missing is named; the bound is that of the tier that was asked, else what a task may cost."""
    account, unbounded = an_account(**MOST), an_account()

    calls = [
        account.reply("mini", a_reply()),
        *(account.consulted("mini", a_reply(), c) for c in ASKING.asking("mini")),
    ]
    calls_unbounded = [unbounded.reply("mini", a_reply())]

    assert account.missing == [
        Missing("cost", "mini"),
        Missing("cost", "mini", "agreement"),
        Missing("cost", "large", "judge"),
    ]
    assert account.total(calls, None) == Range(0, 1 + 1 + 100)
    assert unbounded.total(calls_unbounded, None) == Range(0, ASKING.limits.cost_nusd)


def test_doubts_are_part_of_the_most() -> None:
    """A call of unknown outcome cost nothing, or up to its bound; a failure that says nothing cost nothing."""
    account = an_account(**MOST)

    lost = account.reply("mini", LoggedReply.model_validate({"failure": "timeout", "doubt_usd": "0.000009"}))
    failed = account.reply("mini", LoggedReply.model_validate({"failure": "auth"}))

    assert account.total([lost, failed], None) == Range(0, 9_000)
    assert account.missing == []


def test_an_open_end_may_cost_the_rest_of_the_way() -> None:
    """Every attempt that is left at the dearest reply, with what its checks ask; never more than the task may cost."""
    paid = an_account(**MOST).reply("mini", a_reply(cost_usd="0.000000005"))

    assert an_account(**MOST).total([paid], "small") == Range(5, 5 + 2 * (10 + 10))
    assert an_account(**MOST).total([paid], "mini") == Range(5, 5 + (1 + 1 + 100) + 2 * (10 + 10))
    assert an_account().total([paid], "mini") == Range(5, ASKING.limits.cost_nusd)
