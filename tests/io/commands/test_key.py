"""API keys in Redis: made, read, replaced, revoked and forgotten; and the requests of their tenants, counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis

from router.allowance import Allowance
from router.apikey import CHANCE_BYTES, ApiKey, Limits, Scope, Token, Unusable
from router.errors import FormatTooNew, KeyRefused, UnknownKey
from router.formats import FORMAT
from router.io.commands.key import KeyCommands, Known, Wish
from router.io.embedded import EmbeddedServer
from router.io.redis_link import AsyncLink, Command, connect_async
from tests.builders import NOW_MS
from tests.conftest import Clock
from tests.io.keyspace import keyspace
from tests.io.way import Way

T = TypeVar("T")
DAY_MS = 86_400_000
LIMITS = Limits(requests_per_minute=60, waiting_max=1000)
WISH = Wish("acme", (Scope.SUBMIT, Scope.READ), expires_ms=90 * DAY_MS, note="billing", limits=LIMITS)
FOR_EVER = Wish("acme", (Scope.READ,))


def a_token(number: int = 1, secret: int = 0) -> Token:
    return Token.made_of(number.to_bytes(8) + bytes([secret]) * (CHANCE_BYTES - 8))


TOKEN, OTHER = a_token(1), a_token(2)


@dataclass(frozen=True)
class Desk:
    """Key commands, and the clock that stands in for the server's."""

    link: AsyncLink
    commands: KeyCommands
    clock: Clock
    prefix: str

    async def run(self, command: Command[T]) -> T:
        return await self.link.run(command)

    async def create(self, token: Token = TOKEN, wish: Wish = WISH) -> ApiKey:
        return await self.run(self.commands.create(token, wish))

    async def rotate(self, old: str = TOKEN.id, token: Token = OTHER, overlap_ms: int = DAY_MS) -> ApiKey:
        return await self.run(self.commands.rotate(old, token, WISH, overlap_ms=overlap_ms))

    async def revoke(self, key_id: str = TOKEN.id) -> ApiKey:
        return await self.run(self.commands.revoke(key_id))

    async def find(self, key_id: str = TOKEN.id) -> Known | None:
        return await self.run(self.commands.find(key_id))

    async def unusable(self, key_id: str = TOKEN.id) -> Unusable | None:
        return (await self.run(self.commands.read(key_id))).unusable(self.clock())

    async def request(self, name: str, tenant: str = "acme", per_minute: int = 60) -> Allowance:
        return await self.run(self.commands.request(tenant, name, per_minute=per_minute))


@asynccontextmanager
async def a_desk(url: str, prefix: str) -> AsyncIterator[Desk]:
    clock = Clock()
    link = AsyncLink(connect_async(url), prefix=prefix, pauses_s=(0, 0))
    yield Desk(link, KeyCommands(prefix=prefix, clock_ms=clock), clock, prefix)
    await link.close()


@pytest.fixture
async def desk(server: EmbeddedServer, prefix: str) -> AsyncIterator[Desk]:
    async with a_desk(server.url, prefix) as made:
        yield made


async def test_a_key_is_read_as_it_was_made(desk: Desk) -> None:
    """All that was asked for is kept, and of the secret its digest alone."""
    made = await desk.create()

    assert made == ApiKey(
        id=TOKEN.id,
        tenant="acme",
        digest=TOKEN.digest,
        scopes=(Scope.SUBMIT, Scope.READ),
        created_ms=NOW_MS,
        expires_ms=NOW_MS + 90 * DAY_MS,
        note="billing",
        requests_per_minute=60,
        waiting_max=1000,
    )
    assert await desk.run(desk.commands.read(TOKEN.id)) == made
    assert await desk.find() == Known(made, LIMITS, NOW_MS)


async def test_the_secret_is_nowhere(desk: Desk, raw: redis.Redis) -> None:
    """Whoever reads all of Redis can call nobody's tasks his own."""
    await desk.create()

    assert TOKEN.secret not in str(keyspace(raw, desk.prefix))
    assert TOKEN.digest in str(keyspace(raw, desk.prefix))


