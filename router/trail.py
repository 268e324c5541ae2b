"""What has happened to a task so far."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, assert_never

from .call import Failure, FailureKind, Usage
from .reading import Reading
from .refusal import Refusal
from .ruling import Ruling, signature
from .values import Value
from .verdict import Outcome, Verdict

Why: TypeAlias = Literal["first", "retry", "repair", "escalate", "fallback", "audit", "review"]
Purpose: TypeAlias = Literal["answer", "sample", "judge"]

UNPRICED: Final = "unpriced"
"""What a failure is called that no call led to: nobody knows what one would cost."""


class Spent(Value):
    """
    One call, as it was booked. Amounts are nano-dollars: `cost_nusd` is exact, or 0 while `doubt_nusd`,
    the most that an unknown outcome may have cost, is not. `price_since` is the day of the price that was used.
    """

    call: str
    purpose: Purpose
    tier: str
    model: str
    deployment: str = "main"
    cost_nusd: int = 0
    doubt_nusd: int = 0
    price_since: str = ""
    usage: Usage | None = None
    latency_ms: int = 0


class Attempt(Value):
    """
    One tier asked once: its answer, what the checks say of it, and every call that took. Times: Unix ms.

    With a `ruling` it is what a person decided, after waiting for them: no tier was asked, and no call made.
    """

    number: int
    tier: str
    why: Why
    answer: Reading | Failure | Refusal
    verdict: Verdict | None = None
    calls: tuple[Spent, ...] = ()
    ruling: Ruling | None = None
    started_ms: int
    ended_ms: int

    @property
    def cost_nusd(self) -> int:
        return sum(call.cost_nusd for call in self.calls)

    @property
    def usage(self) -> Usage | None:
        """The tokens of all its calls; None where no call told any."""
        told = [call.usage for call in self.calls if call.usage is not None]
        if len(told) <= 1:
            return told[0] if told else None
        return Usage(
            input_tokens=sum(u.input_tokens for u in told),
            cached_input_tokens=sum(u.cached_input_tokens for u in told),
            output_tokens=sum(u.output_tokens for u in told),
            reasoning_tokens=sum(u.reasoning_tokens for u in told),
        )

    @property
    def without_logprobs(self) -> Attempt:
        """The same attempt without the tokens that only its caller would want to see."""
        if not isinstance(self.answer, Reading) or self.answer.logprobs is None:
            return self
        return self.model_copy(update={"answer": self.answer.model_copy(update={"logprobs": None})})

    @property
    def told(self) -> str:
        """What went wrong, in a sentence for people."""
        match self.answer:
            case Refusal(message=message) | Failure(message=message):
                return f"{self.tier}: {message}"
            case Reading():
                reasons = self.verdict.reasons if self.verdict is not None else ()
                return f"{self.tier}: " + ("; ".join(f.reason for f in reasons) or "nothing was found")
            case never:
                assert_never(never)

    @property
    def brief(self) -> str:
        """What went wrong without a word of what was asked or answered, for events and logs."""
        match self.answer:
            case Refusal(limit=limit):
                return f"{self.tier}: refused by {limit}"
            case Failure(kind=kind):
                return f"{self.tier}: {kind}"
            case Reading():
                reasons = self.verdict.reasons if self.verdict is not None else ()
                return f"{self.tier}: " + (", ".join(f"{f.check} {f.outcome}" for f in reasons) or "passed")
            case never:
                assert_never(never)

    @property
    def failure(self) -> str:
        """In a word, what kept it from an answer; empty where there is one."""
        match self.answer:
            case Refusal(limit=limit):
                return limit
            case Failure(kind=FailureKind.INTERNAL) if not self.calls:
                return UNPRICED
            case Failure(kind=kind):
                return kind
            case Reading():
                return ""
            case never:
                assert_never(never)

    @property
    def deployment(self) -> str:
        """Where the tier was asked; empty where no call was made."""
        return next((call.deployment for call in self.calls if call.purpose == "answer"), "")

    @property
    def signature(self) -> str:
        """Of what a person decided; empty for any other attempt."""
        output = self.answer.output if isinstance(self.answer, Reading) else None
        return "" if self.ruling is None else f"review:{signature(self.ruling, output)}"

    @property
    def passed(self) -> bool:
        return self.verdict is not None and self.verdict.outcome is Outcome.PASS


Trail: TypeAlias = tuple[Attempt, ...]
