"""Deliveries in the store: one of each event, one sender at a time, slow endpoints apart, and secrets that sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import redis

from router.decision import Accept, DeadLetter, Decision, Expire, Reject, Review
from router.delivery import Delivered, Delivery, DeliveryStatus, Gone, Sent, Undelivered
from router.errors import EndpointDisabled, UnknownDelivery
from router.event import Alarm
from router.io.commands.dead import DeadCommands
from router.io.commands.producer import ProducerCommands
from router.io.commands.webhook import OF_A_TENANT_MAX, Leased, Place, WebhookCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import Link, connect
from router.io.redis_store import RedisStore
from router.task import TaskState
from router.verdict import Outcome
from router.webhook import Dialect, Webhook, new_secret
from tests.builders import a_policy, a_submission, an_attempt
from tests.conftest import Clock
from tests.io.keyspace import keyspace

POLICY = a_policy()
FAILED = an_attempt(1, "mini", Outcome.FAIL)
LEASE_MS = 30_000
AT_ONCE = 10
"""Deliveries of one endpoint that are on their way at once."""
HOOK = Webhook(url="https://example.com/hooks?key=1")
WAITING, DELIVERED, FAILED_, DISABLED = DeliveryStatus
DAY_S = 86_400
NO = Undelivered("500")


@dataclass
class Post:
    """A store in which tasks with webhooks end, and whoever delivers what they tell."""

    store: RedisStore
    link: Link
    commands: WebhookCommands
    clock: Clock
    tokens: int = 0

    async def end(self, task_id: str = "t1", decision: Decision | None = None, **changes: Any) -> str:
        """End a task; returns the id of what is told of it."""
        await self.store.submit([a_submission(task_id, **({"webhook": HOOK} | changes))])
        if decision is None:
            return f"evt_{task_id}_{await self.store.cancel(task_id)}"
        (claim,) = await self.store.claim({"mini": 10}, at_most=1, token=task_id)
        await self.store.finish(claim, POLICY, FAILED, decision)
        return f"evt_{task_id}_{(await self.store.read(task_id)).state}"

    def claim(self, at_most: int = 100) -> list[Leased]:
        self.tokens += 1
        claim = self.commands.claim(at_most=at_most, token=f"token-{self.tokens}", lease_ms=LEASE_MS)
        return self.link.run(claim)[1]

    def book(self, leased: Leased, sent: Sent, *, pause_ms: int | None = 5000) -> str:
        return self.link.run(self.commands.book(leased, sent, pause_ms=pause_ms, policy="receipts"))

    def send(self, sent: Sent, *, pause_ms: int | None = 5000) -> list[str]:
        """Claim what is due and book the same for each."""
        return [self.book(leased, sent, pause_ms=pause_ms) for leased in self.claim()]

    def read(self, delivery_id: str) -> Delivery:
        return self.link.run(self.commands.delivery(delivery_id))

    def listed(self, tenant: str = "default", **wanted: Any) -> list[str]:
        page = self.link.carry_out(self.commands.deliveries(tenant, **({"limit": 1000} | wanted)))
        return [delivery.id for delivery in page.deliveries]


@pytest.fixture
async def post(redis_store: RedisStore, server: EmbeddedServer, prefix: str, clock: Clock) -> Post:
    await redis_store.publish([POLICY])
    link = Link(connect(server.url), prefix=prefix)
    return Post(redis_store, link, WebhookCommands(prefix=prefix, clock_ms=clock), clock)


ENDS: dict[TaskState, Decision | None] = {
    TaskState.SUCCEEDED: Accept(FAILED),
    TaskState.REJECTED: Reject("impossible"),
    TaskState.DEAD: DeadLetter("no tier is left"),
    TaskState.EXPIRED: Expire("too late"),
    TaskState.CANCELLED: None,
    TaskState.REVIEW: Review("a person should look"),
}


@pytest.mark.parametrize("state", ENDS)
async def test_every_end_is_told_once(post: Post, state: TaskState) -> None:
    """And that a task waits for a person; the event's id follows from the task and its state."""
    delivery_id = await post.end("t1", ENDS[state])

    (leased,) = post.claim()
    told = leased.delivery
    assert told.id == delivery_id + ("_1" if state is TaskState.REVIEW else "")
    assert (told.task, told.tenant, told.webhook, told.state, told.attempts) == ("t1", "default", HOOK, state, 1)
    assert (told.created_ms, leased.policy) == (post.clock.ms, POLICY.digest)
    assert post.claim() == []


