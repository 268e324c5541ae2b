"""The dashboard in a real browser: both themes, a phone, the keyboard alone, without scripts, and for everybody."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from router.apikey import Scope
from router.io.embedded import EmbeddedServer
from router.task import TaskState
from tests.api.served import served
from tests.web.street import EVERY, Street, a_street

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on PATH; install it to run these")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
}
ABORTED = "net::ERR_ABORTED"
"""What becomes of requests, such as for a small picture, when somebody goes on to the next page."""
PATIENCE_S = 100
"""Then the browser is closed: scripts on a page have no time limit of their own, and a test must fail, not hang."""
SERIOUS = {"serious", "critical"}


@pytest.fixture
async def address(street: Street) -> AsyncIterator[str]:
    """The service behind a real socket."""
    async with served(street.app) as url:
        yield url


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        loop = asyncio.get_running_loop()
        watchdog = loop.call_later(PATIENCE_S, lambda: asyncio.ensure_future(browser.close()))
        yield browser
        watchdog.cancel()
        await asyncio.wait_for(browser.close(), 10)


async def entered(street: Street, address: str, chromium: Browser, *scopes: Scope, **look: Any) -> Page:
    """A page of a browser that has signed in by its cookie."""
    context: BrowserContext = await chromium.new_context(base_url=address, **look)
    key = await street.key(*(scopes or EVERY))
    await context.add_cookies([{"name": "router-key", "value": key.text, "url": address}])
    return await context.new_page()


@pytest.mark.parametrize("look", LOOKS)
async def test_every_page_is_clean(street: Street, address: str, chromium: Browser, look: str) -> None:
    """Nothing runs that a task brought, nothing is refused by the page's own policy, nothing sticks out sideways."""
    page = await entered(street, address, chromium, **LOOKS[look])
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text))
    page.on("pageerror", lambda why: wrong.append(str(why)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on("requestfailed", lambda request: wrong.append(request.url) if request.failure != ABORTED else None)
    for path in street.pages:
        answer = await page.goto(path, wait_until="load")

        assert answer is not None
        assert answer.status == 200, path
        assert wrong == [], path
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_serious(street: Street, address: str, chromium: Browser, look: str) -> None:
    """Names, contrasts, landmarks, labels, roles: by the rules of WCAG that a program can judge."""
    page = await entered(street, address, chromium, bypass_csp=True, **LOOKS[look])
    for path in (*street.pages, "/tasks/none"):
        await page.goto(path)
        found = (await Axe().run(page)).response["violations"]

        told = [
            (each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found if each["impact"] in SERIOUS
        ]
        assert told == [], path


async def test_the_menu_is_whole_on_a_phone(street: Street, address: str, chromium: Browser) -> None:
    """Every page of the menu can be read and touched without pushing it sideways, in one line."""
    page = await entered(street, address, chromium, **LOOKS["phone"])
    for path in ("/", "/dead", "/review", "/tasks/none"):
        await page.goto(path)
        lines = await page.evaluate("new Set([...document.querySelectorAll('nav a')].map(a => a.offsetTop)).size")

        assert await page.evaluate("(nav => nav.scrollWidth <= nav.clientWidth)(document.querySelector('nav ul'))"), (
            path
        )
        assert lines == 1, path


async def test_commands_are_not_broken_at_their_dashes(street: Street, address: str, chromium: Browser) -> None:
    """Each option of a command stands in one line, on the page to sign in at and where there is nothing yet."""
    context = await chromium.new_context(base_url=address, **LOOKS["phone"])
    page = await context.new_page()
    await page.goto("/signin")
    rows = await page.evaluate("[...document.querySelectorAll('code .nowrap')].map(o => o.getClientRects().length)")

    assert rows == [1, 1, 1]
    assert await page.locator("input[autocomplete=username]").count() == 1
    assert not await page.locator("input[autocomplete=username]").is_visible()


async def test_the_door_is_for_everybody(street: Street, address: str, chromium: Browser) -> None:
    """The page to sign in at is as good as the others, also when the key was wrong."""
    for look in LOOKS.values():
        context = await chromium.new_context(base_url=address, bypass_csp=True, **look)
        page = await context.new_page()
        await page.goto("/signin")
        clean = (await Axe().run(page)).response["violations"]
        await page.get_by_label("API key").fill("wrong")
        await page.keyboard.press("Enter")
        await page.get_by_role("alert").wait_for()
        told = (await Axe().run(page)).response["violations"]

        assert [each["id"] for each in (*clean, *told) if each["impact"] in SERIOUS] == []


async def test_the_keyboard_is_enough(street: Street, address: str, chromium: Browser) -> None:
    """One signs in, finds what waits, corrects it and is told of a mistake, without a mouse; focus can be seen."""
    context = await chromium.new_context(base_url=address)
    page = await context.new_page()
    await page.goto("/review")
    await page.keyboard.type((await street.key(*EVERY)).text)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/review")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    await _tab_to(page, f"a[href='/review/{street.owned['review']}']")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/review/*")
    await _tab_to(page, "textarea")
    await page.keyboard.press("Control+A")
    await page.keyboard.type('{"merchant": 7}')
    await _tab_to(page, "button[value=correct]")
    await page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    await alert.wait_for()
    assert "does not meet the schema" in await alert.inner_text()
    assert await page.locator("textarea").input_value() == '{"merchant": 7}'
    await _tab_to(page, "textarea")
    await page.keyboard.press("Control+A")
    await page.keyboard.type('{"merchant": "ACME", "total": 7}')
    await _tab_to(page, "button[value=correct]")
    await page.keyboard.press("Enter")
    await page.get_by_role("status").wait_for()

    record = await street.backend.client.read(street.owned["review"])
    assert (record.state, record.output) == (TaskState.SUCCEEDED, {"merchant": "ACME", "total": 7})


async def _tab_to(page: Page, selector: str) -> None:
    """Go there by the tab key alone, in at most a hundred steps; each stop on the way can be seen."""
    for _ in range(100):
        await page.keyboard.press("Tab")
        seen = await page.evaluate(
            "(wanted) => [document.activeElement.matches(wanted),"
            " getComputedStyle(document.activeElement).outlineStyle !== 'none']",
            selector,
        )
        assert seen[1], await page.evaluate("document.activeElement.outerHTML")
        if seen[0]:
            return
    raise AssertionError(f"the tab key does not lead to {selector}")


async def test_without_scripts_all_is_there(street: Street, address: str, chromium: Browser) -> None:
    """Every page has its tables, colours can be chosen, letters sent again, and one can sign out."""
    page = await entered(street, address, chromium, java_script_enabled=False, color_scheme="light")
    await page.goto("/costs")
    assert await page.locator("table").count() >= 2
    await page.get_by_role("button", name="Dark").click()
    assert await page.locator("html").get_attribute("data-theme") == "dark"
    await page.goto("/dead")
    await page.get_by_role("checkbox").check()
    await page.get_by_role("button", name="Send the chosen again").click()
    assert "1 sent again." in await page.get_by_role("status").inner_text()
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url("**/signin")
    await page.goto("/tasks")
    assert "/signin" in page.url

    assert (await street.backend.client.summary(street.owned["dead"])).redriven is not None


@pytest.mark.parametrize(
    ("system", "chosen", "dark"), [("light", "Dark", True), ("dark", "Light", False), ("dark", "Auto", True)]
)
async def test_a_choice_of_colours_beats_the_system(
    street: Street, address: str, chromium: Browser, *, system: Any, chosen: str, dark: bool
) -> None:
    """Dark and light by what the system says, unless somebody says otherwise."""
    page = await entered(street, address, chromium, color_scheme=system)
    await page.goto("/")
    await page.get_by_role("button", name=chosen).click()
    await page.wait_for_load_state()
    red = await page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")

    assert (red < 128) is dark


async def test_scripts_only_add_comfort(street: Street, address: str, chromium: Browser) -> None:
    """One box marks all letters; the first page renews itself while nobody has anything under their hands."""
    page = await entered(street, address, chromium)
    await page.goto("/dead")
    await page.get_by_label("Choose all").check()
    assert await page.locator("tbody input:checked").count() == 1
    await page.clock.install()
    await page.goto("/")
    await street.backend.client.submit("receipts", {"text": "one more"}, tenant="acme")
    before = await page.locator(".figure .value").first.inner_text()
    async with page.expect_response(lambda answer: answer.url.rstrip("/") == address):
        await page.clock.run_for(6000)
    await page.wait_for_function("(was) => document.querySelector('.figure .value').innerText !== was", arg=before)

    assert (before, await page.locator(".figure .value").first.inner_text()) == ("2", "3")


async def test_nothing_is_asked_of_anybody_else(server: EmbeddedServer, prefix: str, chromium: Browser) -> None:
    """All that a page needs comes from the service itself."""
    async with a_street(server.url, prefix, insecure=True) as street, served(street.app) as address:
        page = await (await chromium.new_context(base_url=address)).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in street.pages:
            await page.goto(path)

    assert len(asked) > len(street.pages)
    assert [url for url in asked if not url.startswith(address)] == []
