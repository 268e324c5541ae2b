"""`router task submit`: one task, or many of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.desk import CliDesk
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
