"""YAML text in, values out: policies, tiers and prices, with every mistake of a file told at once, at its place."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from .budget import Budget, Budgets
from .certificate import Certificate
from .cost import PriceBook
from .errors import PolicyInvalid
from .jsontext import NotJson, Path, parse
from .policy import Policy
from .policyrules import Mistake, mistakes
from .problem import Code, Problem, closest
from .tier import Tier
from .values import Json, Value
from .yamlfile import Document, read_yaml

ReadText = Callable[[str], str]
"""Reads a file that a policy names, by its path relative to the folder of policies. Raises: OSError, UnicodeError."""

M = TypeVar("M", bound=BaseModel)


class _TiersFile(Value):
    tiers: Annotated[Mapping[str, Tier], Field(min_length=1)]


def parse_policy(text: str, file: str, read: ReadText) -> Policy:
    """Raises: PolicyInvalid."""
    document = read_yaml(text, file)
    included, problems = _include(document, posixpath.dirname(file), read)
    try:
        policy = Policy.model_validate(included.data)
    except ValidationError as why:
        problems += [included.located(error) for error in _errors(why)]
        problems += [included.problem_at(mistake) for mistake in _mistakes_in_the_rest(included.data, why)]
        problems.sort(key=_by_place)
        raise PolicyInvalid(problems) from None
    problems += [included.problem_at(mistake) for mistake in mistakes(policy)]
    if problems:
        problems.sort(key=_by_place)
        raise PolicyInvalid(problems)
    return policy


def _mistakes_in_the_rest(data: Json, why: ValidationError) -> list[Mistake]:
    """
    What else is wrong, once the parts that are no policy at all are left out: one misspelt key must not hide a rule
    that cannot work. Nothing where too little is left to say.
    """
    if not isinstance(data, dict):
        return []
    wrong = {error["loc"][:2] if error["loc"][:1] == ("checks",) else error["loc"][:1] for error in why.errors()}
    rest = {key: value for key, value in data.items() if (key,) not in wrong}
    checks = rest.get("checks")
    kept = [i for i in range(len(checks)) if ("checks", i) not in wrong] if isinstance(checks, list) else []
    try:
        policy = Policy.model_validate(rest | {"checks": [rest["checks"][i] for i in kept]})
    except ValidationError:
        return []
    return [replace(mistake, path=_renumbered(mistake.path, kept)) for mistake in mistakes(policy)]


def _renumbered(path: Path, kept: list[int]) -> Path:
    """The path in the file of what was found at *path* when only the checks *kept* were there."""
    if path[:1] == ("checks",) and len(path) > 1:
        return ("checks", kept[int(path[1])], *path[2:])
    return path


def _by_place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.place.line, problem.place.column


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


def unpriced(tiers: Mapping[str, Tier], prices: PriceBook, day: Any) -> list[str]:
    """One sentence for each tier whose model has no price in force on *day*."""
    return [
        f"tier {tier.name}: no price of {tier.priced_model} is in force on {day}; add one to prices.yaml"
        + (f" (did you mean {near!r}?)" if (near := closest(tier.priced_model, prices.prices)) else "")
        for tier in tiers.values()
        if prices.price(tier.priced_model, day) is None
    ]


class _Included:
    """A policy's data with the files that it names put in their places."""

    def __init__(self, document: Document, data: Json, examples: Document | None) -> None:
        self.data = data
        self._document = document
        self._examples = examples

    def located(self, error: ErrorDetails) -> Problem:
        """What pydantic found, at its place in the file that it stands in."""
        if self._examples is not None and error["loc"][:1] == ("examples",):
            return _located(self._examples, error, Policy, under=1)
        return _located(self._document, error, Policy)

    def problem_at(self, mistake: Any) -> Problem:
        path: Path = mistake.path
        if self._examples is not None and path[:1] == ("examples",):
            return self._examples.problem(path[1:], mistake.message, suggestion=mistake.suggestion, code=mistake.code)
        if mistake.line:
            return self._document.problem_in(
                path, mistake.line, mistake.column, mistake.message, suggestion=mistake.suggestion, code=mistake.code
            )
        return self._document.problem(path, mistake.message, suggestion=mistake.suggestion, code=mistake.code)


def _include(document: Document, folder: str, read: ReadText) -> tuple[_Included, list[Problem]]:
    data = document.data
    problems: list[Problem] = []
    examples = None
    if not isinstance(data, dict):
        return _Included(document, data, None), problems
    data = dict(data)
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
            value = _read_json(document, path, posixpath.join(folder, part[field]), read=read, problems=problems)
            data[section] = {**part, field: value}
    if isinstance(data.get("examples"), str):
        examples = _read_examples(document, folder, data["examples"], read, problems)
        data["examples"] = examples.data if examples is not None else []
    return _Included(document, data, examples), problems


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
        said = f"{name} is no certificate ({first}); write it again with `router calibrate`, or delete it"
        problems.append(document.problem(("promise",), said, code=Code.UNREADABLE_FILE))
        return None


