"""API keys: what a token looks like, what is kept of it, and how long it is taken."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from router.apikey import CHANCE_BYTES, ApiKey, Limits, Scope, Token, Unusable, lowest
from tests.builders import NOW_MS

CHANCE = bytes(range(CHANCE_BYTES))
TOKEN = Token.made_of(CHANCE)
OTHER = Token(TOKEN.id, Token.made_of(CHANCE[::-1]).secret)
SECRET_CHARACTERS = 43


def a_key(**changes: Any) -> ApiKey:
    given = {"id": TOKEN.id, "tenant": "acme", "digest": TOKEN.digest, "scopes": ("read",), "created_ms": NOW_MS}
    return ApiKey.model_validate(given | changes)


class Uncomparable(str):
    """A text that nobody may compare character by character, as `==` does: it stops at the first that differs."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared in a time that depends on what is in it")

    __hash__ = str.__hash__


def test_a_token_holds_an_id_and_a_secret() -> None:
    """The id is 8 bytes in hex, the secret 32 bytes in URL-safe Base64."""
    assert TOKEN.text == f"rk_0001020304050607_{TOKEN.secret}"
    assert len(TOKEN.secret) == SECRET_CHARACTERS
    assert TOKEN.digest == hashlib.sha256(TOKEN.secret.encode()).hexdigest()


@given(st.binary(min_size=CHANCE_BYTES, max_size=CHANCE_BYTES))
def test_what_is_made_is_read(chance: bytes) -> None:
    """Every token that is made is read again as it was, underscores and hyphens in its secret too."""
    token = Token.made_of(chance)

    assert Token.parse(token.text) == token


def test_too_little_chance_is_refused() -> None:
    """Nobody makes a key that can be guessed."""
    with pytest.raises(ValueError, match="a token takes 40 random bytes, 39 were given"):
        Token.made_of(CHANCE[1:])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-proj-abc",
        TOKEN.text[:-1],
        f" {TOKEN.text}",
        f"{TOKEN.text}\n",
        f"{TOKEN.text}{'a' * 100}",
        TOKEN.text.replace("rk_", "RK_"),
        TOKEN.text.replace("0001", "000g"),
        f"rk_{TOKEN.id}_{'ü' * SECRET_CHARACTERS}",
        f"rk_:*_{TOKEN.secret}",
    ],
)
def test_what_is_no_token_is_not_read(text: str) -> None:
    """Only the form of a token reaches the store: no other characters, and no length that would cost anything."""
    assert Token.parse(text) is None


def test_a_secret_is_in_no_representation() -> None:
    """What lands in a log or a traceback by accident holds neither the secret nor its digest."""
    assert TOKEN.secret not in repr(TOKEN)
    assert TOKEN.digest not in repr(a_key())


def test_only_its_own_token_is_a_keys() -> None:
    """Another secret under the same id is a stranger's."""
    assert a_key().is_of(TOKEN)
    assert not a_key().is_of(OTHER)


@pytest.mark.parametrize("token", [TOKEN, OTHER], ids=["right", "wrong"])
def test_secrets_are_not_compared_character_by_character(token: Token) -> None:
    """How long a comparison takes says nothing of how much of a secret is right."""
    key = a_key().model_copy(update={"digest": Uncomparable(TOKEN.digest)})

    assert key.is_of(token) is (token is TOKEN)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"expires_ms": NOW_MS + 1}, None),
        ({"expires_ms": NOW_MS}, Unusable.EXPIRED),
        ({"revoked_ms": NOW_MS + 1}, Unusable.REVOKED),
        ({"revoked_ms": NOW_MS, "expires_ms": NOW_MS}, Unusable.REVOKED),
    ],
)
def test_a_key_is_taken_until_it_ends(changes: dict[str, int], why: Unusable | None) -> None:
    """It ends with the millisecond of its expiry, and for good once it is revoked."""
    assert a_key(**changes).unusable(NOW_MS) is why


@pytest.mark.parametrize(
    "changes",
    [{"tenant": "a:b"}, {"id": "x"}, {"digest": TOKEN.secret}, {"scopes": ("root",)}, {"requests_per_minute": 0}],
)
def test_a_key_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    """A tenant's rule, the scopes there are, and limits above nothing hold for whatever is read from the store."""
    with pytest.raises(ValidationError):
        a_key(**changes)


def test_the_lowest_limit_of_a_tenant_counts() -> None:
    """Of each kind the lowest that a usable key names, whichever key is shown; ended keys do not count."""
    keys = [
        a_key(requests_per_minute=600, waiting_max=10),
        a_key(requests_per_minute=60),
        a_key(requests_per_minute=6, revoked_ms=NOW_MS),
        a_key(waiting_max=1, expires_ms=NOW_MS),
        a_key(),
    ]

    assert lowest(keys, NOW_MS) == Limits(requests_per_minute=60, waiting_max=10)
    assert lowest(keys[-1:], NOW_MS) == Limits(None, None)


def test_there_are_six_scopes() -> None:
    """Programs outside name them."""
    assert [*Scope] == ["submit", "read", "cancel", "review", "metrics", "admin"]
