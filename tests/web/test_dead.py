"""Dead letters, many at once."""

from __future__ import annotations

import pytest

from router.apikey import Scope
from router.errors import UnknownTask
from router.task import TaskState
from tests.web.street import EVERY, Browser, Page, Street


async def bury(street: Street, count: int) -> list[str]:
    ids = [await street.submit("broken", f"broken {n}") for n in range(count)]
    await street.work(*((task_id, TaskState.DEAD) for task_id in ids))
    return ids


def boxes(page: Page) -> set[str | None]:
    return {found["value"] for found in page.all("input", type="checkbox", name="id")}


async def test_the_chosen_are_sent_again(browser: Browser, street: Street) -> None:
    """Each becomes a new task; the others stay, and the page says how many it were."""
    ids = await bury(street, 3)
    answer = await browser.send("/dead", action="redrive", id=ids[:2])
    page = await browser.page(answer.headers["location"])
    everything = await browser.page("/dead?which=all")

    assert answer.status_code == 303
    assert "2 sent again." in page.text
    assert boxes(page) == {ids[2], street.owned["dead"]}
    assert boxes(everything) == {*ids, street.owned["dead"]}
    again = [(await street.backend.client.summary(task_id)).redriven for task_id in ids]
    assert [one is not None for one in again] == [True, True, False]
    assert page.field("reason") == ""


async def test_dropping_is_asked_twice(browser: Browser, street: Street) -> None:
    """First what it means, then it is done for good."""
    ids = await bury(street, 2)
    asked = await browser.send("/dead", action="drop", id=ids)
    assert "erased for good" in Page.of(asked.text).text
    assert {found["value"] for found in Page.of(asked.text).all("input", name="id")} == set(ids)
    assert (await street.backend.client.summary(ids[0])).state is TaskState.DEAD

    answer = await browser.send("/dead", action="drop", id=ids, sure="yes")
    page = await browser.page(answer.headers["location"])

    assert "2 dropped." in page.text
    for task_id in ids:
        with pytest.raises(UnknownTask):
            await street.backend.client.summary(task_id)


async def test_what_cannot_be_done_is_told(browser: Browser, street: Street) -> None:
    """The others are done all the same."""
    (task_id,) = await bury(street, 1)
    answer = await browser.send("/dead", action="redrive", id=[task_id, street.owned["succeeded"], "none"])
    page = Page.of(answer.text)

    assert answer.status_code == 409
    assert "1 sent again." in page.text
    assert "is succeeded; only a dead letter" in page.text
    assert "no task none" in page.text


async def test_all_can_be_chosen_without_scripts(browser: Browser, street: Street) -> None:
    """A link keeps what was asked for and marks every box; whoever follows it still has to say what for."""
    plain = await browser.page("/dead?policy=broken")
    (link,) = [found["href"] or "" for found in plain.all("a") if "chosen=all" in (found.get("href") or "")]
    chosen = await browser.page(link)

    assert "policy=broken" in link
    assert [found for found in plain.all("input", type="checkbox") if "checked" in found] == []
    assert len([found for found in chosen.all("input", type="checkbox") if "checked" in found]) == 1
    assert (await street.backend.client.summary(street.owned["dead"])).redriven is None


async def test_nothing_chosen_does_nothing(browser: Browser) -> None:
    """The page says that something has to be chosen; a choice that there is not is refused."""
    answer = await browser.send("/dead", action="redrive")
    other = await browser.send("/dead", action="burn", id="x")

    assert (answer.status_code, other.status_code) == (409, 422)
    assert "nothing was chosen" in Page.of(answer.text).text


@pytest.mark.parametrize(
    ("scopes", "actions"),
    [
        ((Scope.READ,), set()),
        ((Scope.READ, Scope.SUBMIT), {"redrive"}),
        ((Scope.READ, Scope.CANCEL), {"drop"}),
        ((Scope.READ, Scope.SUBMIT, Scope.CANCEL), {"redrive", "drop"}),
    ],
)
async def test_only_who_may_can(street: Street, scopes: tuple[Scope, ...], actions: set[str]) -> None:
    """The page offers what the key may; a form that asks for more is refused."""
    async with street.visit(*scopes) as browser:
        page = await browser.page("/dead")
        answers = {a: await browser.send("/dead", action=a, sure="yes", id="none") for a in ("redrive", "drop")}

    assert {found["value"] for found in page.all("button", name="action")} == actions
    assert bool(boxes(page)) == bool(actions)
    assert {a for a, answer in answers.items() if answer.status_code != 403} == actions


@pytest.mark.parametrize(
    ("asked", "found"),
    [("policy=broken", True), ("policy=receipts", False), ("reason=no+tier", False), ("reason=schema", False)],
)
async def test_narrows_down(browser: Browser, street: Street, asked: str, found: bool) -> None:
    """By policy, and by what their reasons hold."""
    page = await browser.page(f"/dead?{asked}")
    reason = (await street.backend.client.summary(street.owned["dead"])).reason or ""

    wanted = asked.removeprefix("reason=").replace("+", " ")
    assert (street.owned["dead"] in boxes(page)) == (found or ("reason=" in asked and wanted in reason))


async def test_no_dead_letters_is_good_news(street: Street) -> None:
    """An empty page says so, once no tenant has any that was not sent again."""
    await street.backend.client.redrive(street.owned["dead"])
    async with street.visit(*EVERY, tenant="newcomer") as browser:
        assert "No dead letters: every task found a tier" in (await browser.page("/dead")).text


async def test_no_dead_letters_of_ones_own_are_not_none_at_all(street: Street) -> None:
    """An empty page says whose there are none, and how many there are of all tenants to who may know."""
    async with street.visit(*EVERY, tenant="newcomer") as browser:
        staff = (await browser.page("/dead")).text
    async with street.visit(Scope.READ, tenant="newcomer") as browser:
        caller = (await browser.page("/dead")).text

    assert "No dead letters of newcomer; there are 1 of all tenants." in staff
    assert "No dead letters of newcomer." in caller
    assert "every task" not in staff + caller
