"""Public data as recorded traffic."""

from __future__ import annotations

import pytest

from router.calibration.sample import sampled
from router.recorded.recording import Recording, parse_recordings
from tests.science.data import DATA, SOURCES

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}")

RIGHT = {"triviaqa": (0.902, 0.960), "mmlu": (0.747, 0.829), "bfcl": (0.827, 0.858), "routellm": (0.638, 0.857)}
"""Shares of right replies of the small and the large model, as their sources say."""


@pytest.mark.parametrize("task", SOURCES)
def test_every_line_is_a_recording(task: str) -> None:
    """What is converted is what `--log` reads, line by line, with an id of its own."""
    read = list(parse_recordings(SOURCES[task].lines(), task))

    assert all(isinstance(each, Recording) for each in read)
    assert len({each.id for each in read if isinstance(each, Recording)}) == len(read) >= 300


@pytest.mark.parametrize("task", RIGHT)
def test_grades_are_those_of_the_source(task: str) -> None:
    """Nothing is graded anew: the shares of right replies are the known ones."""
    recordings = SOURCES[task].recordings()
    shares = [sum(bool(r.replies[tier][0].correct) for r in recordings) / len(recordings) for tier in ("mini", "large")]

    assert shares == pytest.approx(RIGHT[task], abs=0.001)


def test_replies_are_judged_by_the_policy_of_their_task() -> None:
    """Function calls pass their schema, some are warned of by rules, and the second sample agrees with most."""
    policy = SOURCES["bfcl"].bound(promise={"kind": "accepted_error", "at_most": 0.1})
    seen = [sampled(policy, r, shadow=False).seen["mini"] for r in SOURCES["bfcl"].recordings()]

    assert all(each.passed for each in seen)
    assert sum(each.signals["agreement"] == 1.0 for each in seen) / len(seen) == pytest.approx(0.76, abs=0.03)
    assert 0.05 < sum(each.signals["rules"] > 0 for each in seen) / len(seen) < 0.3
    assert all(each.cost_nusd for each in seen)
