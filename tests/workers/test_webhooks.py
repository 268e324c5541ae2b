"""Deliveries by a real process or its inside, to a real receiver: signed, repeated, never sent where nobody may."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from aiohttp import web
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from router.async_client import AsyncClient
from router.decision import Accept, Review
from router.delivery import Delivery, DeliveryStatus
from router.io.commands.webhook import WebhookCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import Link, connect
from router.settings import Settings
from router.verdict import Outcome
from router.webhook import Webhook, new_secret
from tests.builders import a_policy, a_submission, an_attempt
from tests.conftest import a_redis_store
from tests.gang import environment
from tests.receiver import Got, Receiver, a_receiver, says
from tests.waiting import until
from workers.webhooks import Postman, open_postman

POLICY = a_policy()
DONE = an_attempt(1, "mini", Outcome.PASS)
SECRET, LATER = new_secret(bytes(32)), new_secret(bytes([1] * 32))
HERE = "127.0.0.1/32, localhost"
LEASE_S = 2
RUN = "import workers.webhooks as w; w.deliver_forever(w.Settings.from_env())"


class Sender:
    """Tasks that end on a real server, by its own clock, and postmen that tell of them."""

    def __init__(self, url: str, prefix: str) -> None:
        self.settings = Settings(redis_url=url, prefix=prefix, webhook_allow=HERE, worker_lease_s=str(LEASE_S))
        self.store = a_redis_store(url, prefix, None)
        self.link = Link(connect(url), prefix=prefix)
        self.commands = WebhookCommands(prefix=prefix)

    def secret(self, text: str, *, way: Any = "create", tenant: str = "default", overlap_ms: int = 60_000) -> None:
        add = self.commands.add_secret(way, tenant, secret_id=text[-8:], text=text, overlap_ms=overlap_ms)
        assert self.link.run(add) == "ok"

    async def end(self, url: str, task_id: str = "t1", *, accepted: bool = False, **changes: Any) -> str:
        """End a task with a webhook; returns the delivery's id."""
        webhook = Webhook(url=url, payload=changes.pop("payload", "thin"))
        await self.store.submit([a_submission(task_id, webhook=webhook, **changes)])
        if not accepted:
            return f"evt_{task_id}_{await self.store.cancel(task_id)}"
        (claim,) = await self.store.claim({"mini": 10}, at_most=1, token=task_id)
        await self.store.finish(claim, POLICY, DONE, Accept(DONE))
        return f"evt_{task_id}_succeeded"

    async def review(self, url: str, *, payload: Any) -> str:
        """Leave a task with a webhook to a person; returns the delivery's id."""
        await self.store.submit([a_submission("t1", webhook=Webhook(url=url, payload=payload))])
        (claim,) = await self.store.claim({"mini": 10}, at_most=1, token="t1")
        await self.store.finish(claim, POLICY, DONE, Review("who knows"))
        return "evt_t1_review_1"

    async def deliver(self, postman: Postman) -> int:
        """Send what is due now; returns how many."""
        count = 0
        while taken := await postman.round():
            count += taken
            await postman.finish()
        return count

    async def deliver_once(self, **changes: str) -> int:
        async with open_postman(replace(self.settings, **changes)) as postman:  # type: ignore[arg-type]
            return await self.deliver(postman)

    def again(self, delivery_id: str) -> None:
        self.link.run(self.commands.redeliver(delivery_id, tenant=None))

    def read(self, delivery_id: str) -> Delivery:
        return self.link.run(self.commands.delivery(delivery_id))

    def standing(self, delivery_id: str) -> tuple[DeliveryStatus, str | None]:
        delivery = self.read(delivery_id)
        return delivery.status, delivery.said

    @contextmanager
    def process(self, **env: str) -> Iterator[subprocess.Popen[bytes]]:
        """A deliverer as a process of its own."""
        words = [sys.executable, "-c", RUN]
        process = subprocess.Popen(words, env=environment(self.settings, ROUTER_LOG="error", **env))
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
async def sender(server: EmbeddedServer, prefix: str) -> AsyncIterator[Sender]:
    sender = Sender(server.url, prefix)
    await sender.store.publish([POLICY])
    sender.secret(SECRET)
    yield sender
    await sender.store.close()
    sender.link.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


def verified(got: Got, secret: str = SECRET) -> Any:
    return Verifier(secret).verify(got.body, got.headers)


def verifies(got: Got, secret: str) -> bool:
    try:
        return bool(verified(got, secret))
    except WebhookVerificationError:
        return False


