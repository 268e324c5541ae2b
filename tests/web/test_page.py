"""Pages: what a browser may do with them, what hostile texts come to, and what errors look like."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter

from router.api.app import create_app
from router.api.backend import open_backend
from router.apikey import CHANCE_BYTES, Scope, Token
from router.settings import Settings
from router.web.install import install
from router.web.page import HEADERS, MENU, PageRoute
from tests.web.street import HOSTILE, STEERING, TENANT, Browser, Page, Street


async def test_hostile_texts_are_texts(browser: Browser, street: Street) -> None:
    """On every page what a task holds is escaped, what would steer a screen is spelled out, nothing is inline."""
    for path in street.pages:
        page = await browser.page(path)

        assert not set(page.source) & set(STEERING), path
        assert [found for found in page.all("script") if not (found.get("src") or "").startswith("/assets/")] == [], (
            path
        )
        assert page.all("style") == [], path
        assert [found for found in page.all("img") if found.get("src") == "x"] == [], path
        wild = [
            (tag, name) for tag, found in page.elements for name in found if name == "style" or name.startswith("on")
        ]
        assert wild == [], path
    shown = await browser.page(f"/tasks/{street.owned['succeeded']}")
    assert HOSTILE.replace("\u202e", "\\u202e").replace("\u202c", "\\u202c").replace("\x1b", "\\x1b") in shown.text


@pytest.mark.parametrize("scope", Scope)
async def test_the_menu_leads_nowhere_that_is_forbidden(street: Street, scope: Scope) -> None:
    """Each page that is offered opens with the key, and none that opens is left out."""
    async with street.visit(scope) as browser:
        (offered,) = [{found.get("href") for found in (await browser.page("/")).all("a")} & {path for path, *_ in MENU}]
        opened = {path for path, *_ in MENU if (await browser.get(path)).status_code == 200}

    assert offered == opened
    assert "/" in opened


async def test_a_surprise_is_a_page_too(street: Street) -> None:
    """It says under which id the log has it, not what it was, under the same rules as every page."""
    routes = APIRouter(route_class=PageRoute)

    @routes.get("/surprise")
    async def surprise() -> None:
        raise RuntimeError(HOSTILE)

    street.app.include_router(routes)
    async with street.visit(Scope.READ) as browser:
        answer = await browser.get("/surprise")

    page = Page.of(answer.text)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert answer.headers["x-request-id"] in page.text
    assert "alert" not in page.text


async def test_long_texts_are_cut(browser: Browser, street: Street) -> None:
    """A line of 100,000 characters neither fills a page nor goes unsaid."""
    page = await browser.page(f"/tasks/{street.owned['succeeded']}")

    assert "x" * 20_000 in page.source
    assert "x" * 20_001 not in page.source
    assert "(80,000 more characters)" in page.text


async def test_every_page_forbids_what_it_does_not_need(browser: Browser, street: Street) -> None:
    """Nothing inline, nothing from elsewhere, no frames, nothing kept: on pages, errors and redirections alike."""
    answers = [await browser.get(path) for path in (*street.pages, "/tasks/none", "/costs?by=shoe", "/signin")]

    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, answer.url
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in HEADERS["content-security-policy"]
    assert "http" not in HEADERS["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/tasks/none", 404, "there is no task none"),
        ("/policies/none", 404, "no policy"),
        ("/costs?by=shoe", 422, "not by 'shoe'"),
        ("/costs?since=ever", 422, "since"),
        ("/tasks?status=lost", 422, "no status 'lost'"),
        ("/tasks?since=soon", 422, "expected a time"),
        ("/tasks?cursor=zzz", 422, "cursor"),
        ("/review/none", 404, "there is no task none"),
    ],
)
async def test_errors_are_pages(browser: Browser, path: str, status: int, said: str) -> None:
    """What is wrong is told to people in the words that programs get."""
    answer = await browser.get(path)

    assert answer.status_code == status
    assert said in Page.of(answer.text).text
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/tasks/none", "/nowhere", "/costs?by=shoe", "/review"])
async def test_errors_keep_the_menu(street: Street, path: str) -> None:
    """Who has signed in is still so where a page is not there, or not theirs."""
    async with street.visit(Scope.SUBMIT if path == "/review" else Scope.READ) as browser:
        answer = await browser.http.get(path, headers={"accept": "text/html"})
    page = Page.of(answer.text)

    assert answer.status_code in (403, 404, 422)
    assert page.all("nav", **{"aria-label": "Pages"})
    assert page.all("form", action="/signout")
    assert TENANT in page.text


async def test_a_page_that_there_is_not_is_told_to_strangers_without_a_menu(street: Street) -> None:
    """Nothing of a tenant is on it; programs get a problem, as everywhere."""
    async with street.stranger() as stranger:
        answer = await stranger.http.get("/nowhere", headers={"accept": "text/html"})
        told = await stranger.http.get("/v1/nowhere", headers={"accept": "text/html"})
        program = await stranger.http.get("/nowhere")

    assert (answer.status_code, answer.headers["content-type"][:9]) == (404, "text/html")
    assert Page.of(answer.text).all("nav") == []
    assert Page.of(answer.text).all("a", href="/signin")
    assert {one.headers["content-type"] for one in (told, program)} == {"application/problem+json"}


async def test_head_is_get_without_a_body(browser: Browser, street: Street) -> None:
    """Whoever looks whether a page is there is told as who reads it."""
    for path in (*street.pages, "/signin", "/tasks/none"):
        got, looked = await browser.get(path), await browser.http.head(path)

        assert (looked.status_code, looked.content) == (got.status_code, b""), path
        assert looked.headers["content-type"] == got.headers["content-type"], path
        assert int(looked.headers["content-length"]) > 1000, path
    assert (await browser.http.head("/signout")).status_code == 405


async def test_errors_quote_without_harm(browser: Browser) -> None:
    """An address may hold anything; the page that says so is as safe as others."""
    answer = await browser.http.get("/policies/<script>alert(1)\u202e")
    asked = await browser.http.get("/costs", params={"by": "<b>\u202e"})

    assert (answer.status_code, asked.status_code) == (404, 422)
    for one in (answer, asked):
        assert "<script>alert" not in one.text
        assert "<b>" not in one.text
        assert "\u202e" not in one.text


async def test_a_stranger_is_shown_the_door(street: Street) -> None:
    """Without a key every page leads to where one is asked for, and from there back."""
    async with street.stranger() as stranger:
        answers = {path: await stranger.get(path) for path in street.pages}

    assert {answer.status_code for answer in answers.values()} == {303}
    assert answers["/"].headers["location"] == "/signin"
    assert answers["/dead"].headers["location"] == "/signin?next=%2Fdead"
    assert "acme" not in "".join(answer.text for answer in answers.values())


async def test_pages_are_no_part_of_the_api(street: Street) -> None:
    """Programs use what the OpenAPI document says."""
    paths = street.app.openapi()["paths"]

    assert "/v1/tasks" in paths
    assert {"/", "/costs", "/tasks", "/dead", "/review", "/signin", "/policies"} & set(paths) == set()


async def test_each_page_has_its_landmarks(browser: Browser, street: Street) -> None:
    """One heading of the first rank, one main part, a way to skip to it, and a language."""
    for path in street.pages:
        page = await browser.page(path)

        assert [tag for tag, _ in page.elements].count("h1") == 1, path
        assert [found.get("id") for found in page.all("main")] == ["main"], path
        assert page.all("a", href="#main"), path
        assert page.all("html", lang="en"), path
        assert page.all("nav")[0].get("aria-label") == "Pages", path


@pytest.mark.parametrize("insecure", [True, False])
async def test_without_redis_a_page_can_be_loaded_again(tmp_path: Path, insecure: bool) -> None:
    """It says what is away, that nothing is lost, and leads back to itself, not to the door; nothing of programs."""
    settings = Settings(redis_url=f"unix://{tmp_path}/server.sock")
    async with open_backend(settings, insecure=insecure) as backend:
        app = create_app(backend)
        install(app)
        cookies = {"router-key": Token.made_of(bytes(CHANCE_BYTES)).text, "router-form": "m" * 43}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", cookies=cookies) as http:
            looked = await http.get("/costs?by=policy", timeout=60)
            sent = await http.post("/dead", data={"mark": "m" * 43, "action": "redrive", "id": "x"}, timeout=60)

    assert (looked.status_code, sent.status_code) == (503, 503)
    assert "cannot reach its Redis at the moment. Nothing is lost" in Page.of(looked.text).text
    assert Page.of(looked.text).all("a", href="/costs?by=policy")
    assert "what you just sent may not have been done" in Page.of(sent.text).text
    for answer in (looked, sent):
        assert "Idempotency-Key" not in answer.text
        assert Page.of(answer.text).all("a", href="/signin") == []
        assert str(tmp_path) not in answer.text
