"""What audits say of accepted outputs."""

from __future__ import annotations

from typing import Any

from router.auditing import AUDIT, SHADOW
from router.auditreport import Audits, audits
from router.ledger import Entry, EntryKind
from router.proportion import Proportion
from tests.test_ledger import a_line


def audited(*, differs: bool = False, accepted: bool = True, version: str = "v1", **changes: Any) -> Entry:
    checks = (AUDIT,) if differs else ()
    settings = {"why": "audit", "checks": checks, "accepted": accepted, "version": version, **changes}
    return a_line(EntryKind.ATTEMPT, None, 700, **settings)


def test_audits_are_told_by_version() -> None:
    """Each version of a policy has its own share: what is new must not hide behind what was."""
    lines = [audited(), audited(differs=True), audited(version="v2"), audited(version="v2")]

    assert audits(lines) == [
        Audits("receipts", "v1", Proportion(1, 2), 0, 1400),
        Audits("receipts", "v2", Proportion(0, 2), 0, 1400),
    ]


def test_no_evidence_is_neither_right_nor_wrong() -> None:
    """An audit that got no usable reply is counted by itself, and what it cost is told."""
    (row,) = audits([audited(), audited(accepted=False, differs=True)])

    assert (row.differing, row.given_up, row.cost_nusd) == (Proportion(0, 1), 1, 1400)


def test_shadow_runs_say_nothing_of_what_was_accepted() -> None:
    """What recorded traffic was asked again for was accepted by nobody: it is no part of the estimate."""
    shadow = audited().model_copy(update={"checks": (SHADOW,)})

    assert audits([shadow]) == []
    assert audits([shadow, audited()])[0].differing == Proportion(0, 1)


def test_other_attempts_are_none() -> None:
    """A task's own attempts are no audits, and neither are audits from before the time asked for."""
    lines = [a_line(EntryKind.ATTEMPT, None, accepted=True), audited()]

    assert audits(lines[:1]) == []
    assert audits(lines, since_ms=lines[1].at_ms + 1) == []