async def test_tells_of_a_task_s_end(sender: Sender, receiver: Receiver) -> None:
    """A signed event with the task's id, status and policy, and the event's id in its header."""
    delivery_id = await sender.end(receiver.url("/hook?key=1"), accepted=True, metadata={"order": 7})

    assert await sender.deliver_once() == 1
    (got,) = receiver.got
    event = verified(got)
    assert event["data"] == {"id": "t1", "status": "succeeded", "policy": "receipts"}
    assert (event["id"], got.id, got.path) == (delivery_id, delivery_id, "/hook?key=1")
    assert sender.standing(delivery_id) == (DeliveryStatus.DELIVERED, "200")
    assert await sender.deliver_once() == 0


async def test_tells_the_result_to_who_asked_for_it(sender: Sender, receiver: Receiver) -> None:
    """A full payload has output, cost and metadata of the record."""
    await sender.end(receiver.url(), accepted=True, payload="full", metadata={"order": 7})
    await sender.deliver_once()

    data = verified(receiver.got[0])["data"]
    assert data["output"] == {"merchant": "ACME", "total": 12.5}
    assert (data["metadata"], data["tier"], data["cost_usd"]) == ({"order": 7}, "mini", "0.000000000")


async def test_contents_do_not_outlive_their_record(
    sender: Sender, receiver: Receiver, raw: redis.Redis, prefix: str
) -> None:
    """What is sent again after the record's time tells that the task ended, and nothing of what it held."""
    delivery_id = await sender.end(receiver.url(), accepted=True, payload="full")
    raw.delete(*(f"{prefix}{part}:t1" for part in ("t", "in", "trail")))
    await sender.deliver_once()

    assert verified(receiver.got[0])["data"] == {"id": "t1", "status": "succeeded", "policy": "receipts"}
    assert sender.read(delivery_id).status is DeliveryStatus.DELIVERED


async def test_what_was_erased_is_not_told(sender: Sender, receiver: Receiver, server: EmbeddedServer) -> None:
    """A delivery that comes after the erasure tells that the task ended, and no empty result."""
    await sender.end(receiver.url(), accepted=True, payload="full")
    async with AsyncClient(server.url, prefix=sender.settings.prefix) as client:
        await client.erase("t1")
    await sender.deliver_once()

    assert verified(receiver.got[0])["data"] == {"id": "t1", "status": "succeeded", "policy": "receipts"}


async def test_during_a_rotation_either_secret_verifies(sender: Sender, receiver: Receiver) -> None:
    """Receivers change over when they like."""
    sender.secret(LATER, way="rotate")
    await sender.end(receiver.url())
    await sender.deliver_once()

    assert verified(receiver.got[0], SECRET) == verified(receiver.got[0], LATER)


async def test_nothing_is_sent_unsigned(sender: Sender, receiver: Receiver) -> None:
    """Where the secret was dropped the delivery waits, and says what is missing."""
    delivery_id = await sender.end(receiver.url(), tenant="acme")
    await sender.deliver_once()

    assert receiver.got == []
    assert sender.standing(delivery_id) == (
        DeliveryStatus.WAITING,
        "the tenant has no signing secret; make one with `router webhook secret create`",
    )
    sender.secret(SECRET, tenant="acme")
    sender.again(delivery_id)
    await sender.deliver_once()
    assert [got.id for got in receiver.got] == [delivery_id]


async def test_a_failure_is_repeated_with_the_same_event(sender: Sender) -> None:
    """Two errors, then it is taken: three requests with one id and one body, each with a signature that holds."""
    async with a_receiver(says(500), says(503), says(204)) as receiver:
        delivery_id = await sender.end(receiver.url())
        for _ in range(3):
            await sender.deliver_once()
            sender.again(delivery_id)

        assert len({(got.id, got.body) for got in receiver.got}) == 1
        assert [verified(got)["id"] for got in receiver.got] == [delivery_id] * 3
        assert sender.read(delivery_id).said == "204"


async def test_what_is_sent_again_is_signed_with_the_secrets_of_its_time(sender: Sender) -> None:
    """With both while one takes the other's place, and with the new one alone once the overlap is over."""
    async with a_receiver(says(500)) as receiver:
        delivery_id = await sender.end(receiver.url())
        for overlap_ms in (None, 60_000, 0):
            if overlap_ms is not None:
                sender.link.run(sender.commands.drop_secret("default", LATER[-8:]))
                sender.secret(LATER, way="rotate", overlap_ms=overlap_ms)
            sender.again(delivery_id)
            await sender.deliver_once()

        signed = [tuple(verifies(got, secret) for secret in (SECRET, LATER)) for got in receiver.got]
        assert signed == [(True, False), (True, True), (False, True)]
        assert {got.id for got in receiver.got} == {delivery_id}


