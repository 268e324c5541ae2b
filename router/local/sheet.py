"""What one model makes of a page: the spans it finds, and the clues it knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .belief import Json
from .clues import nothing
from .concepts import concepts
from .features import View
from .page import ClueOf, Page, normal
from .spans import Span


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page, looked at with some views and kinds of clue, without seeing some kinds of span."""

    page: Page
    kinds_of_clue: Sequence[ClueOf]
    views: Sequence[View]
    unseen: frozenset[str]

    def of_kinds(self, kinds: Iterable[str]) -> list[int]:
        """The numbers of the spans of some kinds."""
        return [index for kind in kinds for index in self.page.by_kind.get(kind, ())]

    def equal_to(self, value: Json) -> list[Span]:
        """The spans that stand for a value."""
        found = [self.page.spans[index] for index in self.page.by_value.get(normal(value), ())]
        return [span for span in found if span.kind not in self.unseen]

    def clues(self, index: int) -> list[str]:
        """The clues to one span."""
        return self.page.clues(self.kinds_of_clue, index)

    def clues_to_nothing(self) -> list[str]:
        """The clues to an empty field."""
        about = self.page.counts(concepts) if concepts in self.views else ()
        return [*nothing(self.page), *(f"nothing, {concept}" for concept in about)]
