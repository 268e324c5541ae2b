"""What happens now."""

from __future__ import annotations

import pytest

from router.api.caller import ANYBODY
from router.apikey import Scope
from router.budget import Budget
from router.task import TaskState
from router.web.now import LETTERS_MAX, own_dead
from router.web.visitor import Visitor
from tests.web.street import EVERY, TENANT, Browser, Page, Street

SUMS = ("Accepted", "Spent", "No task came", "No budget", "There is no budget")


def untold(page: Page) -> list[str]:
    """What stands there of costs and tasks."""
    return [word for word in SUMS if word in page.text]


async def test_tells_flow_queues_budgets_and_alarms(browser: Browser, street: Street) -> None:
    """Who may see all sees tiers with shares and costs, queues, what is left to spend, and what needs somebody."""
    page = await browser.page("/")

    for heading in ("Through the tiers", "Queues and workers", "Budgets"):
        assert heading in page.text
    assert "global per day" in page.text
    assert "none lives, and 2 tasks not ended" in page.text
    assert "router worker" in page.text
    assert "in use" in page.text
    assert len(page.all("svg", **{"aria-label": "1 accepted, 0 climbed, 2 other"})) == 1
    costs = {found["value"] for found in page.all("data")}
    balance = await street.backend.store.balance()
    assert f"{balance.settled_nusd // 10**9}.{balance.settled_nusd % 10**9:09d}" in costs


@pytest.mark.parametrize("scopes", [(Scope.READ,), (Scope.READ, Scope.SUBMIT, Scope.REVIEW)])
async def test_what_is_of_all_tenants_takes_a_scope(street: Street, scopes: tuple[Scope, ...]) -> None:
    """Without admin or metrics: no workers, no alarms, no global budget; but what one's own task would wait for."""
    async with street.visit(*scopes) as browser:
        page = await browser.page("/")

    assert "What a task of yours would find that came now." in page.text
    assert "Your tasks under way" in page.text
    assert "global" not in page.text
    assert "none lives" not in page.text


async def test_a_scraper_sees_the_service_but_no_costs_of_tenants(street: Street) -> None:
    """A key for metrics sees queues and workers of all tenants; the sums of tenants are for others."""
    async with street.visit(Scope.METRICS) as browser:
        page = await browser.page("/")

    assert "none lives" in page.text
    assert "Wait for a person 1 of all tenants" in page.text
    assert "yours has metrics" in page.text
    assert untold(page) == []
    assert [page.source.count(f'href="{path}"') for path in ("/review", "/dead")] == [0, 0]


async def test_what_a_key_may_not_read_is_not_told_as_nothing(street: Street) -> None:
    """Who may only send tasks reads so, and no figure, queue or budget; the menu and the way out are there."""
    async with street.visit(Scope.SUBMIT, Scope.CANCEL) as browser:
        page = await browser.page("/")

    assert "told to keys with the scope read or admin; yours has cancel, submit" in page.text
    assert untold(page) == []
    assert page.all("dl") == page.all("table") == []
    assert "No policy is published" not in page.text
    assert page.all("nav", **{"aria-label": "Pages"})
    assert "Sign out" in page.text


async def test_a_reviewer_sees_what_waits_for_them(street: Street) -> None:
    """A key that may decide, and nothing else, is told how many tasks it would find, and nothing false."""
    async with street.visit(Scope.REVIEW) as browser:
        page = await browser.page("/")

    assert "Wait for a person 1" in page.text
    assert len(page.all("dt")) == 1
    assert untold(page) == []
    assert "No policy is published" not in page.text


async def test_tiles_say_whose_they_count(street: Street) -> None:
    """What waits for a person, or died, is what the link lists, with that of all tenants beside it."""
    submit = street.backend.client.submit
    doubt, dead = [await submit(name, {"text": name}, tenant="zeta") for name in ("doubts", "broken")]
    await street.work((doubt.id, TaskState.REVIEW), (dead.id, TaskState.DEAD))
    async with street.visit(*EVERY) as browser:
        page = await browser.page("/")
        listed = [await browser.page(path) for path in ("/review", "/dead")]

    assert [len(each.all("a", **{"class": "id"})) for each in listed] == [1, 1]
    assert "Wait for a person 1 of acme; 2 of all tenants" in page.text
    assert "Dead letters 1 of acme; 2 of all tenants" in page.text
    assert "of all tenants ·" in page.text


async def test_an_empty_service_says_what_to_do(street: Street) -> None:
    """Somebody who has not begun yet reads how to."""
    async with street.visit(Scope.READ, tenant="newcomer") as browser:
        page = await browser.page("/")

    assert "No task came in the last 24 hours." in page.text
    assert "router task submit" in page.text
    assert "There is no budget for newcomer alone." in page.text


async def test_everybody_lands_here(street: Street) -> None:
    """Any key that is in use opens the first page, whatever else it may."""
    for scope in EVERY:
        async with street.visit(scope) as browser:
            assert "Now" in (await browser.page("/")).text


async def test_one_tenants_dead_letters_are_not_sought_among_very_many(street: Street) -> None:
    """Each of them would have to be looked at, whenever a page is renewed."""
    visitor = Visitor(ANYBODY, mark="", fresh=False, theme="auto", doors=False)
    told = [await own_dead(visitor, ANYBODY, street.backend, of_all) for of_all in (LETTERS_MAX, LETTERS_MAX + 1)]

    assert told == [0, None]


async def test_a_column_of_budgets_has_as_many_places_throughout(street: Street) -> None:
    """Amounts that differ a thousandfold stand with the same decimals below each other, exact for programs."""
    asked = [{"scope": "global", "usd": 5}, {"scope": f"tenant:{TENANT}", "usd": "0.0012"}]
    await street.backend.store.publish_budgets([Budget.model_validate(each | {"per": "day"}) for each in asked])
    async with street.visit(*EVERY) as browser:
        page = await browser.page("/")

    assert {"$5.000000", "$0.001200"} <= {word.strip() for word in page.words}
    assert page.all("data", value="0.001200000")