async def test_an_end_does_not_wait_for_an_earlier_event(sender: Sender) -> None:
    """Events may come in another order: a review that is told late tells of itself, and nothing of what came after."""
    async with a_receiver(says(500), says(200)) as receiver:
        review_id = await sender.review(receiver.url(), payload="full")
        await sender.deliver_once()
        await sender.store.cancel("t1")
        await sender.deliver_once()
        sender.again(review_id)
        await sender.deliver_once()

        told = [verified(got) for got in receiver.got]
        assert [event["type"] for event in told] == ["task.review", "task.cancelled", "task.review"]
        assert (told[0]["data"]["reason"], told[1]["data"]["reason"]) == ("who knows", "cancelled by the caller")
        assert told[2]["data"] == {"id": "t1", "status": "review", "policy": "receipts"}


async def test_a_failure_waits_for_its_pause(sender: Sender) -> None:
    """It is not sent again at once, and the time at which it will be is told."""
    async with a_receiver(says(500)) as receiver:
        delivery_id = await sender.end(receiver.url())
        async with open_postman(sender.settings, chance=lambda: 0.5) as postman:
            assert await sender.deliver(postman) == 1

        assert sender.standing(delivery_id) == (DeliveryStatus.WAITING, "500")
        shown = sender.read(delivery_id)
        assert shown.due_ms is not None
        assert shown.due_ms - shown.changed_ms == 5500
        assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(sender: Sender, status: int) -> None:
    """It could lead inside: the final address has to be given."""
    async with a_receiver() as inside, a_receiver(says(status, location=inside.url("/metadata"))) as receiver:
        delivery_id = await sender.end(receiver.url())
        await sender.deliver_once()

        assert (len(receiver.got), inside.got) == (1, [])
        said = f"{status}: redirects are not followed; give the final address"
        assert sender.standing(delivery_id) == (DeliveryStatus.WAITING, said)


async def test_who_is_gone_is_left_alone(sender: Sender) -> None:
    """410 disables the endpoint, until it is enabled."""
    async with a_receiver(says(410), says(200)) as receiver:
        delivery_id = await sender.end(receiver.url())
        await sender.deliver_once()
        later = await sender.end(receiver.url(), "t2")
        await sender.deliver_once()

        assert len(receiver.got) == 1
        assert sender.read(delivery_id).status is sender.read(later).status is DeliveryStatus.DISABLED
        assert sender.link.run(sender.commands.enable("default", receiver.url()))
        for one in (delivery_id, later):
            sender.again(one)
        assert await sender.deliver_once() == 2
        assert {got.id for got in receiver.got[1:]} == {delivery_id, later}


async def drips(request: web.Request) -> web.StreamResponse:
    """An answer whose head comes at once, and whose body never ends."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    while True:
        await answer.write(b"x" * 65536)
        await asyncio.sleep(0)


async def test_an_answer_s_body_is_not_read(sender: Sender) -> None:
    """However long it is: the status is all that counts."""
    async with a_receiver(drips) as receiver:
        delivery_id = await sender.end(receiver.url())
        await sender.deliver_once()

        assert sender.standing(delivery_id) == (DeliveryStatus.DELIVERED, "200")


async def in_bytes(writer: asyncio.StreamWriter) -> None:
    """A head of which a byte comes now and then."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def hints(writer: asyncio.StreamWriter) -> None:
    """Answers before the answer, without an end."""
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)
        await writer.drain()
        await asyncio.sleep(0)


async def one_line(writer: asyncio.StreamWriter) -> None:
    """A head of one line without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        writer.write(b"y" * 65536)
        await writer.drain()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (in_bytes, "no answer within 1 s"),
        (hints, "no answer within 1 s"),
        (one_line, "no answer that is HTTP (ClientResponseError)"),
    ],
)
async def test_an_answer_without_an_end_is_none(sender: Sender, answer: Any, said: str) -> None:
    """It is bounded in time and in size, whatever comes before the status is whole."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await answer(writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        delivery_id = await sender.end(f"http://{host}:{port}/hook")
        await sender.deliver_once()

    assert sender.standing(delivery_id) == (DeliveryStatus.WAITING, said)


async def test_a_slow_receiver_holds_up_nobody_else(sender: Sender, receiver: Receiver) -> None:
    """While it keeps as many of its deliveries waiting as it may, another is told."""
    async with a_receiver() as slow:
        slow.answers = [slow.waits]
        for number in range(15):
            await sender.end(slow.url(), f"slow{number}")
        async with open_postman(sender.settings) as postman:
            await postman.round()
            await slow.has(10)
            delivery_id = await sender.end(receiver.url(), "fast")
            while not receiver.got:
                await postman.round()
                await asyncio.sleep(0)

            assert (len(slow.got), receiver.got[0].id) == (10, delivery_id)
            slow.gate.set()
            await postman.finish()


async def test_who_does_not_answer_is_asked_again(sender: Sender) -> None:
    """The time of one attempt is bounded, from the look-up to the status."""
    async with a_receiver() as slow:
        slow.answers = [slow.waits]
        delivery_id = await sender.end(slow.url())
        await sender.deliver_once()

        assert sender.standing(delivery_id) == (DeliveryStatus.WAITING, "no answer within 1 s")


