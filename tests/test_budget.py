"""Budgets as values: their scopes, their windows, and which of them counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from router.budget import TOLD_MAX, Budget, Budgets, BudgetUse, Per, applying, balance_names, scopes, tightest, window


def a_budget(scope: str = "global", usd: str = "5", per: str = "day", **changes: Any) -> Budget:
    return Budget.model_validate({"scope": scope, "usd": usd, "per": per, **changes})


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    "scope", ["global", "tenant:acme", "tenant:Acme-Corp_1", "tenant:*", "policy:receipts", "tier:*"]
)
def test_these_are_scopes(scope: str) -> None:
    """Everything, one of a kind, or each of a kind."""
    assert a_budget(scope).scope == scope


@pytest.mark.parametrize(
    "scope", ["", "all", "tenant", "tenant:", "tenant:a b", "tenant:a:b", "policy:Receipts", "model:x"]
)
def test_other_scopes_are_refused(scope: str) -> None:
    """A scope that nobody counts in would limit nothing, and says what there is instead."""
    with pytest.raises(ValidationError, match=r"write global, or tenant:, policy:, tier: or audit:"):
        a_budget(scope)


def test_a_limit_is_never_widened() -> None:
    """Fractions of a nano-dollar are cut off."""
    assert a_budget(usd="0.0000000019").limit_nusd == 1


@pytest.mark.parametrize(
    ("per", "start", "end"),
    [
        ("minute", "2028-02-29T23:59", "2028-03-01T00:00"),
        ("hour", "2028-02-29T23:00", "2028-03-01T00:00"),
        ("day", "2028-02-29T00:00", "2028-03-01T00:00"),
        ("week", "2028-02-28T00:00", "2028-03-06T00:00"),
        ("month", "2028-02-01T00:00", "2028-03-01T00:00"),
    ],
)
def test_windows_are_those_of_the_calendar(per: Per, start: str, end: str) -> None:
    """A window begins where the calendar says, in UTC, with weeks from Monday, and leap days are days."""
    held = window(per, at("2028-02-29T23:59:30"))

    assert (held.start_ms, held.end_ms) == (at(start), at(end))


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["minute", "hour", "day", "week", "month"]),
)
def test_each_moment_is_in_one_window(moment: datetime, per: Per) -> None:
    """Windows follow each other without a gap: the next one begins where this one ends."""
    now_ms = int(moment.timestamp() * 1000)
    held = window(per, now_ms)

    assert held.start_ms <= now_ms < held.end_ms
    assert window(per, held.end_ms).start_ms == held.end_ms
    assert window(per, held.start_ms) == held


def test_the_named_scope_counts_instead_of_each() -> None:
    """What is said of one tenant replaces what is said of all, for the same window only."""
    every_day, every_month = a_budget("tenant:*", "5"), a_budget("tenant:*", "50", "month")
    own = a_budget("tenant:acme", "9")

    assert applying([every_day, every_month, own], "tenant:acme") == [own, every_month]
    assert applying([own, every_day, every_month], "tenant:bolt") == [every_day, every_month]
    assert applying([own, every_day], "global") == []


def test_a_month_is_made_of_its_days_so_far() -> None:
    """The balances of a long window are those of its days up to today; a short one has its own."""
    now_ms = at("2027-03-03T10:20:30")
    day = at("2027-03-03T00:00") // 86_400_000

    assert balance_names("global", "month", window("month", now_ms), now_ms) == [
        f"global:d{day + i}" for i in (-2, -1, 0, 1)
    ]
    assert balance_names("global", "day", window("day", now_ms), now_ms) == [f"global:d{day}"]
    assert balance_names("tier:mini", "hour", window("hour", now_ms), now_ms) == [f"tier:mini:h{now_ms // 3_600_000}"]


def test_a_call_counts_in_four_scopes() -> None:
    """Everything, its tenant, its policy and its tier; an audit counts for no tenant, and apart from its policy."""
    assert scopes(tenant=":audit", policy="receipts", tier="large", why="audit") == (
        "global",
        "audit:receipts",
        "tier:large",
    )
    assert scopes(tenant="acme", policy="receipts", tier="mini", why="first") == (
        "global",
        "tenant:acme",
        "policy:receipts",
        "tier:mini",
    )


def test_two_budgets_of_one_window_are_refused() -> None:
    """One of them would be forgotten; different windows of a scope stand beside each other."""
    Budgets(budgets=(a_budget(per="day"), a_budget(per="month")))
    with pytest.raises(ValidationError, match="global has a budget per day already"):
        Budgets(budgets=(a_budget(usd="5"), a_budget(usd="6")))


def test_windows_of_all_days_agree_with_the_calendar() -> None:
    """Month by month over a leap cycle: as many days as the calendar has."""
    day, lengths = datetime(2027, 1, 1, tzinfo=UTC), []
    for _ in range(48):
        held = window("month", int(day.timestamp() * 1000))
        lengths.append((held.end_ms - held.start_ms) // 86_400_000)
        day += timedelta(days=lengths[-1])
    assert lengths[:12] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert (sum(lengths), lengths[13]) == (1461, 29)


@pytest.mark.parametrize(("usd", "used_usd", "share"), [("4", 1, 0.25), ("4", 5, 1.25), ("0", 0, 1.0)])
def test_what_is_used_is_a_share_of_the_limit(usd: str, used_usd: int, share: float) -> None:
    """More than all of it where more was charged than reserved; of nothing all is used."""
    use = BudgetUse("global", a_budget(usd=usd), window("day", at("2026-11-20T12:00")), used_usd * 10**9)

    assert use.used_share == share


def test_the_tightest_budgets_stand_first() -> None:
    """Those of which most is used, and of ten thousand tenants' only so many."""
    daily, today = a_budget("tenant:*", usd="1"), window("day", at("2026-11-20T12:00"))
    uses = [BudgetUse(f"tenant:{n:05}", daily, today, n * 200_000) for n in range(10_000)]

    told = tightest(uses)

    assert [use.scope for use in told[:2]] == ["tenant:09999", "tenant:09998"]
    assert (told[0].used_share, len(told)) == (1.9998, TOLD_MAX)
