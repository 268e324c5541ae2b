"""Tokens of the local models."""

from __future__ import annotations

import math

import pytest

from router.local import tokens
from router.local.belief import Belief

TEXTS = ["", "refund_request", '{"total": 1250.5}', "Grüße an\n\tZoë  日本語 🙂", "a" * 50, "\\n \\u00e9 \x00"]


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_concatenate_to_the_text_and_are_never_more_than_its_bytes(text: str) -> None:
    """A count of tokens never exceeds the UTF-8 bytes: the router's worst case holds."""
    assert "".join(tokens.split(text)) == text
    assert tokens.count(text) == len(tokens.split(text)) <= len(text.encode())


@pytest.mark.parametrize(
    "options",
    [
        [("refund_status", 0.5), ("refund_request", 0.3), ("praise", 0.1)],
        [("Rose", 0.4), ("Rose Garden Café", 0.35), (None, 0.2)],
        [("Rose Garden Café", 0.6), ("Rose", 0.35)],
        [(None, 0.7), ("Rose", 0.3)],
        [(12, 0.45), (12.5, 0.3), (125, 0.2)],
        [(True, 0.9), (False, 0.1)],
        [("", 0.8), ("x", 0.1)],
        [('say "hi"\n', 0.25)],
        [([], 0.6)],
        [("only", 1.0)],
    ],
)
def test_the_joint_of_a_values_tokens_is_its_probability(options: list[tuple[object, float]]) -> None:
    """Whether or not quotes are counted, the tokens of a value multiply to what the model believes."""
    belief = Belief.over(options)

    spelled = tokens.spell(belief)

    joint = math.exp(sum(token.logprob for token in spelled))
    bare = math.exp(sum(token.logprob for token in spelled if token.text != '"'))
    assert joint == pytest.approx(belief.probability)
    assert bare == pytest.approx(belief.probability) or belief.value == ""  # nothing but quotes to be in doubt
    assert all(token.logprob <= 0.0 for token in spelled)


def test_doubt_sits_where_the_rivals_part() -> None:
    """What two likely values share is nearly certain; the token that tells them apart is not."""
    spelled = tokens.spell(Belief.over([("refund_status", 0.5), ("refund_request", 0.5)]))

    sure = {token.text: round(math.exp(token.logprob), 2) for token in spelled}
    assert sure["refund"] == 1.0
    assert sure["status"] == 0.5
