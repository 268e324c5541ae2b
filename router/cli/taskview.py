"""A task on a screen, and as JSON: how it stands, each attempt in brief, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from ..auditing import AUDIT
from ..call import Failure
from ..cost import usd
from ..erasure import ERASED
from ..reading import Reading
from ..record import Record
from ..ruling import REVIEW
from ..trail import Attempt
from ..values import iso
from ..verdict import Outcome
from .printing import SIMULATED, dollars, printable

_INPUT_SHOWN = 300
_STYLES = {"pass": "green", "unsure": "yellow", "fail": "red"}


def print_head(screen: Console, record: Record, policy: str) -> None:
    """Print how a task stands, what it is linked with, and its input."""
    task = record.task
    screen.print(f"[bold]{task.id}[/]  {policy}  {record.state}  tier {record.tier}  {dollars(record.cost_nusd)}")
    screen.print(f"created {iso(task.created_ms)}" + (f", ended {iso(record.ended_ms)}" if record.ended_ms else ""))
    if record.erased_ms:
        screen.print(f"its contents were erased {iso(record.erased_ms)}")
    for line in _links(record):
        screen.print(printable(line), markup=False)
    given = printable(json.dumps(task.input, ensure_ascii=False))
    screen.print("input   " + (given if len(given) <= _INPUT_SHOWN else given[:_INPUT_SHOWN] + " ..."), markup=False)


def print_attempts(screen: Console, record: Record) -> None:
    """Print every attempt in brief: reply, findings, cost, and what was done next."""
    made = record.moves
    for at, attempt in enumerate(record.trail):
        _print_attempt(screen, attempt)
        following = record.trail[at + 1].tier if at + 1 < len(record.trail) else None
        to = f" to {following}" if following not in (None, attempt.tier, REVIEW) else ""
        screen.print(f"   then    {made[at] if at < len(made) else 'not decided yet'}{to}", markup=False)


def print_end(screen: Console, record: Record) -> None:
    """Print the output, and that costs are simulated where they are."""
    if record.output is not None:
        screen.print("\noutput  " + printable(json.dumps(record.output, ensure_ascii=False)), markup=False)
    if any("local-" in call.model for attempt in record.trail for call in attempt.calls):
        screen.print(f"\n{SIMULATED}", style="dim")


def task_json(record: Record, policy: str) -> dict[str, Any]:
    """A task with its trail; money as decimal strings in dollars, times as ISO 8601."""
    audits = record.task.audits
    return {
        "id": record.task.id,
        "policy": policy,
        "policy_digest": record.task.policy,
        "status": record.state.value,
        "reason": record.reason,
        "input": record.task.input,
        "output": record.output,
        "tier": record.tier,
        "tenant": record.task.tenant,
        "cost_usd": usd(record.cost_nusd),
        "created_at": iso(record.task.created_ms),
        "ended_at": iso(record.ended_ms) if record.ended_ms else None,
        "erased_at": iso(record.erased_ms) if record.erased_ms else None,
        "origin": record.origin,
        "redriven": record.redriven,
        "audits": audits.model_dump(mode="json") if audits is not None else None,
        "audit": record.audit,
        "trail": [_attempt_json(attempt) for attempt in record.trail],
    }


def _links(record: Record) -> Iterator[str]:
    if record.reason:
        yield record.reason
    if record.task.audits is not None:
        yield f"audit of {record.task.audits.task}, accepted at {record.task.audits.tier}: {_audited(record)}"
    if record.audit:
        yield f"audited by {record.audit}"
    if record.origin:
        yield f"sent again for the dead letter {record.origin}"
    if record.redriven:
        yield f"redriven as {record.redriven}"


def _audited(record: Record) -> str:
    """What an audit says of the output that it is about."""
    verdicts = [attempt.verdict for attempt in record.trail if attempt.verdict is not None]
    finding = next((f for verdict in reversed(verdicts) for f in verdict.findings if f.check == AUDIT), None)
    if finding is not None:
        return "the same was answered" if finding.outcome is Outcome.PASS else finding.reason
    return "no evidence" if record.state.terminal else "not done yet"


def _print_attempt(screen: Console, attempt: Attempt) -> None:
    verdict = attempt.verdict.outcome.value if attempt.verdict else "no reply"
    took = (attempt.ended_ms - attempt.started_ms) / 1000
    head = Text.assemble(
        (f"\n{attempt.number}. {attempt.tier}", "bold"),
        f" ({attempt.why})  ",
        (verdict, _STYLES.get(verdict, "red")),
        f"  {dollars(attempt.cost_nusd)}  {took:.2f} s",
    )
    screen.print(head)
    for line in _answered(attempt):
        screen.print(f"   {printable(line)}", markup=False)
    # What a person decided is told with their note above, word for word what its only finding says.
    findings = attempt.verdict.findings if attempt.verdict is not None and attempt.ruling is None else ()
    for finding in findings:
        if finding.outcome is not Outcome.PASS:
            grade = (finding.outcome.value, _STYLES[finding.outcome])
            told = ("(warning) " if finding.warn else "") + finding.reason
            screen.print(Text.assemble(f"   {finding.check:<14} ", grade, f" {printable(told)}"))
    if passed := [finding.check for finding in findings if finding.outcome is Outcome.PASS]:
        screen.print(f"   passed  {', '.join(passed)}", markup=False)
    for call in attempt.calls:
        if call.purpose != "answer" or call.doubt_nusd:
            doubt = f", up to {dollars(call.doubt_nusd)} in doubt" if call.doubt_nusd else ""
            screen.print(f"   call    {call.purpose} by {call.tier}: {dollars(call.cost_nusd)}{doubt}", markup=False)


def _answered(attempt: Attempt) -> Iterator[str]:
    if attempt.ruling is not None:
        note = f": {attempt.ruling.reason}" if attempt.ruling.reason else ""
        yield f"by      {attempt.ruling.by}{note}"
    match attempt.answer:
        case Reading() as reading:
            said = json.dumps(reading.output, ensure_ascii=False) if reading.output is not None else reading.raw
            yield f"reply   {said or reading.refusal or unsaid(attempt, reading)}"
            if reading.confidence:
                yield "sure    " + ", ".join(f"{field} {p:.2f}" for field, p in reading.confidence.items())
            if attempt.verdict is not None and attempt.verdict.trust is not None:
                yield f"trust   {attempt.verdict.trust:.3f}"
        case Failure() as failure:
            yield f"failed  {failure.kind}: {failure.message}"
        case refusal:
            yield f"refused {refusal.limit}: {refusal.message}"


def unsaid(attempt: Attempt, reading: Reading) -> str:
    """What stands in the place of a reply that is not there."""
    if reading.problem == ERASED:
        return f"({ERASED})"
    return reading.problem or "" if attempt.ruling is not None else "(nothing)"


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    shown = attempt.model_dump(mode="json", exclude_none=True)
    shown["cost_usd"] = usd(attempt.cost_nusd)
    shown["started_at"], shown["ended_at"] = iso(shown.pop("started_ms")), iso(shown.pop("ended_ms"))
    for call in shown["calls"]:
        call["cost_usd"], call["doubt_usd"] = usd(call.pop("cost_nusd")), usd(call.pop("doubt_nusd"))
    return shown
