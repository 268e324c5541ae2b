"""RQ workers of ours as real processes, among jobs that somebody else wrote into Redis."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from redis import Redis
from rq import Queue, Worker
from rq.job import JobStatus
from rq.serializers import JSONSerializer
from rq.timeouts import UnixSignalDeathPenalty

from router.io.embedded import EmbeddedServer
from tests.acl import GuardedServer, peek
from tests.waiting import wait_until
from tests.workers.raced import MOMENTS
from tests.workers.trap import MARKS, Pickled
from workers.rq_worker import SHIFT, ShiftJob, ShiftWorker, enqueue_shift, shift_queue

ROOT = Path(__file__).parents[2]
TRAP = "tests.workers.trap.spring"
OURS = "from workers.rq_worker import ShiftWorker as W; W({queue!r}, connection=Redis.from_url({url!r})).work({how})"
STOCK = (
    "from rq import Worker as W; from rq.serializers import {serializer} as S;"
    "W([{queue!r}], connection=Redis.from_url({url!r}), serializer=S).work({how})"
)


def called(function: str, *arguments: str) -> Callable[[Path, str], dict[str, Any]]:
    """A job that names a function."""
    return lambda marks, job: {
        "data": json.dumps([function, None, [a.format(marks=marks, job=job) for a in arguments], {}])
    }


def pickled(marks: Path, job: str) -> dict[str, Any]:
    return {"data": pickle.dumps(("os.getpid", None, (Pickled(job),), {}))}


def after_failing(*names: str) -> Callable[[Path, str], dict[str, Any]]:
    """A job that fails by itself, with something to run at its end."""
    failing = json.dumps([SHIFT, None, [], {"no such argument": 1}])
    return lambda marks, job: {"data": failing, **dict.fromkeys(names, TRAP)}


HOSTILE = {
    "os-system": called("os.system", "touch {marks}/{job}"),
    "subprocess": called("subprocess.run", "touch {marks}/{job}"),
    "our-trap": called(TRAP, "{job}"),
    "through-our-module": called("workers.shift.signal.os.system", "touch {marks}/{job}"),
    "nearly-ours": called("workers.shift.work.__class__", "{job}"),
    "pickle": pickled,
    "failure-callback": after_failing("failure_callback_name"),
    "all-callbacks": after_failing("failure_callback_name", "success_callback_name", "stopped_callback_name"),
}
SPRINGS_AT_STOCK_WORKERS = ("os-system", "our-trap", "pickle", "failure-callback", "all-callbacks")
UNREADABLE = {
    "no-time": {"timeout": "soon"},
    "no-number": {"result_ttl": "x"},
    "no-status": {"status": "?"},
    "no-date": {"created_at": "yesterday"},
    "no-text": {"success_callback_name": b"\xff"},
}


class Yard:
    """A queue, the marks that sprung traps leave, and workers as processes."""

    def __init__(self, url: str, marks: Path) -> None:
        self.url, self.marks = url, marks
        self.redis = peek(url)
        self.name = f"test-{uuid4().hex[:8]}"
        self.processes: list[subprocess.Popen[str]] = []

    def put(self, job: str, **fields: Any) -> None:
        """Write a job's hash as anybody can who reaches Redis."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        known = {"created_at": now, "origin": self.name, "status": "queued", "timeout": "30", "failure_ttl": "600"}
        self.redis.hset(f"rq:job:{job}", mapping={**known, **fields})
        self.redis.rpush(f"rq:queue:{self.name}", job)

    def start(self, program: str, how: str = "logging_level='ERROR'", **words: str) -> subprocess.Popen[str]:
        code = "from redis import Redis; " + program.format(queue=self.name, url=self.url, how=how, **words)
        return self.run("-c", code)

    def start_burst(self, program: str, **words: str) -> subprocess.Popen[str]:
        """Have a worker do all that is in the queue."""
        return self.start(program, "burst=True, logging_level='ERROR'", **words)

    def run(self, *words: str) -> subprocess.Popen[str]:
        settings = {"ROUTER_REDIS_URL": self.url, "ROUTER_PREFIX": f"{self.name}:", "ROUTER_LOG": "error"}
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, **settings, MARKS: str(self.marks)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        self.redis.close()

    def sprung(self) -> set[str]:
        return {mark.name for mark in self.marks.iterdir()}

    def job(self, job: str) -> ShiftJob:
        return ShiftJob.fetch(job, connection=self.redis, serializer=JSONSerializer)


