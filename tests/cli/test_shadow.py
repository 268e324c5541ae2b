"""Shadow runs: what a tier would have answered to recorded traffic, asked by the workers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count

import pytest

from router.app import open_store
from router.budget import Budget
from router.call import Answer
from router.cli.shadow import Sent, Shown, shadow, unasked
from router.client import MANY, Client
from router.errors import UnknownPolicy
from router.ledger import EntryKind
from router.recorded.recording import Recording
from router.task import AUDITOR
from tests.builders import BROKEN, GOOD, a_policy
from tests.carrying import House
from tests.cli.desk import POLICY, CliDesk
from tests.conftest import Clock


def recordings(number: int) -> list[Recording]:
    reply = {"output": {"merchant": "ACME", "total": 12.5}, "cost_usd": "0.0001"}
    told = [{"id": f"r{n}", "input": {"text": f"ACME {n}"}, "replies": {"mini": reply}} for n in range(number)]
    return [Recording.model_validate(one) for one in told]


def shown(client: Client, asked: list[Recording], *, timeout_s: float = 30) -> list[Shown]:
    """What came of each, without the news that they were sent."""
    events = list(shadow(client, POLICY, asked, "large", timeout_s=timeout_s))
    assert sum(event.tasks for event in events if isinstance(event, Sent)) == len(asked)
    return [event for event in events if isinstance(event, Shown)]


@contextmanager
def at_work(desk: CliDesk, *answers: Answer) -> Iterator[None]:
    """Somebody who carries what is ready at `large`, in a thread of its own, and answers in turn."""
    left, stop = iter(answers), threading.Event()

    async def work() -> None:
        async with open_store(desk.settings) as store:
            clock = Clock()
            clock.ms = int(time.time() * 1000)
            house = House(store, clock, lambda call: next(left))
            for turn in count():
                if stop.is_set():
                    return
                for claim in await store.claim({"large": 10}, at_most=1, token=f"turn-{turn}"):
                    await house.engine.carry(claim)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def client(desk: CliDesk) -> Iterator[Client]:
    with Client(desk.settings.redis_url, prefix=desk.settings.prefix) as client:
        yield client


def test_recordings_come_back_with_the_tiers_reply(desk: CliDesk, client: Client) -> None:
    """Each recording is asked once; its reply stands under the tier, with what it cost, booked as an audit."""
    with at_work(desk, GOOD, GOOD, GOOD):
        told = shown(client, recordings(3))

    assert [(one.recording.id, one.end, one.before) for one in told] == [(f"r{n}", "answered", False) for n in range(3)]
    replies = [one.recording.replies["large"][0] for one in told]
    assert [reply.output for reply in replies] == [{"merchant": "ACME", "total": 12.5}] * 3
    assert [reply.cost_nusd for reply in replies] == [one.cost_nusd for one in told]
    assert all(one.cost_nusd for one in told)
    lines = [e for e in desk.run(lambda store: store.ledger()) if e.kind is EntryKind.SETTLED]
    assert {(e.why, e.tenant, e.scopes[1]) for e in lines} == {("audit", AUDITOR, "audit:receipts")}
    assert len(lines) == 3


def test_asked_again_nothing_is_paid_twice(desk: CliDesk, client: Client) -> None:
    """A run that was broken off goes on where it was: what was answered is known."""
    with at_work(desk, GOOD, GOOD, GOOD):
        first = shown(client, recordings(2))
        again = shown(client, recordings(3))

    assert [one.recording for one in again[:2]] == [one.recording for one in first]
    assert [(one.before, one.cost_nusd > 0) for one in again] == [(True, False), (True, False), (False, True)]
    assert desk.run(lambda store: store.balance()).calls == 3


def test_the_same_twice_is_asked_once(desk: CliDesk, client: Client) -> None:
    """Two recordings of the same input are one question, paid once, and answer both."""
    (one,) = recordings(1)
    with at_work(desk, GOOD):
        told = shown(client, [one, one.model_copy(update={"id": "r9"})])

    assert [(each.recording.id, each.end, each.before) for each in told] == [
        ("r0", "answered", False),
        ("r9", "answered", True),
    ]
    assert desk.run(lambda store: store.balance()).calls == 1


def test_what_was_refused_says_why_and_is_asked_anew(desk: CliDesk, client: Client) -> None:
    """A spent budget is the reason; once there is room again, the same run is answered."""
    spent = Budget(scope="audit:receipts", usd=Decimal("0.000001"), per="day")
    desk.run(lambda store: store.publish_budgets([spent]))
    with at_work(desk, GOOD):
        refused = [*shown(client, recordings(2)), *shown(client, recordings(2))]
        desk.run(lambda store: store.publish_budgets([]))
        (answered,) = shown(client, recordings(1))

    assert [(one.end, one.cost_nusd, one.before) for one in refused] == [("refused", 0, False)] * 4
    assert all("no room in the budget of audit:receipts" in one.reason for one in refused)
    assert [one.recording for one in refused[:2]] == recordings(2)
    assert (answered.end, answered.before, answered.reason) == ("answered", False, "")


def test_a_reply_that_is_no_good_is_still_what_was_answered(desk: CliDesk, client: Client) -> None:
    """A broken reply of the larger tier is evidence of that tier, and stands in the recording as it came."""
    with at_work(desk, BROKEN):
        (told,) = shown(client, recordings(1))

    assert told.recording.replies["large"][0].text == "{"


def test_what_nobody_answers_comes_back_as_it_was(desk: CliDesk, client: Client) -> None:
    """Without a worker nothing is learnt, and nothing is lost: the recording is as it was, to be asked again."""
    told = shown(client, recordings(2), timeout_s=0.1)

    assert [(one.recording, one.end) for one in told] == [(each, "late") for each in recordings(2)]
    assert unasked([one.recording for one in told], "large") == recordings(2)


def test_without_any_news_nothing_more_is_sent(desk: CliDesk, client: Client) -> None:
    """Where no worker answers the first few hundred, the rest is not sent: it would only be paid for later."""
    events = list(shadow(client, POLICY, recordings(MANY + 1), "large", timeout_s=0.1))

    assert [event for event in events if isinstance(event, Sent)] == [Sent(MANY)]
    assert len(events) == MANY + 1


def test_an_unpublished_version_cannot_be_asked(desk: CliDesk, client: Client) -> None:
    """Workers go by published versions, so another one is refused with what to do; nothing is sent."""
    with pytest.raises(UnknownPolicy, match="router policy publish"):
        list(shadow(client, a_policy(description="not published"), recordings(1), "large", timeout_s=1))