async def test_a_key_without_an_end_is_kept_for_ever(desk: Desk, raw: redis.Redis) -> None:
    """What was not limited has no limit."""
    made = await desk.create(wish=FOR_EVER)

    assert (made.expires_ms, made.note, made.requests_per_minute, made.waiting_max) == (None, "", None, None)
    assert raw.ttl(f"{desk.prefix}key:{TOKEN.id}") == -1


async def test_another_secret_does_not_take_an_id_over(desk: Desk) -> None:
    """By an id that is there already nobody's key is changed."""
    made = await desk.create()

    with pytest.raises(KeyRefused, match=f"there is a key {TOKEN.id} already"):
        await desk.create(a_token(1, secret=9), FOR_EVER)
    assert await desk.run(desk.commands.read(TOKEN.id)) == made


async def test_nobodys_id_is_nobodys(desk: Desk) -> None:
    """Who looks up an id hears that it is unknown; who names one to change it gets an error that says where to look."""
    assert await desk.find("0" * 16) is None
    for command in (desk.commands.read, desk.commands.revoke):
        with pytest.raises(UnknownKey, match="there is no API key 0000"):
            await desk.run(command("0" * 16))
    with pytest.raises(KeyRefused, match="is not in use any more"):
        await desk.rotate("0" * 16)


async def test_two_keys_live_while_one_is_replaced(desk: Desk) -> None:
    """Both are taken until the overlap is over, then the new one alone."""
    await desk.create()
    await desk.rotate()

    assert [await desk.unusable(token.id) for token in (TOKEN, OTHER)] == [None, None]
    assert (await desk.run(desk.commands.read(TOKEN.id))).replaced_by == OTHER.id
    desk.clock.advance(DAY_MS / 1000)
    assert [await desk.unusable(token.id) for token in (TOKEN, OTHER)] == [Unusable.EXPIRED, None]


async def test_a_rotation_never_lengthens_a_life(desk: Desk) -> None:
    """A key that would expire within the overlap expires when it would have."""
    await desk.create(wish=Wish("acme", (Scope.READ,), expires_ms=1000))
    await desk.rotate()

    assert (await desk.run(desk.commands.read(TOKEN.id))).expires_ms == NOW_MS + 1000


async def test_a_key_is_replaced_once(desk: Desk) -> None:
    """Whoever rotates a key that was rotated is told which one to take."""
    await desk.create()
    await desk.rotate()

    with pytest.raises(KeyRefused, match=f"was replaced by {OTHER.id} already"):
        await desk.rotate(token=a_token(3))


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_key_that_ended_is_not_replaced(desk: Desk, end: str) -> None:
    """What was taken away does not come back by a rotation."""
    await desk.create()
    if end == "revoked":
        await desk.revoke()
    desk.clock.advance(90 * DAY_MS / 1000)

    with pytest.raises(KeyRefused, match="is not in use any more"):
        await desk.rotate()
    assert await desk.find(OTHER.id) is None


async def test_a_revoked_key_stays_revoked(desk: Desk) -> None:
    """The first time counts, and it is listed with it."""
    await desk.create()
    await desk.revoke()
    desk.clock.advance(60)

    assert (await desk.revoke()).revoked_ms == NOW_MS
    assert await desk.unusable() is Unusable.REVOKED


async def test_what_ended_is_listed_for_ninety_days(desk: Desk, raw: redis.Redis) -> None:
    """Then its record goes by itself, and the lists are cut by the time of that."""
    await desk.create()
    await desk.create(OTHER, FOR_EVER)
    await desk.revoke(OTHER.id)
    assert 0 <= 180 * DAY_MS - raw.pttl(f"{desk.prefix}key:{TOKEN.id}") < 10_000
    assert 0 <= 90 * DAY_MS - raw.pttl(f"{desk.prefix}key:{OTHER.id}") < 10_000

    desk.clock.advance(90 * DAY_MS / 1000)
    await desk.create(a_token(3), FOR_EVER)

    assert await desk.run(desk.commands.ids("acme")) == [TOKEN.id, a_token(3).id]
    assert await desk.run(desk.commands.ids(None)) == [TOKEN.id, a_token(3).id]


