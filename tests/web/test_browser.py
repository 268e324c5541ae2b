"""The dashboard in a real browser: both themes, a phone, the keyboard alone, without scripts, and for everybody."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Dialog, Error, Page

from router.io.embedded import EmbeddedServer
from router.task import TaskState
from tests.api.served import served
from tests.builders import a_policy
from tests.gang import alive, children
from tests.web.chrome import CHROMIUM, LOOKS, LateInBrowser, a_chromium, a_context, entered, left, patient
from tests.web.street import EVERY, Street, a_street
from tests.web.test_policies import BINS, a_learnt_policy

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on PATH; install it to run these")
ABORTED = "net::ERR_ABORTED"
"""What becomes of requests, such as for a small picture, when somebody goes on to the next page."""
SERIOUS = {"serious", "critical"}


@pytest.fixture
async def address(street: Street) -> AsyncIterator[str]:
    """The service behind a real socket."""
    async with served(street.app) as url:
        yield url


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with a_chromium() as browser:
        yield browser


@pytest.mark.parametrize("look", LOOKS)
@patient
async def test_every_page_is_clean(street: Street, address: str, chromium: Browser, look: str) -> None:
    """Nothing runs that a task brought, nothing is refused by the page's own policy, nothing sticks out sideways."""
    page = await entered(street, address, chromium, **LOOKS[look])
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text))
    page.on("pageerror", lambda why: wrong.append(str(why)))
    page.on("dialog", lambda dialog: _refuse(dialog, wrong))
    page.on("requestfailed", lambda request: wrong.append(request.url) if request.failure != ABORTED else None)
    for path in street.pages:
        answer = await page.goto(path, wait_until="load")

        assert answer is not None
        assert answer.status == 200, path
        assert wrong == [], path
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


async def _refuse(dialog: Dialog, told: list[str]) -> None:
    """Note what it says; a page whose dialog nobody answers stands still."""
    told.append(dialog.message)
    await dialog.dismiss()


@patient
async def test_lists_need_no_pushing_sideways_on_a_phone(street: Street, address: str, chromium: Browser) -> None:
    """Rows stand as small cards, with all that they tell; the boxes of dead letters are there to be touched."""
    page = await entered(street, address, chromium, **LOOKS["phone"])
    for path in ("/", "/policies", "/tasks", "/dead", "/review"):
        await page.goto(path)
        wide = "[...document.querySelectorAll('.scroll:has(> .stack)')].map(at => at.scrollWidth - at.clientWidth)"

        assert set(await page.evaluate(wide)) == {0}, path
    await page.goto("/dead")
    box = await page.get_by_label(f"Choose task {street.owned['dead'][:12]}").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] < 360
    assert await page.get_by_text("broken", exact=True).last.is_visible()


@patient
async def test_a_policys_name_has_the_whole_line_on_a_phone(street: Street, address: str, chromium: Browser) -> None:
    """A long one stands on two lines below its task, not in a column as narrow as a third of the screen."""
    name = "complaints-of-customers-in-the-north-with-photos-and-receipts"
    await street.backend.store.publish([a_policy(policy=name, moves={"fail": "dead_letter"})])
    await street.work((await street.submit(name, "broken"), TaskState.DEAD))
    page = await entered(street, address, chromium, **LOOKS["phone"])
    for path in ("/tasks", "/dead"):
        await page.goto(path)
        cell = page.get_by_role("cell", name=name)
        box = await cell.bounding_box()
        row = await cell.locator("xpath=..").evaluate(
            "row => row.clientWidth - 2 * parseFloat(getComputedStyle(row).paddingRight)"
        )

        assert box is not None
        assert box["width"] > 0.85 * row, path
        assert box["height"] < 50, path


