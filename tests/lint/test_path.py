"""Tiers that no task gets to, and moves that nobody makes."""

from __future__ import annotations

from typing import Any

import pytest

from router.lint.path import can_doubt, never_asked, path_doubts
from router.problem import Code
from tests.builders import TIERS, a_chat, a_policy, a_promise, a_tier

TOOLS = [{"name": "pay", "parameters": {"type": "object"}}]
LABELS = {"labels": ["a", "b"]}


def told(known: Any = TIERS, **changes: Any) -> list[tuple[Any, Code, str]]:
    return [(doubt.path, doubt.code, doubt.message) for doubt in path_doubts(a_policy(**changes).on(known))]


@pytest.mark.parametrize(
    ("lacking", "changes", "code", "said"),
    [
        ({"logprobs": False}, {}, Code.NO_LOGPROBS, "small is never asked: small gives no log-probabilities"),
        (
            {"tools": False},
            {"output": {"tools": TOOLS}, "checks": []},
            Code.TIER_NEVER_ASKED,
            "small is never asked: small calls no function",
        ),
        ({"context_tokens": 500}, {}, Code.TIER_NEVER_ASKED, "small is never asked: small holds 500 tokens"),
    ],
)
def test_a_tier_that_is_never_asked(lacking: dict[str, Any], changes: dict[str, Any], code: Code, said: str) -> None:
    """A tier that cannot do what every task needs stands in the path for nothing."""
    tiers = TIERS | {"small": a_tier("small", **lacking)}

    ((path, found, message),) = told(tiers, **changes)

    assert (path, found) == (("tiers", 1), code)
    assert message.startswith(said)
    assert never_asked(a_policy(**changes).on(tiers)) == {"small"}


def test_a_tier_that_passes_images_by() -> None:
    """Where only some tasks have an image, a tier without eyes is told as one that those pass by."""
    fields = {"type": "object", "properties": {"text": {"type": "string"}, "photo": {"type": "string"}}}
    prompt = {"system": "a", "user": "{{ text }}", "images": ["photo"]}

    found = told(TIERS | {"mini": a_tier("mini", images=False)}, prompt=prompt, input={"schema": fields})

    assert found == [(("tiers", 0), Code.UNLIKELY, "mini takes no images, so tasks with photo pass it by")]


def test_a_conversation_may_have_images() -> None:
    """A tier without eyes is passed by there, too."""
    found = list(path_doubts(a_chat().on(TIERS | {"mini": a_tier("mini", images=False)})))

    assert [(doubt.path, doubt.message) for doubt in found] == [
        (("tiers", 0), "mini takes no images, so tasks with images pass it by")
    ]


def test_attempts_that_never_reach_the_top() -> None:
    """A limit below the number of tiers cuts the path short, whatever the tiers answer."""
    found = told(limits={"attempts": 2})

    assert found == [
        (("limits", "attempts"), Code.TIER_NEVER_ASKED, "2 attempts never reach large, the policy has more tiers")
    ]
    assert never_asked(a_policy(limits={"attempts": 2}).on(TIERS)) == {"large"}


@pytest.mark.parametrize(("attempts", "cut"), [(4, True), (5, False)])
def test_repairs_count_as_attempts(attempts: int, cut: bool) -> None:
    """Where a failing reply is repaired first, the attempts of all lower tiers must fit below the limit."""
    found = told(
        tiers=[{"tier": "mini", "attempts": 2}, {"tier": "small", "attempts": 2}, "large"],
        moves={"fail": "repair"},
        limits={"attempts": attempts},
    )

    assert [code for _, code, _ in found] == ([Code.TIER_NEVER_ASKED] if cut else [])


@pytest.mark.parametrize(
    ("moves", "checks", "said"),
    [
        ({"fail": "reject", "unsure": "accept"}, None, "what fails to reject, what is unsure to accept"),
        ({"fail": "review"}, [], "what fails to review and nothing can be unsure"),
    ],
)
def test_moves_that_end_every_reply(moves: dict[str, str], checks: Any, said: str) -> None:
    """A tier above moves that never climb is asked after errors alone, and that is told."""
    changes = {"moves": moves} | ({"checks": checks} if checks is not None else {})

    ((path, code, message),) = told(**changes)

    assert (path, code) == (("tiers", 1), Code.TIER_NEVER_ASKED)
    assert message.endswith(said)


def test_moves_that_climb_in_one_way_are_enough() -> None:
    """What is unsure climbs even though what fails is rejected: the tiers above are asked."""
    assert told(moves={"fail": "reject"}) == []


