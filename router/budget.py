"""Budgets: how much a scope may spend in a window of time, and what becomes of a call that would spend more."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from .cost import nusd
from .values import Value

Per: TypeAlias = Literal["minute", "hour", "day", "week", "month"]
OnExceeded: TypeAlias = Literal["refuse", "park"]

_SCOPE = re.compile(r"global|tenant:[^\s:]+|(policy|tier|audit):([a-z][a-z0-9_-]*|\*)")
_EVERY: Final = "*"
_PERS: Final = get_args(Per)
SHORT: Final = frozenset({"minute", "hour"})
"""Windows that count only while such a budget is in force; longer ones are made of days, which always count."""
TOLD_MAX: Final = 12
"""How many of the tightest budgets are told: one with `*` has a line for each tenant that has spent."""


def _a_scope(text: str) -> str:
    if not _SCOPE.fullmatch(text):
        raise ValueError(
            f"{text!r} is no scope; write global, or tenant:, policy:, tier: or audit: with a name (* for each of them)"
        )
    return text


class Budget(Value):
    """
    A spending limit of a scope per calendar window (UTC; weeks begin on Monday).

    `tenant:*` gives each tenant a budget of that size; one that is named for the same window counts instead. A call
    whose worst case does not fit beside what is spent is refused for good, or its task is parked until the window
    turns; one that fits, but not beside what calls under way hold, is tried again soon.

    `audit:NAME` is what the audits of that policy may spend; they count in no budget of a tenant or a policy.
    """

    scope: Annotated[str, AfterValidator(_a_scope)]
    usd: Annotated[Decimal, Field(ge=0, max_digits=18)]
    per: Per
    on_exceeded: OnExceeded = "refuse"

    @property
    def limit_nusd(self) -> int:
        return nusd(self.usd)


class Budgets(Value):
    """All budgets of a file: at most one for each scope and window."""

    budgets: tuple[Budget, ...] = ()

    @model_validator(mode="after")
    def _are_unique(self) -> Self:
        seen: set[tuple[str, str]] = set()
        for index, budget in enumerate(self.budgets):
            if (budget.scope, budget.per) in seen:
                said = f"{budget.scope} has a budget per {budget.per} already; write one of them"
                raise PydanticCustomError("twice", "{said}", {"said": said, "at": ("budgets", index)})
            seen.add((budget.scope, budget.per))
        return self


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, Unix ms; the end is not part of it."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What one scope has used of its budget in the window of now; `used_nusd` counts reservations and bounds too."""

    scope: str
    budget: Budget
    window: Window
    used_nusd: int

    @property
    def left_nusd(self) -> int:
        return max(0, self.budget.limit_nusd - self.used_nusd)

    @property
    def used_share(self) -> float:
        """Above 1 where more was charged than reserved."""
        return self.used_nusd / self.budget.limit_nusd if self.budget.limit_nusd else 1.0


def tightest(uses: Iterable[BudgetUse]) -> list[BudgetUse]:
    """Those of which the largest share is used, at most `TOLD_MAX`."""
    return sorted(uses, key=lambda use: (-use.used_share, use.scope))[:TOLD_MAX]


def scopes(*, tenant: str, policy: str, tier: str, why: str) -> tuple[str, ...]:
    """The scopes that a call counts in."""
    if why == "audit":
        return "global", f"audit:{policy}", f"tier:{tier}"
    return "global", f"tenant:{tenant}", f"policy:{policy}", f"tier:{tier}"


def applying(budgets: Iterable[Budget], scope: str) -> list[Budget]:
    """The budgets of one scope, the shortest window first: those with its own name, else those of every such scope."""
    listed = list(budgets)
    named = {budget.per: budget for budget in listed if budget.scope == scope}
    every = {budget.per: budget for budget in listed if budget.scope == f"{scope.partition(':')[0]}:{_EVERY}"}
    return sorted((every | named).values(), key=lambda budget: _PERS.index(budget.per))


def window(per: Per, at_ms: int) -> Window:
    """The window of that length which holds a moment."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    match per:
        case "minute":
            start = at.replace(second=0, microsecond=0)
            end = start + timedelta(minutes=1)
        case "hour":
            start = at.replace(minute=0, second=0, microsecond=0)
            end = start + timedelta(hours=1)
        case "day":
            start, end = day, day + timedelta(days=1)
        case "week":
            start = day - timedelta(days=day.weekday())
            end = start + timedelta(days=7)
        case "month":
            start = day.replace(day=1)
            end = (start + timedelta(days=31)).replace(day=1)
    return Window(_ms(start), _ms(end))


def balance_names(scope: str, per: Per, held: Window, now_ms: int) -> list[str]:
    """The store's balances that make up a scope's window up to now: its days, or its one short window."""
    if per in SHORT:
        return [f"{scope}:{per[0]}{held.start_ms // (held.end_ms - held.start_ms)}"]
    last = min(held.end_ms // _DAY_MS - 1, now_ms // _DAY_MS + 1)  # the clock may have been set back over midnight
    return [f"{scope}:d{day}" for day in range(held.start_ms // _DAY_MS, last + 1)]


_DAY_MS: Final = 86_400_000


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000
