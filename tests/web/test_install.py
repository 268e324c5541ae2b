"""The dashboard as a part of an application."""

from __future__ import annotations

from router.apikey import CHANCE_BYTES, Limits, Scope, Token
from router.io.commands.key import KeyCommands, Wish
from router.web.page import HEADERS
from tests.web.street import EVERY, Street


async def test_pages_and_api_live_side_by_side(street: Street) -> None:
    """The service's own routes are as they were: a cookie opens no API, and a bearer key no page."""
    key = await street.key(*EVERY)
    async with street.stranger() as browser:
        await browser.sign_in(key.text)
        page, api = await browser.get("/tasks"), await browser.get("/v1/tasks")
    async with street.stranger() as other:
        bearer = {"authorization": f"Bearer {key.text}"}
        told = await other.http.get("/v1/tasks", headers=bearer)
        shown = await other.http.get("/tasks", headers=bearer)

    assert (page.status_code, api.status_code) == (200, 401)
    assert (told.status_code, shown.status_code) == (200, 303)
    assert told.headers["content-type"] == "application/json"


async def test_the_tenants_limit_counts_for_pages(street: Street) -> None:
    """Whoever may send so many requests a minute does not get more of them by a browser."""
    token = Token.made_of(b"k" * CHANCE_BYTES)
    commands = KeyCommands(prefix=street.backend.settings.prefix)
    wish = Wish("slow", (Scope.READ,), limits=Limits(requests_per_minute=2))
    await street.backend.link.run(commands.create(token, wish))
    async with street.stranger() as browser:
        await browser.sign_in(token.text)
        answers = [await browser.get("/tasks") for _ in range(3)]

    assert [answer.status_code for answer in answers].count(429) >= 1
    assert "retry-after" in answers[-1].headers
    assert answers[-1].headers["content-type"].startswith("text/html")


async def test_an_address_that_only_takes_forms_is_told_in_a_page(street: Street) -> None:
    """Who types it reads that it is no page, under the rules of every page; programs get a problem."""
    async with street.visit(*EVERY) as browser:
        page = await browser.http.get("/signout", headers={"accept": "text/html"})
        problem = await browser.http.get("/signout", headers={"accept": "application/json"})

    assert (page.status_code, page.headers["allow"]) == (405, "POST")
    assert page.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert "there is no page /signout" in page.text
    assert problem.headers["content-type"] == "application/problem+json"
