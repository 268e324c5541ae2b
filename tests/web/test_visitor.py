"""Who looks, and which forms are theirs."""

from __future__ import annotations

import pytest

from router.apikey import Scope
from tests.web.street import EVERY, Page, Street

OTHERS = {
    "no mark": {"mark": ""},
    "another mark": {"mark": "x" * 43},
    "no cookie": {"cookies": False},
    "another site": {"headers": {"origin": "https://evil.example"}},
    "a site in a frame": {"headers": {"origin": "null"}},
}


@pytest.mark.parametrize("path", ["/signin", "/signout", "/theme", "/dead", "/review/ID"])
@pytest.mark.parametrize("how", OTHERS)
async def test_forms_of_others_do_nothing(street: Street, path: str, how: str) -> None:
    """A form counts only with the mark of a page that this browser was given, and from this very site."""
    settings = dict(OTHERS[how])
    async with street.visit(*EVERY) as browser:
        if not settings.pop("cookies", True):
            browser.http.cookies.delete("router-form")
        fields = {"decision": "reject", "reason": "r", "action": "drop", "sure": "yes", "id": street.owned["dead"]}
        answer = await browser.send(path.replace("ID", street.owned["review"]), **fields, **settings)

        assert answer.status_code == 403, answer.text
        assert "not of a page that is open here" in Page.of(answer.text).text
        states = {state: (await street.backend.client.summary(task)).state for state, task in street.owned.items()}
        assert (states["dead"], states["review"]) == ("dead", "review")


async def test_own_forms_count(street: Street) -> None:
    """A browser that names its own site as the origin is believed."""
    async with street.visit(Scope.READ) as browser:
        answer = await browser.send("/theme", theme="dark", headers={"origin": "http://127.0.0.1"})

        assert answer.status_code == 303


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ((Scope.READ,), {"/", "/costs", "/policies", "/tasks", "/dead", "/review"}),
        ((Scope.ADMIN,), {"/", "/costs", "/policies", "/tasks", "/dead"}),
        ((Scope.REVIEW,), {"/", "/review"}),
        ((Scope.METRICS,), {"/"}),
        ((Scope.SUBMIT, Scope.CANCEL), {"/"}),
    ],
)
async def test_a_key_opens_what_its_scopes_say(street: Street, scopes: tuple[Scope, ...], allowed: set[str]) -> None:
    """Each page needs a scope that may know what is on it; the others say which."""
    async with street.visit(*scopes) as browser:
        for path in ("/", "/costs", "/policies", "/tasks", "/dead", "/review"):
            answer = await browser.get(path)

            assert answer.status_code == (200 if path in allowed else 403), path
            assert path in allowed or "needs an API key with the scope" in Page.of(answer.text).text


async def test_another_tenant_sees_nothing(street: Street) -> None:
    """Not in lists, and a task of another is as one that there is not."""
    async with street.visit(*(scope for scope in EVERY if scope is not Scope.ADMIN), tenant="zeta") as browser:
        for path in ("/", "/costs", "/tasks", "/dead?which=all", "/review", "/policies/receipts"):
            text = (await browser.page(path)).source
            assert [task for task in street.owned.values() if task[:12] in text] == [], path
        for task in street.owned.values():
            assert (await browser.get(f"/tasks/{task}")).status_code == 404
            assert (await browser.get(f"/review/{task}")).status_code == 404
        answer = await browser.send("/dead", action="drop", sure="yes", id=street.owned["dead"])
        assert answer.status_code == 409
        assert (await street.backend.client.summary(street.owned["dead"])).state == "dead"