def test_the_same_model_twice() -> None:
    """A tier that asks the same model in the same way would make the same mistake; another setting makes it another."""
    twin = TIERS | {"large": a_tier("large", model="openai/mini-model")}
    other = TIERS | {"large": a_tier("large", model="openai/mini-model", temperature=1)}

    ((path, code, message),) = told(twin)

    assert (path, code) == (("tiers", 2), Code.ODD_ORDER)
    assert message.startswith("large asks what mini asked already, openai/mini-model")
    assert told(other) == []


@pytest.mark.parametrize("move", ["repair", "retry"])
@pytest.mark.parametrize("key", ["fail", "unsure"])
def test_a_second_go_that_no_tier_allows(key: str, move: str) -> None:
    """A repair needs a tier that may answer twice."""
    found = told(moves={key: move})

    assert [(path, code) for path, code, _ in found] == [(("moves", key), Code.MOVE_NEVER_MADE)]
    assert told(moves={key: move}, tiers=["mini", {"tier": "small", "attempts": 2}, "large"]) == []


def test_a_second_go_that_no_move_asks_for() -> None:
    """`attempts: 2` does nothing where no move asks a tier again."""
    ((path, code, _),) = told(tiers=["mini", {"tier": "small", "attempts": 2}, "large"])

    assert (path, code) == (("tiers", 1, "attempts"), Code.MOVE_NEVER_MADE)


@pytest.mark.parametrize(
    ("checks", "promise", "doubtful"),
    [
        ([], None, False),
        ([{"check": "length", "at_most": 5}], None, False),
        ([{"check": "length", "at_most": 5, "severity": "unsure"}], None, True),
        ([{"check": "confidence", "at_least": 0.5, "severity": "fail"}], None, True),
        ([{"check": "confidence", "at_least": 0.5, "severity": "fail", "missing": "pass"}], None, False),
        ([{"check": "confidence", "at_least": 0.5, "severity": "warn"}], None, False),
        ([{"check": "agreement"}], None, True),
        ([], {"kind": "regret", "at_most": 0.01}, True),
    ],
)
def test_a_move_for_doubts_that_cannot_be(checks: Any, promise: Any, doubtful: bool) -> None:
    """`moves.unsure` is told as idle exactly where no check and no promise can doubt a reply."""
    policy = a_policy(checks=checks, promise=promise, moves={"unsure": "review"}, output=LABELS).on(TIERS)

    found = [doubt.path for doubt in path_doubts(policy) if doubt.code is Code.MOVE_NEVER_MADE]

    assert can_doubt(policy, "mini") is doubtful
    assert found == ([] if doubtful else [("moves", "unsure")])


def test_a_default_is_no_wish() -> None:
    """Only a move that the author wrote is told as never made."""
    assert told(checks=[], output=LABELS) == []


def test_a_retry_without_retries() -> None:
    """`error: retry` beside `retries: 0` escalates at once."""
    ((path, code, _),) = told(moves={"error": "retry"}, limits={"retries": 0})

    assert (path, code) == (("moves", "error"), Code.MOVE_NEVER_MADE)


def test_refusals_go_up_by_themselves() -> None:
    """Where only what fails is ended, the next tier is asked after refusals too, and lint says no less."""
    said = [d.message for d in path_doubts(a_policy(checks=[], moves={"fail": "reject"})) if "alone" in d.message]

    assert said == [
        "small is asked after errors and refusals alone: moves send what fails to reject and nothing can be unsure"
    ]


def test_a_promise_sends_up_what_is_unsure() -> None:
    """`unsure: accept` accepts nothing below the tier that a promise is held against: the path is no dead end."""
    moves = {"fail": "reject", "unsure": "accept", "refused": "reject"}
    policy = a_policy(checks=[], moves=moves, promise=a_promise().model_dump())

    assert [d.message for d in path_doubts(policy) if "alone" in d.message] == []


def test_a_tier_that_others_may_pass_by_is_reached_sooner() -> None:
    """Two attempts reach the third tier where the first takes no images, or may be skipped by a certificate."""
    limits = {"attempts": 2}
    picture = {"type": "object", "properties": {"text": {"type": "string"}, "photo": {"type": "string"}}}
    prompt = {"system": "Read.", "user": "{{ text }}", "images": ["photo"]}
    blind = TIERS | {"mini": a_tier("mini", images=False)}

    assert never_asked(a_policy(limits=limits)) == {"large"}
    assert never_asked(a_policy(limits=limits, input={"schema": picture}, prompt=prompt).on(blind)) == frozenset()
    assert never_asked(a_policy(limits=limits, promise=a_promise().model_dump())) == frozenset()
