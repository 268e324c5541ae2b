"""Learns to fill in a whole form, each field by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .answer import Form
from .belief import Belief, Json
from .fields import Field, Seen, Slot
from .kernel import Kernel
from .sheet import Sheet
from .wire import Refused


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills in the fields of an object, and of objects in it."""

    fields: Mapping[str, Field | Filler]

    @classmethod
    def learnt(
        cls,
        schema: Mapping[str, Json],
        kernel: Kernel,
        sheets: Sequence[Sheet],
        forms: Sequence[Mapping[str, Json]],
        passes: int,
    ) -> Filler:
        """Learns every property of the schema from forms filled in by hand."""
        fields: dict[str, Field | Filler] = {}
        for name, inner in schema.get("properties", {}).items():
            if _nested(inner):
                fields[name] = cls.learnt(inner, kernel, sheets, [form.get(name) or {} for form in forms], passes)
            else:
                fields[name] = Field.learnt(Slot(inner), kernel, sheets, [form.get(name) for form in forms], passes)
        return cls(fields)

    def __call__(self, seen: Seen, schema: Mapping[str, Json]) -> Form:
        """Fills in what the asker's schema wants, or raises Refused for a field never taught."""
        return {name: self._fill(name, seen, inner) for name, inner in schema.get("properties", {}).items()}

    def _fill(self, name: str, seen: Seen, schema: Mapping[str, Json]) -> Belief | Form:
        learner = self.fields.get(name)
        if isinstance(learner, Filler):
            return learner(seen, schema)
        slot = Slot(schema)
        if learner is not None:
            return learner(seen, slot)
        if slot.nullable:
            return Belief.sure(None, 0.5)
        message = f"this model has not learnt the field {name!r}; it knows {', '.join(self.fields)}"
        raise Refused(message, param="response_format")


def _nested(schema: Mapping[str, Json]) -> bool:
    return schema.get("type") == "object" and "properties" in schema
