"""What is left of a file once what is wrong in it is left out: one mistake must not hide another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..jsontext import Path
from ..policy import Policy, named_twice
from ..problem import Code, Mistake
from ..values import Json
from .rules import mistakes

M = TypeVar("M", bound=BaseModel)
_ROUNDS = 3
"""A value that is left out may leave its holder empty, and that one its own."""


def leave_out(data: Json, path: Path) -> None:
    """Delete what stands at *path*; pydantic puts union tags between, which are no keys. Elements of lists stay."""
    at: Json = data
    holder, key = None, ""
    for part in path:
        if isinstance(at, dict) and part in at:
            holder, key, at = at, str(part), at[str(part)]
        elif isinstance(at, list) and isinstance(part, int) and part < len(at):
            holder, at = None, at[part]
    if holder is not None:
        holder.pop(key, None)


def rest_of(model: type[M], data: Json, filling: Mapping[str, Json]) -> M | None:
    """
    What *data* says, once what is wrong in it is left out, as a *model*; None where too little is left.

    *filling* stands in the place of what is missing, where nothing else depends on it.
    """
    if not isinstance(data, dict):
        return None
    rest = deepcopy(data)
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(dict(filling) | rest)
        except ValidationError as why:
            for error in why.errors():
                leave_out(rest, error["loc"])
    return None


def mistakes_in_the_rest(data: Json, why: ValidationError) -> list[Mistake]:
    """
    What else is wrong with a policy: what is named twice, and what cannot work in it.

    First the wrong keys alone are left out; then the checks and sections that are still wrong without them.
    """
    if not isinstance(data, dict):
        return []
    rest = deepcopy(data)
    for error in why.errors():
        leave_out(rest, error["loc"])
    twice = [Mistake(at, f"{at[0]}.{at[1]}: {said}", Code.WRONG_VALUE) for at, said in _twice(data)]
    _name_apart(rest)
    if "input" in data and "input" not in rest:  # what a prompt may name is anybody's guess then
        return twice
    if "prompt" in data:
        rest.setdefault("prompt", _FILLING["prompt"])
    return [*twice, *_mistakes_of(rest)]


def _twice(data: dict[str, Json]) -> list[tuple[Path, str]]:
    """Which tiers and checks have the name of one before them, and what to say of that."""
    return list(named_twice(list(map(_tier, _entries(data, "tiers"))), list(map(_check, _entries(data, "checks")))))


def _name_apart(data: dict[str, Json]) -> None:
    """A check gets another name; a tier is taken out, as no mistake is told at the place of one."""
    again = {at for at, _ in _twice(data)}
    for index, entry in enumerate(_entries(data, "checks")):
        if ("checks", index) in again:
            entry["id"] = f"check-{index}"
    if tiers := _entries(data, "tiers"):
        data["tiers"] = [entry for index, entry in enumerate(tiers) if ("tiers", index) not in again]


def _entries(data: dict[str, Json], key: str) -> list[Json]:
    entries = data.get(key)
    return entries if isinstance(entries, list) else []


def _tier(entry: Json) -> str | None:
    return _text(entry.get("tier") if isinstance(entry, dict) else entry)


def _check(entry: Json) -> str | None:
    """A check is called by its id; one that is no text is no name."""
    if not isinstance(entry, dict):
        return None
    return _text(entry["id"] if entry.get("id") is not None else entry.get("check"))


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _mistakes_of(data: dict[str, Json]) -> list[Mistake]:
    try:
        return mistakes(Policy.model_validate(data))
    except ValidationError as still:
        return _mistakes_beside(data, still.errors())


def _mistakes_beside(data: dict[str, Json], errors: Sequence[ErrorDetails]) -> list[Mistake]:
    wrong = {error["loc"][:2] if error["loc"][:1] == ("checks",) else error["loc"][:1] for error in errors}
    rest = {key: value for key, value in data.items() if (key,) not in wrong}
    if ("input",) in wrong:
        return []
    filling = _FILLING if ("prompt",) in wrong else {"policy": _FILLING["policy"]}
    checks = rest.get("checks")
    listed = checks if isinstance(checks, list) else []
    kept = [index for index in range(len(listed)) if ("checks", index) not in wrong]
    try:
        policy = Policy.model_validate(dict(filling) | rest | {"checks": [listed[index] for index in kept]})
    except ValidationError:
        return []
    return [replace(mistake, path=_renumbered(mistake.path, kept)) for mistake in mistakes(policy)]


_FILLING: Mapping[str, Json] = {"policy": "unnamed", "prompt": {"system": "", "user": ""}}
"""In the place of what is missing, where nothing else depends on it."""


def _renumbered(path: Path, kept: list[int]) -> Path:
    """The path in the file of what was found at *path* when only the checks *kept* were there."""
    if path[:1] == ("checks",) and len(path) > 1:
        return ("checks", kept[int(path[1])], *path[2:])
    return path