async def test_a_key_that_is_gone_is_passed_over(desk: Desk, raw: redis.Redis) -> None:
    """A list may name what has gone since."""
    await desk.create()
    raw.delete(f"{desk.prefix}key:{TOKEN.id}")

    assert await desk.run(desk.commands.ids("acme")) == [TOKEN.id]
    assert await desk.run(desk.commands.seen(TOKEN.id)) is None
    assert await desk.find() is None


async def test_keys_are_listed_by_tenant(desk: Desk) -> None:
    """Nobody's list holds another's keys."""
    await desk.create()
    await desk.create(OTHER, Wish("other", (Scope.READ,)))

    assert await desk.run(desk.commands.ids("other")) == [OTHER.id]
    assert await desk.run(desk.commands.ids("nobody")) == []
    assert sorted(await desk.run(desk.commands.ids(None))) == [TOKEN.id, OTHER.id]


async def test_a_tenant_has_a_bounded_number_of_keys(desk: Desk) -> None:
    """What is read with each key is bounded, and others are not in the way."""
    for number in range(200):
        await desk.create(a_token(number), FOR_EVER)

    with pytest.raises(KeyRefused, match="tenant 'acme' has 200 keys; revoke those that nobody uses"):
        await desk.create(a_token(200), FOR_EVER)
    assert await desk.create(a_token(200), Wish("other", (Scope.READ,)))


async def test_the_limits_are_the_tenants(desk: Desk) -> None:
    """Each key of a tenant brings the lowest limits of all of them, as long as that one is usable."""
    await desk.create()
    await desk.create(OTHER, Wish("acme", (Scope.READ,), limits=Limits(requests_per_minute=600, waiting_max=10)))
    found = await desk.find(OTHER.id)
    assert found is not None
    assert found.limits == Limits(requests_per_minute=60, waiting_max=10)

    await desk.revoke()

    found = await desk.find(OTHER.id)
    assert found is not None
    assert found.limits == Limits(requests_per_minute=600, waiting_max=10)


async def test_a_use_is_noted(desk: Desk) -> None:
    """The newest time counts; what is gone does not come back by it."""
    await desk.create()
    desk.clock.advance(60)
    await desk.run(desk.commands.used(TOKEN.id))
    desk.clock.advance(-30)
    await desk.run(desk.commands.used(TOKEN.id))
    await desk.run(desk.commands.used(OTHER.id))

    assert (await desk.run(desk.commands.read(TOKEN.id))).last_used_ms == NOW_MS + 60_000
    assert await desk.find(OTHER.id) is None


# requests


async def test_a_minutes_worth_comes_at_once(desk: Desk) -> None:
    """After it requests come back one by one, and what is refused costs nothing."""
    granted = [(await desk.request(f"r{number}")).granted for number in range(61)]
    assert granted == [True] * 60 + [False]

    refused = await desk.request("late")
    assert (refused.granted, refused.remaining, refused.next_ms) == (False, 0, 1000)
    desk.clock.advance(1)
    assert [(await desk.request(f"s{number}")).granted for number in range(2)] == [True, False]


