"""What is logged: each event is known, each move of a task is a line, and no line holds contents or orders."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from router import log
from router.budget import Budget
from router.errors import RouterError
from router.memory import MemoryStore
from router.verdict import Outcome
from tests.builders import DOUBTFUL, GOOD, a_failure, a_reply
from tests.carrying import House, by_tier
from tests.conftest import Clock

ROOT = Path(__file__).parents[1]
CANARY = "CONFIDENTIAL-4711"
ROW = re.compile(r"^# (\S+) +(info|warning|error) +\S")
LEVELS = {"info": "info", "warning": "warning", "error": "error", "exception": "error"}
HOSTILE = 'x\nlevel=error event="forged" \x1b[2J\r\x07\u2028\u202e\x9b31m'


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Reads what was logged since the test began."""
    with (tmp_path / "log").open("w") as stream:
        log.configure("info", stream=stream)
        yield lambda: [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
        log.configure("error")


def table() -> set[tuple[str, str]]:
    """The events of the table with their levels."""
    rows = (ROW.match(line) for line in (ROOT / "router" / "log.py").read_text().splitlines())
    return {(row[1], row[2]) for row in rows if row}


def emitted() -> set[tuple[str, str]]:
    """The events that the code emits with their levels: calls of a logger's methods."""
    found = set()
    for file in [*(ROOT / "router").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=whose, attr=level), args=[ast.Constant(value=str(name)), *_]):
                    if level in LEVELS and ast.unparse(whose).endswith(("log.logger()", "_log")):
                        found.add((name, LEVELS[level]))
    return found


# the table


def test_every_event_stands_in_the_table_and_every_row_is_an_event() -> None:
    """Whoever reads logs finds each event and its level in one place, and nothing there that never comes."""
    assert sorted(emitted()) == sorted(table())
    assert len(table()) > 20


