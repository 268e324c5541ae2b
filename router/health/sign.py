"""Signs of how a service is: what was looked at, what was seen, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a sign is: a warning can wait for the morning."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that was looked at. `advice` says what to do where it is not fine."""

    about: str
    level: Level
    seen: str
    advice: str = ""


def fine(about: str, seen: str) -> Sign:
    return Sign(about, Level.OK, seen)


def warning(about: str, seen: str, advice: str) -> Sign:
    return Sign(about, Level.WARNING, seen, advice)


def problem(about: str, seen: str, advice: str) -> Sign:
    return Sign(about, Level.PROBLEM, seen, advice)
