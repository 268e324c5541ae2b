"""What audits say of accepted outputs: how many differ from a larger tier's, by policy and version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .auditing import AUDIT, SHADOW
from .ledger import Entry, EntryKind
from .proportion import Proportion


@dataclass(frozen=True, slots=True)
class Audits:
    """
    The audits of one version of a policy. `differing` are those whose tier answered otherwise than what was accepted:
    an estimate of wrong accepts from above, as far as the auditing tier is right. `cost_nusd` is what they took.
    """

    policy: str
    version: str
    differing: Proportion
    given_up: int
    cost_nusd: int


def audits(entries: Iterable[Entry], *, since_ms: int = 0) -> list[Audits]:
    """
    Add the audits up, by policy and version. An attempt whose reply was no evidence is given up; shadow runs, which
    compare nothing with what was accepted, are left out.
    """
    lines = [e for e in entries if _audits(e) and e.at_ms >= since_ms]
    counts: dict[tuple[str, str], Counter[str]] = {}
    for line in lines:
        counted = counts.setdefault((line.policy, line.version), Counter())
        counted["done"] += line.accepted
        counted["differing"] += line.accepted and AUDIT in line.checks
        counted["given_up"] += not line.accepted
        counted["cost"] += line.amount_nusd
    return [
        Audits(policy, version, Proportion(c["differing"], c["done"]), c["given_up"], c["cost"])
        for (policy, version), c in sorted(counts.items())
    ]


def _audits(entry: Entry) -> bool:
    return entry.why == "audit" and entry.kind is EntryKind.ATTEMPT and SHADOW not in entry.checks
