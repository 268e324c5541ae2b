"""Durations by classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.timings import BOUNDS_MS, Timings


def timed(*durations_ms: int) -> Timings:
    timings = Timings()
    for ms in durations_ms:
        timings.add(ms)
    return timings


@pytest.mark.parametrize("ms", BOUNDS_MS)
def test_a_bound_belongs_to_its_class(ms: int) -> None:
    """A class holds what took at most its bound: the bound itself, and not a millisecond more."""
    shown = dict(timed(ms, ms + 1).cumulative())

    assert (shown[str(ms / 1000)], shown["+Inf"]) == (1, 2)


@given(st.lists(st.integers(0, 10**6)), st.lists(st.integers(0, 10**6)))
def test_sums_are_as_if_counted_together(mine: list[int], its: list[int]) -> None:
    """What two counted, added up, is what one would have counted: each duration once, all of their time."""
    both = timed(*mine) + timed(*its)

    assert both == timed(*mine, *its)
    assert both.cumulative()[-1] == ("+Inf", len(mine) + len(its))
    assert both.sum_s == sum((*mine, *its)) / 1000


@given(st.lists(st.integers(0, 10**6)))
def test_counts_grow_with_the_bound(durations_ms: list[int]) -> None:
    """Each bound tells of all that took no longer."""
    shown = timed(*durations_ms).cumulative()

    assert [count for _, count in shown[:-1]] == [sum(d <= bound for d in durations_ms) for bound in BOUNDS_MS]
