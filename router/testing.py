"""Doubles for tests of your own policies and services: models that answer as you say, a store without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .call import Answer, Call, Failure, FailureKind
from .memory import MemoryStore

__all__ = ["FunctionLLM", "MemoryStore", "ScriptedLLM"]


class FunctionLLM:
    """A model that is a function; keeps the calls it got."""

    def __init__(self, function: Callable[[Call], Answer]) -> None:
        self._function = function
        self.calls: list[Call] = []

    async def complete(self, call: Call) -> Answer:
        self.calls.append(call)
        return self._function(call)


class ScriptedLLM:
    """A model that gives prepared answers in turn, and fails once there are no more."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = iter(answers)
        self.calls: list[Call] = []

    async def complete(self, call: Call) -> Answer:
        self.calls.append(call)
        return next(self._answers, Failure(kind=FailureKind.INTERNAL, message="the script has ended", billed="no"))
