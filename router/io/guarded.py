"""Requests to addresses that others chose: what is connected to is checked when it is, not before."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from ..delivery import Sent, Undelivered, outcome
from ..destination import Allowed, host_of, url_problem, why_not

AGENT = "router-webhooks/1"


class Refusal(OSError):
    """The address that a name turned out to have is none that requests may go to."""


class Guarded:
    """
    Posts to others' addresses. While entered, its connections are open.

    Each address is checked at the moment in which a socket is made for it, whatever the name said before; redirects are
    not followed, no proxy and no cookie is used, and of an answer only the status is read.
    """

    def __init__(self, allowed: Allowed, *, timeout_s: float, resolver: AbstractResolver | None = None) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def __aenter__(self) -> Self:
        self._public = self._session(self._socket)
        self._named = self._session(None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._public.close()
        await self._named.close()

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Sent:
        """Send once. What goes wrong is said without the URL, whose path may be a secret."""
        if problem := url_problem(url, self._allowed):
            return Undelivered(problem)
        target = URL(url, encoded=True)
        if (target.host or "").lower() != host_of(url):
            return Undelivered("its host can be read in more than one way")
        session = self._named if self._allowed.names(host_of(url)) else self._public
        try:
            async with session.post(target, data=body, headers=headers, allow_redirects=False) as answer:
                return outcome(answer.status)
        except TimeoutError:
            return Undelivered(f"no answer within {self._timeout.total:g} s")
        except aiohttp.ClientConnectorCertificateError:
            return Undelivered("the certificate is not valid for the host")
        except aiohttp.ClientConnectorError as why:
            return Undelivered(f"could not connect: {why.os_error}")
        except (aiohttp.ClientError, ValueError, OSError) as why:
            return Undelivered(f"no answer that is HTTP ({type(why).__name__})")

    def _session(self, factory: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, use_dns_cache=False, resolver=self._resolver, socket_factory=factory
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            headers={"user-agent": AGENT},
            auto_decompress=False,
            trust_env=False,
        )

    def _socket(self, info: Any) -> socket.socket:
        """
        A socket for an address that somebody is about to connect to. Raises: Refusal, without the address: names inside
        are nobody's to look up.
        """
        family, kind, protocol, _, address = info
        if refused := why_not(str(address[0]), self._allowed):
            raise Refusal(refused.replace(str(address[0]), "the host's address", 1))
        made = socket.socket(family=family, type=kind, proto=protocol)
        made.setblocking(False)
        return made
