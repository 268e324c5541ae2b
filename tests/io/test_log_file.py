"""Logs as files: plain, compressed, on standard input, and broken."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from router.errors import LogInvalid
from router.io.log_file import read_log

GOOD = json.dumps({"id": "t1", "input": {}, "replies": {"mini": {"output": 1}}})
CUT_OFF = gzip.compress(b"x" * 1000, mtime=0)[:-9]
BAD = json.dumps({"id": "t1", "input": {}})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def test_compressed_or_not_is_the_same(log: Path) -> None:
    """A compressed log is known by how it begins, whatever it is called."""
    log.write_text(f"{GOOD}\n")
    plain = read_log(str(log))
    log.write_bytes(gzip.compress(f"{GOOD}\n".encode()))

    assert read_log(str(log)) == plain
    assert len(plain.recordings) == 1


def test_standard_input_is_a_log() -> None:
    """`-` reads what is piped in, compressed or not."""
    script = "from router.io.log_file import read_log; print(len(read_log('-').recordings))"
    text = f"{GOOD}\n{GOOD}\n".encode()

    runs = [
        subprocess.run([sys.executable, "-c", script], input=piped, capture_output=True, check=True)
        for piped in (text, gzip.compress(text))
    ]

    assert [run.stdout.split() for run in runs] == [[b"2"], [b"2"]]


def test_a_bad_line_stops_the_reading(log: Path) -> None:
    """Mistakes are told with their lines, and nothing is made of a log that may be another one; --skip-bad goes on."""
    log.write_text(f"{GOOD}\n{BAD}\n{GOOD}\n")

    with pytest.raises(LogInvalid) as why:
        read_log(str(log))
    skipping = read_log(str(log), skip_bad=True)

    assert str(why.value).splitlines() == [
        f"{log}:2:1: the line: the key 'replies' is missing",
        "1 of 3 lines are no recordings; mend them, or leave them out with --skip-bad",
    ]
    assert (len(skipping.recordings), [problem.place.line for problem in skipping.skipped]) == (2, [2])


def test_many_bad_lines_are_summed_up(log: Path) -> None:
    """A file in another form is not told line by line."""
    log.write_text(f"{BAD}\n" * 500)

    with pytest.raises(LogInvalid) as why:
        read_log(str(log))

    assert len(str(why.value).splitlines()) == 12
    assert "... and 490 mistakes more" in str(why.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "{log} holds no recordings; write some with `router trail export --output {log}`"),
        (b"\xff\xfe\n", "{log}:1:1: the line is not UTF-8 text"),
        (CUT_OFF, "{log} cannot be read: Compressed file ended before the end-of-stream"),
    ],
)
def test_says_what_is_wrong_with_the_file(log: Path, content: bytes, said: str) -> None:
    """An empty file, one that is no text, and one that is cut off are a sentence each."""
    log.write_bytes(content)

    with pytest.raises(LogInvalid) as why:
        read_log(str(log))

    assert str(why.value).startswith(said.format(log=log))


def test_a_missing_file_is_told(log: Path) -> None:
    """Where there is no file, the sentence says which."""
    with pytest.raises(LogInvalid, match=r"log\.jsonl cannot be read: No such file or directory"):
        read_log(str(log))