@pytest.mark.parametrize("width", [760, 1100, 1440])
@patient
async def test_queues_and_budgets_are_not_cut(street: Street, address: str, chromium: Browser, width: int) -> None:
    """Queues and budgets stand beside each other only where both have room for all of their columns."""
    page = await entered(street, address, chromium, viewport={"width": width, "height": 900})
    await page.goto("/")
    cut = "[...document.querySelectorAll('.columns .scroll')].map(at => at.scrollWidth - at.clientWidth)"

    assert await page.evaluate(cut) == [0, 0]
    assert await page.locator("#queues + .scroll th:last-child").first.inner_text() == "Provider"


@patient
async def test_an_amount_is_not_cut_on_a_phone(street: Street, address: str, chromium: Browser) -> None:
    """What each tier cost stands whole beside its name, before one scrolls: half of an amount reads as another one."""
    page = await entered(street, address, chromium, **LOOKS["phone"])
    await page.goto("/costs")
    heads = await page.locator("#groups + .scroll th[scope=col]").all_inner_texts()
    box = await page.locator("#groups + .scroll tfoot td").first.bounding_box()

    assert heads[:2] == ["Tier", "Cost"]
    assert box is not None
    assert box["x"] + box["width"] < 360


@pytest.mark.parametrize("look", LOOKS)
@patient
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


@pytest.mark.parametrize("look", LOOKS)
@patient
async def test_reliability_can_be_seen_by_everybody(street: Street, address: str, chromium: Browser, look: str) -> None:
    """The picture has a size, its names do not overlap, its table says the same, and the page stays in its width."""
    await street.backend.store.publish([a_learnt_policy()])
    page = await entered(street, address, chromium, bypass_csp=True, **LOOKS[look])
    await page.goto("/policies/learnt")
    found = (await Axe().run(page)).response["violations"]
    names = await page.evaluate(
        "[...document.querySelectorAll('.trusts .axis.x text')].map(t => t.getBoundingClientRect())"
        ".map(box => [box.left, box.right])"
    )

    assert [each["id"] for each in found if each["impact"] in SERIOUS] == []
    assert await page.locator("figure.trusts circle:visible").count() == len(BINS)
    assert await page.locator("figure.trusts + div tbody tr").count() == len(BINS)
    assert len(names) == 7
    assert all(left[1] < right[0] for left, right in pairwise(names))
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@patient
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


@patient
async def test_commands_are_not_broken_at_their_dashes(street: Street, address: str, chromium: Browser) -> None:
    """Each option of a command stands in one line, on the page to sign in at and where there is nothing yet."""
    context = await a_context(chromium, address, **LOOKS["phone"])
    page = await context.new_page()
    await page.goto("/signin")
    rows = await page.evaluate("[...document.querySelectorAll('code .nowrap')].map(o => o.getClientRects().length)")

    assert rows == [1, 1, 1]
    assert await page.locator("input[autocomplete=username]").count() == 1
    assert not await page.locator("input[autocomplete=username]").is_visible()


@patient
async def test_the_door_is_for_everybody(street: Street, address: str, chromium: Browser) -> None:
    """The page to sign in at is as good as the others, also when the key was wrong."""
    for look in LOOKS.values():
        context = await a_context(chromium, address, bypass_csp=True, **look)
        page = await context.new_page()
        await page.goto("/signin")
        clean = (await Axe().run(page)).response["violations"]
        await page.get_by_label("API key").fill("wrong")
        await page.keyboard.press("Enter")
        await page.get_by_role("alert").wait_for()
        told = (await Axe().run(page)).response["violations"]

        assert [each["id"] for each in (*clean, *told) if each["impact"] in SERIOUS] == []


@patient
async def test_the_keyboard_is_enough(street: Street, address: str, chromium: Browser) -> None:
    """One signs in, finds what waits, corrects it and is told of a mistake, without a mouse; focus can be seen."""
    context = await a_context(chromium, address)
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
    place = await alert.bounding_box()
    assert place is not None
    assert 0 <= place["y"] < 700
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


