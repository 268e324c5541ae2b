"""Logs of recorded traffic as files: plain or compressed, or what comes in on standard input."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from ..errors import LogInvalid
from ..problem import Problem
from ..recorded.recording import Recording, parse_recordings

STANDARD_INPUT = "-"
_TOLD_MAX = 10
"""Mistakes that are told one by one: a log in another form has one in every line."""


@dataclass(frozen=True, slots=True)
class Log:
    """The recordings of a file in their order; `skipped` lines were none."""

    recordings: tuple[Recording, ...]
    skipped: tuple[Problem, ...] = ()


def read_log(file: str, *, skip_bad: bool = False) -> Log:
    """
    Read a log: JSON lines, compressed where they begin so, or `-` for standard input.

    With *skip_bad* lines that are no recordings are left out. Raises: LogInvalid, with the mistakes and their lines.
    """
    recordings: list[Recording] = []
    skipped: list[Problem] = []
    try:
        with _opened(file) as stream:
            for read in parse_recordings(_lines(stream, file), file):
                if isinstance(read, Problem):
                    skipped.append(read)
                else:
                    recordings.append(read)
    except (OSError, EOFError, zlib.error) as why:
        raise LogInvalid(f"{file} cannot be read: {getattr(why, 'strerror', None) or why}") from None
    if skipped and not skip_bad:
        raise LogInvalid(_refused(skipped, len(recordings)))
    if not recordings:
        raise LogInvalid(f"{file} holds no recordings; write some with `router trail export --output {file}`")
    return Log(tuple(recordings), tuple(skipped))


def _refused(problems: list[Problem], good: int) -> str:
    lines = [str(problem) for problem in problems[:_TOLD_MAX]]
    if len(problems) > _TOLD_MAX:
        lines.append(f"... and {len(problems) - _TOLD_MAX:,} mistakes more")
    bad = len({problem.place.line for problem in problems})
    lines.append(f"{bad:,} of {bad + good:,} lines are no recordings; mend them, or leave them out with --skip-bad")
    return "\n".join(lines)


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    piped = file == STANDARD_INPUT
    with open(0 if piped else file, "rb", closefd=not piped) as stream:
        if stream.peek(2)[:2] != b"\x1f\x8b":
            yield stream
            return
        with gzip.GzipFile(fileobj=stream) as unfolded:
            yield unfolded  # type: ignore[misc]


def _lines(stream: IO[bytes], file: str) -> Iterator[str]:
    for number, line in enumerate(stream, start=1):
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise LogInvalid(f"{file}:{number}:1: the line is not UTF-8 text") from None
