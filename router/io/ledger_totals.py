"""The ledger's totals as one process knows them: each look reads the lines that were written since the last."""

from __future__ import annotations

from ..ledger import Entry
from ..totals import Totals
from .ledger_lines import entry
from .redis_keys import Keys
from .redis_link import AsyncLink, Command

_PAGE = 10_000


class LedgerTotals:
    """Reads them; any number of processes come to the same."""

    def __init__(self, link: AsyncLink, *, prefix: str) -> None:
        self._link = link
        self._ledger = Keys(prefix).ledger
        self._totals = Totals()
        self._after = "-"

    async def read(self) -> Totals:
        """The sums of all lines up to now. Not for two at once. Raises: StoreUnavailable."""
        while page := await self._link.run(self._page()):
            self._totals.add(line for _, line in page)
            self._after = f"({page[-1][0]}"
        return self._totals

    def _page(self) -> Command[list[tuple[str, Entry]]]:
        words = ("XRANGE", self._ledger, self._after, "+", "COUNT", _PAGE)
        return Command(words, lambda reply: [entry(line) for line in reply])