@pytest.mark.parametrize(
    ("host", "told"),
    [("127.0.0.1", "127.0.0.1 is not public: loopback"), ("localhost", "is not public: ")],
)
async def test_goes_nowhere_that_is_not_allowed(sender: Sender, receiver: Receiver, host: str, told: str) -> None:
    """An address inside is refused when the socket is made, whatever name it goes by."""
    url = receiver.url(host=host).replace("http://", "https://")
    delivery_id = await sender.end(url)
    await sender.deliver_once(webhook_allow="")

    status, said = sender.standing(delivery_id)
    assert (status, receiver.got) == (DeliveryStatus.WAITING, [])
    assert told in str(said)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of nobody's for 127.0.0.1, with its key."""
    if (program := shutil.which("openssl")) is None:
        pytest.skip("needs the program openssl, to make a certificate")
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    words += ["-subj", "/CN=receiver", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", "-"]
    made = subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout
    file.write_text(file.read_text() + made)
    return file


@pytest.mark.parametrize("trusted", [True, False])
async def test_over_https_the_certificate_is_checked(sender: Sender, certificate: Path, trusted: bool) -> None:
    """Only whoever has a certificate of an authority that this machine trusts is told anything."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    authorities = {"SSL_CERT_FILE": str(certificate)} if trusted else {}
    async with a_receiver(tls=tls) as receiver:
        delivery_id = await sender.end(receiver.url())
        with sender.process(**authorities):
            await until(lambda: sender.read(delivery_id).said)

        assert sender.read(delivery_id).said == ("200" if trusted else "the certificate is not valid for the host")
        assert len(receiver.got) == int(trusted)


async def test_plain_http_is_for_allowed_hosts(sender: Sender, receiver: Receiver) -> None:
    """What was allowed when a task came, and is not any more, is not told."""
    delivery_id = await sender.end("http://example.com/hook")
    await sender.deliver_once()

    assert "it must begin with https://" in str(sender.standing(delivery_id)[1])


async def test_an_address_that_nobody_has_is_a_failure(sender: Sender) -> None:
    """A host that is not known or refuses connections is told by name of the mistake."""
    async with a_receiver() as receiver:
        closed = receiver.url()
    ids = [await sender.end(closed), await sender.end("https://nobody.invalid/hook", "t2")]
    await sender.deliver_once()

    assert [sender.standing(one)[0] for one in ids] == [DeliveryStatus.WAITING] * 2
    assert all(str(sender.standing(one)[1]).startswith("could not connect: ") for one in ids)


async def test_what_was_sent_and_not_booked_is_sent_again(sender: Sender) -> None:
    """A deliverer killed between request and booking: the next one sends the same event, and it is booked once."""
    async with a_receiver() as receiver:
        receiver.answers = [receiver.waits, says(200)]
        with sender.process() as first:
            delivery_id = await sender.end(receiver.url())
            await receiver.has(1)
            first.send_signal(signal.SIGKILL)
            await asyncio.to_thread(first.wait)
        assert sender.read(delivery_id).status is DeliveryStatus.WAITING
        with sender.process():
            await receiver.has(2)
            await until(lambda: sender.read(delivery_id).status is DeliveryStatus.DELIVERED)

        assert [got.id for got in receiver.got] == [delivery_id] * 2
        assert len({got.body for got in receiver.got}) == 1
        assert sender.read(delivery_id).attempts == 2


async def test_a_deliverer_that_is_told_to_stop_finishes(sender: Sender) -> None:
    """What is on its way is answered and booked; nothing else is begun."""
    async with a_receiver() as receiver:
        receiver.answers = [receiver.waits, says(200)]
        with sender.process() as process:
            delivery_id = await sender.end(receiver.url())
            await receiver.has(1)
            process.send_signal(signal.SIGTERM)
            receiver.gate.set()
            assert await asyncio.to_thread(process.wait) == 0

        assert sender.standing(delivery_id) == (DeliveryStatus.DELIVERED, "200")


async def test_many_deliverers_send_each_event_once(sender: Sender, receiver: Receiver) -> None:
    """Two processes share what is due; nothing is sent twice while both live."""
    ids = {await sender.end(receiver.url(f"/{number % 20}"), f"t{number}") for number in range(100)}
    with sender.process(), sender.process():
        await receiver.has(100)
        await until(lambda: all(sender.read(one).status is DeliveryStatus.DELIVERED for one in ids))

    assert len(receiver.got) == 100
    assert {got.id for got in receiver.got} == ids
    assert all(json.loads(got.body)["type"] == "task.cancelled" for got in receiver.got)
