"""Requests to addresses that others chose: what is connected to is what was checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from router.delivery import Delivered, Sent, Undelivered
from router.destination import Allowed
from router.io.guarded import AGENT, Guarded
from tests.receiver import a_receiver, says
from tests.test_destination import REFUSED

HERE = Allowed.read("127.0.0.1/32")


class Names(AbstractResolver):
    """Name servers of an attacker: each look-up is answered by the next call of *answer*."""

    def __init__(self, answer: Callable[[], list[str]]) -> None:
        self._answer = answer
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._answer()
        ]

    async def close(self) -> None:
        return


class Listener:
    """Keeps by which of this machine's addresses it was reached, and hangs up: a name gets no certificate here."""

    def __init__(self) -> None:
        self.port = 0
        self.reached: list[str] = []

    async def meet(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached.append(writer.get_extra_info("sockname")[0])
        writer.close()


@asynccontextmanager
async def a_listener() -> AsyncIterator[Listener]:
    listener = Listener()
    async with await asyncio.start_server(listener.meet, "0.0.0.0", 0) as server:
        listener.port = server.sockets[0].getsockname()[1]
        yield listener


async def post(url: str, allowed: Allowed, names: Names | None = None, *, times: int = 1) -> list[Sent]:
    async with Guarded(allowed, timeout_s=5, resolver=names) as guarded:
        return [await guarded.post(url, b"{}", {"content-type": "application/json"}) for _ in range(times)]


@pytest.mark.parametrize("address", [address for address in REFUSED if "%" not in address])
async def test_a_name_with_an_address_inside_is_refused(address: str) -> None:
    """The URL looks like any other: it is the address behind the name that counts, in every form."""
    names = Names(lambda: [address])

    (sent,) = await post("https://hooks.example.com/", Allowed(), names)

    assert names.asked == ["hooks.example.com"]
    assert isinstance(sent, Undelivered)
    assert sent.said.startswith("could not connect: ")
    assert "the host's address is " in sent.said
    assert address not in sent.said


async def test_each_connection_is_checked_anew() -> None:
    """A name that led to an allowed address the first time leads nowhere when it is bound to another."""
    addresses = ["127.0.0.1", "127.0.0.2", "10.0.0.1", "169.254.169.254", "127.0.0.1"]
    turns = iter(addresses)
    async with a_listener() as listener:
        url = f"https://hooks.example.com:{listener.port}/"
        sent = await post(url, HERE, Names(lambda: [next(turns)]), times=len(addresses))

    assert listener.reached == ["127.0.0.1"] * 2
    assert [" is not public" in one.said for one in sent] == [False, True, True, True, False]


async def test_of_several_addresses_only_the_allowed_are_asked() -> None:
    """Whatever stands beside them."""
    async with a_listener() as listener:
        names = Names(lambda: ["10.0.0.1", "127.0.0.2", "::1", "127.0.0.1"])
        await post(f"https://hooks.example.com:{listener.port}/", HERE, names)

    assert set(listener.reached) == {"127.0.0.1"}


@pytest.mark.parametrize(
    "url",
    ["http://2130706433/", "https://2130706433/", "https://127.1/", "https://0x7f000001/", "https://0177.0.0.1/"],
)
async def test_old_spellings_of_addresses_lead_nowhere(url: str) -> None:
    """Neither as a name nor as a number."""
    (sent,) = await post(url, HERE)

    assert isinstance(sent, Undelivered)


@pytest.mark.parametrize("host", ["hooks.internal", "HOOKS.internal", "hooks.internal."])
async def test_a_host_that_is_allowed_by_name_may_have_any_address(host: str) -> None:
    """The operator trusts the name, however it is spelt, and whoever answers for it."""
    names = Names(lambda: ["127.0.0.1"])
    async with a_receiver() as receiver:
        sent = await post(receiver.url(host=host), Allowed.read("hooks.internal"), names)

        assert sent == [Delivered("200")]
        assert receiver.got[0].headers["host"].lower().startswith("hooks.internal")


async def test_a_path_is_asked_for_as_it_was_given() -> None:
    """Nothing is escaped or folded anew: it may be what the receiver knows its caller by."""
    async with a_receiver() as receiver:
        await post(receiver.url("/a/%41%2f//b/../c?token=%2B+x"), HERE)

        assert receiver.got[0].path == "/a/%41%2f//b/../c?token=%2B+x"


async def test_sends_nothing_of_its_own() -> None:
    """No cookie that an answer set, no credentials of an environment's proxy; a name by which it is known."""
    async with a_receiver(says(200, set_cookie="a=b")) as receiver:
        assert await post(receiver.url(), HERE, times=2) == [Delivered("200")] * 2

        sent = [set(got.headers) for got in receiver.got]
        expected = {"host", "user-agent", "content-type", "content-length", "accept", "accept-encoding"}
        assert sent == [expected] * 2
        assert receiver.got[0].headers["user-agent"] == AGENT


async def test_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment would connect where nobody checks."""
    async with a_receiver() as proxy, a_receiver() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))

        assert await post(receiver.url(), HERE) == [Delivered("200")]
        assert (len(receiver.got), proxy.got) == (1, [])


async def test_what_is_no_http_is_a_failure() -> None:
    """Whatever a port answers: it is said in a word, without what it said."""

    async def garble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 SECRET ready\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(garble, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        (sent,) = await post(f"http://127.0.0.1:{port}/", HERE)

    assert isinstance(sent, Undelivered)
    assert sent.said.startswith("no answer that is HTTP (")
    assert "SECRET" not in sent.said
