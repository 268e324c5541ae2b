"""The page of costs: the same sums as everywhere else."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from router.api.caller import ANYBODY
from router.api.costs import counted
from router.apikey import Scope
from router.io.embedded import EmbeddedServer
from router.ledger import EntryKind
from router.report import DIMENSIONS, costs
from router.values import iso
from router.web.costs import TOLD_MAX, over_time
from tests.builders import a_kept, a_settlement, an_intent
from tests.web.street import EVERY, TENANT, Browser, Street, a_street

HOUR_MS = 3_600_000
A_TOP_PRICE = """
prices:
  openai/large-model: [{from: 2024-01-01, input: 10, output: 30, source: a test}]
"""


async def book(
    street: Street, call: str, cost_nusd: int, *, kind: EntryKind = EntryKind.SETTLED, **changes: object
) -> None:
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


@pytest.mark.parametrize(
    ("dear", "said"), [(0, "Saved against always-top"), (10**12, "asking the top tier at once is cheaper")]
)
async def test_a_loss_says_so(server: EmbeddedServer, prefix: str, tmp_path: Path, dear: int, said: str) -> None:
    """Where climbing cost more than the top tier would have, the pages say that it was lost, not saved."""
    (tmp_path / "prices.yaml").write_text(A_TOP_PRICE)
    async with a_street(server.url, prefix, policies=tmp_path) as street, street.visit(*EVERY) as browser:
        await book(street, "dear", dear)
        page, now = await browser.page("/costs"), await browser.page("/")

    assert said in page.text
    assert ("Lost against always-top" in page.text, "Lost against always-top" in now.text) == (dear > 0, dear > 0)
    assert ("Saved against always-top" in page.text) == (not dear)


async def test_what_belongs_to_no_attempt_is_told(street: Street) -> None:
    """Money for a call of which no attempt tells is named beside the figures; where there is none nothing is said."""
    said = "of what was spent belongs to no attempt"
    async with street.visit(Scope.ADMIN) as browser:
        assert said not in (await browser.page("/costs?by=policy")).text
        await book(street, "lost", 123_456_789)
        page = await browser.page("/costs?by=policy")

    assert f"$0.123457 {said}" in page.text
    assert page.all("data", value="0.123456789")


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
    async with street.visit(Scope.ADMIN) as browser:
        page = await browser.page("/costs?by=policy")
    seen = await counted(street.backend, ANYBODY, since_s=86_400)
    now_ms = await street.backend.client.now_ms()
    ranked, hourly = costs(seen.changes, ["policy"]), costs(seen.changes, ["policy"], bucket_ms=HOUR_MS)
    over = over_time(hourly, "policy", ranked, since_ms=seen.since_ms, now_ms=now_ms, bucket_ms=HOUR_MS)

    assert over.groups[-1] == "all others"
    assert len(over.groups) == TOLD_MAX + 1
    assert sum(map(sum, over.amounts)) == sum(row.cost_nusd for row in ranked)
    assert iso(over.begins[-1]) <= iso(now_ms)
    assert "all others" in page.text
