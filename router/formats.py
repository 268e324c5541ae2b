"""
The formats of what is stored, and the lowest one that says a value.

1  tasks, policies with a prompt, attempts, kept answers
2  conversations (policies without a prompt), tools whose `strict` is told, certificates with bins, callers' wishes,
   responses in the background, what a person decided in review, a reply's tokens as the provider wrote them

Who writes takes the lowest: during a rolling upgrade processes of the version before read everything that does not use
what is new. Who meets a higher one than it knows leaves the value alone: FormatTooNew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # values of workers: who only needs a number stays light
    from .call import Failure, Reply
    from .policy import Policy
    from .reading import Reading
    from .refusal import Refusal
    from .submission import Submission
    from .task import Task
    from .trail import Attempt

FORMAT: Final = 2
"""The highest that this version reads and writes."""


def of_policy(policy: Policy) -> int:
    told = any(tool.strict is not True for tool in policy.output.tools or ())
    levels = policy.certificate.levels if policy.certificate is not None else {}
    binned = any(level.bins for level in levels.values())
    return 2 if policy.prompt is None or told or binned else 1


def of_body(of: Submission | Task) -> int:
    """The format of what of a task lies apart from its hash."""
    return 2 if of.wishes is not None or of.background else 1


def of_attempt(attempt: Attempt) -> int:
    return 2 if attempt.ruling is not None else of_answer(attempt.answer)


def of_answer(answer: Reply | Reading | Failure | Refusal) -> int:
    return 1 if getattr(answer, "logprobs", None) is None else 2