@patient
async def test_without_scripts_all_is_there(street: Street, address: str, chromium: Browser) -> None:
    """Every page has its tables, colours can be chosen, letters sent again, and one can sign out."""
    page = await entered(street, address, chromium, java_script_enabled=False, color_scheme="light")
    await page.goto("/costs")
    assert await page.locator("table").count() >= 2
    await page.get_by_role("button", name="Dark").click()
    assert await page.locator("html").get_attribute("data-theme") == "dark"
    await page.goto("/dead")
    await page.get_by_role("link", name="Choose all 1").click()
    assert await page.get_by_role("checkbox").is_checked()
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
@patient
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


@patient
async def test_scripts_only_add_comfort(street: Street, address: str, chromium: Browser) -> None:
    """
    One box marks all letters. The first page renews itself while nobody has anything under their hands, with what is
    looked at where it was, and says so when it cannot.
    """
    page = await entered(street, address, chromium)
    await page.goto("/dead")
    await page.get_by_label("Choose all").check()
    assert await page.locator("tbody input:checked").count() == 1
    await page.clock.install()
    await page.goto("/")
    await page.locator(".scroll[aria-labelledby=flow]").focus()
    await street.backend.client.submit("receipts", {"text": "one more"}, tenant="acme")
    before = await page.locator(".figure .value").first.inner_text()
    async with page.expect_response(lambda answer: answer.url.rstrip("/") == address):
        await page.clock.run_for(6000)
    await page.wait_for_function("(was) => document.querySelector('.figure .value').innerText !== was", arg=before)

    assert (before, await page.locator(".figure .value").first.inner_text()) == ("2", "3")
    assert await page.evaluate("document.activeElement.getAttribute('aria-labelledby')") == "flow"
    lost = page.get_by_text("These figures are not renewed any more")
    assert not await lost.is_visible()
    await page.context.set_offline(True)
    await page.clock.run_for(6000)
    await lost.wait_for()
    await page.context.set_offline(False)
    await page.clock.run_for(6000)
    await lost.wait_for(state="hidden")


@patient
async def test_nothing_is_asked_of_anybody_else(server: EmbeddedServer, prefix: str, chromium: Browser) -> None:
    """All that a page needs comes from the service itself."""
    async with a_street(server.url, prefix, insecure=True) as street, served(street.app) as address:
        page = await (await a_context(chromium, address)).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in street.pages:
            await page.goto(path)

    assert len(asked) > len(street.pages)
    assert [url for url in asked if not url.startswith(address)] == []


@pytest.mark.parametrize("never", ["new Promise(() => {})", "alert('nobody answers')"])
async def test_no_page_keeps_a_test_waiting(chromium: Browser, never: str) -> None:
    """What a page never ends is given up in time, also with a dialog that nobody answers."""
    page = await chromium.new_page()
    page.on("dialog", lambda dialog: None)

    async def wait() -> None:
        await page.evaluate(never)

    with pytest.raises(TimeoutError):
        await patient(wait, patience_s=0.3)()


async def test_what_does_not_end_is_left() -> None:
    """A browser that hangs holds up the end of a test for a moment only; other mistakes are told."""

    async def mistaken() -> None:
        raise ValueError("told")

    async def late() -> None:
        raise LateInBrowser("after so long")

    ended = asyncio.Event()
    await left(_set_after(asyncio.Event(), ended), within_s=0.05)
    await left(late())
    with pytest.raises(ValueError, match="told"):
        await left(mistaken())

    assert not ended.is_set()


async def test_a_browser_that_does_not_start_leaves_nothing_behind() -> None:
    """What it was to be started by is ended all the same."""
    before = set(children(os.getpid()))
    with pytest.raises(Error):
        async with a_chromium(shutil.which("false")):
            pass

    assert [child for child in children(os.getpid()) if child not in before and alive(child)] == []


async def _set_after(first: asyncio.Event, second: asyncio.Event) -> None:
    await first.wait()
    second.set()
