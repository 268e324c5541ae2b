"""
Bad behaviour on request, for tests: `local-mini+slow=0.3+fail=0.2` answers late, and one call in five fails.

Each fault is a small value that overrides the one moment of a call at which it strikes. Luck is seeded by the call id,
so a run repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar

from aiohttp import web

from . import tokens
from .answer import Answer
from .belief import Belief, Json
from .wire import Completion, Refused

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """Does nothing at any moment of a call. `amount` is seconds or a probability, as the fault says."""

    amount: float

    usual: ClassVar[float] = 1.0  # the amount when the model name gives none

    async def before(self, luck: Random) -> None:
        """Strikes before the model thinks; may refuse the call, which then costs nothing."""

    def mislead(self, answer: Answer, luck: Random) -> Answer:
        """Changes what the model means."""
        return answer

    def garble(self, completion: Completion, luck: Random) -> Completion:
        """Changes what the model says; the caller pays for what is said."""
        return completion

    async def after(self, luck: Random) -> None:
        """Strikes between the bill and the answer; may still refuse, after the bill."""

    def strip(self, body: dict[str, Json], luck: Random) -> dict[str, Json]:
        """Takes something from the response body."""
        return body

    async def deliver(self, request: web.Request, answer: web.Response, luck: Random) -> web.StreamResponse:
        """Sends the response, in its own way."""
        return answer


class Slow(Fault):
    """Waits `amount` seconds first."""

    async def before(self, luck: Random) -> None:
        await asyncio.sleep(self.amount)


class Hang(Fault):
    """Never answers, and bills nothing."""

    async def before(self, luck: Random) -> None:
        await asyncio.Event().wait()


class Fail(Fault):
    """Answers 500 with probability `amount`."""

    async def before(self, luck: Random) -> None:
        if luck.random() < self.amount:
            raise Refused("the server had an error while processing your request", status=500, code="server_error")


class Limit(Fault):
    """Answers 429 with probability `amount`, and asks to come back after a second."""

    async def before(self, luck: Random) -> None:
        if luck.random() < self.amount:
            raise Refused("rate limit reached; try again in 1s", status=429, code="rate_limit_exceeded")


class Wrong(Fault):
    """Gets one field wrong with probability `amount`, and is as sure of it as of the right value."""

    def mislead(self, answer: Answer, luck: Random) -> Answer:
        if luck.random() >= self.amount or not answer.form:
            return answer
        victim = luck.choice(sorted(answer.form))
        return answer.revised(lambda name, belief: _mistaken(belief) if name == victim else belief)


class Refuse(Fault):
    """Refuses to answer with probability `amount`."""

    def garble(self, completion: Completion, luck: Random) -> Completion:
        if luck.random() >= self.amount:
            return completion
        return Completion(tuple(tokens.plain("I'm sorry, I can't help with that.")), refused=True)


class Truncate(Fault):
    """Stops half-way with probability `amount`, as if at the token limit."""

    def garble(self, completion: Completion, luck: Random) -> Completion:
        if luck.random() >= self.amount:
            return completion
        return replace(completion, tokens=completion.tokens[: len(completion.tokens) // 2], cut=True)


class LateBill(Fault):
    """Bills at once, then answers after `amount` seconds: the caller may be gone, the bill stays."""

    usual = 5.0

    async def after(self, luck: Random) -> None:
        await asyncio.sleep(self.amount)


class LateFail(Fault):
    """Bills, then answers 500 with probability `amount`."""

    async def after(self, luck: Random) -> None:
        if luck.random() < self.amount:
            raise Refused("the server had an error after processing your request", status=500, code="server_error")


class Overcharge(Fault):
    """Bills `amount` tokens that nobody sees, whatever the limit was."""

    usual = 1_000_000.0

    def garble(self, completion: Completion, luck: Random) -> Completion:
        return replace(completion, unseen_tokens=int(self.amount))


class NoUsage(Fault):
    """Bills, but with probability `amount` does not say for how many tokens."""

    def strip(self, body: dict[str, Json], luck: Random) -> dict[str, Json]:
        if luck.random() >= self.amount:
            return body
        return {key: value for key, value in body.items() if key != "usage"}


class Cut(Fault):
    """Breaks the connection off in the middle of the body with probability `amount`."""

    async def deliver(self, request: web.Request, answer: web.Response, luck: Random) -> web.StreamResponse:
        if luck.random() >= self.amount:
            return answer
        body = _body(answer)
        begun = await _begin(request, answer, length=len(body))
        await begun.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return begun


class Drip(Fault):
    """Sends a byte every `amount` seconds."""

    async def deliver(self, request: web.Request, answer: web.Response, luck: Random) -> web.StreamResponse:
        body = _body(answer)
        begun = await _begin(request, answer, length=len(body))
        for byte in body:
            await begun.write(bytes([byte]))
            await asyncio.sleep(self.amount)
        return begun


class Flood(Fault):
    """Sends `amount` megabytes of blanks after the answer, in a body whose length is told nowhere."""

    usual = 100.0

    async def deliver(self, request: web.Request, answer: web.Response, luck: Random) -> web.StreamResponse:
        begun = await _begin(request, answer, length=None)
        await begun.write(_body(answer))
        for _ in range(int(self.amount)):
            await begun.write(b" " * _MEGABYTE)
        return begun


FAULTS: Mapping[str, type[Fault]] = {
    "slow": Slow,
    "hang": Hang,
    "fail": Fail,
    "limit": Limit,
    "wrong": Wrong,
    "refuse": Refuse,
    "truncate": Truncate,
    "latebill": LateBill,
    "latefail": LateFail,
    "nousage": NoUsage,
    "overcharge": Overcharge,
    "cut": Cut,
    "drip": Drip,
    "flood": Flood,
}


def parse(model: str) -> tuple[str, tuple[Fault, ...]]:
    """Cuts a model name into the model and its faults; raises Refused for a fault that does not exist."""
    name, *suffixes = model.split("+")
    return name, tuple(_fault(suffix) for suffix in suffixes)


def _fault(suffix: str) -> Fault:
    name, _, amount = suffix.partition("=")
    kind = FAULTS.get(name)
    if kind is None:
        raise Refused(f"there is no fault {name!r}; there are {', '.join(FAULTS)}", param="model")
    try:
        return kind(float(amount) if amount else kind.usual)
    except ValueError:
        raise Refused(f"{suffix!r} needs a number after `=`", param="model") from None


def _body(answer: web.Response) -> bytes:
    return bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""


async def _begin(request: web.Request, answer: web.Response, *, length: int | None) -> web.StreamResponse:
    """Send the head of *answer*; without a length its body comes in chunks."""
    begun = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    begun.content_length = length
    await begun.prepare(request)
    return begun


def _mistaken(belief: Belief) -> Belief:
    """Swaps the value for the next best; makes one up when there is none."""
    others = [value for value, _ in belief.options[1:]]
    return Belief.sure(others[0] if others else _changed(belief.value), belief.probability)


def _changed(value: Json) -> Json:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value[::-1] or "wrong"
        case _:
            return value
