"""What a model answers before it is spelled: a belief for every field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, Union

import orjson

from . import tokens
from .belief import Belief
from .tokens import Token
from .wire import Completion

Form: TypeAlias = Mapping[str, Union[Belief, "Form"]]
Revision: TypeAlias = Callable[[str, Belief], Belief]


@dataclass(frozen=True, slots=True)
class Answer:
    """The filled-in form, and the function it is for when one is called."""

    form: Form
    function: Belief | None = None

    def spelled(self) -> Completion:
        """Writes the best values as JSON text."""
        return Completion(tuple(_spell(self.form)), None if self.function is None else self.function.value)

    def revised(self, revise: Revision) -> Answer:
        """Replaces the belief of each field, given its name."""
        return Answer(_revise(self.form, revise), self.function)


def _spell(form: Form) -> Iterator[Token]:
    yield Token("{")
    for position, (name, held) in enumerate(form.items()):
        yield from tokens.plain(f"{',' if position else ''}{orjson.dumps(name).decode()}:")
        yield from tokens.spell(held) if isinstance(held, Belief) else _spell(held)
    yield Token("}")


def _revise(form: Form, revise: Revision) -> Form:
    return {
        name: revise(name, held) if isinstance(held, Belief) else _revise(held, revise) for name, held in form.items()
    }
