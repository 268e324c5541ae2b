"""Which of a policy's moves an attempt calls for."""

from __future__ import annotations

from typing import Literal, TypeAlias, assert_never

from .call import Failure, FailureKind
from .reading import Reading
from .refusal import Refusal
from .trail import Attempt
from .verdict import Outcome

Occasion: TypeAlias = Literal["fail", "unsure", "error", "refused", "exhausted"]
"""The keys of a policy's `moves`."""


def occasion(attempt: Attempt) -> Occasion | None:
    """The key of `moves` that speaks of *attempt*; None for a good reply, and for what no move can help."""
    match attempt.answer:
        case Refusal(limit="breaker"):
            return "error"
        case Refusal():
            return None
        case Failure(kind=FailureKind.CONTENT_POLICY):
            return "refused"
        case Failure() as failure:
            return "error" if failure.passing else None
        case Reading() as reading:
            outcome = attempt.verdict.outcome if attempt.verdict is not None else Outcome.FAIL
            if outcome is Outcome.FAIL:
                return "refused" if reading.refused else "fail"
            return "unsure" if outcome is Outcome.UNSURE else None
        case never:
            assert_never(never)
