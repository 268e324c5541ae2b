"""`router task submit`: one task, or many of a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import pytest

from router.decision import Review
from router.io.redis_store import RedisStore
from router.ports import Claim
from tests.cli.desk import DOUBTED, POLICY, CliDesk
from tests.shell import Shell


@pytest.fixture
def inputs(tmp_path: Path) -> str:
    """Three inputs, and an empty line that nobody minds."""
    file = tmp_path / "inputs.jsonl"
    lines = [json.dumps({"text": f"ACME {n}"}) for n in range(3)]
    file.write_text("\n".join([*lines[:2], "", lines[2], ""]))
    return str(file)


def test_many_tasks_are_handed_over_from_a_file(shell: Shell, desk: CliDesk, inputs: str) -> None:
    """Each line is the input of a task; their ids are printed in the same order."""
    ids = shell.json("task", "submit", "receipts", "--inputs", inputs, "--json")

    assert [desk.run(lambda store, i=i: store.read(i)).task.input for i in ids] == [
        {"text": f"ACME {n}"} for n in range(3)
    ]


def test_a_key_makes_the_file_repeatable(shell: Shell, desk: CliDesk, inputs: str) -> None:
    """Sent again under the same key, the same tasks are meant, line by line."""
    words = ("task", "submit", "receipts", "--inputs", inputs, "--key", "night", "--json")

    assert shell.json(*words) == shell.json(*words)


def test_what_has_not_ended_in_time_is_counted(shell: Shell, desk: CliDesk, inputs: str) -> None:
    """Where nobody works, --wait says how many have not ended, and the answer is no."""
    assert shell("task", "submit", "receipts", "--inputs", inputs, "--wait", "--timeout", "0") == 1
    assert shell.out.strip() == "3 not ended"


def reviewing(desk: CliDesk, number: int) -> None:
    """Somebody who has so many tasks wait for a person as soon as they come."""

    async def work(store: RedisStore) -> None:
        for turn in range(number):
            claims: Sequence[Claim] = ()
            while not claims:
                claims = await store.claim({"mini": 100}, at_most=1, token=f"turn {turn}")
            await store.finish(claims[0], POLICY, DOUBTED, Review(DOUBTED.told))

    Thread(target=desk.run, args=(work,), daemon=True).start()


def test_waiting_ends_where_a_person_has_to_decide(shell: Shell, desk: CliDesk) -> None:
    """Nobody waits an hour for what may take days: the answer is no, with why, and what to look at."""
    reviewing(desk, 1)

    assert shell("task", "submit", "receipts", "--input", '{"text": "ACME"}', "--wait", "--timeout", "3600") == 1

    first, reason = shell.err.splitlines()
    task_id = first.split()[1]
    assert first == f"task {task_id} waits for a person: `router review show {task_id}`"
    assert reason == DOUBTED.told


def test_tasks_that_wait_for_a_person_are_counted(shell: Shell, desk: CliDesk, inputs: str) -> None:
    """Of many, too, those are not waited for."""
    reviewing(desk, 3)

    assert shell("task", "submit", "receipts", "--inputs", inputs, "--wait", "--timeout", "3600") == 1
    assert shell.out.strip() == "3 review"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/hooks", "https://10.0.0.1/hooks"])
def test_a_webhook_must_be_public_or_allowed(
    shell: Shell, desk: CliDesk, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """What the HTTP service would refuse is refused here, too, and what its operator allows is taken."""
    words = ("task", "submit", "receipts", "--input", '{"text": "ACME"}', "--webhook", url)

    assert shell(*words) == 2
    assert "--webhook: the webhook's url is not taken" in shell.err and "ROUTER_WEBHOOK_ALLOW" in shell.err
    assert shell.json("task", "list", "--json") == []

    monkeypatch.setenv("ROUTER_WEBHOOK_ALLOW", "127.0.0.1, 10.0.0.1")
    assert shell(*words) == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [("{", "line 2 is not JSON"), ("[1]", "line 2 is no JSON object"), ('{"nothing": 1}', "text")],
)
def test_a_wrong_line_sends_nothing(shell: Shell, desk: CliDesk, tmp_path: Path, line: str, said: str) -> None:
    """A mistake in a line is told with its number or its place, and no task is handed over."""
    file = tmp_path / "wrong.jsonl"
    file.write_text('{"text": "ACME"}\n' + line + "\n")

    assert shell("task", "submit", "receipts", "--inputs", str(file)) == 2
    assert said in shell.err
    assert shell.json("task", "list", "--json") == []


@pytest.mark.parametrize("words", [(), ("--input", "{}", "--inputs", "-")])
def test_one_or_many(shell: Shell, desk: CliDesk, words: tuple[str, ...]) -> None:
    """Neither and both are told as wrong use."""
    assert shell("task", "submit", "receipts", *words) == 2
    assert "give --input for one task, or --inputs for many" in shell.err