def _read_json(document: Document, path: Path, name: str, *, read: ReadText, problems: list[Problem]) -> Json:
    try:
        return parse(read(name))
    except (OSError, UnicodeError):
        said = f"the file {name} cannot be read; paths start at the policy's folder"
        problems.append(document.problem(path, said, code=Code.UNREADABLE_FILE))
    except NotJson as why:
        problems.append(document.problem(path, f"{name} is not JSON: {why}", code=Code.UNREADABLE_FILE))
    return {}


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


def validated(document: Document, data: Json, model: type[M]) -> M:
    """Make *data* of a document into a value. Raises: PolicyInvalid, with every mistake at its place."""
    try:
        return model.model_validate(data)
    except ValidationError as why:
        problems = sorted((_located(document, error, model) for error in _errors(why)), key=_by_place)
        raise PolicyInvalid(problems) from None


def _errors(why: ValidationError) -> list[ErrorDetails]:
    """What pydantic found; a list is not too short for those of its elements that are wrong themselves."""
    errors = why.errors(include_url=False)
    within = {error["loc"][:end] for error in errors for end in range(len(error["loc"]))}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in within]


def _located(document: Document, error: ErrorDetails, model: type[BaseModel], *, under: int = 0) -> Problem:
    """A problem at what *error* is about; so many parts of its path lie above what stands in the file."""
    path = (*error["loc"], *error.get("ctx", {}).get("at", ()))
    known = _in_file(document, path[under:])
    where = ".".join(map(str, known)) or "the file"
    if error["type"] == "extra_forbidden":
        wrong = str(path[-1])
        near = closest(wrong, _fields_at(model, path[:-1]))
        return document.problem(
            (*known, wrong), f"{where}: there is no such key", suggestion=near, code=Code.UNKNOWN_KEY
        )
    if error["type"] == "missing":
        return document.problem(known, f"{where}: the key {path[-1]!r} is missing", code=Code.MISSING_KEY)
    if error["type"] in ("union_tag_invalid", "literal_error", "enum"):
        return document.problem(known, f"{where}: {_expected(error)}", suggestion=_near_choice(error))
    return document.problem(known, f"{where}: {_expected(error)}")


def _expected(error: ErrorDetails) -> str:
    if ours := _EXPECTED.get(error["type"]):
        return ours.format(**error.get("ctx", {}))
    said = error["msg"].removeprefix("Value error, ")
    return said[:1].lower() + said[1:]


_EXPECTED = {
    "model_type": "expected keys with values",
    "model_attributes_type": "expected keys with values",
    "dict_type": "expected keys with values",
    "tuple_type": "expected a list",
    "string_type": "expected a text; quote it if it is one",
    "too_short": "expected {min_length} or more, found {actual_length}",
    "too_long": "expected {max_length} or fewer, found {actual_length}",
    "union_tag_invalid": "{tag!r} is no check; there are {expected_tags}",
    "union_tag_not_found": "the key 'check' is missing; it says what kind of check this is",
}
"""Our words for what pydantic says in Python's."""


def _in_file(document: Document, path: Path) -> Path:
    """The part of *path* that stands in the file: pydantic puts union tags between, which are no keys."""
    known: Path = ()
    for part in path:
        if (*known, part) in document.keys:
            known = (*known, part)
    return known


def _near_choice(error: ErrorDetails) -> str | None:
    given = error.get("input")
    context = error.get("ctx", {})
    choices = str(context.get("expected_tags") or context.get("expected") or "")
    wrong = given.get("check") if isinstance(given, dict) else given
    return closest(str(wrong), [c.strip(" '") for c in choices.replace(" or ", ",").split(",")])


def _fields_at(model: type[BaseModel], path: Path) -> Iterator[str]:
    """The keys that the model admits at *path*."""
    for candidate in _models_at(model, path):
        for name, field in candidate.model_fields.items():
            yield field.alias or name


def _models_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    models = [model]
    for part in path:
        if isinstance(part, int):
            continue
        inner = [_inner_models(m.model_fields[f].annotation) for m in models for f in _field_names(m, part)]
        found = [candidate for candidates in inner for candidate in candidates]
        tagged = [m for m in models if _tag(m) == part]
        models = tagged or found or models
    return models


def _field_names(model: type[BaseModel], key: str | int) -> list[str]:
    return [name for name, field in model.model_fields.items() if key in (name, field.alias)]


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("check")
    values = get_args(field.annotation) if field is not None and field.annotation is not str else ()
    return values[0] if values else None


def _inner_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) if inner is not Literal for model in _inner_models(inner)]