def ended(worker: subprocess.Popen[str]) -> str:
    """Wait for a good end; returns what was said."""
    said = worker.communicate(timeout=100)[1]
    assert worker.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def new_yard(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Yard]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(Yard(server.url, tmp_path_factory.mktemp("marks"))))


@pytest.fixture(scope="module")
def raided(new_yard: Callable[[], Yard]) -> Yard:
    """A yard full of hostile jobs, after a worker of ours went through them."""
    yard = new_yard()
    for name, fields in UNREADABLE.items():
        yard.put(name, **{"data": "[]", **fields})
    for name, hostile in HOSTILE.items():
        yard.put(name, **hostile(yard.marks, name))
    ended(yard.start_burst(OURS))
    return yard


@pytest.mark.parametrize("name", HOSTILE)
def test_runs_nothing_of_a_hostile_job(raided: Yard, name: str) -> None:
    """Whatever a job's hash names besides a shift is refused: functions, pickles, callbacks. Nothing runs."""
    assert name not in raided.sprung()
    assert raided.job(name).get_status() is JobStatus.FAILED


def test_those_jobs_are_dangerous(new_yard: Callable[[], Yard]) -> None:
    """A stock worker runs what ours refuses: the test above can fail."""
    json_yard, pickle_yard = new_yard(), new_yard()
    for name in SPRINGS_AT_STOCK_WORKERS:
        yard = pickle_yard if name == "pickle" else json_yard
        yard.put(name, **HOSTILE[name](yard.marks, name))

    workers = [json_yard.start_burst(STOCK, serializer="JSONSerializer")]
    workers.append(pickle_yard.start_burst(STOCK, serializer="PickleSerializer"))
    for worker in workers:
        ended(worker)

    assert json_yard.sprung() | pickle_yard.sprung() == set(SPRINGS_AT_STOCK_WORKERS)


def test_passes_over_jobs_that_it_cannot_read(raided: Yard) -> None:
    """A broken hash, say of another version of RQ, neither stops a worker nor the next one."""
    assert raided.redis.llen(f"rq:queue:{raided.name}") == 0
    assert ended(raided.start_burst(OURS)) == ""


def test_calls_nothing_back(new_yard: Callable[[], Yard], monkeypatch: pytest.MonkeyPatch) -> None:
    """A shift that ended well, or was stopped, runs no callback and sends nothing, whatever stands in its hash."""
    yard = new_yard()
    monkeypatch.setenv(MARKS, str(yard.marks))
    with Listener() as listener:
        hooks = [{"url": listener.url, "job_status": status} for status in ("finished", "failed")]
        names = dict.fromkeys(("success_callback_name", "failure_callback_name", "stopped_callback_name"), TRAP)
        yard.put("calls", data=json.dumps([SHIFT, None, [], {}]), webhooks=json.dumps(hooks), **names)
        stock = Queue(yard.name, connection=yard.redis, serializer=JSONSerializer).fetch_job("calls")
        assert stock is not None

        for job in (yard.job("calls"), stock):
            assert yard.sprung() == set()
            assert listener.requests == 0
            job.execute_success_callback(UnixSignalDeathPenalty, None)
            job.execute_failure_callback(UnixSignalDeathPenalty, ValueError, ValueError(), None)
            job.execute_stopped_callback(UnixSignalDeathPenalty)
            job.send_webhooks("finished")
            job.send_webhooks("failed", exc_string="")

        assert yard.sprung() == {"calls"}
        assert listener.requests == 2


def test_a_shift_is_written_as_json_and_leaves_nothing(new_yard: Callable[[], Yard]) -> None:
    """What we put on a queue is JSON that names the shift alone, and no result of it is kept."""
    yard = new_yard()
    queue = shift_queue(yard.name, yard.redis)

    enqueue_shift(queue, alone=True)

    (job,) = queue.jobs
    assert isinstance(job, ShiftJob)
    assert json.loads(job.data) == [SHIFT, None, [], {"alone": True}]
    assert (job.result_ttl, job.timeout) == (0, -1)


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Yard, subprocess.Popen[str]]]:
    """A worker of ours that waits for work, and is alone at its server."""
    with (
        GuardedServer(tmp_path_factory.mktemp("idle")) as server,
        closing(Yard(server.url, tmp_path_factory.mktemp("marks"))) as yard,
    ):
        worker = yard.start(OURS)
        wait_until(lambda: yard.redis.hget(_worker_key(yard), "state") == b"idle", "an idle worker")
        yield yard, worker


