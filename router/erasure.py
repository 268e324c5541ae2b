"""What is left of a task whose contents were erased: how it went and what it cost, not a word of what was said."""

from __future__ import annotations

from typing import Final, assert_never

from .call import Failure
from .reading import Reading
from .refusal import Refusal
from .task import Task
from .trail import Attempt
from .verdict import Verdict

ERASED: Final = "erased"
"""What stands in the place of contents."""


def erased(attempt: Attempt) -> Attempt:
    """The same attempt with its tier, calls, costs, times and outcomes, but without answer and reasons."""
    ruling = attempt.ruling.model_copy(update={"reason": ERASED}) if attempt.ruling is not None else None
    changes = {"answer": _answer(attempt.answer), "verdict": _verdict(attempt.verdict), "ruling": ruling}
    return attempt.model_copy(update=changes)


def erased_task(task: Task) -> Task:
    """The same task without input, metadata and wishes; an audit still knows what it is about."""
    audits = task.audits.model_copy(update={"output": None}) if task.audits is not None else None
    return task.model_copy(update={"input": {}, "metadata": {}, "wishes": None, "audits": audits})


def _answer(answer: Reading | Failure | Refusal) -> Reading | Failure | Refusal:
    match answer:
        case Reading():
            return Reading(problem=ERASED, finish_reason=answer.finish_reason)
        case Failure():
            return answer.model_copy(update={"message": ERASED})
        case Refusal():
            return answer
        case never:
            assert_never(never)


def _verdict(verdict: Verdict | None) -> Verdict | None:
    if verdict is None:
        return None
    findings = tuple(f.model_copy(update={"reason": ERASED}) if f.reason else f for f in verdict.findings)
    return verdict.model_copy(update={"findings": findings})
