"""Commands on their way to Redis: together, each with its own answer, and again when Redis was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from router.errors import Backlogged, StoreRefused, StoreUnavailable
from router.io.commands.producer import ProducerCommands
from router.io.embedded import EmbeddedServer
from router.io.haste import hastening
from router.io.redis_link import AsyncLink, Command, Link, connect, connect_async
from router.submission import Submitted
from tests.acl import GuardedServer, peek
from tests.builders import a_submission
from tests.frozen import frozen


def echo(text: str) -> Command[str]:
    return Command(("ECHO", text), lambda reply: reply.decode())


WRONG: Command[object] = Command(("HGET", "only-a-key"), lambda reply: reply)


@pytest.fixture
async def link(server: EmbeddedServer, prefix: str) -> AsyncIterator[AsyncLink]:
    link = AsyncLink(connect_async(server.url), prefix=prefix)
    yield link
    await link.close()


async def test_what_is_asked_at_the_same_time_leaves_together(link: AsyncLink) -> None:
    """Any number of tasks that ask at once share one round trip, and each gets its own answer."""
    answers = await asyncio.gather(*(link.run(echo(f"word {i}")) for i in range(100)))

    assert answers == [f"word {i}" for i in range(100)]
    assert (link.trips, link.sent) == (1, 100)


async def test_what_is_asked_during_a_trip_leaves_with_the_next(link: AsyncLink) -> None:
    """While a batch is under way, what tasks ask for gathers, and leaves as one batch after it."""
    first = asyncio.create_task(link.run(echo("first")))
    while link.trips == 0:
        await asyncio.sleep(0)
    others = [asyncio.create_task(link.run(echo(f"word {i}"))) for i in range(50)]

    assert await asyncio.gather(first, *others) == ["first", *(f"word {i}" for i in range(50))]
    assert (link.trips, link.sent) == (2, 51)


async def test_a_batch_is_bounded(link: AsyncLink) -> None:
    """A thousand commands at once leave in a few batches, so that no one of them holds up all the others."""
    answers = await asyncio.gather(*(link.run(echo(str(i))) for i in range(1000)))

    assert answers == [str(i) for i in range(1000)]
    assert link.trips == 4


async def test_an_error_reaches_only_its_own_command(link: AsyncLink) -> None:
    """A command that Redis refuses does not spoil the ones it travelled with."""
    before, wrong, after = await asyncio.gather(
        link.run(echo("before")), link.run(WRONG), link.run(echo("after")), return_exceptions=True
    )

    assert (before, after) == ("before", "after")
    assert isinstance(wrong, redis.ResponseError)


async def test_a_command_that_cannot_be_sent_reaches_only_its_caller(link: AsyncLink) -> None:
    """Text that is no UTF-8 is told to who wrote it; the others of the batch never hear of it."""
    fine, broken = await asyncio.gather(link.run(echo("fine")), link.run(echo("\ud800")), return_exceptions=True)

    assert fine == "fine"
    assert isinstance(broken, UnicodeEncodeError)


async def test_an_answer_that_cannot_be_read_reaches_only_its_caller(link: AsyncLink) -> None:
    """A reply that its command cannot parse is that command's error alone."""
    puzzling: Command[int] = Command(("ECHO", "seven"), int)

    fine, broken = await asyncio.gather(link.run(echo("fine")), link.run(puzzling), return_exceptions=True)

    assert fine == "fine"
    assert isinstance(broken, ValueError)


async def test_a_caller_that_gives_up_disturbs_nobody(link: AsyncLink) -> None:
    """A task that is cancelled while its command is under way leaves the others their answers."""
    asked = [asyncio.create_task(link.run(echo(f"word {i}"))) for i in range(3)]
    while link.trips == 0:
        await asyncio.sleep(0)
    asked[1].cancel()

    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert (answers[0], answers[2]) == ("word 0", "word 2")
    assert isinstance(answers[1], asyncio.CancelledError)
    assert await link.run(echo("still there")) == "still there"


async def test_scripts_are_sent_once_to_a_server_that_lacks_them(
    link: AsyncLink, raw: redis.Redis, prefix: str
) -> None:
    """A batch that meets a server without our scripts is carried out all the same, plain commands only once."""
    raw.script_flush()
    submit = ProducerCommands(prefix=prefix).submit([a_submission("t1")])
    count: Command[int] = Command(("INCR", f"{prefix}counted"), int)

    counted, admitted = await asyncio.gather(link.run(count), link.run(submit))

    assert (counted, admitted) == (1, [Submitted("t1")])
    assert int(raw.get(f"{prefix}counted")) == 1


