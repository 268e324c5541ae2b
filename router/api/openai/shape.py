"""The base of request bodies in OpenAI's form: nothing unknown passes, nor what is only nearly right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pydantic import ConfigDict, Discriminator, ValidationError, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from ..naming import Naming


class Shape(Naming):
    """Refuses fields that it does not know, and values that are only nearly of the right type. None: not given."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


SDK_OWN: Final = frozenset({"parsed", "parsed_arguments", "index", "provider_specific_fields"})
"""
What SDKs write beside an answer: OpenAI's, readings of what stands there as text and a call's place in its list;
litellm, what of it OpenAI's words have no place for.
"""


class Echoed(Shape):
    """A piece of an answer as an SDK gives it back: what the SDK added says nothing, nor does a null of its own."""

    @model_validator(mode="before")
    @classmethod
    def _as_it_was_answered(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {k: v for k, v in value.items() if k in cls.model_fields or not (v is None or k in SDK_OWN)}


def text_or(several: str, expected: str) -> Discriminator:
    """Tell a text from a list, tagged *several*; of anything else say what was *expected*."""

    def kind(given: Any) -> str | None:
        return "text" if isinstance(given, str) else several if isinstance(given, list) else None

    return Discriminator(kind, custom_error_type="kind", custom_error_message=f"expected {expected}")


def only(advice: str) -> WrapValidator:
    """Put *advice* in place of what is said of any other value."""

    def check(value: Any, read: Callable[[Any], Any]) -> Any:
        try:
            return read(value)
        except ValidationError:
            raise PydanticCustomError("unsupported", "{advice}", {"advice": advice}) from None

    return WrapValidator(check)


def misfit(said: str) -> PydanticCustomError:
    """Things that do not go together, as a mistake of the whole."""
    return PydanticCustomError("misfit", "{said}", {"said": said})
