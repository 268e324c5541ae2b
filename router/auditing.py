"""Ask a larger tier again for a share of the accepted outputs: how often is what was accepted wrong?"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Final

from .call import Failure
from .certificate import lot
from .checks import Question, Subject, examine
from .checks.sameness import compared, differing
from .decision import Accept, Decision
from .jsontext import canonical
from .output import Output
from .policy import Policy
from .reading import Reading
from .submission import Submission
from .task import AUDITOR, Audited, Priority, Task
from .verdict import Finding, Outcome, Verdict

AUDIT: Final = "audit"
"""The name under which the comparison with the accepted output stands among the findings."""

SHADOW: Final = "shadow"
"""The name under which a run that compares nothing is known among the findings."""

_DEADLINE_MAX_S: Final = 86_400.0


def audit_of(policy: Policy, task: Task, decision: Decision) -> Submission | None:
    """The task that is to audit the end of *task*; None where it was not drawn, or has nothing to be compared."""
    wanted = policy.audit
    if wanted is None or task.audits is not None or not isinstance(decision, Accept):
        return None
    tier, answer = decision.attempt.tier, decision.attempt.answer
    if (
        not isinstance(answer, Reading)
        or not _below(policy, tier, wanted.against)
        or lot(f"audit:{task.id}") >= wanted.rate
    ):
        return None
    audited = Audited(task=task.id, tier=tier, output=answer.output, against=wanted.against)
    return _again(task, audited, _digest(f"audit:{task.id}"), keep_s=policy.keep_s)


def shadow_of(policy: Policy, task: Task, against: str, *, turn: int = 0) -> Submission:
    """
    A task that asks *against* the same as *task*, whose policy is that version.

    Its id follows from what is asked of whom: asked again, it is the same task. After a refusal another *turn* is a new
    one.
    """
    wishes = [task.wishes.told] if task.wishes is not None else []
    asked = canonical([task.policy, against, task.input, task.metadata, *wishes, *([turn] if turn else [])])
    audited = Audited(task=task.id, against=against, shadow=True)
    return _again(task, audited, _digest(f"shadow:{asked}"), keep_s=policy.keep_s)


def _again(task: Task, audited: Audited, digest: str, *, keep_s: int) -> Submission:
    """Nobody's contents lie longer for it than `keep_s` says."""
    return Submission(
        task_id=digest[:32],
        policy=task.policy,
        tier=audited.against,
        input=task.input,
        deadline_s=min(_DEADLINE_MAX_S, keep_s),
        keep_s=keep_s,
        tenant=AUDITOR,
        priority=Priority.LOW,
        metadata=task.metadata,
        audits=audited,
        wishes=task.wishes,
    )


def look_again(policy: Policy, subject: Subject, audited: Audited) -> Generator[Question, Reading | Failure, Verdict]:
    """Judge an auditing reply by the checks that ask nobody, and compare it with what was accepted."""
    verdict = yield from examine([check for check in policy.all_checks if not check.asks], subject)
    finding = compare(policy.output, audited, subject.reading)
    return verdict.model_copy(update={"findings": (*verdict.findings, finding)})


def compare(output: Output, audited: Audited, reading: Reading) -> Finding:
    """Say whether the auditing tier answered the same; a difference is told, and changes nothing."""
    if audited.shadow:
        return Finding(check=SHADOW, outcome=Outcome.PASS)
    fields = differing(audited.output, reading.output, compared(output))
    if reading.output is not None and not fields:
        return Finding(check=AUDIT, outcome=Outcome.PASS)
    reason = f"the output accepted at {audited.tier} differs in {', '.join(fields) or 'its whole'}"
    return Finding(check=AUDIT, outcome=Outcome.FAIL, reason=reason, warn=True)


def _below(policy: Policy, tier: str, against: str) -> bool:
    """True where the auditing tier stands above *tier*, or outside the path."""
    path = policy.path
    return against not in path or path.index(tier) < path.index(against)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
