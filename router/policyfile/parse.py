"""YAML text in, values out: policies, tiers and prices, with every mistake of a file told at once, at its place."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from ..budget import Budget, Budgets
from ..certificate import Certificate
from ..cost import PriceBook
from ..errors import PolicyInvalid
from ..jsontext import NotJson, Path, parse
from ..policy import Policy
from ..problem import Code, Mistake, Problem, by_place, closest
from ..tier import Tier
from ..values import Json, Value
from .leftover import mistakes_in_the_rest
from .rules import mistakes
from .validated import errors_of, located, mistyped, validated
from .yamlfile import Document, read_yaml

ReadText = Callable[[str], str]
"""Reads a file that a policy names, by its path relative to the folder of policies. Raises: OSError, UnicodeError."""


class _TiersFile(Value):
    tiers: Annotated[Mapping[str, Tier], Field(min_length=1)]


def parse_policy(text: str, file: str, read: ReadText) -> Policy:
    """Raises: PolicyInvalid."""
    document = read_yaml(text, file)
    included, problems = _include(document, posixpath.dirname(file), read)
    problems += [included.located(error) for error in mistyped(Policy, included.data)]
    policy = None
    try:
        policy = Policy.model_validate(included.data)
        found = mistakes(policy)
    except ValidationError as why:
        problems += [included.located(e) for e in errors_of(why, included.data) if e["type"] != "twice"]
        found = mistakes_in_the_rest(included.data, why)
    problems += [included.problem_at(mistake) for mistake in found]
    if problems or policy is None:
        problems.sort(key=by_place)
        raise PolicyInvalid(problems)
    return policy


def parse_tiers(text: str, file: str) -> dict[str, Tier]:
    """Raises: PolicyInvalid."""
    document = read_yaml(text, file)
    data = document.data
    if isinstance(data, dict) and isinstance(data.get("tiers"), dict):
        named = {name: {**t, "name": name} if isinstance(t, dict) else t for name, t in data["tiers"].items()}
        data = {**data, "tiers": named}
    return dict(validated(document, data, _TiersFile).tiers)


def parse_prices(text: str, file: str) -> PriceBook:
    """Raises: PolicyInvalid."""
    document = read_yaml(text, file)
    return validated(document, document.data, PriceBook)


def parse_budgets(text: str, file: str) -> tuple[Budget, ...]:
    """Raises: PolicyInvalid."""
    document = read_yaml(text, file)
    return validated(document, document.data, Budgets).budgets


def unpriced(tiers: Mapping[str, Tier], prices: PriceBook, day: date) -> list[Mistake]:
    """The tiers whose model has no price in force on *day*."""
    return [_unpriced(tier, prices, day) for tier in tiers.values() if prices.price(tier.priced_model, day) is None]


def _unpriced(tier: Tier, prices: PriceBook, day: date) -> Mistake:
    later = min((price.since for price in prices.prices.get(tier.priced_model, ())), default=None)
    known = f"the first one holds from {later}" if later else "add one to prices.yaml"
    said = f"tier {tier.name}: no price of {tier.priced_model} is in force on {day}; {known}"
    near = None if later else closest(tier.priced_model, prices.prices)
    return Mistake(("tiers", tier.name, "price_of" if tier.price_of else "model"), said, Code.NO_PRICE, near)


class _Included:
    """A policy's data with the files that it names put in their places."""

    def __init__(
        self, document: Document, data: Json, examples: Document | None, schemas: Mapping[Path, tuple[str, str]]
    ) -> None:
        self.data = data
        self._document = document
        self._examples = examples
        self._schemas = schemas

    def located(self, error: ErrorDetails) -> Problem:
        """What pydantic found, at its place in the file that it stands in."""
        if self._examples is not None and error["loc"][:1] == ("examples",):
            return located(self._examples, error, Policy, under=1)
        return located(self._document, error, Policy)

    def problem_at(self, mistake: Mistake) -> Problem:
        if self._examples is not None and mistake.path[:1] == ("examples",):
            return self._examples.mistake(replace(mistake, path=mistake.path[1:]))
        named = self._schemas.get(mistake.path[:2]) if len(mistake.path) > 2 else None
        if named is not None and (file := _placed(*named)) is not None:
            return file.mistake(replace(mistake, path=mistake.path[2:]))
        return self._document.mistake(mistake)


