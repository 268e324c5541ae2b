"""What a conversation asks: the text to answer, and which earlier answers were found wrong and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import orjson

from .belief import Json
from .wire import Turn

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Rejection:
    """An earlier answer, and the words of what was found wrong with it. In a form of one field that one is meant."""

    form: Mapping[str, Json]
    named: frozenset[str]

    def rejects(self, field: str, value: Json) -> bool:
        """True when the findings name the field, and this was its value."""
        meant = field in self.named or len(self.form) == 1
        return meant and field in self.form and bool(self.form[field] == value)


def question(turns: Sequence[Turn], shown: Mapping[str, Json]) -> str:
    """The first message of the user, after examples that were shown with their answers (`shown`: prompt to answer)."""
    asked = [i for i, turn in enumerate(turns) if turn.role == "user"]
    while len(asked) > 1 and _is_example(turns, asked[0], shown):
        asked = asked[1:]
    return turns[asked[0]].text if asked else ""


def rejections(turns: Sequence[Turn]) -> list[Rejection]:
    """Every answer of the model to which the user had something to say."""
    found = []
    for said, replied in pairwise(turns):
        form = _read(said.text) if (said.role, replied.role) == ("assistant", "user") else None
        if isinstance(form, dict):
            found.append(Rejection(dict(_leaves(form)), frozenset(_WORD.findall(replied.text))))
    return found


def _is_example(turns: Sequence[Turn], index: int, shown: Mapping[str, Json]) -> bool:
    text = turns[index].text
    return text in shown and turns[index + 1].role == "assistant" and _read(turns[index + 1].text) == shown[text]


def _read(text: str) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _leaves(form: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for name, value in form.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield name, value
