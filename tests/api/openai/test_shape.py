"""Request bodies: nothing unknown passes, and whoever is wrong is told where."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from router.api.naming import untagged
from router.api.openai.shape import Shape, misfit, only


class Cat(Shape):
    kind: Literal["cat"]
    lives: int = 9


class Dog(Shape):
    kind: Literal["dog"]
    name: str


class House(Shape):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind"), untagged("cat", "dog")]] = Field(default_factory=list)
    garden: Annotated[Literal[False] | None, only("there is no garden; leave it out")] = None


def mistakes(body: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        House.model_validate(body)
    return [(".".join(map(str, error["loc"])), error["msg"]) for error in caught.value.errors()]


def test_places_are_those_of_the_body() -> None:
    """A place names what the caller wrote, not which of our alternatives was tried."""
    assert mistakes({"pets": [{"kind": "cat"}, {"kind": "dog"}]}) == [("pets.1.name", "Field required")]


def test_an_unknown_member_is_named() -> None:
    """What is not taken is said by its name, with what is."""
    assert mistakes({"pets": [{"kind": "fish"}]}) == [
        ("pets.0", "'fish' is not taken here; expected one of 'cat', 'dog'")
    ]
    assert mistakes({"pets": [{}]}) == [("pets.0", "has no kind")]


def test_unknown_fields_come_with_the_known_ones() -> None:
    """So a message can say which one was meant, at any depth."""
    with pytest.raises(ValidationError) as caught:
        House.model_validate({"pets": [{"kind": "cat", "live": 3}], "petz": []})

    found = {error["loc"][-1]: (error["type"], error["ctx"]["known"]) for error in caught.value.errors()}
    assert found == {
        "live": ("extra_forbidden", ["kind", "lives"]),
        "petz": ("extra_forbidden", ["garden", "pets"]),
    }


def test_advice_takes_the_place_of_what_a_schema_would_say() -> None:
    """A value that is not served is refused with what to do; one that changes nothing passes, and so does null."""
    assert mistakes({"garden": True}) == [("garden", "there is no garden; leave it out")]
    assert House.model_validate({"garden": False}).garden is False
    assert House.model_validate({"garden": None}).garden is None


@pytest.mark.parametrize("lives", ["9", 9.5, True])
def test_values_of_nearly_the_right_type_are_refused(lives: Any) -> None:
    """A number in quotes is a mistake of the caller's program, which should hear of it."""
    assert [place for place, _ in mistakes({"pets": [{"kind": "cat", "lives": lives}]})] == ["pets.0.lives"]


def test_a_misfit_is_told_as_it_is() -> None:
    """Without words of the library's before it."""
    assert (
        str(misfit("a and b go not together, not even in {braces}")) == "a and b go not together, not even in {braces}"
    )


def test_as_many_mistakes_are_told_as_anybody_reads() -> None:
    """A body of thousands of mistakes is not answered with thousands of sentences."""
    assert len(mistakes({f"unknown{number}": 1 for number in range(1000)})) == 20
