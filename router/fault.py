"""Faults on request, for tests: at which point of a task's way a worker's process is struck, how often, and by what."""

from __future__ import annotations

from dataclasses import dataclass

POINTS = ("claim", "reserve", "send", "reply", "resolve", "checks", "finish")
"""In the order of a task's way. Each is just after its name; `checks` is after judging, before `finish`."""

SIGNALS = ("KILL", "TERM", "STOP", "ABRT", "SEGV", "EXIT")
"""What strikes the process: a signal it sends itself, or (EXIT) an end without any clearing up."""

_FORM = "point:probability:signal:seed"
_EXAMPLE = "resolve:0.05:KILL:1"


@dataclass(frozen=True, slots=True)
class Fault:
    """
    Strike with *probability* whenever a task passes *point*.

    The luck is made of the seed and of the process's id: processes started one after the other differ, as they must,
    else each would be struck at its first task for ever.
    """

    point: str
    probability: float
    signal: str
    seed: int


def read_faults(text: str) -> tuple[Fault, ...]:
    """Read faults with commas between them. Raises: ValueError with a sentence that says what is right."""
    return tuple(_read(part.strip()) for part in text.split(",") if part.strip())


def _read(part: str) -> Fault:
    words = part.split(":")
    if len(words) != 4:
        raise ValueError(f"{part!r} is no fault; expected {_FORM}, such as {_EXAMPLE}")
    point, probability, signal, seed = words
    if point not in POINTS:
        raise ValueError(f"{part!r} names no point; expected one of {', '.join(POINTS)}")
    if signal not in SIGNALS:
        raise ValueError(f"{part!r} names no signal; expected one of {', '.join(SIGNALS)}")
    if not seed.isdecimal():
        raise ValueError(f"{part!r} has the seed {seed!r}; expected a whole number from 0 on")
    return Fault(point, _probability(part, probability), signal, int(seed))


def _probability(part: str, text: str) -> float:
    try:
        probability = float(text)
    except ValueError:
        probability = -1.0
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"{part!r} has the probability {text!r}; expected a number from 0 to 1")
    return probability
