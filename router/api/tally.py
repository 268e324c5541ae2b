"""The requests that this process has answered, as counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from ..metrics import Asked
from ..timings import Timings

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CUT: Final = "none"
"""The status of an answer that its caller did not wait for."""


class Tally:
    """Counts requests by method, route and status: few values, whatever callers write."""

    def __init__(self) -> None:
        self._answered: Counter[tuple[str, str, str]] = Counter()
        self._took: defaultdict[tuple[str, str], Timings] = defaultdict(Timings)

    def note(self, method: str, route: str, status: int, ms: int) -> None:
        """Count a request; *route* is the pattern that it matched."""
        method = method if method in _METHODS else "other"
        self._answered[method, route, str(status) if status else _CUT] += 1
        self._took[method, route].add(ms)

    @property
    def asked(self) -> Asked:
        return Asked(self._answered, self._took)
