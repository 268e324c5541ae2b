"""The base of request bodies in OpenAI's form: nothing unknown passes, nor what is only nearly right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, ValidationError, WrapValidator
from pydantic_core import PydanticCustomError

from ..naming import Naming


class Shape(Naming):
    """Refuses fields that it does not know, and values that are only nearly of the right type. None: not given."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


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
