"""The page of costs: the same sums as everywhere else."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from router.api.caller import ANYBODY
from router.api.costs import counted
from router.apikey import Scope
from router.decision import Accept
from router.io.embedded import EmbeddedServer
from router.ledger import EntryKind
from router.spending.report import DIMENSIONS, costs
from router.values import iso
from router.web.costs import TOLD_MAX, over_time
from tests.builders import a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent
from tests.web.street import EVERY, TENANT, Browser, Page, Street, a_street

HOUR_MS = 3_600_000
PAID = an_attempt(1, "mini", calls=(a_kept(an_intent(), a_settlement(cost_nusd=840)).spent,))
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


async def test_what_was_paid_earlier_is_no_negative_amount(street: Street) -> None:
    """Attempts whose calls count before the time that is shown are told in a sentence of their own."""
    store = street.backend.store
    await store.submit([a_submission("early", tenant="newcomer")])
    claims = await store.claim({"mini": 100}, at_most=100, token="worker")
    claim = next(claim for claim in claims if claim.task.id == "early")
    await store.finish(claim, a_policy(), PAID, Accept(PAID))
    async with street.visit(Scope.READ, tenant="newcomer") as browser:
        page = await browser.page("/costs?by=policy")

    assert "of what attempts cost that were judged in this time was paid earlier" in page.text
    assert page.all("data", value="0.000000840")
    assert "of what was spent belongs to no attempt" not in page.text


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
    over = over_time(hourly, ["policy"], ranked, since_ms=seen.since_ms, now_ms=now_ms, bucket_ms=HOUR_MS)

    assert over.groups[-1] == "all others"
    assert len(over.groups) == TOLD_MAX + 1
    assert sum(map(sum, over.amounts)) == sum(row.cost_nusd for row in ranked)
    assert iso(over.begins[-1]) <= iso(now_ms)
    assert "all others" in page.text


@pytest.mark.parametrize(("by", "then"), [("policy", "tier"), ("tier", "tenant"), ("verdict", "policy")])
async def test_sums_by_two_dimensions_are_those_of_the_api(street: Street, by: str, then: str) -> None:
    """Each row has both names and, exactly, the cost and the waste that `/v1/costs` says; the file has both columns."""
    await book(street, "odd", 123_456_789)
    await book(street, "dear", 999_999_999, tier="large")
    key = await street.key(Scope.ADMIN)
    async with street.stranger() as browser:
        await browser.sign_in(key.text)
        page = await browser.page(f"/costs?by={by}&then={then}")
        file = await browser.get(f"/costs.csv?by={by}&then={then}")
        asked = {"by": f"{by},{then}"}
        told = await browser.http.get("/v1/costs", params=asked, headers={"authorization": f"Bearer {key.text}"})

    rows = [(row["group"][by], row["group"][then], row["cost_usd"], row["waste_usd"]) for row in told.json()["data"]]
    assert len(rows) >= 2
    assert lines(page) == rows
    hourly = list(csv.DictReader(io.StringIO(file.text)))
    assert {(row[by].lstrip("'"), row[then]) for row in hourly} == {row[:2] for row in rows}
    assert sum(nusd(row["cost_usd"]) for row in hourly) == sum(nusd(cost) for *_, cost, _ in rows)
    assert f"costs-by-{by}-{then}-24h.csv" in file.headers["content-disposition"]


def lines(page: Page) -> list[tuple[str, str, str, str]]:
    """Both names, the cost and the waste of each line of the last table."""
    body = page.source.rpartition("<tbody>")[2].partition("</tbody>")[0]
    found = []
    for line in body.split("<tr>")[1:]:
        first, second = re.findall(r"<th scope=\"row\">(.*?)</th>\s*<td>(.*?)</td>", line)[0]
        amounts = re.findall(r'<td class="n[^"]*">(?:<data value="([^"]+)"|–)', line)
        found.append((first, second, amounts[0], amounts[2]))
    return found


async def test_what_a_policy_wasted_where_and_for_whom(street: Street) -> None:
    """Narrowed to a policy, figures, rows and file hold that policy's alone, and its attempts' waste by tier."""
    await book(street, "other", 123_456_789)
    async with street.visit(Scope.ADMIN) as browser:
        page = await browser.page("/costs?by=tier&then=tenant&policy=broken")
        (link,) = [found["href"] or "" for found in page.all("a") if (found["href"] or "").startswith("/costs.csv")]
        file = (await browser.get(link)).text
        none = await browser.page("/costs?policy=nowhere")

    assert lines(page) == [("mini", TENANT, "0.000210000", "0.000210000")]
    assert [(row["tier"], row["tenant"], row["waste_usd"]) for row in csv.DictReader(io.StringIO(file))] == [
        ("mini", TENANT, "0.000210000")
    ]
    assert not page.all("data", value="0.123456789")
    assert {found["value"] for found in page.all("option") if "selected" in found} == {
        "tier",
        "tenant",
        "24h",
        "broken",
    }
    assert "Nothing was booked in this time." in none.text


@pytest.mark.parametrize("asked", ["then=shoe", "by=", "by=tier&then=tier,policy"])
async def test_there_are_no_other_dimensions(browser: Browser, asked: str) -> None:
    """What nothing is counted by is refused, with what there is."""
    answer = await browser.get(f"/costs?{asked}")

    assert answer.status_code == 422
    assert "costs are told by tier, policy" in answer.text


async def test_the_same_dimension_twice_is_once(browser: Browser) -> None:
    """A table does not tell the same name in two columns."""
    page = await browser.page("/costs?by=tier&then=tier")

    assert "By tier" in page.text
    assert "then tier" not in page.text
