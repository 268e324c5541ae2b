"""The base of bodies that name what they know: who writes a field wrongly is told which one was meant, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, WrapValidator, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from .patterns import mismatch


class Naming(BaseModel):
    """Refuses fields that it does not know."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _with_names(cls, value: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        """Tell unknown fields what is known, so that a message can say which one was meant."""
        try:
            return read(value)
        except ValidationError as why:
            raise ValidationError.from_exception_data(cls.__name__, [*map(cls._named, _told(why))]) from None

    @classmethod
    def _named(cls, error: ErrorDetails) -> InitErrorDetails:
        own = error["type"] == "extra_forbidden" and len(error["loc"]) == 1
        return _again(error, known=sorted(cls.model_fields) if own else None)


def untagged(*tags: str) -> WrapValidator:
    """Leave the names of a union's members out of places: the caller wrote none."""

    def check(value: Any, read: Callable[[Any], Any]) -> Any:
        try:
            return read(value)
        except ValidationError as why:
            again = [_again(error, drop=error["loc"][:1] in [(tag,) for tag in tags]) for error in _told(why)]
            raise ValidationError.from_exception_data("union", again) from None

    return WrapValidator(check)


_TOLD_MAX: Final = 20
"""As many mistakes of one object as anybody reads."""


def _told(why: ValidationError) -> Iterator[ErrorDetails]:
    yield from islice(why.errors(include_url=False), _TOLD_MAX)


def _again(error: ErrorDetails, *, drop: bool = False, known: list[str] | None = None) -> InitErrorDetails:
    """The same mistake in a sentence of ours; with what is *known*, for a name that is not."""
    context: dict[str, Any] = error.get("ctx", {})
    context = {"said": context.get("said") or _sentence(error), "known": known or context.get("known", [])}
    kind = PydanticCustomError(error["type"], "{said}", context)
    return InitErrorDetails(type=kind, loc=error["loc"][int(drop) :], input=error["input"])


def _sentence(error: ErrorDetails) -> str:
    match error["type"]:
        case "union_tag_invalid":
            tag, expected = (str(error["ctx"][name]) for name in ("tag", "expected_tags"))
            return f"{tag!r} is not taken here; expected one of {expected}"
        case "union_tag_not_found":
            return f"has no {error['ctx']['discriminator'].strip(chr(39))}"
        case "string_pattern_mismatch":
            return mismatch(error["ctx"]["pattern"], error["input"])
        case _:
            return error["msg"]
