"""Tasks, newest first, and the way of each."""

from __future__ import annotations

import pytest

from router.apikey import Scope
from router.web.shown import moment
from tests.web.street import EVERY, HOSTILE, LONG, Browser, Street


def listed(page: object) -> list[str]:
    return [found["href"].removeprefix("/tasks/") for found in page.all("a", **{"class": "id"})]  # type: ignore[attr-defined]


async def test_newest_first(browser: Browser, street: Street) -> None:
    """In the order in which they came, the last one first."""
    assert listed(await browser.page("/tasks")) == [street.owned[s] for s in ("ready", "dead", "review", "succeeded")]


@pytest.mark.parametrize(
    ("asked", "states"),
    [
        ("status=dead", ["dead"]),
        ("policy=doubts", ["review"]),
        ("policy=receipts&status=ready", ["ready"]),
        ("since=2099-01-01T00:00", []),
        ("until=2020-01-01T00:00", []),
        ("since=2020-01-01T00:00&until=2099-01-01&status=review", ["review"]),
    ],
)
async def test_the_server_filters(browser: Browser, street: Street, asked: str, states: list[str]) -> None:
    """By status, policy and when they came; the form keeps what was asked."""
    page = await browser.page(f"/tasks?{asked}")

    assert listed(page) == [street.owned[state] for state in states]
    assert states or "No task is like that." in page.text
    if "status=dead" in asked:
        assert [found for found in page.all("option") if "selected" in found] == [{"selected": None}]


async def test_tags_take_the_scope_to_read(street: Street) -> None:
    """They are a caller's words: who may not read contents has no such field, and cannot ask by the address either."""
    client = street.backend.client
    tagged = await client.submit("receipts", {"text": "a"}, tenant="tagging", metadata={"tags": ["mail"]})
    await client.submit("receipts", {"text": "b"}, tenant="tagging")
    async with street.visit(Scope.READ, tenant="tagging") as browser:
        read = await browser.page("/tasks?tag=mail")
    async with street.visit(Scope.ADMIN, tenant="tagging") as browser:
        counted = await browser.page("/tasks?tag=mail")

    assert (listed(read), read.all("input", name="tag")[0]["value"]) == ([tagged.id], "mail")
    assert (len(listed(counted)), counted.all("input", name="tag")) == (2, [])


async def test_goes_on_page_by_page(street: Street) -> None:
    """Nothing is there twice, nothing is left out, and the last page says that it is."""
    client = street.backend.client
    await client.submit_many("receipts", [{"text": f"{n}"} for n in range(60)], tenant="many")
    async with street.visit(Scope.READ, tenant="many") as browser:
        first = await browser.page("/tasks?policy=receipts")
        (older,) = first.all("a", rel="next")
        second = await browser.page(older["href"] or "")

    assert "policy=receipts" in (older["href"] or "")
    assert (len(listed(first)), len(listed(second))) == (50, 10)
    assert len({*listed(first), *listed(second)}) == 60
    assert second.all("a", rel="next") == []


async def test_tells_the_way_of_a_task(browser: Browser, street: Street) -> None:
    """What was asked, each attempt with its findings and its cost, and what was done then."""
    page = await browser.page(f"/tasks/{street.owned['review']}")

    assert "1. mini first" in page.text
    assert "is below 0.8" in page.text
    assert "→ review" in page.text
    assert "openai/mini-model" in page.text
    assert next(found["value"] for found in page.all("data")) == "0.000210000"
    assert page.all("a", href=f"/review/{street.owned['review']}")


async def test_contents_take_their_scope(street: Street) -> None:
    """Without read or review one sees how a task went and what it cost, but not a word of it."""
    async with street.visit(Scope.ADMIN) as browser:
        pages = {s: await browser.page(f"/tasks/{task}") for s, task in street.owned.items()}
        lists = [await browser.page("/tasks"), await browser.page("/dead")]

    for page in (*pages.values(), *lists):
        assert "<script>alert" not in page.text
        assert LONG[:50] not in page.source
        assert "no tier is left" not in page.text
    assert "1. mini first" in pages["review"].text
    assert "told to keys with the scope read" in pages["dead"].text
    assert "$0.000210" in pages["review"].text


async def test_contents_that_were_erased_are_gone(street: Street) -> None:
    """The page says when, and what is left."""
    await street.backend.client.erase(street.owned["succeeded"])
    async with street.visit(*EVERY) as browser:
        page = await browser.page(f"/tasks/{street.owned['succeeded']}")

    assert "Contents erased" in page.text
    assert HOSTILE[:25] not in page.text
    assert "$0.000210" in page.text


async def test_an_empty_list_says_what_to_do(street: Street) -> None:
    """A tenant without tasks reads how to send one."""
    async with street.visit(Scope.READ, tenant="newcomer") as browser:
        page = await browser.page("/tasks")

    assert "No task is like that." in page.text
    assert "router task submit" in page.text


@pytest.mark.parametrize("address", ["/tasks", "/dead", "/review"])
async def test_an_empty_list_says_whose_it_is(street: Street, address: str) -> None:
    """Who sees the sums of all tenants is told why their tasks are not here."""
    async with street.visit(Scope.READ, Scope.ADMIN, tenant="empty") as browser:
        staff = await browser.page(address)
    async with street.visit(Scope.READ, tenant="empty") as browser:
        caller = await browser.page(address)

    assert "These are tasks of empty. Those of another tenant are shown to its own keys" in staff.text
    assert "another tenant" not in caller.text


async def test_a_task_in_review_ends_when_its_review_says(browser: Browser, street: Street) -> None:
    """Not at the deadline, which held while tiers were asked: both pages tell the same end."""
    task_id = street.owned["review"]
    task, review = await browser.page(f"/tasks/{task_id}"), await browser.page(f"/review/{task_id}")
    record = await street.backend.client.read(task_id)
    end = moment(record.trail[-1].ended_ms + 604_800_000)

    assert f"Ends by itself {end}" in task.text
    assert f"ends by itself {end}" in review.text
    assert "Deadline" not in task.text
    assert "Deadline" in (await browser.page(f"/tasks/{street.owned['ready']}")).text
