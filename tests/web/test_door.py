"""Signing in and out, and the choice of colours."""

from __future__ import annotations

import pytest

from router.apikey import Scope
from router.io.embedded import EmbeddedServer
from tests.web.street import EVERY, TENANT, Page, Street, a_street


async def test_a_key_opens_the_pages(street: Street) -> None:
    """Signed in, one sees one's tenant; the browser keeps the key where no script and no other site gets at it."""
    key = await street.key(*EVERY)
    async with street.stranger() as browser:
        entered = await browser.sign_in(f" {key.text}\n", next="/dead")
        cookie = next(line for line in entered.headers.get_list("set-cookie") if line.startswith("router-key="))

        assert (entered.status_code, entered.headers["location"]) == (303, "/dead")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert TENANT in (await browser.page("/dead")).text


async def test_signing_out_forgets_the_key(street: Street) -> None:
    """Afterwards the browser is a stranger again."""
    async with street.visit(*EVERY) as browser:
        left = await browser.send("/signout")

        assert left.headers["location"] == "/signin"
        assert (await browser.get("/")).status_code == 303
        assert browser.http.cookies.get("router-key") in (None, "")


@pytest.mark.parametrize("key", ["", "rk_0123456789abcdef_" + "x" * 43, "nonsense", "<script>", "é\u202e"])
async def test_a_wrong_key_stays_outside(street: Street, key: str) -> None:
    """Whatever is typed: the same page, which says so, and does not repeat it."""
    async with street.stranger() as browser:
        answer = await browser.sign_in(key)

        assert answer.status_code == 401
        assert "no API key that is in use" in Page.of(answer.text).text
        assert not key or key not in answer.text
        assert (await browser.get("/")).status_code == 303


async def test_nobody_is_sent_elsewhere(street: Street) -> None:
    """A link to the door may name where to go on, but no other site."""
    key = (await street.key(*EVERY)).text
    for wanted in ("//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nx: y", "evil", "/tasks?a=b"):
        async with street.stranger() as browser:
            entered = await browser.sign_in(key, next=wanted)

            assert entered.headers["location"] == ("/tasks?a=b" if wanted == "/tasks?a=b" else "/")


async def test_over_the_network_cookies_need_tls(street: Street) -> None:
    """Only on this machine does a key travel without TLS; elsewhere its cookie is bound to the host, too."""
    key = (await street.key(*EVERY)).text
    async with street.stranger() as browser:
        browser.http.base_url = "https://router.example"  # type: ignore[assignment]
        await browser.get("/signin")
        mark = browser.http.cookies.get("__Host-router-form", "")
        entered = await browser.send("/signin", mark=mark, key=key)
        cookies = entered.headers.get_list("set-cookie")

        assert entered.status_code == 303
        assert [line.split("=")[0] for line in cookies] == ["__Host-router-key"]
        assert all("Secure" in line for line in cookies)
        assert (await browser.get("/tasks")).status_code == 200


async def test_without_keys_nobody_signs_in(server: EmbeddedServer, prefix: str) -> None:
    """With --insecure everybody is the tenant `default`, and there is no door."""
    async with a_street(server.url, prefix, insecure=True) as street, street.stranger() as browser:
        page = await browser.page("/")

        assert "default" in page.text
        assert "Sign out" not in page.text
        assert (await browser.get("/signin")).headers["location"] == "/"
        assert "Review" in (await browser.page(f"/review/{street.owned['review']}")).text


async def test_a_revoked_key_is_shown_the_door(street: Street) -> None:
    """A key that is not known is as no key: the browser forgets it."""
    async with street.stranger() as browser:
        browser.http.cookies.set("router-key", "rk_0123456789abcdef_" + "x" * 43, domain="127.0.0.1")
        answer = await browser.get("/costs")

        assert (answer.status_code, answer.headers["location"]) == (303, "/signin?next=%2Fcosts")
        assert "Max-Age=0" in answer.headers["set-cookie"]


@pytest.mark.parametrize("theme", ["dark", "light", "auto"])
async def test_colours_are_chosen_without_scripts(street: Street, theme: str) -> None:
    """A form and a cookie do, and one stays where one was."""
    async with street.visit(Scope.READ) as browser:
        chosen = await browser.send("/theme", theme=theme, next="/costs?by=policy")
        page = await browser.page(chosen.headers["location"])

        assert chosen.headers["location"] == "/costs?by=policy"
        assert page.all("html")[0]["data-theme"] == theme
        assert [one["value"] for one in page.all("button", **{"aria-pressed": "true"})] == [theme]


async def test_there_are_no_other_colours(street: Street) -> None:
    """What is no theme is refused, and changes nothing."""
    async with street.visit(Scope.READ) as browser:
        assert (await browser.send("/theme", theme="pink")).status_code == 422
        assert (await browser.page("/")).all("html")[0]["data-theme"] == "auto"
