"""What is to come of a case, and where something else came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

import yaml
from pydantic import BeforeValidator, Field, model_validator

from ..cost import nusd, usd
from ..values import Json, Value

Status: TypeAlias = Literal["succeeded", "rejected", "dead", "expired", "review"]
MoveMade: TypeAlias = Literal["retry", "repair", "escalate", "accept", "reject", "review", "dead_letter", "expire"]
Usd: TypeAlias = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=9)]

_LINE_MAX = 110
_FILES_INDENT = 4


class Cost(Value):
    """Bounds of what a case costs, both inclusive; one amount stands for both."""

    at_least: Usd = Decimal(0)
    at_most: Usd

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least} is more than at_most {self.at_most}")
        return self

    def holds(self, cost_nusd: int) -> bool:
        return nusd(self.at_least) <= cost_nusd <= nusd(self.at_most)

    def as_json(self) -> Json:
        """As an author writes it: one amount, or the bounds."""
        low, high = usd(nusd(self.at_least)), usd(nusd(self.at_most))
        if low == high:
            return high
        return {"at_least": low, "at_most": high} if self.at_least else {"at_most": high}


def _bounds(value: Any) -> Any:
    return value if isinstance(value, dict | Cost | None) else {"at_least": value, "at_most": value}


class Expect(Value):
    """
    What is to come of a case; what is not said is not compared.

    `failed` and `warned` are checks in the order in which they first found something; `moves` is what was done after
    each attempt; `reason` is a part of the task's reason; `cost_usd` takes calls of unknown outcome at their bound.
    """

    status: Status | None = None
    tier: str | None = None
    attempts: int | None = None
    failed: tuple[str, ...] | None = None
    warned: tuple[str, ...] | None = None
    moves: tuple[MoveMade, ...] | None = None
    reason: str | None = None
    output: Json = None
    cost_usd: Annotated[Cost | None, BeforeValidator(_bounds)] = None

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("say what is expected, at least the status")
        return self


@dataclass(frozen=True, slots=True)
class CaseEnd:
    """What came of a case, under the names by which it may be expected."""

    status: str
    tier: str | None
    attempts: int
    failed: tuple[str, ...]
    warned: tuple[str, ...]
    moves: tuple[str, ...]
    reason: str | None
    output: Json
    cost_nusd: int

    def told(self, what: str) -> Json:
        return usd(self.cost_nusd) if what == "cost_usd" else getattr(self, what)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a case expected of something, and what came."""

    what: str
    expected: Json
    got: Json

    def __str__(self) -> str:
        return f"{self.what}: expected {_said(self.expected)}, got {_said(self.got)}"


def differences(expect: Expect, end: CaseEnd) -> Iterator[Difference]:
    """Where something else came than was expected."""
    for what in Expect.model_fields:
        wanted, came = getattr(expect, what), end.told(what)
        if what in expect.model_fields_set and not _met(what, wanted, end):
            yield Difference(what, wanted.as_json() if isinstance(wanted, Cost) else wanted, came)


def rewritten(expect: Expect, end: CaseEnd) -> str:
    """The `expect` of the case as it would have to be, where what came is right: YAML, indented as in a file."""
    said = {what: end.told(what) for what in Expect.model_fields if what in expect.model_fields_set}
    for what in said:
        if _met(what, wanted := getattr(expect, what), end):
            said[what] = wanted.as_json() if isinstance(wanted, Cost) else wanted
    listed = {what: list(value) if isinstance(value, tuple) else value for what, value in said.items()}
    text = _yaml({"expect": listed}, flow=None)
    flow = f"expect: {_yaml(listed, flow=True)}"
    lines = [flow] if len(flow) <= _LINE_MAX else text.splitlines()
    return "\n".join(" " * _FILES_INDENT + line for line in lines)


def _met(what: str, wanted: Any, end: CaseEnd) -> bool:
    match what:
        case "reason":
            return wanted is None or wanted in (end.reason or "")
        case "cost_usd":
            return wanted is None or wanted.holds(end.cost_nusd)
        case _:
            return bool(wanted == getattr(end, what))


def _yaml(value: Json, *, flow: bool | None) -> str:
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text.strip()


class _Dumper(yaml.SafeDumper):
    """Quotes whatever is no plain word: `1e3` and `true` stay the texts that they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and text not in _NO_TEXTS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_-]*")
_NO_TEXTS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _said(value: Json) -> str:
    match value:
        case tuple():
            return "[" + ", ".join(map(str, value)) + "]"
        case str() if not value.isidentifier() and not value.replace(".", "").isdecimal():
            return repr(value)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
