"""What a person may decide of a task in review, and how the trail shows it."""

from __future__ import annotations

from .checks import ResponseFormat, Schema, Subject
from .errors import RulingInvalid
from .policy import Policy
from .reading import Reading
from .record import Record
from .ruling import REVIEW, Ruling, Wish
from .task import Task
from .trail import Attempt
from .values import Json
from .verdict import Finding, Outcome, combine


def ruled(record: Record, ruling: Ruling, output: Json, *, since_ms: int, now_ms: int) -> Attempt:
    """
    The attempt that shows a decision in the trail: no call, no cost; its output is the accepted one.

    *since_ms* is when the task came to review.
    """
    finding = Finding(check=REVIEW, outcome=_OUTCOMES[ruling.wish], reason=ruling.reason or ruling.told)
    accepts = ruling.wish == "accept"
    return Attempt(
        number=len(record.trail) + 1,
        tier=REVIEW,
        why="review",
        answer=Reading(output=output) if accepts else Reading(problem=ruling.told),
        verdict=combine((finding,)),
        ruling=ruling,
        started_ms=min(since_ms, now_ms),
        ended_ms=now_ms,
    )


def chosen(record: Record, number: int) -> Json:
    """The output of one of a task's attempts. Raises: RulingInvalid."""
    found = next((attempt for attempt in record.trail if attempt.number == number), None)
    if found is None:
        raise RulingInvalid(f"there is no attempt {number}; the task has had {len(record.trail)}")
    if not isinstance(found.answer, Reading) or found.answer.output is None:
        raise RulingInvalid(f"attempt {number} has no output that could be accepted; give one")
    return found.answer.output


def check_ruling(policy: Policy, ruling: Ruling, output: Json) -> None:
    """A person may overrule doubts, but no schema; and only tiers of the path can be asked. Raises: RulingInvalid."""
    if ruling.tier is not None and ruling.tier not in policy.path:
        raise RulingInvalid(f"policy {policy.policy!r} has no tier {ruling.tier!r}; it climbs {', '.join(policy.path)}")
    if ruling.wish == "accept" and (problem := _misformed(policy, output)):
        raise RulingInvalid(f"the output does not meet the schema of policy {policy.policy!r}: {problem}")


def _misformed(policy: Policy, output: Json) -> str | None:
    """All that is wrong with the form of an output by the policy's own schema, or what is by its caller's."""
    subject = Subject(task=_ANY, reading=Reading(output=output), types=policy.types, tier=REVIEW)
    checks = (check for check in policy.all_checks if isinstance(check, Schema | ResponseFormat))
    findings = (check(subject) for check in checks)
    reason = next((finding.reason for finding in findings if finding.outcome is not Outcome.PASS), None)
    return reason and ("; ".join(policy.types.validator.problems(output)) or reason)


_ANY = Task(id="-", policy="-", input={}, created_ms=0, deadline_ms=1)
"""Whatever was asked: a form does not depend on it."""


_OUTCOMES: dict[Wish, Outcome] = {
    "accept": Outcome.PASS,
    "reject": Outcome.FAIL,
    "dead_letter": Outcome.FAIL,
    "ask": Outcome.UNSURE,
}
