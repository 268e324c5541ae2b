"""The page of costs: the same sums as everywhere else."""

from __future__ import annotations

import csv
import io

import pytest

from router.api.costs import counted
from router.apikey import Scope
from router.ledger import EntryKind
from router.report import DIMENSIONS, costs
from router.values import iso
from router.web.costs import TOLD_MAX, over_time
from tests.builders import a_kept, a_settlement, an_intent
from tests.web.street import EVERY, TENANT, Browser, Street

HOUR_MS = 3_600_000


async def book(street: Street, call: str, cost_nusd: int, *, kind: EntryKind = EntryKind.SETTLED, **changes: object) -> None:
    intent, settlement = an_intent(call, tenant=TENANT, **changes), a_settlement(kind, cost_nusd)
    await street.backend.store.resolve(intent, settlement, a_kept(intent, settlement))


@pytest.mark.parametrize("by", DIMENSIONS)
async def test_page_file_and_api_agree_to_the_nano_dollar(street: Street, by: str) -> None:
    """By every dimension the page holds, exactly, what `/v1/costs` says, and the hours of the file add up to it."""
    await book(street, "odd", 123_456_789)
    await book(street, "lost", 0, kind=EntryKind.UNSETTLED)
    key = await street.key(Scope.READ)
    async with street.stranger() as browser:
        await browser.sign_in(key.text)
        page = await browser.page(f"/costs?by={by}")
        file = (await browser.get(f"/costs.csv?by={by}")).text
        told = await browser.http.get("/v1/costs", params={"by": by}, headers={"authorization": f"Bearer {key.text}"})

    rows = told.json()["data"]
    amounts = {found["value"] for found in page.all("data")}
    assert rows
    assert {row["cost_usd"] for row in rows} | {row["waste_usd"] for row in rows} <= amounts
    assert {row["doubt_usd"] for row in rows} <= amounts
    assert sum(nusd(row["cost_usd"]) for row in csv.DictReader(io.StringIO(file))) == sum(
        nusd(row["cost_usd"]) for row in rows
    )
    assert sum(nusd(row["cost_usd"]) for row in rows) > 123_456_789


def nusd(usd: str) -> int:
    return int(usd.replace(".", ""))


async def test_a_loss_says_so(street: Street) -> None:
    """Where climbing cost more than the top tier would have, the page says that it was lost."""
    await book(street, "dear", 10**12)
    async with street.visit(*EVERY) as browser:
        page = await browser.page("/costs")
        now = await browser.page("/")
        assert street.app.state.witness is not None

    if "no price to compare with" not in page.text:
        assert "Lost against always-top" in page.text
        assert "Lost against always-top" in now.text
    assert "$1,000" in page.text


async def test_simulated_costs_say_so(street: Street) -> None:
    """Costs of the demo's models are named so on every page that shows money."""
    await book(street, "pretended", 1000, simulated=True)
    async with street.visit(*EVERY) as browser:
        for path in ("/", "/costs", "/policies", "/policies/receipts"):
            assert "Simulated costs." in (await browser.page(path)).text, path


async def test_real_costs_do_not(browser: Browser) -> None:
    """What was really charged is not called simulated."""
    assert "Simulated costs." not in (await browser.page("/costs")).text


async def test_nothing_booked_says_what_to_do(street: Street) -> None:
    """A tenant without costs is told so, and how to come by some."""
    async with street.visit(Scope.READ, tenant="newcomer") as browser:
        page = await browser.page("/costs")

    assert "Nothing was booked in this time." in page.text
    assert "router task submit" in page.text
    assert page.all("svg", **{"class": "chart"}) == []


async def test_the_chart_is_a_picture_with_a_table_behind_it(browser: Browser) -> None:
    """It has a name for who cannot see it, brings no style or script, and each of its numbers stands in the table."""
    page = await browser.page("/costs?by=tier")
    (chart,) = page.all("svg", **{"class": "chart"})

    assert chart["role"] == "img"
    assert "the table below" in (chart["aria-label"] or "")
    assert {"The numbers behind it", "mini"} <= {word.strip() for word in page.words}


async def test_only_admins_see_other_tenants(street: Street) -> None:
    """With the scope admin all tenants' sums, or one's by name; without it nobody else's."""
    await book(street, "mine", 5_000_000_000)
    async with street.visit(Scope.READ, tenant="zeta") as browser:
        assert "Nothing was booked" in (await browser.page("/costs")).text
        assert (await browser.get(f"/costs?tenant={TENANT}")).status_code == 403
    async with street.visit(Scope.ADMIN, tenant="zeta") as browser:
        assert TENANT in (await browser.page("/costs?by=tenant")).text
        assert "Nothing was booked" in (await browser.page("/costs?tenant=zeta")).text


async def test_groups_beyond_a_few_stand_together(street: Street) -> None:
    """A chart tells the dearest groups apart and sums up the others: nothing is lost."""
    for number in range(TOLD_MAX + 3):
        await book(street, f"call-{number}", 1000 + number, policy=f"policy-{number}", task=f"t{number}")
    key = await street.key(Scope.ADMIN, Scope.READ)
    async with street.stranger() as browser:
        await browser.sign_in(key.text)
        page = await browser.page("/costs?by=policy")
    caller = await street.app.state.door.let_in(_Request(), key.text)
    seen = await counted(street.backend, caller, since_s=86_400)
    now_ms = await street.backend.client.now_ms()
    ranked, hourly = costs(seen.changes, ["policy"]), costs(seen.changes, ["policy"], bucket_ms=HOUR_MS)
    over = over_time(hourly, "policy", ranked, since_ms=seen.since_ms, now_ms=now_ms, bucket_ms=HOUR_MS)

    assert over.groups[-1] == "all others"
    assert len(over.groups) == TOLD_MAX + 1
    assert sum(map(sum, over.amounts)) == sum(row.cost_nusd for row in ranked)
    assert iso(over.begins[-1]) <= iso(now_ms)
    assert "all others" in page.text


class _Request:
    """As much of a request as pacing looks at."""

    scope: dict[str, object] = {}
