"""The table of the long run."""

from __future__ import annotations

from tests.faults.case import Case, Report
from tests.faults.table import percentile, table, total

OURS = Case("kill after claim", "kills", lambda house, tasks: REPORT, few=1, many=2)
STOCK = Case("stock RQ", "baseline", lambda house, tasks: REPORT, few=1, many=2, baseline=True)
REPORT = Report(faults=1200, tasks=3000, kills=200, extra=30, recoveries_s=(2.0, 1.0, 40.0))
LATE = Report(faults=10, tasks=40, lost=2, ends_not_one=1, unbooked=3, overspend_nusd=1_500_000, notes={"late": 4})


def test_has_a_line_for_each_case_and_the_sum_of_ours() -> None:
    """Ours come first and are summed up; the baselines stand by themselves."""
    lines = table([(STOCK, LATE), (OURS, REPORT), (OURS, REPORT)]).splitlines()

    assert lines[2] == lines[3] == "| kill after claim | 1,200 | 3,000 | 0 | 0 | 0 | $0.000000 | 150 | 2.0 s / 40.0 s |"
    assert lines[4] == "| **all of ours** | 2,400 | 6,000 | 0 | 0 | 0 | $0.000000 | 150 | 2.0 s / 40.0 s |"
    assert lines[5] == "| baseline: stock RQ | 10 | 40 | 2 (4 late) | 1 | 3 | $0.001500 | - | - |"
    assert len(lines) == 6


def test_what_is_broken_anywhere_is_broken_in_all() -> None:
    """A sum forgets no broken promise, and takes the worst overspend."""
    whole = total([REPORT, Report(faults=1, tasks=1, broken=("a task is lost",), overspend_nusd=7)])

    assert whole.broken == ("a task is lost",)
    assert whole.overspend_nusd == 7


def test_percentiles() -> None:
    """The ninety-ninth of a hundred waits is the longest but one."""
    waits = [float(n) for n in range(100)]

    assert (percentile(waits, 0.5), percentile(waits, 0.99), percentile([3.0], 0.99)) == (50.0, 99.0, 3.0)
