"""What all commands print alike."""

from __future__ import annotations

import pytest

from router.cli.printing import dollars


@pytest.mark.parametrize(
    ("nusd", "shown"),
    [
        (0, "$0.000000"),
        (999, "$0.000000999"),
        (5_817_500, "$0.005818"),
        (102_760_500, "$0.102761"),
        (193_462_500, "$0.193463"),
        (1_234_567_890_500, "$1,234.567891"),
        (-5_817_500, "$-0.005818"),
    ],
)
def test_amounts_have_six_places(nusd: int, shown: str) -> None:
    """An exact half of the last one counts as a whole one; more places stand only where six would read as zero."""
    assert dollars(nusd) == shown