async def test_who_waits_for_a_person_is_told_of_the_end_too(post: Post) -> None:
    """The wait and its end are two events."""
    await post.end("t1", Review("look"))
    await post.store.cancel("t1")

    assert {leased.delivery.id for leased in post.claim()} == {"evt_t1_review_1", "evt_t1_cancelled"}


async def test_a_response_tells_nothing_of_a_review(post: Post) -> None:
    """OpenAI's events have no such type: its receivers learn the end alone."""
    await post.end("t1", Review("look"), webhook=Webhook(url=HOOK.url, dialect=Dialect.RESPONSE))

    assert post.claim() == []


async def test_nobody_is_told_who_did_not_ask(post: Post, raw: redis.Redis, prefix: str) -> None:
    """A task without a webhook leaves nothing of the kind."""
    await post.end("t1", webhook=None)

    assert post.claim() == []
    assert [name for name in keyspace(raw, prefix) if name.startswith(("hook", "endpoint", "fl"))] == []


async def test_a_task_that_expires_in_its_queue_is_told_of(post: Post) -> None:
    """The sweep ends tasks by the same step."""
    await post.store.submit([a_submission("t1", webhook=HOOK, deadline_s=1.0)])
    post.clock.advance(2)
    await post.store.sweep(at_most=10)

    assert [leased.delivery.id for leased in post.claim()] == ["evt_t1_expired"]


async def test_a_redriven_task_tells_the_same_webhook(post: Post, prefix: str) -> None:
    """Whoever asked to be told still is, of the task that was sent again."""
    await post.end("t1", DeadLetter("no tier is left"))
    sent = post.link.carry_out(DeadCommands(prefix=prefix, clock_ms=post.clock).redrive("t1", reply_to=None))
    await post.store.cancel(sent.task_id)

    assert {leased.delivery.task for leased in post.claim()} == {"t1", sent.task_id}


async def test_a_lease_that_runs_out_is_sent_again_under_the_same_id(post: Post) -> None:
    """Whoever took it may have sent it: receivers tell by the id; only the one who holds it now may book."""
    await post.end()
    (first,) = post.claim()
    post.clock.advance(LEASE_MS / 1000 - 0.001)
    assert post.claim() == []
    post.clock.advance(0.001)

    (again,) = post.claim()

    assert (again.delivery.id, again.delivery.attempts) == (first.delivery.id, 2)
    assert post.book(first, Delivered("200")) == "stale"
    assert post.read(first.delivery.id).status is WAITING
    assert post.book(again, Delivered("200")) == "delivered"
    assert post.claim() == []


async def test_booking_is_harmless_to_repeat(post: Post, raw: redis.Redis, prefix: str) -> None:
    """A lost reply changes nothing, whatever was booked."""
    await post.end()
    for sent in (NO, Delivered("200")):
        (leased,) = post.claim()
        post.book(leased, sent)
        before = keyspace(raw, prefix)

        assert post.book(leased, sent) == "again"
        assert keyspace(raw, prefix) == before
        post.clock.advance(5)


async def test_a_failure_is_tried_again_after_its_pause(post: Post) -> None:
    """Not before; and what was said is kept for people."""
    delivery_id = await post.end()
    assert post.send(NO, pause_ms=60_000) == ["waiting"]

    kept = post.read(delivery_id)
    assert (kept.status, kept.said, kept.due_ms, kept.policy) == (WAITING, "500", post.clock.ms + 60_000, "receipts")
    post.clock.advance(59.999)
    assert post.claim() == []
    post.clock.advance(0.001)
    assert [leased.delivery.attempts for leased in post.claim()] == [2]


async def test_after_the_last_attempt_it_failed(post: Post) -> None:
    """It is kept for a week, to be redelivered."""
    delivery_id = await post.end()

    assert post.send(NO, pause_ms=None) == ["failed"]
    post.clock.advance(10 * DAY_S)
    assert post.claim() == []
    assert post.read(delivery_id).status is FAILED_


