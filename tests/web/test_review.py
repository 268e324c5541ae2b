"""The place of a person."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest

from router.apikey import Scope
from router.decision import Ask, Review
from router.reading import Reading
from router.task import TaskState
from router.verdict import Outcome
from tests.builders import a_policy, a_verdict, an_attempt
from tests.web.street import EVERY, HOSTILE, TENANT, Browser, Page, Street

RIGHT = {"merchant": "ACME", "total": 12.5}


def draft(page: Page) -> str:
    """What stands in the field of the output."""
    return page.source.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]


async def test_shows_input_attempts_and_findings(browser: Browser, street: Street) -> None:
    """Side by side, with the last output to be corrected, the schema it must meet, and the tiers that can be asked."""
    page = await browser.page(f"/review/{street.owned['review']}")

    assert [word for word in ("Input", "Attempts", "Decide") if word not in page.text] == []
    assert "is below 0.8" in page.text
    assert '"additionalProperties": false' in page.text
    assert "onerror=alert(2)" in draft(page)
    assert "<img" not in draft(page)
    assert [found.get("value") for found in page.all("button", name="decision")] == [
        "correct",
        "accept",
        "ask",
        "reject",
        "dead_letter",
    ]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"decision": "accept", "attempt": "1"}, TaskState.SUCCEEDED),
        (
            {"decision": "correct", "output": json.dumps(RIGHT), "reason": "it says so", "by": "Anna"},
            TaskState.SUCCEEDED,
        ),
        ({"decision": "reject", "reason": "no receipt"}, TaskState.REJECTED),
        ({"decision": "dead_letter", "reason": "too blurred"}, TaskState.DEAD),
        ({"decision": "ask", "tier": "large"}, TaskState.READY),
    ],
)
async def test_a_person_decides(browser: Browser, street: Street, fields: dict[str, str], state: TaskState) -> None:
    """Each way; the answer is the last attempt of the same task, in the name of who gave it."""
    task_id = street.owned["review"]
    answer = await browser.send(f"/review/{task_id}", **fields)
    record = await street.backend.client.read(task_id)
    page = await browser.page(answer.headers["location"])

    assert answer.headers["location"] == f"/review?done={state.value}"
    assert f"Decided: the task is {state.value}" in page.text
    assert "Nothing waits for a person." in page.text
    assert (record.state, record.trail[-1].tier) == (state, "review")
    assert record.output == {
        "correct": RIGHT,
        "accept": {"merchant": HOSTILE, "total": 12.5},
    }.get(fields["decision"])
    ruling = record.trail[-1].ruling
    assert ruling is not None
    assert ruling.by.startswith("Anna (key " if "by" in fields else "key ")
    assert ruling.reason == fields.get("reason", "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"decision": "correct", "output": " "}, "there is no output yet"),
        ({"decision": "correct", "output": '{"merchant": 7, "total": 1}'}, "does not meet the schema"),
        (
            {"decision": "correct", "output": '{"merchant": 7, "tip": 1}'},
            "'tip' is not allowed, only 'merchant', 'total'",
        ),
        ({"decision": "correct", "output": '{"merchant": 7, "tip": 1}'}, "$.merchant: 7 is not a string or null"),
        ({"decision": "correct", "output": '{"merchant": 7, "tip": 1}'}, "'total' is missing"),
        ({"decision": "correct", "output": '{"merchant": "<b>ACME</b>"'}, "the output is not JSON"),
        ({"decision": "correct", "output": '{"total": 1, "total": 2, "merchant": null}'}, "not JSON"),
        ({"decision": "accept", "attempt": "9"}, "there is no attempt 9"),
        ({"decision": "accept", "attempt": ""}, "integer"),
        ({"decision": "ask", "tier": "huge"}, "has no tier 'huge'"),
        ({"decision": "reject", "reason": "  "}, "needs a `reason`"),
        ({"decision": "shrug"}, "'accept', 'reject', 'dead_letter' or 'ask'"),
    ],
)
async def test_what_cannot_be_taken_stays_on_the_page(
    browser: Browser, street: Street, fields: dict[str, str], said: str
) -> None:
    """What is wrong is told beside what was written, which nobody has to write again."""
    task_id = street.owned["review"]
    answer = await browser.send(f"/review/{task_id}", **fields)
    page = Page.of(answer.text)

    assert answer.status_code == 422
    assert said in page.text
    assert page.all("p", role="alert")
    if "output" in fields:
        assert fields["output"].replace('"', "&#34;").replace("<", "&lt;").replace(">", "&gt;") in draft(page)
        assert page.all("textarea", **{"aria-invalid": "true", "aria-describedby": "wrong"})
    assert (await street.backend.client.summary(task_id)).state is TaskState.REVIEW


async def test_what_is_decided_already_is_told(browser: Browser, street: Street) -> None:
    """Who comes second learns so, and changes nothing; what they wrote is still there."""
    task_id = street.owned["review"]
    await browser.send(f"/review/{task_id}", decision="reject", reason="no receipt")
    again = await browser.send(f"/review/{task_id}", decision="correct", output=json.dumps(RIGHT))
    page = await browser.get(f"/review/{task_id}")

    assert (again.status_code, page.status_code) == (409, 409)
    assert "nobody has to decide any more" in Page.of(again.text).text
    assert "is rejected" in Page.of(page.text).text
    assert (await street.backend.client.summary(task_id)).state is TaskState.REJECTED


async def test_without_the_scope_one_may_look(street: Street) -> None:
    """A key that reads sees it all and is offered nothing; a form of its own is refused."""
    task_id = street.owned["review"]
    async with street.visit(Scope.READ) as browser:
        page = await browser.page(f"/review/{task_id}")
        answer = await browser.send(f"/review/{task_id}", decision="reject", reason="r")

    assert page.all("button", name="decision") == []
    assert "deciding takes the scope review" in page.text
    assert answer.status_code == 403
    assert (await street.backend.client.summary(task_id)).state is TaskState.REVIEW


async def a_choice(street: Street) -> str:
    """A task in review whose policy knows what there can be, and none of whose attempts has an output."""
    policy = a_policy(policy="labels", output={"labels": ["refund", "exchange"]}, checks=[], moves={"fail": "review"})
    await street.backend.store.publish([policy])
    task_id = await street.submit("labels", "which")
    await street.work((task_id, TaskState.REVIEW))
    return task_id


async def test_a_label_is_chosen_from_a_list(street: Street) -> None:
    """Where the policy knows what there can be, nobody has to type it, and nothing is chosen beforehand."""
    task_id = await a_choice(street)
    async with street.visit(*EVERY) as browser:
        page = await browser.page(f"/review/{task_id}")
        await browser.send(f"/review/{task_id}", decision="correct", kind="text", output="exchange")

    chooser = page.source.partition('<select id="output"')[2].partition("</select>")[0]
    assert page.all("textarea") == []
    assert page.all("select", name="output")
    assert chooser.index('<option value="">') < chooser.index(">refund</option>")
    assert " selected" not in chooser
    assert (await street.backend.client.read(task_id)).output == "exchange"


STEERED = "two\r\nlines\rand\n שלום\u200f soft\u00adhyphen \x7f \u202eturned\u202c \0 <b>"


async def a_doubt(street: Street, *outputs: Any, **settings: Any) -> str:
    """A task in review whose attempts, at one tier after the other, have these outputs."""
    policy = a_policy(policy="steered", moves={"unsure": "review"}, **settings)
    store = street.floor.store
    await store.publish([policy])
    task_id = await street.submit("steered", "steered")
    last = len(outputs) - 1
    for at, (tier, output) in enumerate(zip(policy.path, outputs, strict=False)):
        (claim,) = [held for held in await store.claim({tier: 9}, at_most=9, token=tier) if held.task.id == task_id]
        attempt = an_attempt(at + 1, tier, answer=Reading(output=output), verdict=a_verdict(Outcome.UNSURE))
        move = Ask(policy.path[at + 1], "escalate") if at < last else Review("a person decides")
        await store.finish(claim, policy, attempt, move)
    return task_id


def as_sent(text: str) -> str:
    """What a browser makes of a text in a field: every end of a line is sent in the same way, a zero byte as a mark."""
    return re.sub("\r\n?|\n", "\r\n", text).replace("\0", "\ufffd")


@pytest.mark.parametrize(
    ("settings", "output"),
    [
        ({"output": {"text": {}}, "checks": []}, STEERED * 1000),
        ({}, {"merchant": STEERED * 1000, "total": 1.5}),
    ],
)
async def test_what_is_accepted_unchanged_is_unchanged(street: Street, settings: Any, output: Any) -> None:
    """A long output with characters that nobody sees comes back from its field as the model wrote it."""
    task_id = await a_doubt(street, output, **settings)
    async with street.visit(*EVERY) as browser:
        page = await browser.page(f"/review/{task_id}")
        kind = page.field("kind") or ""
        written = as_sent(unescape(draft(page)).removeprefix("\n"))
        await browser.send(f"/review/{task_id}", decision="correct", kind=kind, output=written)

    assert (await street.backend.client.read(task_id)).output == output


@pytest.mark.parametrize(("written", "taken"), [("one\r\nmore", "one\nmore"), ("two\r\nlines ", "two\nlines ")])
async def test_a_text_that_was_changed_is_as_it_was_written(street: Street, written: str, taken: str) -> None:
    """Its lines end as lines do here: only what no person has touched keeps the ends that it had."""
    task_id = await a_doubt(street, "two\r\nlines", output={"text": {}}, checks=[])
    async with street.visit(*EVERY) as browser:
        await browser.send(f"/review/{task_id}", decision="correct", kind="text", output=written)

    assert (await street.backend.client.read(task_id)).output == taken


async def test_the_last_attempt_of_the_same_text_is_meant(street: Street) -> None:
    """It is the one whose output the field held."""
    task_id = await a_doubt(street, "a\rb", "a\r\nb", output={"text": {}}, checks=[])
    async with street.visit(*EVERY) as browser:
        await browser.send(f"/review/{task_id}", decision="correct", kind="text", output="a\r\nb")

    assert (await street.backend.client.read(task_id)).output == "a\r\nb"


async def test_a_choice_that_was_not_made_is_told(street: Street) -> None:
    """Without a label nothing is accepted, not even the first of the list."""
    task_id = await a_choice(street)
    async with street.visit(*EVERY) as browser:
        answer = await browser.send(f"/review/{task_id}", decision="correct", kind="text", output="")

    assert answer.status_code == 422
    assert "there is no output yet: choose or write one" in Page.of(answer.text).text
    assert (await street.backend.client.summary(task_id)).state is TaskState.REVIEW


async def test_lists_those_that_wait_longest_first(street: Street) -> None:
    """Of the tenant alone, by policy where one asks for it."""
    later = await street.submit("doubts", "doubts again")
    await street.work((later, TaskState.REVIEW))
    async with street.visit(Scope.REVIEW) as browser:
        page = await browser.page("/review")
        others = await browser.page("/review?policy=receipts")

    links = [found["href"] for found in page.all("a", **{"class": "id"})]
    assert links == [f"/review/{street.owned['review']}", f"/review/{later}"]
    assert "Nothing waits for a person." in others.text
    assert TENANT in page.text
