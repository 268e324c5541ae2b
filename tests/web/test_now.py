"""What happens now."""

from __future__ import annotations

import pytest

from router.apikey import Scope
from tests.web.street import EVERY, Browser, Street


async def test_tells_flow_queues_budgets_and_alarms(browser: Browser, street: Street) -> None:
    """Who may see all sees tiers with shares and costs, queues, what is left to spend, and what needs somebody."""
    page = await browser.page("/")

    for heading in ("Through the tiers", "Queues and workers", "Budgets"):
        assert heading in page.text
    assert "global per day" in page.text
    assert "none lives, and 2 tasks not ended" in page.text
    assert "router worker" in page.text
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
    """A key for metrics sees queues and workers; the sums of tenants are for others."""
    async with street.visit(Scope.METRICS) as browser:
        page = await browser.page("/")

    assert "none lives" in page.text
    assert "No task came in the last 24 hours." in page.text


async def test_an_empty_service_says_what_to_do(street: Street) -> None:
    """Somebody who has not begun yet reads how to."""
    async with street.visit(Scope.READ, tenant="newcomer") as browser:
        page = await browser.page("/")

    assert "No task came in the last 24 hours." in page.text
    assert "router task submit" in page.text
    assert "No budget limits what is spent here." in page.text


async def test_everybody_lands_here(street: Street) -> None:
    """Any key that is in use opens the first page, whatever else it may."""
    for scope in EVERY:
        async with street.visit(scope) as browser:
            assert "Now" in (await browser.page("/")).text
