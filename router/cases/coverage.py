"""What of a policy its cases reach: each check, tier and move, how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..checks import Confidence
from ..occasion import Occasion, occasion
from ..policy import Policy
from ..promise import PROMISE
from ..record import Record
from ..verdict import Outcome


@dataclass(frozen=True)
class Coverage:
    """How often each check of a policy found something or passed a reply, and each tier and move was reached."""

    found: dict[str, int]
    passed: dict[str, int]
    tiers: dict[str, int]
    moves: dict[str, int]

    @property
    def gaps(self) -> tuple[str, ...]:
        """What no case reached, a sentence each; empty where all of the policy was."""
        return (
            *(f"check {name} found nothing in any case" for name, count in self.found.items() if not count),
            *(f"check {name} passed no reply" for name, count in self.passed.items() if not count),
            *(f"tier {name} was asked in no case" for name, count in self.tiers.items() if not count),
            *(f"moves.{name} was called for in no case" for name, count in self.moves.items() if not count),
        )


def coverage(policy: Policy, played: Sequence[Record]) -> Coverage:
    """Say what of a policy its cases reached; its promise counts as a check."""
    checks = [*(check.name for check in policy.all_checks), *([PROMISE] if policy.promised_tiers else [])]
    attempts = [attempt for record in played for attempt in record.trail]
    findings = [f for attempt in attempts if attempt.verdict is not None for f in attempt.verdict.findings]
    return Coverage(
        found=_counted(checks, (f.check for f in findings if f.outcome is not Outcome.PASS)),
        passed=_counted(checks, (f.check for f in findings if f.outcome is Outcome.PASS)),
        tiers=_counted(policy.path, (attempt.tier for attempt in attempts)),
        moves=_counted(_possible(policy), (o for record in played for o in _occasions(policy, record))),
    )


def _counted(names: Iterable[str], seen: Iterable[str]) -> dict[str, int]:
    counts = Counter(seen)
    return {name: counts[name] for name in names}


def _possible(policy: Policy) -> list[Occasion]:
    doubting = any(c.severity == "unsure" or isinstance(c, Confidence) for c in policy.all_checks)
    doubting = doubting or bool(policy.promised_tiers)
    return ["fail", *(("unsure",) if doubting else ()), "error", "refused", "exhausted"]


def _occasions(policy: Policy, record: Record) -> Iterator[Occasion]:
    """Which of the policy's moves were called for in a case."""
    for attempt in record.trail:
        if (called_for := occasion(attempt)) is not None:
            yield called_for
    last = occasion(record.trail[-1]) if record.trail else None
    wished = getattr(policy.moves, last) if last is not None else "escalate"
    if record.trail and wished in ("repair", "retry", "escalate") and record.moves[-1] not in ("accept", "expire"):
        yield "exhausted"
