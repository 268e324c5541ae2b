"""`router api` as a process: it listens where it is told, says what is wrong, and ends when it is told."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from router.api.serving import _is_no_cut
from router.io.commands.producer import ProducerCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import Link, connect
from router.settings import Settings
from tests.builders import a_submission
from tests.gang import environment, launch
from tests.waiting import wait_until

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(server: EmbeddedServer, prefix: str) -> Iterator[Start]:
    """Starts `router api` with more words; whatever still runs is killed at the end."""
    begun: list[subprocess.Popen[str]] = []

    def started(*words: str, log: Path | None = None) -> subprocess.Popen[str]:
        env = environment(Settings(redis_url=server.url, prefix=prefix))
        begun.append(launch("router.cli", "api", *words, env=env, log=log))
        return begun[-1]

    yield started
    for process in begun:
        process.kill()
        process.communicate()


def test_serves_until_told_to_stop(start: Start, tmp_path: Path) -> None:
    """It tells its address once it answers, and SIGTERM ends it with code 0."""
    ready, log = tmp_path / "url", tmp_path / "log"
    process = start("--port", "0", "--insecure", "--ready-file", str(ready), log=log)
    wait_until(lambda: ready.exists() and ready.read_text(), f"the address; see {log}")

    alive = httpx.get(f"{ready.read_text()}/livez", timeout=30)
    process.send_signal(signal.SIGTERM)

    assert alive.json() == {"status": "ok"}
    assert process.wait(timeout=30) == 0
    assert "http.listening" in log.read_text()


def test_what_is_for_another_host_has_an_id_too(start: Start, tmp_path: Path) -> None:
    """Without keys the wrong `Host` is a problem like any other: its id is in the header and in the log."""
    ready, log = tmp_path / "url", tmp_path / "log"
    start("--port", "0", "--insecure", "--ready-file", str(ready), log=log)
    wait_until(lambda: ready.exists() and ready.read_text(), f"the address; see {log}")

    answer = httpx.get(f"{ready.read_text()}/livez", headers={"host": "evil.example"}, timeout=30)

    assert (answer.status_code, answer.json()["code"]) == (421, "not_this_machine")
    assert answer.json()["instance"] == answer.headers["x-request-id"]
    wait_until(
        lambda: answer.headers["x-request-id"] in log.read_text(), "its line in the log, written after the answer"
    )


def test_listeners_do_not_keep_it_from_ending(
    start: Start, tmp_path: Path, server: EmbeddedServer, prefix: str
) -> None:
    """Who listens to a task is let go at once: the stream ends as one does, and nothing is cut."""
    ready, log = tmp_path / "url", tmp_path / "log"
    link = Link(connect(server.url), prefix=prefix)
    link.run(ProducerCommands(prefix=prefix).submit([a_submission("t1"), a_submission("t2")]))
    link.close()
    process = start("--port", "0", "--insecure", "--ready-file", str(ready), log=log)
    wait_until(lambda: ready.exists() and ready.read_text(), f"the address; see {log}")

    with (
        httpx.Client(base_url=ready.read_text(), timeout=30) as client,
        client.stream("GET", "/v1/tasks/t1/events") as listening,
    ):
        lines = listening.iter_lines()
        assert "task.stands" in next(lines) + next(lines)
        process.send_signal(signal.SIGTERM)
        rest = list(lines)

    assert "data: " in rest[0]
    assert process.wait(timeout=30) == 0
    assert "Traceback" not in log.read_text() and "Cancel" not in log.read_text()


def test_who_is_cut_is_told_without_a_traceback() -> None:
    """There may be thousands of them; what is wrong is told as ever."""
    told = [
        _is_no_cut(
            logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "Exception in ASGI", (), (type(e), e, None))
        )
        for e in (asyncio.CancelledError(), KeyError("x"))
    ]

    assert told == [False, True]
    assert _is_no_cut(logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "Cancel 3 running tasks", (), None))


def test_is_not_open_to_others_by_mistake(start: Start) -> None:
    """Without keys it listens on a loopback address alone."""
    process = start("--host", "0.0.0.0", "--port", "0", "--insecure")

    _, said = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "--insecure lets everybody in who reaches 0.0.0.0" in said and "router key create" in said


def test_says_that_a_port_is_taken(start: Start) -> None:
    """Another process there is a sentence and code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--port", str(port), "--insecure")

        _, said = process.communicate(timeout=30)

    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in said and "--port" in said
