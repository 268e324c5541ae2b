"""How findings add up to a verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.verdict import Finding, Outcome, Verdict, combine

FINDINGS = st.builds(
    Finding, check=st.just("total"), outcome=st.sampled_from(Outcome), reason=st.text(max_size=3), warn=st.booleans()
)
GRAVITY = [Outcome.PASS, Outcome.UNSURE, Outcome.FAIL]


def a_finding(outcome: Outcome, *, warn: bool = False) -> Finding:
    return Finding(check="total", outcome=outcome, reason=f"it is {outcome}", warn=warn)


@given(st.lists(FINDINGS, max_size=6))
def test_the_worst_finding_that_counts_is_the_verdict(findings: list[Finding]) -> None:
    """A verdict is as bad as its worst finding, whatever stands before or after it; warnings make nothing worse."""
    verdict = combine(tuple(findings))

    counting = [GRAVITY.index(f.outcome) for f in findings if not f.warn]
    assert GRAVITY.index(verdict.outcome) == max(counting, default=0)
    assert verdict.findings == tuple(findings), "all evidence is kept, in order"


def test_nothing_found_passes() -> None:
    """A policy without checks finds nothing wrong."""
    assert combine(()) == Verdict(outcome=Outcome.PASS)


def test_reasons_are_what_made_the_outcome() -> None:
    """Passed checks and warnings are evidence, but no reasons."""
    failed, doubted = a_finding(Outcome.FAIL), a_finding(Outcome.UNSURE)
    verdict = combine((a_finding(Outcome.PASS), a_finding(Outcome.FAIL, warn=True), doubted, failed))

    assert verdict.reasons == (doubted, failed)
    assert verdict.outcome is Outcome.FAIL


@pytest.mark.parametrize("outcome", Outcome)
def test_a_warning_is_told_but_does_not_count(outcome: Outcome) -> None:
    """A check of severity `warn` never changes what happens."""
    warning = a_finding(outcome, warn=True)

    assert combine((warning,)).outcome is Outcome.PASS
    assert combine((warning,)).findings == (warning,)
