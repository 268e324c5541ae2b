"""A real browser that can keep no test waiting: every wait for it has an end, on the way in, in between, and out."""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from playwright.async_api import TimeoutError as LateInBrowser

from router.apikey import Scope
from tests.web.street import EVERY, Street

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
}
PATIENCE_S = 75.0
"""For a whole test. Scripts on a page have no limit of their own: with a dialog open they wait for ever."""
STEP_MS = 20_000
"""For a page to come, or something on it to appear."""
LEAVE_S = 5.0
"""For a browser to go. One that does not is left to the end of the loop, which kills what it has started."""


def patient(test: Callable[..., Awaitable[None]], *, patience_s: float = PATIENCE_S) -> Callable[..., Awaitable[None]]:
    """End a test that waits for too long, where it waits, with time left to clean up."""

    @functools.wraps(test)
    async def bounded(*args: Any, **named: Any) -> None:
        async with asyncio.timeout(patience_s):
            await test(*args, **named)

    return bounded


@asynccontextmanager
async def a_chromium(executable: str | None = CHROMIUM) -> AsyncIterator[Browser]:
    """A browser; it is started, and ended, within a time, whatever has become of it, or did not become of it."""
    async with AsyncExitStack() as leaving:
        async with asyncio.timeout(PATIENCE_S):
            playwright = await async_playwright().start()
            leaving.push_async_callback(lambda: left(playwright.stop()))
            browser = await playwright.chromium.launch(executable_path=executable, args=QUIET, timeout=STEP_MS)
            leaving.push_async_callback(lambda: left(browser.close()))
        yield browser


async def left(leaving: Awaitable[None], *, within_s: float = LEAVE_S) -> None:
    """Wait for something to end, but not for ever."""
    with suppress(TimeoutError, LateInBrowser):
        async with asyncio.timeout(within_s):
            await leaving


async def a_context(chromium: Browser, address: str, **look: Any) -> BrowserContext:
    """A new browser's window, for whom nothing takes long."""
    context: BrowserContext = await chromium.new_context(base_url=address, **look)
    context.set_default_timeout(STEP_MS)
    return context


async def entered(street: Street, address: str, chromium: Browser, *scopes: Scope, **look: Any) -> Page:
    """A page of a browser that has signed in by its cookie."""
    context = await a_context(chromium, address, **look)
    key = await street.key(*(scopes or EVERY))
    await context.add_cookies([{"name": "router-key", "value": key.text, "url": address}])
    return await context.new_page()