@pytest.mark.parametrize("sent", [Delivered("200"), Gone("410"), NO])
async def test_redelivers_whatever_came_of_it(post: Post, sent: Sent) -> None:
    """Under the same id, with attempts counted anew; where the endpoint is disabled it is enabled first."""
    delivery_id = await post.end()
    post.send(sent, pause_ms=None)
    post.link.run(post.commands.enable("default", HOOK.url))

    for _ in range(2):
        post.link.run(post.commands.redeliver(delivery_id, tenant="default"))

    assert [(leased.delivery.id, leased.delivery.attempts) for leased in post.claim()] == [(delivery_id, 1)]
    assert post.claim() == []


async def test_what_is_on_its_way_is_not_sent_twice_for_being_redelivered(post: Post) -> None:
    """One sender at a time, whoever asks."""
    delivery_id = await post.end()
    (leased,) = post.claim()

    post.link.run(post.commands.redeliver(delivery_id, tenant=None))

    assert post.claim() == []
    assert post.book(leased, Delivered("200")) == "delivered"


async def test_one_that_waits_for_its_next_attempt_can_be_sent_now(post: Post) -> None:
    """A receiver that was mended need not wait for hours."""
    delivery_id = await post.end()
    post.send(NO, pause_ms=10_000_000)
    post.link.run(post.commands.redeliver(delivery_id, tenant=None))

    assert post.read(delivery_id).due_ms is None
    assert [leased.delivery.id for leased in post.claim()] == [delivery_id]


async def test_what_is_another_tenant_s_is_not_there(post: Post) -> None:
    """To redeliver takes the tenant's own delivery; an id of nobody is answered alike."""
    delivery_id = await post.end()
    said = []
    for tenant, wanted in (("other", delivery_id), ("default", "evt_no_such")):
        with pytest.raises(UnknownDelivery) as why:
            post.link.run(post.commands.redeliver(wanted, tenant=tenant))
        said.append(str(why.value).replace(wanted, "X"))

    assert said[0] == said[1]
    assert post.listed("other") == []
    with pytest.raises(UnknownDelivery):
        post.read("evt_no_such")


async def test_an_endpoint_that_is_gone_is_disabled_at_once(post: Post, raw: redis.Redis) -> None:
    """Nothing more is sent there, of what waits and of what comes; others of the tenant are told as before."""
    for number in range(AT_ONCE + 2):
        await post.end(f"t{number}")
    leased = post.claim()
    assert len(leased) == AT_ONCE
    assert post.book(leased[0], Gone("410")) == "disabled"

    assert [post.book(one, NO) for one in leased[1:]] == ["disabled"] * (AT_ONCE - 1)
    assert post.claim() == []
    await post.end("later")
    other = await post.end("elsewhere", webhook=Webhook(url="https://example.com/other"))

    assert [one.delivery.id for one in post.claim()] == [other]
    assert len(post.listed(status=DISABLED)) == AT_ONCE + 3
    with pytest.raises(EndpointDisabled) as why:
        post.link.run(post.commands.redeliver("evt_later_cancelled", tenant=None))
    assert "router webhook enable URL" in str(why.value)


async def test_an_endpoint_that_fails_for_days_is_disabled(post: Post, prefix: str) -> None:
    """After three days and ten failures without a delivery between; an operator is told, without the path."""
    outcomes = []
    for number in range(14):
        await post.end(f"t{number}")
        outcomes += post.send(NO, pause_ms=None)
        post.clock.advance(8 * 3600)

    assert outcomes == ["failed"] * 9 + ["disabled"]
    said = "https://example.com takes nothing (500); it is disabled until `router webhook enable`"
    told = post.link.run(ProducerCommands(prefix=prefix).alarms("-"))
    assert [event for _, event in told] == [Alarm("webhook", "default", said)]


async def test_an_endpoint_that_takes_something_now_and_then_stays(post: Post) -> None:
    """A delivery ends a row of failures."""
    for number in range(40):
        await post.end(f"t{number}")
        sent = Delivered("200") if number % 9 == 8 else NO
        assert post.send(sent, pause_ms=None) == ["delivered" if number % 9 == 8 else "failed"]
        post.clock.advance(8 * 3600)


async def test_an_endpoint_is_a_tenant_s_url_without_its_query(post: Post) -> None:
    """What one tenant's secrets in a query get disabled holds for all of that address, and for nobody else."""
    await post.end("t1")
    post.send(Gone("410"))
    await post.end("t2", webhook=Webhook(url="https://example.com/hooks?key=2"))
    await post.end("t3", tenant="other")

    assert [leased.delivery.task for leased in post.claim()] == ["t3"]
    assert post.link.run(post.commands.enable("default", "https://example.com/hooks")) is True
    assert post.link.run(post.commands.enable("default", "https://example.com/hooks")) is False


