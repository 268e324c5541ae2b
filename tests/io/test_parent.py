"""Processes and their parents."""

from __future__ import annotations

import signal

import pytest

from router.io.parent import how


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, "exit code 0"), (3, "exit code 3"), (-signal.SIGKILL, "SIGKILL"), (-signal.SIGTERM, "SIGTERM")],
)
def test_says_how_a_process_ended(code: int, said: str) -> None:
    """A signal has its name, everything else its exit code."""
    assert how(code) == said
