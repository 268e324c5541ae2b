"""A provider that behaves badly, in every way that costs money or time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from router.ledger import Entry, EntryKind
from tests.e2e.house import House

from .case import Case, Report, report
from .evidence import Evidence
from .scene import Scene

_ODD = (EntryKind.VOID, EntryKind.UNSETTLED)


def struck(evidence: Evidence) -> int:
    """Calls that did not go as they should: unanswered, of unknown cost, or charged above their worst case."""
    lasts: dict[str | None, Entry] = {e.call: e for e in evidence.entries if e.call is not None}
    return sum(entry.kind in _ODD or entry.overrun_nusd > 0 for entry in lasts.values())


def misbehaving(
    house: House, tasks: int, *, models: str, timeout_s: float = 5.0, proof: Callable[[Evidence], str | None]
) -> Report:
    """Tasks at models with a fault; *proof* says what is missing if the fault left no trace in the books."""
    with Scene(house, "provider", models=models, timeout_s=timeout_s, worker_concurrency="20") as scene:
        scene.submit(tasks)
        scene.quiet(timeout_s=120 + tasks)
    evidence = scene.evidence()
    missing = proof(evidence)
    return report(scene, faults=struck(evidence), broken=[missing] if missing else [])


def has(kind: EntryKind) -> Callable[[Evidence], str | None]:
    """At least one call ended like that."""

    def proof(evidence: Evidence) -> str | None:
        return None if any(e.kind is kind for e in evidence.entries) else f"no call was {kind}: the case shows nothing"

    return proof


def billed_and_unknown(evidence: Evidence) -> str | None:
    """At least one call of unknown outcome was charged."""
    unknown = {e.call for e in evidence.entries if e.kind is EntryKind.UNSETTLED}
    if any(amount and call in unknown for call, amount in evidence.bill):
        return None
    return "no call of unknown outcome was billed: the case shows nothing"


def overrun(evidence: Evidence) -> str | None:
    """What was charged above the worst case is booked as such."""
    if evidence.balance.overrun_nusd == 0:
        return "no overrun was booked: the case shows nothing"
    return None


def _case(name: str, *, few: int, many: int, **how: object) -> Case:
    return Case(name, "provider", partial(misbehaving, **how), few=few, many=many)  # type: ignore[arg-type]


_ALL = "+limit=0.1+fail=0.1+latefail=0.1+cut=0.1+nousage=0.2"

CASES = [
    _case("429s, 500s, cut bodies, no usage, all at once", models=_ALL, proof=billed_and_unknown, few=15, many=600),
    _case("429 storm", models="+limit=0.5", proof=has(EntryKind.VOID), few=0, many=500),
    _case("500s, unbilled", models="+fail=0.3", proof=has(EntryKind.UNSETTLED), few=0, many=1000),
    _case("500s after the bill", models="+latefail=0.3", proof=billed_and_unknown, few=0, many=1000),
    _case("timeouts that bill", models="+latebill=2", timeout_s=0.5, proof=billed_and_unknown, few=3, many=100),
    _case("bodies cut short", models="+cut=0.3", proof=billed_and_unknown, few=0, many=1000),
    _case("usage missing", models="+nousage", proof=billed_and_unknown, few=0, many=1000),
    _case("usage above the worst case", models="+overcharge=5000", proof=overrun, few=5, many=300),
    _case("a byte a second", models="+drip=1", timeout_s=0.5, proof=billed_and_unknown, few=3, many=50),
    _case("bodies of 100 MB", models="+flood=100", proof=billed_and_unknown, few=2, many=15),
]