async def test_a_slow_endpoint_holds_up_nobody_else(post: Post) -> None:
    """It has so many on their way at most, however many wait; the rest of a claim is for others."""
    for number in range(60):
        await post.end(f"slow{number}")
    slow = post.claim(50)
    fast = await post.end("fast", webhook=Webhook(url="https://fast.example.com"))

    assert len(slow) == AT_ONCE
    assert [leased.delivery.id for leased in post.claim(50)] == [fast]
    post.book(slow[0], Delivered("200"))
    assert len(post.claim(50)) == 1


async def test_slow_endpoints_of_one_tenant_hold_up_no_other(post: Post) -> None:
    """Whatever addresses a tenant invents, so many of its deliveries are on their way at most."""
    for number in range(OF_A_TENANT_MAX + 20):
        await post.end(f"t{number}", webhook=Webhook(url=f"https://example.com/{number}"))
    taken = [leased for _ in range(3) for leased in post.claim(100)]
    await post.end("other", tenant="other")

    assert len(taken) == OF_A_TENANT_MAX
    assert [leased.delivery.tenant for leased in post.claim(100)] == ["other"]
    for leased in taken:
        post.book(leased, Delivered("200"))
    post.clock.advance(2)
    assert len(post.claim(100)) == 20


async def test_takes_no_more_than_it_was_asked_for(post: Post) -> None:
    """A process has so many on their way at most."""
    for number in range(5):
        await post.end(f"t{number}", webhook=Webhook(url=f"https://example.com/{number}"))

    assert [len(post.claim(2)) for _ in range(4)] == [2, 2, 1, 0]


async def test_what_a_later_version_wrote_is_left_to_it(post: Post, raw: redis.Redis, prefix: str) -> None:
    """While versions are mixed the others are sent, and this one waits for who can read it."""
    later, other = await post.end("t1"), await post.end("t2")
    raw.hset(f"{prefix}hook:{later}", "w", f"carrier-pigeon {HOOK.word}")

    assert [leased.delivery.id for leased in post.claim()] == [other]
    raw.hset(f"{prefix}hook:{later}", "w", HOOK.word)
    post.clock.advance(LEASE_MS / 1000)
    assert later in [leased.delivery.id for leased in post.claim()]


async def test_a_delivery_whose_senders_always_die_is_given_up(post: Post) -> None:
    """An answer that kills its reader must not kill one every half minute for ever."""
    delivery_id = await post.end()
    for _ in range(30):
        assert len(post.claim()) == 1
        post.clock.advance(LEASE_MS / 1000)

    assert post.claim() == []
    assert post.read(delivery_id).status is FAILED_


