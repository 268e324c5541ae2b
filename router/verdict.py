"""What the checks found in a reply, and what it comes to."""

from __future__ import annotations

from enum import StrEnum

from .values import Probability, Value


class Outcome(StrEnum):
    """How well a reply stands: good, ambiguous, or broken."""

    PASS = "pass"
    UNSURE = "unsure"
    FAIL = "fail"


class Finding(Value):
    """
    What one check says of a reply. `reason` is for people; `warn` findings are told but do not count.

    `share` is how much of the reply it holds for, from checks that can tell more than yes or no.
    """

    check: str
    outcome: Outcome
    reason: str = ""
    warn: bool = False
    share: Probability | None = None

    @property
    def counts(self) -> bool:
        return self.outcome is not Outcome.PASS and not self.warn


class Verdict(Value):
    """
    The worst counting finding, with all of them as evidence. `trust` is the calibrated probability that the reply is
    right, for policies with a promise.
    """

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    trust: float | None = None

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The findings that made the outcome what it is."""
        return tuple(f for f in self.findings if f.counts)


_SEVERITY = {Outcome.PASS: 0, Outcome.UNSURE: 1, Outcome.FAIL: 2}


def combine(findings: tuple[Finding, ...]) -> Verdict:
    """Take the worst counting finding as the verdict; no findings at all pass."""
    counting = (f.outcome for f in findings if f.counts)
    return Verdict(outcome=max(counting, key=_SEVERITY.__getitem__, default=Outcome.PASS), findings=findings)