def test_rq_shows_our_workers(idle: tuple[Yard, subprocess.Popen[str]]) -> None:
    """`rq info` shows the worker, its queue and its state."""
    yard, worker = idle

    words = [sys.executable, "-c", "from rq.cli import main; main()", "info", "--url", yard.url, "--raw", yard.name]
    said = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout

    assert f"worker {_worker_key(yard).removeprefix('rq:worker:')} (" in said
    assert f" {worker.pid}) idle {yard.name}." in said


def test_takes_from_one_queue_in_a_way_that_loses_nothing(idle: tuple[Yard, subprocess.Popen[str]]) -> None:
    """A worker waits with BLMOVE, which keeps a job on a list at any moment; BLPOP would not."""
    yard, _ = idle
    waiting = Worker.all(queue=shift_queue(yard.name, yard.redis))
    assert [w.queue_names() for w in waiting] == [[yard.name]]

    commands = [client["cmd"] for client in yard.redis.client_list() if client["cmd"].startswith("bl")]

    assert commands == ["blmove"]


def test_sigterm_ends_an_idle_worker(new_yard: Callable[[], Yard]) -> None:
    """An idle worker ends at once, signs off, and says so with code 0."""
    yard = new_yard()
    worker = yard.start(OURS)
    wait_until(lambda: yard.redis.smembers(f"rq:workers:{yard.name}"), "a registered worker")
    key = _worker_key(yard)
    wait_until(lambda: yard.redis.hget(key, "state") == b"idle", "an idle worker")

    worker.send_signal(signal.SIGTERM)

    assert ended(worker) == ""
    assert yard.redis.scard(f"rq:workers:{yard.name}") == 0


def test_sigterm_reaches_a_shift_that_is_just_being_forked(new_yard: Callable[[], Yard]) -> None:
    """An order to stop that comes before or after the fork drains the new shift; it does not work on for an hour."""
    yards = {moment: new_yard() for moment in MOMENTS}
    for yard in yards.values():
        enqueue_shift(shift_queue(yard.name, yard.redis), alone=False)

    workers = [yard.run("-m", "tests.workers.raced", moment, yard.name, yard.url) for moment, yard in yards.items()]

    assert [ended(worker) for worker in workers] == ["", ""]
    for yard in yards.values():
        queue = shift_queue(yard.name, yard.redis)
        assert (queue.count, queue.failed_job_registry.count, queue.intermediate_queue.get_job_ids()) == (0, 0, [])


def test_tells_in_full_that_it_lives(new_yard: Callable[[], Yard]) -> None:
    """After RQ's own keys were lost, the next heartbeat makes the worker known again."""
    yard = new_yard()
    worker = ShiftWorker(yard.name, connection=Redis.from_url(yard.url))
    worker.register_birth()
    worker.set_state("idle")
    before = yard.redis.hgetall(worker.key)
    yard.redis.delete(worker.key, "rq:workers", f"rq:workers:{yard.name}")

    worker.heartbeat()

    after = yard.redis.hgetall(worker.key)
    assert {**after, b"last_heartbeat": b""} == {**before, b"last_heartbeat": b""}
    assert yard.redis.smembers(f"rq:workers:{yard.name}") == {worker.key.encode()}
    assert 0 < yard.redis.ttl(worker.key) < 600
    worker.register_death()


def test_waits_for_a_full_server(tmp_path: Path) -> None:
    """An idle worker takes a server without memory for one that is away, which RQ waits for; a busy one goes on."""
    with GuardedServer(tmp_path) as server, closing(peek(server.url)) as client:
        worker = ShiftWorker("full", connection=client)
        worker.register_birth()
        client.config_set("maxmemory", 1)

        with pytest.raises(redis.ConnectionError):
            worker.heartbeat()
        worker.set_current_job_working_time(1.0)

        client.config_set("maxmemory", 0)
        worker.heartbeat()
        assert client.ttl(worker.key) > 0
        worker.register_death()


def _worker_key(yard: Yard) -> str:
    return "".join(key.decode() for key in yard.redis.smembers(f"rq:workers:{yard.name}"))


class Listener:
    """Counts the requests that come to a port of this machine."""

    def __enter__(self) -> Listener:
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Tests print nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