async def test_lists_the_one_that_changed_last_first(post: Post) -> None:
    """In pages that begin where the last one ended, also among those of one moment; narrowed down by status."""
    for number in range(7):
        await post.end(f"t{number}")
        post.clock.advance(number // 4)
    everything = post.listed()
    assert everything[0] == "evt_t6_cancelled"
    pages, after = [], None
    while True:
        page = post.link.carry_out(post.commands.deliveries("default", limit=2, after=after))
        pages += [delivery.id for delivery in page.deliveries]
        if (after := page.next) is None:
            break

    assert pages == everything
    assert set(pages) == {f"evt_t{number}_cancelled" for number in range(7)}
    post.clock.advance(1)
    (leased, *_) = post.claim()
    post.book(leased, Delivered("200"))
    assert post.listed(status=DELIVERED) == [leased.delivery.id] == post.listed(limit=1)
    assert len(post.listed(status=WAITING)) == 6
    assert post.link.run(post.commands.tenants()) == ["default"]


@pytest.mark.parametrize("text", ["", "x", "1", "-", "1-x", "None-1", "١-١", "1-2-3", "9" * 16 + "-1"])
def test_a_place_that_no_page_gave_is_refused(text: str) -> None:
    """Whatever callers send as a cursor."""
    with pytest.raises(ValueError):
        Place.read(text)


def test_a_place_is_read_back() -> None:
    """Callers get it as text."""
    assert Place.read(Place(5).after(5).after(5).text) == Place(5, 2)
    assert Place(5, 2).after(4) == Place(4, 1)


def texts(post: Post, tenant: str = "acme") -> list[str]:
    return [secret.text for secret in post.link.run(post.commands.secrets(tenant)) if secret.live(post.clock.ms)]


def add(post: Post, way: Any, number: int, *, overlap_s: float = 0) -> str:
    text = new_secret(bytes([number] * 32))
    add = post.commands.add_secret(way, "acme", secret_id=f"s{number}", text=text, overlap_ms=int(overlap_s * 1000))
    return post.link.run(add)


async def test_two_secrets_sign_at_most(post: Post) -> None:
    """A rotation leaves the one before until the overlap is over, and nothing of the ones before that."""
    one, two, three = (new_secret(bytes([number] * 32)) for number in (1, 2, 3))
    assert add(post, "rotate", 1) == "none"
    assert add(post, "create", 1) == "ok"
    assert add(post, "create", 9) == "there"
    assert add(post, "rotate", 2, overlap_s=60) == "ok"
    assert texts(post) == [two, one]
    assert add(post, "rotate", 3, overlap_s=60) == "ok"
    assert texts(post) == [three, two]

    post.clock.advance(60)
    assert texts(post) == [three]
    assert texts(post, "other") == []


async def test_making_a_secret_is_harmless_to_repeat(post: Post, raw: redis.Redis, prefix: str) -> None:
    """A lost reply makes no second one, and prolongs nothing."""
    for way, number in (("create", 1), ("rotate", 2)):
        add(post, way, number, overlap_s=60)
        before = keyspace(raw, prefix)
        post.clock.advance(1)

        assert add(post, way, number, overlap_s=60) == "ok"
        assert keyspace(raw, prefix) == before


async def test_a_dropped_secret_signs_no_more(post: Post) -> None:
    """At once; to drop it again says that there is none."""
    add(post, "create", 1)

    assert [post.link.run(post.commands.drop_secret("acme", "s1")) for _ in range(2)] == [True, False]
    assert texts(post) == []


def _days(ttl_s: int) -> float:
    """A time to live in days, whatever second passed since it was set; -1 for what does not go."""
    return ttl_s if ttl_s < 0 else round(ttl_s / DAY_S, 2)


async def test_what_was_told_goes(post: Post, raw: redis.Redis, prefix: str) -> None:
    """Three days after it was taken, seven after it was given up; what waits does not go."""
    taken = await post.end("t1", webhook=Webhook(url="https://example.com/1"))
    post.send(Delivered("200"))
    failed = await post.end("t2")
    post.send(NO, pause_ms=None)
    waits = await post.end("t3")
    lives = {name: _days(raw.ttl(f"{prefix}hook:{name}")) for name in (taken, failed, waits)}

    assert lives == {taken: 3, failed: 7, waits: -1}
    assert 7 * DAY_S < raw.ttl(f"{prefix}hooked:default") <= 8 * DAY_S
    endpoints = list(raw.scan_iter(f"{prefix}endpoint:*"))
    assert [_days(raw.ttl(key)) for key in endpoints] == [30]
    post.send(Delivered("200"))
    lasting = {name for name, (_, expires) in keyspace(raw, prefix).items() if not expires}
    assert {name for name in lasting if name.startswith(("hook", "fl", "endpoint"))} == {"hooked"}


async def test_the_list_is_cut_behind_what_is_kept(post: Post, raw: redis.Redis, prefix: str) -> None:
    """Neither the deliveries of a tenant nor the tenants stand in a list when they are gone."""
    await post.end("t1")
    await post.end("t2", tenant="other")
    post.clock.advance(9 * DAY_S)
    await post.end("t3", tenant="other")

    assert raw.zrange(f"{prefix}hooked", 0, -1) == [b"other"]
    assert post.listed("other") == ["evt_t3_cancelled"]


async def test_a_delivery_that_waited_long_is_listed_when_it_moves(post: Post) -> None:
    """Where nobody delivered for weeks nothing is lost."""
    delivery_id = await post.end("t1", tenant="other")
    post.clock.advance(20 * DAY_S)
    await post.end("t2", tenant="other")
    assert post.listed("other") == ["evt_t2_cancelled"]

    assert post.send(Delivered("200")) == ["delivered", "delivered"]
    assert delivery_id in post.listed("other")
