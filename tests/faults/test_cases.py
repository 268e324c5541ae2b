"""Every way to break the service, at a small size: the promises hold, and each case really did what it is for."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.faults.book import CASES
from tests.faults.case import Case, Report

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, which only Linux has")

OURS = [case for case in CASES if case.few and not case.baseline]
BASELINES = [case for case in CASES if case.few and case.baseline]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", OURS, ids=lambda case: case.name)
def test_promises_hold(case: Case, reported: Callable[[Case], Report]) -> None:
    """No task is lost or ends twice, every cent is booked, whatever strikes."""
    report = reported(case)

    assert report.broken == ()
    assert report.faults > 0
    assert report.tasks >= case.few
    assert (report.lost, report.ends_not_one, report.unbooked, report.overspend_nusd) == (0, 0, 0, 0)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", BASELINES, ids=lambda case: case.name)
def test_baselines_are_measured_alike(case: Case, reported: Callable[[Case], Report]) -> None:
    """What one writes first goes through the same harness; its figures tell what the promises are worth."""
    report = reported(case)

    assert report.tasks >= case.few
    assert report.faults > 0 or report.overspend_nusd > 0
