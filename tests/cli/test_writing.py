"""Files that commands write."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.cli.writing import writing
from router.errors import OperatorError


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """It names the file and the reason, and the command ends with 2."""
    file = tmp_path / "nowhere" / "results.xml"

    with pytest.raises(OperatorError) as why, writing(file):
        file.write_text("x")

    assert str(why.value) == f"{file} cannot be written: No such file or directory"
    assert why.value.exit_code == 2


def test_a_file_that_can_be_written_is(tmp_path: Path) -> None:
    """Nothing stands in the way of what works."""
    with writing(tmp_path / "results.xml"):
        (tmp_path / "results.xml").write_text("x")

    assert (tmp_path / "results.xml").read_text() == "x"