def test_names_of_events_are_constants() -> None:
    """No name of an event is put together while running: what a task says never becomes one."""
    computed = [
        f"{file.name}:{node.lineno}"
        for file in [*(ROOT / "router").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and ast.unparse(node.func.value).endswith(("log.logger()", "_log"))
        and not isinstance(node.args[0], ast.Constant)
    ]

    assert computed == []


# the moves of a task


async def test_each_move_is_one_line_that_says_whose(lines: Callable[[], list[dict[str, Any]]], clock: Clock) -> None:
    """A task that climbs and is accepted leaves a line for each move, with its task, policy, tenant and tier."""
    house = House(MemoryStore(clock_ms=clock), clock, by_tier(mini=DOUBTFUL, small=a_failure(), large=GOOD))
    await house.submit(tenant="acme")

    record = await house.settle()

    told = lines()
    assert [(line["event"], line["tier"], line["next"], line.get("to")) for line in told[:1]] == [
        ("attempt.ended", "mini", "ask", "small")
    ]
    assert (told[-1]["tier"], told[-1]["next"]) == (record.trail[-1].tier, "accept")
    assert [line["event"] for line in told].count("attempt.ended") == len(record.trail)
    assert {(line["task"], line["policy"], line["tenant"]) for line in told} == {("t1", "receipts", "acme")}


async def test_a_task_that_waits_says_for_what(lines: Callable[[], list[dict[str, Any]]], clock: Clock) -> None:
    """A call that a budget leaves no room for is one line: that it was refused, by what, and what comes next."""
    store = MemoryStore(clock_ms=clock)
    house = House(store, clock, by_tier(mini=GOOD))
    await store.publish_budgets([Budget(scope="tenant:*", usd="0.0008", per="minute", on_exceeded="park")])
    await house.submit(task_id="t0", tenant="acme")
    await house.settle("t0")
    await house.submit(tenant="acme")
    (claim,) = await store.claim({"mini": 1}, at_most=1, token="now")

    await house.engine.carry(claim)

    (told,) = (line for line in lines() if line["task"] == "t1")
    assert (told["event"], told["limit"], told["next"]) == ("call.refused", "budget", "wait")
    assert (told["tier"], told["policy"], told["tenant"]) == ("mini", "receipts", "acme")


async def test_a_move_without_an_attempt_is_a_line(lines: Callable[[], list[dict[str, Any]]], clock: Clock) -> None:
    """A task whose deadline has passed when it is taken up was asked nothing, and its end is a line all the same."""
    store = MemoryStore(clock_ms=clock)
    house = House(store, clock, by_tier(mini=GOOD))
    await house.submit(tenant="acme", deadline_s=5.0)
    (claim,) = await store.claim({"mini": 1}, at_most=1, token="now")
    clock.advance(6)

    await house.engine.carry(claim)

    (line,) = lines()
    assert (line["event"], line["next"], line["task"], line["tier"]) == ("task.moved", "expire", "t1", "mini")


async def test_a_task_that_was_lost_says_so(lines: Callable[[], list[dict[str, Any]]], clock: Clock) -> None:
    """What a shift did for a task that is not its own any more is told with a warning."""
    store = MemoryStore(clock_ms=clock)
    house = House(store, clock, by_tier(mini=GOOD))
    await house.submit()
    (claim,) = await store.claim({"mini": 1}, at_most=1, token="now")
    await store.cancel("t1")

    await house.engine.carry(claim)

    assert (lines()[-1]["event"], lines()[-1]["level"], lines()[-1]["task"]) == ("task.lost", "warning", "t1")


async def test_contents_are_never_logged(lines: Callable[[], list[dict[str, Any]]], clock: Clock) -> None:
    """Neither what was asked nor what was answered stands in any line, whatever becomes of it."""
    answers = by_tier(
        mini=a_reply({"merchant": CANARY}), small=a_reply(CANARY), large=a_failure(message=f"refused: {CANARY}")
    )
    house = House(MemoryStore(clock_ms=clock), clock, answers)
    await house.submit(input={"text": CANARY}, metadata={"note": CANARY}, key=CANARY)

    await house.settle()

    assert len(lines()) >= 3
    assert CANARY not in json.dumps(lines())


# what a line may hold


def test_a_line_is_one_line(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """A value that looks like the end of a line and the begin of another stays a value, and comes back as it was."""
    log.logger().info("alarm", about=HOSTILE, kind="storm", said=HOSTILE)

    (line,) = lines()
    assert (line["event"], line["level"], line["about"], line["said"]) == ("alarm", "info", HOSTILE, HOSTILE)


@pytest.mark.parametrize("value", ["\ud800", 2**70, {1, 2}, b"\xff", Outcome.PASS, object()])
def test_an_odd_value_ends_nothing(lines: Callable[[], list[dict[str, Any]]], value: object) -> None:
    """Whatever an event holds, it is told."""
    log.logger().info("alarm", said=value)

    assert [line["event"] for line in lines()] == ["alarm"]


def test_a_terminal_is_shown_orders_and_obeys_none(tmp_path: Path) -> None:
    """On a terminal a value cannot clear the screen, begin a line or turn the text round."""
    with (tmp_path / "screen").open("w") as stream:
        log.configure("info", console=True, stream=stream)
        log.logger().info("alarm", about="\x1b[2J\x07\u202e\ud800", said=HOSTILE)
        log.configure("error")

    shown = re.sub(r"\x1b\[\d+m", "", (tmp_path / "screen").read_text())
    assert shown.count("\n") == 1
    assert re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", shown) == []
    assert "\\u001b[2J" in shown


def test_an_exception_is_told_without_its_words(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Where it came from and of what kind it is: its message may quote what was asked."""
    try:
        raise RouterError(CANARY)
    except RouterError:
        log.logger().exception("task.surprise", task="t1")

    (line,) = lines()
    assert "RouterError" in line["exception"] and "test_an_exception_is_told" in line["exception"]
    assert CANARY not in json.dumps(line)


@pytest.mark.parametrize("name", ["rq.worker", "rq.job", "redis.connection", "asyncio"])
def test_libraries_write_no_lines_of_their_own(
    lines: Callable[[], list[dict[str, Any]]],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """What they have to say is an event of ours: who, where and in what words, without the values in them."""
    theirs = logging.getLogger(name)
    monkeypatch.setattr(theirs, "filters", [])  # litellm, where it was loaded before, puts values in before we see them
    theirs.info("nothing that anybody needs")
    theirs.warning("job %s failed", CANARY)
    theirs.error(f"it said {CANARY}")
    try:
        raise RouterError(CANARY)
    except RouterError:
        theirs.exception("away, %d s", 5)

    warned, failed, raised = lines()
    assert (warned["event"], warned["library"], warned["said"]) == ("library.warned", name, "job %s failed")
    assert (failed["event"], "said" in failed) == ("library.failed", False)
    assert failed["where"] == "test_log.test_libraries_write_no_lines_of_their_own"
    assert (raised["said"], "RouterError" in raised["exception"]) == ("away, %d s", True)
    assert CANARY not in json.dumps([warned, failed, raised])
    assert capfd.readouterr() == ("", "")


def test_names_are_told_within_and_not_after(lines: Callable[[], list[dict[str, Any]]]) -> None:
    """What events are about is told by all that come within, and the innermost word counts."""
    with log.about(task="t1", tier="mini"):
        log.logger().info("alarm", tier="large")
    log.logger().info("alarm")

    within, after = lines()
    assert (within["task"], within["tier"]) == ("t1", "large")
    assert "task" not in after and "tier" not in after
