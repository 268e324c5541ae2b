"""What a caller gets of a task."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from .cost import NUSD_PER_USD
from .errors import TaskNotSucceeded
from .record import Record
from .trail import Trail
from .values import Json


@dataclass(frozen=True, slots=True)
class Result:
    """
    How a task stands: `status` is one of succeeded, rejected, dead, expired, cancelled once it has ended.

    `output` is None unless it succeeded; `cost_usd` counts calls of unknown outcome at their bound.
    """

    id: str
    status: str
    output: Json
    tier: str
    cost_usd: Decimal
    trail: Trail
    reason: str | None

    @classmethod
    def of(cls, record: Record) -> Result:
        return cls(
            id=record.task.id,
            status=record.state.value,
            output=record.output,
            tier=record.tier,
            cost_usd=Decimal(record.cost_nusd) / NUSD_PER_USD,
            trail=record.trail,
            reason=record.reason,
        )

    @property
    def ok(self) -> bool:
        return self.status == "succeeded"

    def unwrap(self) -> Json:
        """The output. Raises: TaskNotSucceeded."""
        if not self.ok:
            raise TaskNotSucceeded(f"task {self.id} is {self.status}: {self.reason or 'no reason was given'}")
        return self.output