async def test_says_that_the_server_is_gone(tmp_path: Path) -> None:
    """When every try has failed, all who wait are told in a sentence what to look at."""
    client = connect_async(f"unix://{tmp_path / 'nobody.sock'}")
    link = AsyncLink(client, prefix="x:", pauses_s=(0, 0, 0))

    answers = await asyncio.gather(*(link.run(echo("hello")) for _ in range(3)), return_exceptions=True)

    assert link.trips == 3
    for answer in answers:
        assert isinstance(answer, StoreUnavailable)
        assert "check ROUTER_REDIS_URL and that the server runs" in str(answer)
    await link.close()


async def test_works_again_when_the_server_is_back(tmp_path: Path) -> None:
    """A link outlives its server: what failed may be asked again after a restart, scripts included."""
    server = GuardedServer(tmp_path)
    link = AsyncLink(connect_async(server.url), prefix="x:", pauses_s=(0,))
    commands = ProducerCommands(prefix="x:")
    await link.run(commands.submit([a_submission("t1", key="order-1")]))
    server.stop()
    with pytest.raises(StoreUnavailable):
        await link.run(commands.submit([a_submission("t2", key="order-1")]))

    with GuardedServer(tmp_path):
        again = await link.run(commands.submit([a_submission("t2", key="order-1")]))
        await link.close()

    assert again == [Submitted("t1", replayed=True)]


async def test_waits_for_a_server_that_takes_no_writes(tmp_path: Path) -> None:
    """A server that became a replica, or lacks its own, counts as away, not as an error of whoever happened to ask."""
    with GuardedServer(tmp_path) as server, peek(server.url) as raw:
        link = AsyncLink(connect_async(server.url), prefix="x:", pauses_s=(0, 0))
        submit = ProducerCommands(prefix="x:").submit([a_submission("t1")])
        raw.replicaof("127.0.0.1", 1)
        with pytest.raises(StoreUnavailable, match="read only replica"):
            await link.run(submit)
        raw.replicaof("NO", "ONE")
        raw.config_set("min-replicas-to-write", 1)
        with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
            await link.run(submit)

        raw.config_set("min-replicas-to-write", 0)
        assert await link.run(submit) == [Submitted("t1")]
        await link.close()


async def test_a_full_server_is_told_at_once(tmp_path: Path) -> None:
    """What a server refuses for want of memory is told to who asked, at the first try; the rest of the batch runs."""
    with GuardedServer(tmp_path) as server, peek(server.url) as raw:
        link = AsyncLink(connect_async(server.url), prefix="x:")
        threads = Link(connect(server.url), prefix="x:")
        write = Command(("SET", "x:a", "1"), lambda reply: reply)
        raw.config_set("maxmemory", 1)

        full, fine = await asyncio.gather(link.run(write), link.run(echo("fine")), return_exceptions=True)

        assert isinstance(full, Backlogged)
        assert "the memory of Redis is full" in str(full)
        assert (fine, link.trips) == ("fine", 1)
        with pytest.raises(Backlogged, match="raise maxmemory"):
            threads.run(write)
        threads.close()
        await link.close()


# who is not let in

NOT_LET_IN = {
    "no such database": ("", "?db=99", "has no database 99 (DB index is out of range); correct its number"),
    "no password": ("", "", "wants a password; write it into ROUTER_REDIS_URL"),
    "a wrong password": (":wrong@", "", "does not take the password of ROUTER_REDIS_URL"),
}


@pytest.mark.parametrize("name", NOT_LET_IN)
async def test_who_is_not_let_in_is_told_at_once(tmp_path: Path, name: str) -> None:
    """A wrong password or database is no outage: the first try says what to correct, to threads and loops alike."""
    before, after, told = NOT_LET_IN[name]
    with EmbeddedServer(tmp_path) as server:
        if not after:
            redis.Redis.from_url(server.url).config_set("requirepass", "right")
        url = server.url.replace("unix://", f"unix://{before}") + after
        link, threads = AsyncLink(connect_async(url), prefix="x:"), Link(connect(url), prefix="x:")

        with pytest.raises(StoreRefused) as why:
            await link.run(echo("hello"))
        with pytest.raises(StoreRefused) as thread_why:
            threads.run(echo("hello"))
        await link.close()
        threads.close()

    assert told in str(why.value)
    assert str(why.value) == str(thread_why.value)
    assert link.trips == 1


# a server that hangs


