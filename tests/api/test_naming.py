"""Bodies that name what they know: a field that is written wrongly is told with those that there are."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Discriminator, Field, Tag, ValidationError

from router.api.naming import Naming, untagged


class Hook(Naming):
    url: str


class Order(Naming):
    item: str
    count: int = Field(default=1, ge=1)
    hook: Annotated[
        Annotated[Hook, Tag("hook")] | Annotated[str, Tag("text")],
        Discriminator(lambda value: "text" if isinstance(value, str) else "hook"),
        untagged("hook", "text"),
    ] = ""


def mistakes(body: Any) -> dict[tuple[str | int, ...], tuple[str, list[str]]]:
    with pytest.raises(ValidationError) as caught:
        Order.model_validate(body)
    return {error["loc"]: (error["type"], error["ctx"]["known"]) for error in caught.value.errors()}


def test_a_sound_body_is_read() -> None:
    """As any other."""
    assert Order.model_validate({"item": "tea", "hook": {"url": "u"}}) == Order(item="tea", hook=Hook(url="u"))


def test_an_unknown_field_comes_with_the_known_ones() -> None:
    """At its own depth; other mistakes keep their kind."""
    assert mistakes({"itme": "tea", "count": 0}) == {
        ("item",): ("missing", []),
        ("count",): ("greater_than_equal", []),
        ("itme",): ("extra_forbidden", ["count", "hook", "item"]),
    }
    assert mistakes({"item": "tea", "hook": {"url": "u", "ulr": "u"}}) == {
        ("hook", "ulr"): ("extra_forbidden", ["url"])
    }


def test_a_place_is_what_the_caller_wrote() -> None:
    """Not which member of a union was tried."""
    assert list(mistakes({"item": "tea", "hook": {}})) == [("hook", "url")]
    assert list(mistakes({"item": "tea", "hook": 5})) == [("hook",)]


def test_of_many_mistakes_the_first_are_told() -> None:
    """Twenty: nobody reads more."""
    assert len(mistakes({str(number): number for number in range(100)})) == 20
