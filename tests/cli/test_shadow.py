"""Shadow runs: what a tier would have answered to recorded traffic, asked by the workers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from router.app import open_store
from router.call import Answer
from router.cli.shadow import shadow, unasked
from router.client import Client
from router.errors import UnknownPolicy
from router.ledger import EntryKind
from router.recording import Recording
from router.task import AUDITOR
from tests.builders import BROKEN, GOOD, a_policy
from tests.carrying import House
from tests.cli.desk import POLICY, CliDesk
from tests.conftest import Clock


def recordings(number: int) -> list[Recording]:
    reply = {"output": {"merchant": "ACME", "total": 12.5}, "cost_usd": "0.0001"}
    told = [{"id": f"r{n}", "input": {"text": f"ACME {n}"}, "replies": {"mini": reply}} for n in range(number)]
    return [Recording.model_validate(one) for one in told]


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
        told = list(shadow(client, POLICY, recordings(3), "large", timeout_s=30))

    assert [r.id for r in told] == ["r0", "r1", "r2"]
    assert [r.replies["large"][0].output for r in told] == [{"merchant": "ACME", "total": 12.5}] * 3
    assert all(r.replies["large"][0].cost_nusd for r in told)
    lines = [e for e in desk.run(lambda store: store.ledger()) if e.kind is EntryKind.SETTLED]
    assert {(e.why, e.tenant, e.scopes[1]) for e in lines} == {("audit", AUDITOR, "audit:receipts")}
    assert len(lines) == 3


def test_asked_again_nothing_is_paid_twice(desk: CliDesk, client: Client) -> None:
    """A run that was broken off goes on where it was: what was answered is known."""
    with at_work(desk, GOOD, GOOD, GOOD):
        first = list(shadow(client, POLICY, recordings(2), "large", timeout_s=30))
        again = list(shadow(client, POLICY, recordings(3), "large", timeout_s=30))

    assert again[:2] == first
    assert desk.run(lambda store: store.balance()).calls == 3


def test_a_reply_that_is_no_good_is_still_what_was_answered(desk: CliDesk, client: Client) -> None:
    """A broken reply of the larger tier is evidence of that tier, and stands in the recording as it came."""
    with at_work(desk, BROKEN):
        (told,) = shadow(client, POLICY, recordings(1), "large", timeout_s=30)

    assert told.replies["large"][0].text == "{"


def test_what_nobody_answers_comes_back_as_it_was(desk: CliDesk, client: Client) -> None:
    """Without a worker nothing is learnt, and nothing is lost: the recording is as it was, to be asked again."""
    (told,) = shadow(client, POLICY, recordings(1), "large", timeout_s=0.1)

    assert told == recordings(1)[0]
    assert unasked([told], "large") == [told]


def test_an_unpublished_version_cannot_be_asked(desk: CliDesk, client: Client) -> None:
    """Workers go by published versions, so another one is refused with what to do; nothing is sent."""
    with pytest.raises(UnknownPolicy, match="router policy publish"):
        list(shadow(client, a_policy(description="not published"), recordings(1), "large", timeout_s=1))
