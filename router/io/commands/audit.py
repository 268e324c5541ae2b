"""Reading the ledger, and booking what a provider's bill says, as commands. No I/O."""

from __future__ import annotations

from ...audit import Booking
from ...ledger import Entry, EntryKind, Settlement
from ..ledger_lines import entry, intent_words, settlement_words
from ..redis_link import Command
from .scripted import Scripted, as_text

_PAGE = 10_000


class AuditCommands(Scripted):
    """The ledger, line by line."""

    def lines(self, after: str) -> Command[list[tuple[str, Entry]]]:
        """Some lines with their ids, from the one after that id on; "-" for the first."""
        words = ("XRANGE", self.keys.ledger, "-" if after == "-" else f"({after}", "+", "COUNT", _PAGE)
        return Command(words, lambda reply: [entry(line) for line in reply])

    def rebook(self, booking: Booking) -> Command[bool]:
        """Book a call whose answer is lost; False where it was booked before, or may still run."""
        intent, kind = booking.intent, booking.kind
        words: list[str | bytes | int] = [
            intent.call,
            kind,
            booking.amount_nusd,
            settlement_words(Settlement(kind=kind, cost_nusd=booking.amount_nusd)),
            EntryKind.UNSETTLED if booking.bound_nusd is not None else "none",
            booking.bound_nusd or 0,
            "" if booking.day is None else booking.day,
            intent.task,
            intent_words(intent),
        ]
        return self._script("rebook", words, lambda reply: as_text(reply) == "ok")
