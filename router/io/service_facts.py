"""What the keys of a running service show. Reads a bounded part of them, however many tasks wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..service import Service, Waiting, Worker
from ..submission import Card, Full
from ..task import TaskState
from . import rq_keys
from .producer_commands import CARD, ProducerCommands
from .redis_commands import as_text
from .redis_keys import Keys
from .redis_link import Link, connect

_SAMPLE = 2000
_TENANTS_MAX = 1000
_HEARD_TTL_S = 45
"""A live worker says so every 5 s, for 65 s or more: when less than this is left, 20 s have gone without a word."""
_LATE_CALL_MS = 60_000
_DEAD_READ_MAX = 10_000


class ServiceFacts:
    """Reads them with a client of its own."""

    def __init__(self, url: str, *, prefix: str) -> None:
        self._redis = connect(url)
        self._link = Link(self._redis, prefix=prefix)
        self._commands = ProducerCommands(prefix=prefix)
        self._keys = Keys(prefix)
        self._prefix = prefix

    def close(self) -> None:
        self._redis.close()

    def full(self) -> Full | None:
        """Whether new tasks are refused for want of memory."""
        return self._link.run(self._commands.full())

    def cards(self) -> dict[str, Card]:
        """The policies that are published, by name."""
        names = sorted(_texts(self._redis.smembers(self._keys.policies)))
        cards = self._redis.mget([self._keys.current(name) for name in names]) if names else []
        return {name: CARD.validate_json(card) for name, card in zip(names, cards, strict=True) if card}

    def service(self, tiers: Iterable[str], places: Iterable[str]) -> Service:
        """Everything else; *tiers* are looked at beside those where tasks are found, and these deployments."""
        now_ms = self._now_ms()
        queues = self._queues()
        begun = self._begun(queues)
        sample = self._sample()
        dead, redriven, unread = self._dead(now_ms)
        return Service(
            workers=self._workers(),
            ready=self._ready({*tiers, *(task.tier for task in sample)}),
            waiting=int(self._redis.zcard(self._keys.due)),
            sample=sample,
            overdue_ms=self._overdue_ms(now_ms),
            parked=int(self._redis.zcount(self._keys.parked, now_ms, "+inf")),
            resting={place: ms for place in places if (ms := self._rests_ms(place, now_ms)) > 0},
            late_calls=int(self._redis.zcount(self._keys.open, "-inf", now_ms - _LATE_CALL_MS)),
            dead=dead,
            redriven=redriven,
            unread=unread,
            failed_shifts=sum(int(self._redis.zcard(rq_keys.failed(queue))) for queue in queues),
            stuck_shifts=len(begun & self._begun(queues)),
        )

    def _now_ms(self) -> int:
        seconds, microseconds = self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def _overdue_ms(self, now_ms: int) -> int:
        first = self._redis.zrange(self._keys.due, 0, 0, withscores=True)
        return max(0, now_ms - int(first[0][1])) if first else 0

    def _rests_ms(self, place: str, now_ms: int) -> int:
        """How long calls, or a breaker, leave a deployment alone."""
        until = self._redis.hmget(self._keys.gate(place), "cu", "bu")
        return max(int(ms or 0) for ms in until) - now_ms

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

    def _ready(self, tiers: Iterable[str]) -> dict[str, int]:
        return {queue: count for tier in sorted(tiers) for queue in (tier, f"!{tier}") if (count := self._in(queue))}

    def _in(self, queue: str) -> int:
        tenants = _texts(self._redis.zrange(self._keys.turn(queue), 0, _TENANTS_MAX - 1))
        with self._redis.pipeline(transaction=False) as pipe:
            for tenant in tenants:
                pipe.zcard(self._keys.ready(queue, tenant))
            return sum(pipe.execute())

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


def _texts(reply: Any) -> list[str]:
    return [as_text(word) for word in reply]
