"""What the newest lines of the ledger show."""

from __future__ import annotations

from router.auditing import AUDIT
from router.ledger import Entry, EntryKind
from router.task import TaskState
from router.verdict import Outcome
from router.web.evidence import DAYS, FRESH_S, Evidence, Witness
from tests.web.street import Street


def an_end(tier: str, *checks: str, **changes: object) -> Entry:
    settings = {
        "kind": EntryKind.ATTEMPT,
        "at_ms": 1,
        "task": "t",
        "attempt": 1,
        "tier": tier,
        "policy": "receipts",
        "version": "v1",
        "tenant": "acme",
        "why": "first",
        "outcome": Outcome.FAIL if checks else Outcome.PASS,
        "checks": checks,
    }
    return Entry.model_validate(settings | changes)


def test_findings_are_counted_by_check_and_tier() -> None:
    """The busiest check first; of one tenant or of all; attempts without a reply have none."""
    lines = [
        an_end("mini", "schema", "rule"),
        an_end("mini", "rule"),
        an_end("large", "rule"),
        an_end("large"),
        an_end("mini", "schema", tenant="zeta"),
        an_end("mini", "schema", policy="other"),
        an_end("mini", outcome=None, failure="timeout"),
    ]
    evidence = Evidence(lines, since_ms=0, complete=True)

    assert evidence.findings("receipts", "acme") == [("rule", {"mini": 2, "large": 1}), ("schema", {"mini": 1})]
    assert evidence.findings("receipts", None) == [("rule", {"mini": 2, "large": 1}), ("schema", {"mini": 2})]
    assert evidence.judged("receipts", "acme") == {"mini": 2, "large": 2}


def test_audits_are_told_apart() -> None:
    """They say how often what was accepted differs, and are no findings of the policy's own checks."""
    lines = [
        an_end("large", AUDIT, why="audit", accepted=True),
        an_end("large", why="audit", accepted=True),
        an_end("large", why="audit", accepted=True, policy="other"),
    ]
    evidence = Evidence(lines, since_ms=0, complete=True)

    (row,) = evidence.audits("receipts")
    assert (row.version, row.differing.count, row.differing.of) == ("v1", 1, 2)
    assert evidence.findings("receipts", None) == []


async def test_lines_are_read_once_in_a_while(street: Street) -> None:
    """Whoever looks within a minute sees the same; then it is read again."""
    clock = [100.0]
    witness = Witness(street.backend, clock_s=lambda: clock[0])
    first = await witness.evidence()
    task_id = await street.submit("receipts", "one more")
    await street.work((task_id, TaskState.SUCCEEDED))

    clock[0] += FRESH_S - 1
    assert await witness.evidence() is first
    clock[0] += 1
    later = await witness.evidence()

    assert len(later.lines) > len(first.lines) > 0
    assert (first.complete, later.complete) == (True, True)
    now_ms = await street.backend.client.now_ms()
    assert now_ms - later.since_ms >= DAYS * 86_400_000
