"""What the keys of a running service show. Reads a bounded part of them, however many tasks wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import redis

from ..errors import FormatTooNew, StoreUnavailable
from ..health.service import Breaker, Service, Waiting, Worker
from ..submission import Card, Full
from ..task import TaskState
from . import rq_keys
from .commands.producer import ProducerCommands, card_of
from .commands.scripted import as_text
from .redis_keys import Keys
from .redis_link import Link, connect, telling_what_is_forbidden

_SAMPLE = 2000
_ENDPOINTS_MAX = 1000
_TENANTS_MAX = 10_000
_FRONTS_MAX = 1000
"""Tenants of a queue whose next task is looked at: those whose turn comes first."""
_HEARD_TTL_S = 45
"""A live worker says so every 5 s, for 65 s or more: when less than this is left, 20 s have gone without a word."""
_LATE_CALL_MS = 60_000
_DEAD_READ_MAX = 10_000


@contextmanager
def _reaching() -> Iterator[None]:
    """Raises: StoreUnavailable."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as why:
        raise StoreUnavailable(f"Redis could not be read ({why}); check ROUTER_REDIS_URL and that it runs") from None


class ServiceFacts:
    """Reads them with a client of its own. With *silence_s* a server that says nothing for so long is away."""

    def __init__(self, url: str, *, prefix: str, silence_s: float | None = None) -> None:
        if silence_s is None:
            self._redis = connect(url)
            self._link = Link(self._redis, prefix=prefix)
        else:
            self._redis = connect(url, timeout_s=silence_s)
            self._link = Link(self._redis, prefix=prefix, patience_s=0)
        self._commands = ProducerCommands(prefix=prefix)
        self._keys = Keys(prefix)
        self._prefix = prefix

    def close(self) -> None:
        self._redis.close()

    def full(self) -> Full | None:
        """Whether new tasks are refused for want of memory."""
        return self._link.run(self._commands.full())

    @_reaching()
    @telling_what_is_forbidden()
    def cards(self) -> dict[str, Card]:
        """The policies that are published, by name; without those whose current version this process cannot read."""
        names = sorted(_texts(self._redis.smembers(self._keys.policies)))
        cards = self._redis.mget([self._keys.current(name) for name in names]) if names else []
        found: dict[str, Card] = {}
        for name, card in zip(names, cards, strict=True):
            with suppress(FormatTooNew):
                found |= {name: card_of(name, card)} if card else {}
        return found

    @_reaching()
    @telling_what_is_forbidden()
    def service(self, tiers: Iterable[str], places: Iterable[str]) -> Service:
        """Everything else; *tiers* are looked at beside those where tasks are found, and these deployments."""
        now_ms = self._now_ms()
        queues = self._queues()
        begun = self._begun(queues)
        sample = self._sample()
        dead, redriven, unread = self._dead(now_ms)
        found_at = sorted({*tiers, *(task.tier for task in sample)})
        ready, fronts = self._ready([queue for tier in found_at for queue in (tier, f"!{tier}")])
        resting, breakers = self._gates(list(places), now_ms)
        hooks_waiting, hooks_late_ms = self._hooks(now_ms)
        return Service(
            workers=self._workers(),
            ready=ready,
            oldest_ms=self._oldest_ms(fronts, now_ms),
            running=self._running(found_at),
            waiting=int(self._redis.zcard(self._keys.due)),
            sample=sample,
            overdue_ms=self._since_ms(self._keys.due, now_ms),
            parked=int(self._redis.zcount(self._keys.parked, now_ms, "+inf")),
            review=int(self._redis.zcard(self._keys.review)),
            review_ms=self._since_ms(self._keys.review, now_ms),
            resting=resting,
            breakers=breakers,
            open_calls=int(self._redis.zcard(self._keys.open)),
            late_calls=int(self._redis.zcount(self._keys.open, "-inf", now_ms - _LATE_CALL_MS)),
            dead=dead,
            redriven=redriven,
            unread=unread,
            failed_shifts=sum(int(self._redis.zcard(rq_keys.failed(queue))) for queue in queues),
            stuck_shifts=len(begun & self._begun(queues)),
            hooks_waiting=hooks_waiting,
            hooks_late_ms=hooks_late_ms,
            counts=self._numbers(self._keys.counts),
            published_ms=self._numbers(self._keys.published),
        )

    def _now_ms(self) -> int:
        seconds, microseconds = self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def _since_ms(self, times: str, now_ms: int) -> int:
        """How long ago the first of a sorted set's times was; 0 where it is still to come, or there is none."""
        first = self._redis.zrange(times, 0, 0, withscores=True)
        return max(0, now_ms - int(first[0][1])) if first else 0

    def _numbers(self, key: str) -> dict[str, int]:
        return {as_text(name): int(number) for name, number in self._redis.hgetall(key).items()}

    def _gates(self, places: Sequence[str], now_ms: int) -> tuple[dict[str, int], dict[str, Breaker]]:
        """For how long deployments are left alone, those that are; and how the breaker of each stands."""
        with self._redis.pipeline(transaction=False) as pipe:
            for place in places:
                pipe.hmget(self._keys.gate(place), "cu", "bu", "bk", "bp")
            found = dict(zip(places, pipe.execute(), strict=True))
        rests = {place: max(int(asked or 0), int(paused or 0)) - now_ms for place, (asked, paused, *_) in found.items()}
        breakers = {place: _breaker(*told, now_ms=now_ms) for place, (_, *told) in found.items()}
        return {place: ms for place, ms in rests.items() if ms > 0}, breakers

    def _hooks(self, now_ms: int) -> tuple[int, int]:
        """How many deliveries wait, and how long ago the first of their queues should have been looked at."""
        endpoints = _texts(self._redis.zrange(self._keys.hooks, 0, _ENDPOINTS_MAX - 1))
        with self._redis.pipeline(transaction=False) as pipe:
            for endpoint in endpoints:
                pipe.zcard(self._keys.hooks_of(endpoint))
            return sum(pipe.execute()), self._since_ms(self._keys.hooks, now_ms)

    def _sample(self) -> list[Waiting]:
        """Those that are to be looked at next."""
        ids = _texts(self._redis.zrange(self._keys.due, 0, _SAMPLE - 1))
        with self._redis.pipeline(transaction=False) as pipe:
            for task_id in ids:
                pipe.hmget(self._keys.task(task_id), "s", "q")
            found = pipe.execute()
        return [
            Waiting(task_id, TaskState(as_text(state)), as_text(tier))
            for task_id, (state, tier) in zip(ids, found, strict=True)
            if state and tier
        ]

    def _dead(self, now_ms: int) -> tuple[int, int, int]:
        """How many dead letters are kept; how many of them were sent again, and how many were not looked at."""
        kept = int(self._redis.zcount(self._keys.dead, now_ms, "+inf"))
        ids = _texts(self._redis.zrevrangebyscore(self._keys.dead, "+inf", now_ms, start=0, num=_DEAD_READ_MAX))
        with self._redis.pipeline(transaction=False) as pipe:
            for task_id in ids:
                pipe.hmget(self._keys.task(task_id), "s", "redriven")
            found = pipe.execute()
        gone = sum(state is None for state, _ in found)
        return kept - gone, sum(redriven is not None for _, redriven in found), max(0, kept - len(ids))

    def _ready(self, queues: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
        """Of each queue that is not empty, how many tasks are ready; and whose turn it is there next."""
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.zrange(self._keys.turn(queue), 0, _TENANTS_MAX - 1)
            turns = dict(zip(queues, map(_texts, pipe.execute()), strict=True))
            lists = [(queue, tenant) for queue, tenants in turns.items() for tenant in tenants]
            for queue, tenant in lists:
                pipe.zcard(self._keys.ready(queue, tenant))
            ready: Counter[str] = Counter()
            for (queue, _), count in zip(lists, pipe.execute(), strict=True):
                ready[queue] += count
        fronts = [(queue, tenant) for queue, tenants in turns.items() for tenant in tenants[:_FRONTS_MAX]]
        return {queue: count for queue, count in ready.items() if count}, fronts

    def _oldest_ms(self, fronts: Sequence[tuple[str, str]], now_ms: int) -> dict[str, int]:
        """Of each queue, how long ago the oldest of these tenants' next tasks came."""
        oldest: dict[str, int] = {}
        with self._redis.pipeline(transaction=False) as pipe:
            for queue, tenant in fronts:
                pipe.zrange(self._keys.ready(queue, tenant), 0, 0)
            firsts = [(queue, ids[0]) for (queue, _), ids in zip(fronts, pipe.execute(), strict=True) if ids]
            for _, task_id in firsts:
                pipe.hget(self._keys.task(as_text(task_id)), "c")
            for (queue, _), came in zip(firsts, pipe.execute(), strict=True):
                oldest[queue] = max(oldest.get(queue, 0), now_ms - int(came or now_ms))
        return oldest

    def _running(self, tiers: Sequence[str]) -> dict[str, int]:
        with self._redis.pipeline(transaction=False) as pipe:
            for tier in tiers:
                pipe.zcard(self._keys.slots(tier))
            return {tier: count for tier, count in zip(tiers, pipe.execute(), strict=True) if count}

    def _workers(self) -> list[Worker]:
        keys = sorted(_texts(self._redis.smembers(rq_keys.WORKERS)))
        with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hget(key, "queues")
                pipe.ttl(key)
            found = pipe.execute()
        named = zip(found[::2], found[1::2], strict=True)
        return [worker for queue, ttl in named if queue and (worker := self._worker(as_text(queue), int(ttl)))]

    def _worker(self, queue: str, ttl_s: int) -> Worker | None:
        group = rq_keys.group_of(queue, self._prefix)
        if group is None:
            return None
        tiers = None if group == rq_keys.EVERY_TIER else tuple(group.split("+"))
        return Worker(tiers, alone=queue.endswith("!"), silent=ttl_s < _HEARD_TTL_S)

    def _queues(self) -> Sequence[str]:
        """The queues of ours that RQ knows."""
        names = (key.removeprefix(rq_keys.waiting("")) for key in _texts(self._redis.smembers(rq_keys.QUEUES)))
        return [name for name in names if rq_keys.group_of(name, self._prefix) is not None]

    def _begun(self, queues: Sequence[str]) -> set[str]:
        """Those that are there twice, some reads apart, are stuck: it takes a worker no time to begin."""
        return {job for queue in queues for job in _texts(self._redis.lrange(rq_keys.begun(queue), 0, -1))}


def _breaker(paused: bytes | None, opened: bytes | None, probing: bytes | None, *, now_ms: int) -> Breaker:
    if not opened:
        return Breaker.CLOSED
    return Breaker.OPEN if int(paused or 0) > now_ms and not probing else Breaker.PROBING


def _texts(reply: Any) -> list[str]:
    return [as_text(word) for word in reply]
