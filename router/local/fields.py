"""Learns to fill in one field of a form: a choice among values, or a span of the text, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .belief import Belief, Json
from .kernel import Kernel
from .labels import Labels
from .page import normal
from .ranking import Ranker
from .sheet import Sheet
from .spans import compiled

_CHOICES_MAX = 20
_REACH_MIN = 0.5  # below that, the values of a field are not in the text
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_EMPTY: Mapping[str, Json] = {"array": [], "object": {}, "string": "", "boolean": False}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model sees of one text: how alike it is to the training texts, and the spans in it."""

    likeness: Sequence[float]
    sheet: Sheet


@dataclass(frozen=True)
class Slot:
    """What the schema allows in a field."""

    schema: Mapping[str, Json]

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The JSON types allowed; none when it names none."""
        named = self.schema.get("type", ())
        return (named,) if isinstance(named, str) else tuple(named)

    @cached_property
    def nullable(self) -> bool:
        """True when the field may stay empty."""
        return self.allows(None)

    @cached_property
    def closed(self) -> bool:
        """True when the values are listed."""
        return "enum" in self.schema or "boolean" in self.types

    @cached_property
    def flat(self) -> bool:
        """True when the field holds words or a number."""
        return bool({"string", "number", "integer"} & set(self.types)) or self.closed

    @cached_property
    def _kinds(self) -> tuple[type, ...]:
        return tuple(kind for name in self.types for kind in _TYPES.get(name, ()))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return compiled(self.schema["pattern"]) if "pattern" in self.schema else None

    def allows(self, value: Json) -> bool:
        """True for a value of the right type, and of the list if there is one."""
        if "enum" in self.schema:
            return value in self.schema["enum"]
        if isinstance(value, str) and self._pattern is not None and not self._pattern.search(value):
            return False
        return isinstance(value, self._kinds) and (not isinstance(value, bool) or bool in self._kinds)

    def fits(self, value: Json) -> bool:
        """True for a value, not the empty one, that may stand here."""
        return value is not None and self.allows(value)

    def emptiest(self) -> Json:
        """What to say when nothing is known."""
        if self.nullable:
            return None
        return next((_EMPTY[name] for name in self.types if name in _EMPTY), 0)


@dataclass(frozen=True, slots=True)
class Field:
    """Fills in one field. `ranker` says which span is the value, or that there is none; `labels` which known value."""

    slot: Slot
    ranker: Ranker | None
    labels: Labels | None
    usual: Belief

    @classmethod
    def learnt(cls, slot: Slot, kernel: Kernel, sheets: Sequence[Sheet], answers: Sequence[Json], passes: int) -> Field:
        """Learns from the training texts and the answers in this field."""
        usual = _usual(slot, answers)
        if not slot.flat:
            return cls(slot, None, None, usual)
        ranker = Ranker.learnt(sheets, answers, slot.fits, passes)
        found = ranker is not None and ranker.reach >= _REACH_MIN
        few = len({normal(answer) for answer in answers}) <= min(_CHOICES_MAX, len(answers) // 3)
        labels = Labels.learnt(kernel, answers) if slot.closed or (few and not found) else None
        return cls(slot, ranker if found or labels is None else None, labels, usual)

    def __call__(self, seen: Seen, slot: Slot) -> Belief:
        """Believes in values that the asker's schema allows; in the least that it allows when there are none."""
        return self._belief(seen).where(slot.allows) or Belief.sure(slot.emptiest(), 0.01)

    def _belief(self, seen: Seen) -> Belief:
        found = self.ranker(seen.sheet, self.slot.fits) if self.ranker else []
        if not found:
            return self.labels(seen.likeness) if self.labels else self._nothing_found()
        if self.labels is None:
            return Belief.over(found)
        left = 1.0 - sum(p for _, p in found)
        return Belief.over([*found, *((value, p * left) for value, p in self.labels(seen.likeness).options)])

    def _nothing_found(self) -> Belief:
        """Without a candidate the field is empty, as far as spans were ever found in its texts."""
        return Belief.sure(None, self.ranker.reach) if self.ranker and self.slot.nullable else self.usual


def _usual(slot: Slot, answers: Sequence[Json]) -> Belief:
    """The answers by how common they are; for lists and objects only the empty one: these models cannot do more."""
    if not slot.flat:
        empty = slot.emptiest()
        return Belief.sure(empty, (answers.count(empty) + 0.5) / (len(answers) + 1.0))
    share = 1.0 / (len(answers) + 1.0)
    return Belief.over((answer, share) for answer in answers)
