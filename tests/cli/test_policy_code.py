"""`router policy code`: what a code means."""

from __future__ import annotations

import json

import pytest

from router.cli import main
from router.problem import Code


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main(["policy", "code", *words])
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out + printed.err


@pytest.mark.parametrize("written", ["POL012", "pol012"])
def test_a_code_is_explained_with_an_example(capsys: pytest.CaptureFixture[str], written: str) -> None:
    """Title, meaning, reason, and YAML that is wrong and right."""
    code, said = run(capsys, written)

    assert code == 0
    assert said.startswith("POL012 (error): An example does not meet the schemas\n\n")
    assert "Instead of\n    examples: [{input: {text: sea}, output: bleu}]\nwrite\n" in said


def test_all_codes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a code each has its line."""
    code, said = run(capsys)

    assert code == 0
    assert [line.split()[:2] for line in said.splitlines()] == [[code.value, code.severity] for code in Code]


def test_programs_get_the_parts(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON one code is an object, all are a list."""
    one, whole = json.loads(run(capsys, "POL026", "--json")[1]), json.loads(run(capsys, "--json")[1])

    assert one.keys() == {"code", "severity", "title", "meaning", "why", "wrong", "right"}
    assert one in whole
    assert len(whole) == len(Code)


def test_an_unknown_code_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    """A code that is not there exits with 2 and says where they are listed."""
    code, said = run(capsys, "XYZ")

    assert code == 2
    assert "there is no code XYZ; `router policy code` lists them" in said
