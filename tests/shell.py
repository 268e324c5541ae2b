"""The command line, run in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.cli import main


class Shell:
    """Runs commands; keeps what the last one said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        """Returns the exit code."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(list(words))
        self.out, self.err = self._capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code

    def json(self, *words: str) -> Any:
        """What a command says that was told to speak JSON."""
        self(*words)
        return json.loads(self.out)
