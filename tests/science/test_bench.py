"""The measurements of `make bench-science`, a few runs of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.science.__main__ import main
from tests.science.bench import CELLS, Cell, certificates, routing, table
from tests.science.data import DATA

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}")


def test_steps_alone_route_better_than_published_routers() -> None:
    """Without a label sums that are checked beat what was published (0.622), and labels add to it."""
    free, taught = routing()

    assert free.value >= 0.65
    assert taught.value >= 0.74
    assert taught.low < taught.value < taught.high


@pytest.mark.parametrize("cell", [CELLS[0], CELLS[6]], ids=lambda cell: cell.kind)
def test_promises_hold_on_real_data(cell: Cell) -> None:
    """Of 150 calibrations no more than the promised share broke the promise, and costs stay in bounds."""
    violations, cost, *_ = certificates(cell, 150)

    assert violations.met
    assert cost.value < 0.45


def test_every_figure_stands_in_the_table() -> None:
    """Names, values and what they are held against, a line each."""
    figures = [*certificates(CELLS[0], 3)]

    assert len(table(figures).splitlines()) == len(figures) == 3
    assert "violations by eye" in table(figures)


def test_a_log_can_be_had(capsys: pytest.CaptureFixture[str]) -> None:
    """`convert` writes recorded traffic to standard output."""
    assert main(["convert", "medmcqa"]) == 0

    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert set(first["replies"]) == {"mini", "large"}


def test_without_data_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The data does not come with the repository: exit 2 with where it is looked for."""
    assert main([], data=Path("/nowhere/data")) == 2
    assert "there is no /nowhere/data" in capsys.readouterr().err


def test_ids_that_cannot_be_read_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there: exit 2 with its name."""
    assert main(["convert", "clinc150", "--labels", "/nowhere/ids"]) == 2
    assert "/nowhere/ids cannot be read" in capsys.readouterr().err
