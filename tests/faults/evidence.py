"""What a finished site leaves behind: its keys, its ledger, its events, and what the provider wrote down by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import redis

from router.io.commands.producer import trail_of
from router.io.commands.scripted import as_text
from router.io.redis_keys import Keys
from router.ledger import Balance, Entry
from router.task import TaskState

_PAGE = 1000


@dataclass(frozen=True)
class Standing:
    """How a task stands, the calls that its trail tells of, and whether crashes ended it. Times: Unix ms."""

    state: TaskState
    deadline_ms: int
    calls: frozenset[str] = frozenset()
    crashed: bool = False


@dataclass(frozen=True)
class Told:
    """One line of the events."""

    kind: str
    task: str
    at_ms: int


@dataclass(frozen=True)
class Evidence:
    """
    All that an oracle may look at. `bill` has a line for each charge (call, nano-dollars), `requests` the call id of
    each HTTP request; both hold this site's calls, and those that nobody's ledger knows. `sums` are the balances as
    they stand in Redis, by scope and day. `budgets` maps scopes to nano-dollars a day.
    """

    accepted: Sequence[str]
    tasks: Mapping[str, Standing]
    events: Sequence[Told]
    entries: Sequence[Entry]
    balance: Balance
    sums: Mapping[str, Mapping[str, int]]
    left: Mapping[str, int]
    bill: Sequence[tuple[str, int]]
    requests: Sequence[str]
    budgets: Mapping[str, int] = field(default_factory=dict)


class Leftovers:
    """Reads the keys of a site as they are."""

    def __init__(self, client: redis.Redis, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._keys = Keys(prefix)

    def sizes(self) -> dict[str, int]:
        """What should be empty once all tasks have ended."""
        names = ["due", "open", *(self._bare(key) for key in self._found("slots:*"))]
        return {name: int(self._client.zcard(self._prefix + name)) for name in names}

    def sums(self) -> dict[str, dict[str, int]]:
        """The balances by `scope:day`."""
        found = {self._bare(key).removeprefix("bal:"): self._client.hgetall(key) for key in self._found("bal:*:d*")}
        return {name: {as_text(k): int(v) for k, v in sums.items()} for name, sums in found.items()}

    def told(self) -> list[Told]:
        lines = self._client.xrange(self._keys.events)
        return [
            Told(as_text(fields[b"e"]), as_text(fields[b"t"]), int(as_text(line).partition("-")[0]))
            for line, fields in lines
        ]

    def unended(self, task_ids: Iterable[str]) -> list[str]:
        """The tasks among these that have not ended, or are gone."""
        ids = list(task_ids)
        with self._client.pipeline(transaction=False) as pipe:
            for task_id in ids:
                pipe.hget(self._keys.task(task_id), "s")
            states = pipe.execute()
        return [i for i, state in zip(ids, states, strict=True) if not (state and TaskState(as_text(state)).terminal)]

    def standings(self) -> dict[str, Standing]:
        """Every task that there is, whoever it belongs to."""
        ids = [self._bare(key).removeprefix("t:") for key in self._found("t:*")]
        found = (self._standings_of(ids[i : i + _PAGE]) for i in range(0, len(ids), _PAGE))
        return {task_id: standing for page in found for task_id, standing in page.items()}

    def _standings_of(self, ids: Sequence[str]) -> dict[str, Standing]:
        with self._client.pipeline(transaction=False) as pipe:
            for task_id in ids:
                pipe.hmget(self._keys.task(task_id), "s", "d", "why")
                pipe.lrange(self._keys.trail(task_id), 0, -1)
            replies = pipe.execute()
        found = zip(ids, replies[::2], replies[1::2], strict=True)
        return {task_id: _standing(*fields, trail) for task_id, fields, trail in found}

    def _found(self, pattern: str) -> list[bytes]:
        return sorted(self._client.scan_iter(match=self._prefix + pattern, count=1000))

    def _bare(self, key: bytes) -> str:
        return as_text(key).removeprefix(self._prefix)


def _standing(state: bytes, deadline_ms: bytes, why: bytes | None, trail: Sequence[bytes]) -> Standing:
    calls = (call.call for attempt in trail_of(trail) for call in attempt.calls)
    crashed = as_text(why or b"").startswith("its worker crashed")
    return Standing(TaskState(as_text(state)), int(deadline_ms), frozenset(calls), crashed)
