"""The four models: what each sees in a text, how much of the examples it was taught, how long it practised."""

from __future__ import annotations

from dataclasses import dataclass

from .clues import around, company, meaning, place, shape
from .concepts import basics, concepts
from .features import View, hints, pairs, pieces, stems, words
from .lessons import Example
from .page import ClueOf, Page
from .sheet import Sheet
from .spans import RUNS


@dataclass(frozen=True, slots=True)
class Grade:
    """
    How much a model knows.

    `share` is the part of the examples it is taught, `passes` how often a ranker practises, `unseen` kinds of span that
    it does not find.
    """

    name: str
    share: float
    views: tuple[tuple[View, float], ...]
    clues: tuple[ClueOf, ...]
    passes: int
    unseen: frozenset[str] = frozenset()
    ridge: float = 0.5

    def sheet(self, page: Page) -> Sheet:
        """A page as this model sees it."""
        return Sheet(page, self.clues, [view for view, _ in self.views], self.unseen)

    def taught(self, examples: tuple[Example, ...]) -> tuple[Example, ...]:
        """The examples it is taught: evenly spread, always the same, the first one always."""
        return tuple(e for i, e in enumerate(examples) if not i or int((i + 1) * self.share) > int(i * self.share))


GRADES = (
    Grade(
        name="local-mini",
        share=0.6,
        views=((words, 1.0),),
        clues=(place, around),
        passes=1,
        unseen=frozenset(RUNS),
    ),
    Grade(
        name="local-small",
        share=1.0,
        views=(
            (stems, 1.0),
            (pairs, 0.6),
            (hints, 0.5),
            (basics, 1.0),
        ),
        clues=(place, around, shape),
        passes=2,
    ),
    Grade(
        name="local-large",
        share=1.0,
        views=(
            (stems, 1.0),
            (pairs, 0.6),
            (hints, 0.5),
            (concepts, 1.0),
        ),
        clues=(place, around, shape, company),
        passes=4,
    ),
    Grade(
        name="local-frontier",
        share=1.0,
        views=(
            (stems, 1.0),
            (pairs, 0.6),
            (pieces, 0.7),
            (hints, 0.5),
            (concepts, 1.4),
        ),
        clues=(place, around, shape, company, meaning),
        passes=6,
    ),
)
