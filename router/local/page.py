"""A text and all that can be seen in it, worked out when first asked for, as several models and fields look at it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TypeAlias

from .belief import Json
from .concepts import concepts
from .features import View
from .spans import Finder, Span

WORD = re.compile(r"[^\W_]+")
_CHARACTERS_MAX = 3_000  # a call must not cost more than a few ms, however long its text


class Page:
    """A text in lines, with the spans that some finders find in it."""

    def __init__(self, text: str, finders: Sequence[Finder]) -> None:
        self.text = text[:_CHARACTERS_MAX]
        self._finders = finders
        self._counts: dict[View, Counter[str]] = {}
        self._clues: dict[ClueOf, dict[int, list[str]]] = defaultdict(dict)

    @cached_property
    def spans(self) -> list[Span]:
        """All spans, finder by finder."""
        return [span for find in self._finders for span in find(self.text)]

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts."""
        return [0, *(match.end() for match in re.finditer(r"\n", self.text))]

    @cached_property
    def lines(self) -> list[str]:
        """The lines, in lower case."""
        return self.text.lower().split("\n")

    @cached_property
    def words(self) -> list[list[str]]:
        """The words of each line."""
        return [WORD.findall(line) for line in self.lines]

    @cached_property
    def meanings(self) -> list[list[str]]:
        """What the dictionary says of each line."""
        return [sorted(set(concepts(line))) for line in self.lines]

    @cached_property
    def by_kind(self) -> dict[str, list[int]]:
        """The numbers of the spans of each kind."""
        found: dict[str, list[int]] = defaultdict(list)
        for index, span in enumerate(self.spans):
            found[span.kind].append(index)
        return dict(found)

    @cached_property
    def by_value(self) -> dict[Json, list[int]]:
        """The numbers of the spans of each value."""
        found: dict[Json, list[int]] = defaultdict(list)
        for index, span in enumerate(self.spans):
            found[normal(span.value)].append(index)
        return dict(found)

    @cached_property
    def orders(self) -> dict[str, list[int]]:
        """Where the spans of each kind start, in order."""
        return {kind: sorted({self.spans[i].start for i in found}) for kind, found in self.by_kind.items()}

    @cached_property
    def repeats(self) -> Counter[object]:
        """How often each value was found."""
        return Counter(span.value for span in self.spans)

    @cached_property
    def greatest(self) -> float:
        """The greatest number of the page; of those with decimals if there are any, as years and codes have none."""
        found = [span.value for span in self.spans if isinstance(span.value, int | float)]
        return max([value for value in found if isinstance(value, float)] or found, default=0.0)

    def line_of(self, span: Span) -> int:
        """The line a span starts in."""
        return bisect_right(self.starts, span.start) - 1

    def counts(self, view: View) -> Counter[str]:
        """How often each feature of a view occurs."""
        if view not in self._counts:
            self._counts[view] = Counter(view(self.text))
        return self._counts[view]

    def clues(self, kinds: Iterable[ClueOf], index: int) -> list[str]:
        """The clues of some kinds to one span."""
        found: list[str] = []
        for kind in kinds:
            known = self._clues[kind]
            if index not in known:
                known[index] = list(kind(self, self.spans[index]))
            found += known[index]
        return found


ClueOf: TypeAlias = Callable[[Page, Span], Iterator[str]]


def normal(value: Json) -> Json:
    """A value without what does not matter in comparing: case and blanks of text, the type of a number."""
    return " ".join(value.casefold().split()) if isinstance(value, str) else value
