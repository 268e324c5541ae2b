"""Nobody writes lines into our logs, or steers the terminal of who reads them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from router import log
from router.client import Client
from router.errors import RouterError, TaskInvalid
from router.result import Result
from tests.e2e.house import Site
from tests.security.aviary import POLICY_OF
from tests.shell import Shell
from tests.waiting import wait_until

FORGED = '{"event": "forged", "level": "error"}'
HOSTILE = f"x\r\n{FORGED}\n\x1b[2J\x1b]0;owned\x07\x9b31m\u2028{FORGED}\u0085\x00\x7f"
"""Ends a line, begins one of its own, clears the screen, and names its window."""
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
GIVEN = {"text": HOSTILE, "photo": HOSTILE}


@pytest.fixture(scope="module")
def results(aviary: Site) -> list[Result]:
    """Hostile words in every field that takes them, past every kind of answer that gives them back."""
    client = aviary.client
    metadata = {HOSTILE: HOSTILE}
    handles = [client.submit(name, GIVEN, metadata=metadata) for name in (*POLICY_OF.values(), "quoting")]
    return [handle.wait(timeout_s=60) for handle in handles]


FIELDS: dict[str, dict[str, Any]] = {
    "tenant": {"tenant": HOSTILE},
    "key": {"key": HOSTILE},
    "priority": {"priority": HOSTILE},
}


@pytest.mark.parametrize("name", FIELDS)
def test_names_do_not_take_them(aviary: Site, name: str) -> None:
    """What becomes part of keys and lines has no control characters, and the refusal does not repeat them."""
    with pytest.raises(TaskInvalid) as why:
        aviary.client.submit("m0", {"text": "x"}, **FIELDS[name])

    assert not CONTROL.search(str(why.value))


@pytest.mark.parametrize("policy", [HOSTILE, "../../t:x", "m0\nx", "*", ""])
def test_policies_are_not_found_by_strange_names(aviary: Site, policy: str) -> None:
    """A policy's name from a caller is looked up and quoted, no more."""
    with pytest.raises(RouterError) as why:
        aviary.client.submit(policy, {"text": "x"})

    assert not CONTROL.search(str(why.value))


def test_each_event_is_one_line(results: list[Result], aviary: Site) -> None:
    """Every line of the workers' log is an event of ours as JSON, whatever callers and providers wrote."""
    wait_until(lambda: len(results) <= _events(aviary).count("attempt.ended"), "a line of each task in the log")

    assert "forged" not in _events(aviary)
    assert not CONTROL.search(aviary.gang.log.read_text())


def _events(aviary: Site) -> list[str]:
    """Of all lines that are complete; one that is no JSON fails."""
    lines = aviary.gang.log.read_bytes().split(b"\n")[:-1]
    return [json.loads(line)["event"] for line in lines]


def test_events_in_redis_are_one_each(results: list[Result], aviary: Site) -> None:
    """What listeners are told has no control characters of others in it."""
    with Client(aviary.settings.redis_url, prefix=aviary.settings.prefix) as client:
        told = list(client.events(wait_s=0))

    assert {result.id for result in results} <= {event.task for event in told if hasattr(event, "task")}
    assert not [event for event in told if CONTROL.search(str(getattr(event, "reason", "")))]


def test_screens_are_not_steered(
    results: list[Result], aviary: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at a task, a list or the doctor sees such words spelled out."""
    for name, value in aviary.settings.environment().items():
        monkeypatch.setenv(name, value)
    shell = Shell(capsys)
    views = [("task", "show", result.id) for result in results]
    dead = next(result.id for result in results if result.status == "dead")
    views += [
        ("task", "list"),
        ("dead", "list"),
        ("dead", "show", dead),
        ("doctor",),
        ("cost", "--by", "policy,tenant"),
    ]
    steered = {}

    for words in views:
        shell(*words)
        if found := CONTROL.findall(shell.out + shell.err):
            steered[words] = found

    assert steered == {}


@pytest.mark.parametrize(
    "value",
    [HOSTILE, "\ud800", b"\xff", float("nan"), 10**30, {1: {"\ud800"}}, object()],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_logged_is_a_line(tmp_path: Any, value: Any) -> None:
    """An event is one line of JSON even where a field holds what JSON does not; who tells of it goes on."""
    with (tmp_path / "log").open("w") as stream:
        log.configure("info", console=False, stream=stream)
        log.logger().info("task.lost", task="t1", reason=value)
        log.configure("error")

    (line,) = (tmp_path / "log").read_bytes().splitlines()
    assert json.loads(line)["task"] == "t1"
    assert not CONTROL.search(line.decode())
