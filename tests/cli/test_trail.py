"""`router trail export`: tasks that really ran, written as a log that other commands read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from router.asking import World
from router.call import Call, Reply
from router.client import Client
from router.decision import DeadLetter
from router.engine import Engine
from router.io.log_file import read_log
from router.io.redis_store import RedisStore
from router.recorded.exporting import recorded
from router.recorded.replay import replay
from router.testing import FunctionLLM
from router.wishes import Parameters, Wishes
from tests.builders import BROKEN, GOOD, PRICES, TIERS, a_policy, a_submission
from tests.cli.desk import CliDesk
from tests.shell import Shell

AUDITED = a_policy(audit={"rate": 1.0, "against": "large"})


def run_all(desk: CliDesk, *task_ids: str, **changes: Any) -> None:
    """Carry tasks to their ends: mini answers nonsense to what begins with `odd`."""

    def answer(call: Call) -> Reply:
        return BROKEN if call.tier == "mini" and "odd" in str(call.messages) else GOOD

    async def work(store: RedisStore) -> None:
        engine = Engine(World(tiers=TIERS, prices=PRICES, llm=FunctionLLM(answer), store=store, clock_ms=store.now_ms))
        await store.submit([a_submission(i, input={"text": f"{i} ACME 12.50"}, **changes) for i in task_ids])
        for round_ in range(10):
            for claim in await store.claim(dict.fromkeys(TIERS, 100), at_most=100, token=f"{task_ids[0]}-{round_}"):
                await engine.carry(claim)

    desk.run(work)


def exported(shell: Shell, *words: str) -> list[Any]:
    assert shell("trail", "export", *words) == 0
    return [json.loads(text) for text in shell.out.splitlines()]


def test_writes_what_ran(shell: Shell, desk: CliDesk, tmp_path: Path) -> None:
    """Reading an export gives what the tasks' records say, and judging it again gives how they ended."""
    run_all(desk, "plain", "odd")
    log = tmp_path / "log.jsonl"

    assert shell("trail", "export", "--output", str(log)) == 0
    assert (shell.out, shell.err) == ("", f"2 tasks written to {log}\n")

    recordings = read_log(str(log)).recordings
    with Client(desk.settings.redis_url, prefix=desk.settings.prefix) as client:
        records = {task_id: client.read(task_id) for task_id in ("plain", "odd")}
    assert {r.id: r for r in recordings} == {i: recorded(record, a_policy()) for i, record in records.items()}
    again = {r.id: replay(a_policy(), r) for r in recordings}
    assert {i: (one.status, one.tier) for i, one in again.items()} == {
        "plain": ("succeeded", "mini"),
        "odd": ("succeeded", "small"),
    }
    assert {i: one.cost.known for i, one in again.items()} == {i: record.cost_nusd for i, record in records.items()}


def test_narrows_down(shell: Shell, desk: CliDesk) -> None:
    """Policy, tenant, status and time say which tasks; the newest come first."""
    run_all(desk, "t1")
    run_all(desk, "t2", tenant="acme")
    desk.end("t3", DeadLetter("no tier is left"))

    assert [task["id"] for task in exported(shell)] == ["t3", "t2", "t1"]
    assert [task["id"] for task in exported(shell, "--tenant", "acme")] == ["t2"]
    assert [(t["id"], t["status"]) for t in exported(shell, "--status", "dead")] == [("t3", "dead")]
    assert len(exported(shell, "--policy", "receipts", "--since", "7d")) == 3


def test_tasks_on_their_way_are_left_out(shell: Shell, desk: CliDesk) -> None:
    """Only tasks that ended are written; without any that is said, and a policy that is not known is a mistake."""
    desk.submit("t1")

    assert exported(shell) == []
    assert shell.err == "0 tasks written\n"
    assert shell("trail", "export", "--policy", "recepits") == 2
    assert shell.err == "router: no policy 'recepits' was published; did you mean 'receipts'?\n"


def test_goes_through_all_pages(shell: Shell, desk: CliDesk) -> None:
    """More tasks than a page of events are all written, each once."""
    ids = [f"t{number}" for number in range(620)]

    async def work(store: RedisStore) -> None:
        await store.submit([a_submission(task_id) for task_id in ids])
        for task_id in ids:
            await store.cancel(task_id)

    desk.run(work)

    assert sorted(task["id"] for task in exported(shell)) == sorted(ids)


def test_audits_join_their_tasks(shell: Shell, desk: CliDesk) -> None:
    """An audit is no line of its own: its reply stands with the task that it audited."""
    desk.publish(AUDITED)
    run_all(desk, "t1", policy=AUDITED.digest)

    (task,) = exported(shell)

    assert task["id"] == "t1"
    assert {tier: len(replies) for tier, replies in task["replies"].items()} == {"mini": 1, "large": 1}


def test_says_where_it_cannot_write(shell: Shell, tmp_path: Path) -> None:
    """A file that cannot be written is one sentence."""
    missing = tmp_path / "none" / "log.jsonl"

    assert shell("trail", "export", "--output", str(missing)) == 2
    assert shell.err == f"router: {missing} cannot be written: No such file or directory\n"


def test_what_was_asked_otherwise_is_left_out_and_counted(shell: Shell, desk: CliDesk) -> None:
    """A task whose caller asked for other settings is no evidence for the policy; who asked for none is."""
    run_all(desk, "plain", wishes=Wishes(max_output_tokens=500))
    run_all(desk, "warm", "pinned", wishes=Wishes(tier="mini", parameters=Parameters(temperature=1.5)))

    assert [line["id"] for line in exported(shell)] == ["plain"]
    assert shell.err.splitlines() == [
        "1 task written",
        "2 tasks left out: their callers pinned a tier, or asked for another form or other settings than the policy's",
    ]
