"""The form that all commands of ours share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...errors import UnknownTask
from ...task import TaskState
from ..redis_keys import Keys
from ..redis_link import Command


class Scripted:
    """Makes commands that call a script. `clock_ms` stands in for the server's clock in tests."""

    def __init__(self, *, prefix: str = "r:", clock_ms: Callable[[], int] | None = None) -> None:
        self.keys = Keys(prefix)
        self._clock_ms = clock_ms

    def _script(
        self, name: str, words: Sequence[str | bytes | int], parse: Callable[[Any], Any], *, aside: bool = False
    ) -> Command[Any]:
        now = self._clock_ms() if self._clock_ms else ""
        return Command((now, *words), parse, name, aside)

    def time(self) -> Command[int]:
        """The server's clock, Unix ms."""
        return Command(("TIME",), lambda reply: self._clock_ms() if self._clock_ms else _ms(reply))


def _ms(reply: Sequence[Any]) -> int:
    seconds, microseconds = map(int, reply)
    return seconds * 1000 + microseconds // 1000


def as_text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def as_pairs(reply: Any) -> dict[str, bytes]:
    """A hash, in either form that a client may give it."""
    items = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {as_text(name): value for name, value in items}


def scored(reply: Any) -> Sequence[tuple[Any, Any]]:
    """Members with their scores, in either form that a client may give them."""
    if reply and isinstance(reply[0], (list, tuple)):
        return [(name, at) for name, at in reply]
    return list(zip(reply[::2], reply[1::2], strict=True))


def as_state(reply: bytes | None, task_id: str) -> TaskState:
    """Raises: UnknownTask."""
    if not reply:
        raise UnknownTask(no_task(task_id))
    return TaskState(as_text(reply))


def no_task(task_id: str) -> str:
    return (
        f"there is no task {task_id}: the id is wrong or not whole (all of it is needed), "
        "the time that its policy keeps it is over, or it was dropped"
    )
