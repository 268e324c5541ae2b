"""How a tenant stands with the requests that it may send in a minute."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """
    A minute's worth of requests may come at once, and each comes back by itself after its share of the minute.

    `ahead_ms` is the time until all have come back (generic cell rate algorithm, ITU-T I.371).
    """

    per_minute: int
    ahead_ms: float
    granted: bool = True

    @property
    def remaining(self) -> int:
        """Requests that may be sent at once."""
        return max(0, math.floor((MINUTE_MS - self.ahead_ms + _ROUNDING) / self._each_ms))

    @property
    def next_ms(self) -> int:
        """How long until one more may be sent; 0 where it may at once."""
        return 0 if self.remaining else math.ceil(self.ahead_ms + self._each_ms - MINUTE_MS - _ROUNDING)

    @property
    def whole_ms(self) -> int:
        """How long until all of a minute's worth may be sent at once."""
        return math.ceil(self.ahead_ms - _ROUNDING)

    @property
    def _each_ms(self) -> float:
        return MINUTE_MS / self.per_minute


_ROUNDING: Final = 1e-3
"""Times come from the store in ms with three places."""
