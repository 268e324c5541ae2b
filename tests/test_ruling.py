"""What a person may say of a task in review."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from router.ruling import Ruling, signature
from router.task import TaskState


@pytest.mark.parametrize(
    ("wish", "more", "reached"),
    [
        ("accept", {}, TaskState.SUCCEEDED),
        ("reject", {"reason": "no receipt"}, TaskState.REJECTED),
        ("dead_letter", {"reason": "nobody can read it"}, TaskState.DEAD),
        ("ask", {"tier": "large"}, TaskState.READY),
    ],
)
def test_each_wish_reaches_one_state(wish: Any, more: dict[str, Any], reached: TaskState) -> None:
    """A decision ends the task in one way, or has it go on."""
    assert Ruling(wish=wish, by="anna", **more).reached is reached


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"wish": "ask"}, "needs a tier"),
        ({"wish": "accept", "tier": "large"}, "nothing else takes one"),
        ({"wish": "reject"}, "needs a reason"),
        ({"wish": "dead_letter", "reason": "  "}, "needs a reason"),
        ({"wish": "accept", "by": ""}, "at least 1 character"),
        ({"wish": "accept", "by": "a\nb"}, "match"),
        ({"wish": "accept", "reason": "x" * 2001}, "at most 2000"),
    ],
)
def test_a_decision_is_whole(given: dict[str, Any], said: str) -> None:
    """Exactly one thing is decided, by somebody, and an end without an output has a reason."""
    with pytest.raises(ValidationError, match=said):
        Ruling.model_validate({"by": "anna"} | given)


def test_what_is_told_of_it_quotes_nothing() -> None:
    """Events say what was done, not why and by whom; the record's reason says that."""
    ruling = Ruling(wish="reject", by="anna", reason="it says SECRET")

    assert (ruling.told, ruling.because) == ("rejected by a person", "rejected by anna: it says SECRET")
    assert Ruling(wish="ask", by="anna", tier="large").told == "sent on to large by a person"


def test_the_same_decision_has_the_same_signature() -> None:
    """By what is decided, by whom and why, and the output that is accepted."""
    one = Ruling(wish="accept", by="anna")

    assert signature(one, {"a": 1, "b": 2}) == signature(Ruling(wish="accept", by="anna"), {"b": 2, "a": 1})
    others = [signature(one, {"a": 2}), signature(one.model_copy(update={"by": "bert"}), {"a": 1})]
    assert len({signature(one, {"a": 1}), *others}) == 3