@pytest.mark.parametrize("per_minute", [1, 7, 60, 601])
async def test_an_even_pace_is_never_refused(desk: Desk, per_minute: int) -> None:
    """Whoever sends as many a minute as the limit allows is let in each time, for as long as it goes."""
    allowed = [await desk.request(f"b{n}", per_minute=per_minute) for n in range(per_minute)]
    for number in range(100):
        desk.clock.ms += -(-60_000 // per_minute)
        allowed.append(await desk.request(f"r{number}", per_minute=per_minute))

    assert all(allowance.granted for allowance in allowed)


async def test_tenants_do_not_share_a_rate(desk: Desk) -> None:
    """One tenant's requests leave another's alone."""
    assert (await desk.request("a", per_minute=1)).remaining == 0
    assert not (await desk.request("b", per_minute=1)).granted

    assert (await desk.request("c", tenant="other", per_minute=1)).granted


async def test_what_a_rate_leaves_behind_goes(desk: Desk, raw: redis.Redis) -> None:
    """Two minutes after a tenant's last request nothing is left of it."""
    await desk.request("a")

    left_s = {name: raw.ttl(f"{desk.prefix}{name}") for name in keyspace(raw, desk.prefix)}
    assert set(left_s) == {"rate:acme", "asked:a"}
    assert all(0 < seconds <= 120 for seconds in left_s.values())


async def test_a_clock_that_was_set_back_stops_nobody(desk: Desk) -> None:
    """Times that were noted before mean nothing then."""
    for number in range(60):
        await desk.request(f"r{number}")
    desk.clock.advance(-3600)

    assert (await desk.request("after")).remaining == 59


# each script, repeated

Act = Callable[[], Awaitable[Any]]


async def creating(desk: Desk) -> Act:
    return desk.create


async def rotating(desk: Desk) -> Act:
    await desk.create()
    return desk.rotate


async def revoking(desk: Desk) -> Act:
    await desk.create()
    return desk.revoke


async def finding(desk: Desk) -> Act:
    await desk.create()
    return desk.find


async def using(desk: Desk) -> Act:
    await desk.create()
    return lambda: desk.run(desk.commands.used(TOKEN.id))


async def asking(desk: Desk) -> Act:
    await desk.request("before")
    return lambda: desk.request("r1")


async def asking_for_the_last(desk: Desk) -> Act:
    return lambda: desk.request("r1", per_minute=1)


async def asking_in_vain(desk: Desk) -> Act:
    await desk.request("before", per_minute=1)
    return lambda: desk.request("r1", per_minute=1)


STEPS = [creating, rotating, revoking, finding, using, asking, asking_for_the_last, asking_in_vain]


@pytest.mark.parametrize("prepare", STEPS)
async def test_applied_twice_is_applied_once(
    desk: Desk, raw: redis.Redis, prepare: Callable[[Desk], Awaitable[Act]]
) -> None:
    """A script called again with the same words answers the same and changes not one key."""
    act = await prepare(desk)

    first = await act()
    once = keyspace(raw, desk.prefix)

    assert await act() == first
    assert keyspace(raw, desk.prefix) == once


@pytest.mark.parametrize("prepare", STEPS)
async def test_a_lost_reply_is_made_good(
    server: EmbeddedServer,
    raw: redis.Redis,
    prefix: str,
    tmp_path: Path,
    prepare: Callable[[Desk], Awaitable[Act]],
) -> None:
    """When a reply is lost on its way, the caller hears the same, and the keys are the same, as if it were not."""
    async with Way(server.url, tmp_path / "way") as way, a_desk(way.url, f"{prefix}lossy:") as lossy:
        async with a_desk(server.url, f"{prefix}sound:") as sound:
            act, control = await prepare(lossy), await prepare(sound)
            expected = await control()
            way.lose_next()

            assert await act() == expected

            assert way.lost == 1
            assert keyspace(raw, lossy.prefix) == keyspace(raw, sound.prefix)


async def test_a_key_with_a_scope_of_a_later_version_opens_nothing(desk: Desk, raw: redis.Redis) -> None:
    """Whoever reads it is told to upgrade; other keys of its tenant go on."""
    await desk.create(TOKEN)
    await desk.create(OTHER)
    raw.hset(f"{desk.prefix}key:{TOKEN.id}", "scopes", "read replay")

    with pytest.raises(FormatTooNew, match=f"API key {TOKEN.id} has the scope 'replay'.*upgrade"):
        await desk.find(TOKEN.id)
    known = await desk.find(OTHER.id)

    assert known is not None
    assert (known.key.id, known.limits) == (OTHER.id, LIMITS)


async def test_a_key_of_a_later_version_opens_nothing(desk: Desk, raw: redis.Redis) -> None:
    """It may be bound in a way that this process does not know; other keys of its tenant go on."""
    await desk.create(TOKEN)
    await desk.create(OTHER)
    raw.hset(f"{desk.prefix}key:{TOKEN.id}", "format", str(FORMAT + 1))

    with pytest.raises(FormatTooNew, match=f"API key {TOKEN.id} is of format {FORMAT + 1}.*upgrade"):
        await desk.find(TOKEN.id)
    known = await desk.find(OTHER.id)

    assert known is not None
    assert (known.key.id, known.limits) == (OTHER.id, LIMITS)