async def test_a_server_that_hangs_is_given_up_when_patience_is_over(tmp_path: Path) -> None:
    """Tries that last end the waiting before all of them were made; whoever has more patience makes them all."""
    words = {"socket_timeout": 0.05, "retry": Retry(NoBackoff(), 0)}
    with GuardedServer(tmp_path) as server, frozen(server):
        short, long = (
            AsyncLink(redis.asyncio.Redis.from_url(server.url, **words), prefix="x:", pauses_s=(0, 0, 0), patience_s=p)
            for p in (0.01, 100)
        )
        threads = Link(redis.Redis.from_url(server.url, **words), prefix="x:", patience_s=0.01)

        for link in (short, long):
            with pytest.raises(StoreUnavailable, match="Timeout"):
                await link.run(echo("hello"))
            await link.close()
        with pytest.raises(StoreUnavailable, match="could not be used for 0 s"):
            threads.run(echo("hello"))
        threads.close()

    assert (short.trips, long.trips) == (1, 3)


# in haste


SILENCE_S = 0.2


def get(key: str) -> Command[bytes | None]:
    return Command(("GET", key), lambda reply: reply)


def put(key: str) -> Command[bytes]:
    return Command(("SET", key, "done"), lambda reply: reply)


async def hastily(link: AsyncLink, command: Command[object]) -> object:
    """Ask as a request of its own."""
    with hastening(SILENCE_S):
        return await link.run(command)


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedServer, AsyncLink]]:
    """A server that may be frozen, and a link to it that has been used."""
    with EmbeddedServer(tmp_path) as server:
        link = AsyncLink(connect_async(server.url), prefix="x:")
        await link.run(echo("hello"))
        yield server, link
        await link.close()


async def test_who_is_in_haste_reads_no_longer_than_so(own: tuple[EmbeddedServer, AsyncLink]) -> None:
    """A silence ends a hasty request's reading; whoever has time gets the answer when there is one."""
    server, link = own
    with frozen(server):
        patient = asyncio.create_task(link.run(echo("patient")))
        with pytest.raises(StoreUnavailable, match="no answer so far"):
            await hastily(link, get("k"))
        still_there = not patient.done()

    assert still_there
    assert await patient == "patient"
    assert await hastily(link, get("k")) is None


async def test_what_changes_and_was_sent_is_waited_for(own: tuple[EmbeddedServer, AsyncLink]) -> None:
    """It may be carried out, so nobody is told that it was not; what its request reads then is waited for, too."""
    server, link = own

    async def changes_and_reads() -> list[object]:
        with hastening(SILENCE_S):
            return [await link.run(put("k")), await link.run(get("k"))]

    with frozen(server):
        changing = asyncio.create_task(changes_and_reads())
        with pytest.raises(StoreUnavailable):
            await hastily(link, get("k"))
        still_there = not changing.done()

    assert still_there
    assert await changing == [b"OK", b"done"]


async def test_what_changes_and_was_not_sent_is_never_sent(own: tuple[EmbeddedServer, AsyncLink]) -> None:
    """Behind a batch that hangs it is given up, and then nobody carries it out."""
    server, link = own
    with frozen(server):
        with pytest.raises(StoreUnavailable):
            await hastily(link, get("k"))
        sent = link.sent
        with pytest.raises(StoreUnavailable):
            await hastily(link, put("k"))

    assert await link.run(get("k")) is None
    assert link.sent - sent == 1


async def test_what_is_noted_aside_is_given_up_as_a_read_is(own: tuple[EmbeddedServer, AsyncLink]) -> None:
    """Of what nobody asks whether it was carried out, nobody waits for the end."""
    server, link = own
    with frozen(server), pytest.raises(StoreUnavailable):
        await hastily(link, replace(put("k"), aside=True))

    assert await link.run(get("other")) is None


# for threads


@pytest.fixture
def thread_link(server: EmbeddedServer, prefix: str) -> Link:
    return Link(connect(server.url), prefix=prefix)


def test_threads_send_a_list_in_one_pipeline(thread_link: Link) -> None:
    """A list of commands gets a list of answers."""
    assert thread_link.run_all([echo("one"), echo("two")]) == ["one", "two"]
    thread_link.close()


def test_threads_load_scripts_too(thread_link: Link, raw: redis.Redis, prefix: str) -> None:
    """A server without our scripts gets them, and the command is carried out."""
    raw.script_flush()

    assert thread_link.run(ProducerCommands(prefix=prefix).submit([a_submission("t1")])) == [Submitted("t1")]
    thread_link.close()


def test_threads_are_told_of_a_refused_command(thread_link: Link) -> None:
    """What Redis refuses is an error for the caller, at once."""
    with pytest.raises(redis.ResponseError):
        thread_link.run(WRONG)
    thread_link.close()


def test_threads_are_told_that_the_server_is_gone(tmp_path: Path) -> None:
    """When every try has failed, the caller is told in a sentence what to look at."""
    link = Link(connect(f"unix://{tmp_path / 'nobody.sock'}"), prefix="x:", pauses_s=(0, 0))

    with pytest.raises(StoreUnavailable, match="check ROUTER_REDIS_URL and that the server runs"):
        link.run(echo("hello"))