@lru_cache(maxsize=16)  # each of its mistakes asks
def _placed(name: str, text: str) -> Document | None:
    """A schema's file with the places of all that stands in it; None for JSON that is no YAML, which has no places."""
    try:
        return read_yaml(text, name)
    except PolicyInvalid:
        return None


def _include(document: Document, folder: str, read: ReadText) -> tuple[_Included, list[Problem]]:
    data = document.data
    problems: list[Problem] = []
    examples = None
    if not isinstance(data, dict):
        return _Included(document, data, None, {}), problems
    data = dict(data)
    schemas: dict[Path, tuple[str, str]] = {}
    for key in _NOT_AUTHORED & data.keys():
        said = f"{key} is no key of a policy's file: {_NOT_AUTHORED_BECAUSE[key]}"
        problems.append(document.problem((key,), said, code=Code.UNKNOWN_KEY))
        del data[key]
    if "promise" in data and (certificate := _certificate(document, folder, read, problems)) is not None:
        data["certificate"] = certificate
    for section, field in (("input", "schema"), ("output", "schema"), ("output", "tools")):
        part = data.get(section)
        if isinstance(part, dict) and isinstance(part.get(field), str):
            path: Path = (section, field)
            name = posixpath.join(folder, part[field])
            value, schemas[path] = _read_json(document, path, name, read=read, problems=problems)
            data[section] = {**part, field: value}
    if isinstance(data.get("examples"), str):
        examples = _read_examples(document, folder, data["examples"], read, problems)
        data["examples"] = examples.data if examples is not None else []
    return _Included(document, data, examples, schemas), problems


_NOT_AUTHORED_BECAUSE = {
    "certificate": "`router calibrate` writes it beside the policy",
    "models": "they are the tiers file's",
}
_NOT_AUTHORED = _NOT_AUTHORED_BECAUSE.keys()


def certificate_name(policy_file: str) -> str:
    """Where the certificate of a policy lies."""
    return f"{posixpath.splitext(policy_file)[0]}.certificate.json"


def _certificate(document: Document, folder: str, read: ReadText, problems: list[Problem]) -> Json:
    """The certificate beside the policy, None where there is none that can be read."""
    name = certificate_name(document.file)
    try:
        text = read(name)
    except (OSError, UnicodeError):
        return None
    try:
        return Certificate.model_validate(parse(text)).model_dump(mode="json")
    except (NotJson, ValidationError) as why:
        first = str(why).splitlines()[0]
        said = f"{name} is no certificate ({first}); delete it, and write it again with `router calibrate`"
        problems.append(document.problem(("promise",), said, code=Code.UNREADABLE_FILE))
        return None


def _read_json(
    document: Document, path: Path, name: str, *, read: ReadText, problems: list[Problem]
) -> tuple[Json, tuple[str, str]]:
    """What a file holds, and its name and text; nothing where it cannot be read, which is told."""
    try:
        text = read(name)
        return parse(text), (name, text)
    except (OSError, UnicodeError):
        said = f"the file {name} cannot be read; paths start at the policy's folder"
        problems.append(document.problem(path, said, code=Code.UNREADABLE_FILE))
    except NotJson as why:
        problems.append(document.problem(path, f"{name} is not JSON: {why}", code=Code.UNREADABLE_FILE))
    return {}, (name, "")


def _read_examples(
    document: Document, folder: str, name: str, read: ReadText, problems: list[Problem]
) -> Document | None:
    try:
        return read_yaml(read(posixpath.join(folder, name)), posixpath.join(folder, name))
    except (OSError, UnicodeError):
        problems.append(document.problem(("examples",), f"the file {name} cannot be read", code=Code.UNREADABLE_FILE))
    except PolicyInvalid as why:
        problems.extend(p for p in why.problems if isinstance(p, Problem))
    return None
