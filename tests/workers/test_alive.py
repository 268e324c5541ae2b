"""`python -m workers.alive` beside real workers."""

from __future__ import annotations

import socket

import pytest

from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.acl import peek
from workers.alive import main
from workers.rq_worker import ShiftWorker, queue_name


@pytest.fixture
def settings(server: EmbeddedServer, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a server of its own prefix, as a health check finds them in its environment."""
    settings = Settings(redis_url=server.url, prefix=prefix)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def worker(settings: Settings) -> ShiftWorker:
    """A worker that has told RQ that it lives."""
    worker = ShiftWorker(queue_name(settings, alone=False), connection=peek(settings.redis_url))
    worker.register_birth()
    return worker


def test_a_machine_with_a_worker_is_alive(worker, capsys):
    """Where RQ has heard of a worker of this machine the check passes, and says how many there are."""
    assert main(["--ready"]) == 0
    assert capsys.readouterr().out == f"workers of {socket.gethostname()} heard of within a minute: 1\n"


def test_a_machine_without_one_is_not(worker):
    """Workers of other machines do not count."""
    assert main(["--host", "another-machine"]) == 1


def test_workers_of_another_prefix_do_not_count(worker, monkeypatch):
    """Two services on one server and one machine are told apart."""
    monkeypatch.setenv("ROUTER_PREFIX", "another:")

    assert main([]) == 1


def test_a_worker_that_redis_has_forgotten_is_not_alive(worker):
    """RQ's key of a worker that was silent goes by itself; then the check fails."""
    worker.connection.delete(worker.key)

    assert main([]) == 1


@pytest.mark.parametrize(("words", "code"), [([], 0), (["--ready"], 1)])
def test_no_restart_where_redis_is_away(monkeypatch, words, code):
    """Workers wait for Redis: they are alive, and not ready."""
    monkeypatch.setenv("ROUTER_REDIS_URL", "redis://127.0.0.1:1/0")

    assert main(words) == code


def test_a_wrong_setting_is_said(monkeypatch, capsys):
    """A setting that is not known ends with 2 and its name."""
    monkeypatch.setenv("ROUTER_REDIS", "x")

    assert main([]) == 2
    assert "ROUTER_REDIS is no setting of ours" in capsys.readouterr().err
