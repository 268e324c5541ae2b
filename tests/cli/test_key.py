"""`router key`: made, listed, replaced, revoked; the secret is shown once."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from router.apikey import Token
from tests.io.keyspace import keyspace
from tests.shell import Shell

LISTED = {
    "id",
    "tenant",
    "state",
    "scopes",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "replaced_by",
    "note",
    "requests_per_minute",
    "waiting_max",
}


def made(shell: Shell, *words: str) -> Token:
    assert shell("key", "create", *words) == 0
    token = Token.parse(shell.out.strip())
    assert token is not None
    return token


def listed(shell: Shell, *words: str) -> dict[str, dict[str, Any]]:
    return {key["id"]: key for key in shell.json("key", "list", *words, "--json")}


def test_the_token_is_all_that_is_printed(shell: Shell) -> None:
    """A script may keep what comes on standard output as it is; what is for people goes beside it."""
    token = made(shell, "--tenant", "acme")

    assert shell.out == f"{token.text}\n"
    assert shell.err == f"key {token.id} of tenant acme: keep it now, it is not shown again\n"


def test_the_secret_is_shown_once(shell: Shell, raw: redis.Redis, prefix: str) -> None:
    """No list and nothing in Redis holds it, or the digest by which it is known."""
    token = made(shell)

    for words in (["key", "list"], ["key", "list", "--json"], ["key", "revoke", token.id, "--json"]):
        assert shell(*words) == 0
        assert token.id in shell.out
        assert token.secret not in shell.out + shell.err
        assert token.digest not in shell.out + shell.err
    assert token.secret not in str(keyspace(raw, prefix))


def test_a_key_is_as_it_was_asked_for(shell: Shell) -> None:
    """Programs read all of it; what was not asked for is usual: submit, read and cancel, without limits or an end."""
    words = ["--tenant", "acme", "--scope", "read", "--scope", "metrics", "--expires", "90d", "--note", "billing [x]"]
    full, plain = made(shell, *words, "--rate", "600", "--waiting", "1000"), made(shell)

    keys = listed(shell)
    assert set(keys[full.id]) == LISTED
    names = ("tenant", "state", "scopes", "note", "requests_per_minute", "waiting_max")
    assert [keys[full.id][name] for name in names] == ["acme", "in use", ["read", "metrics"], "billing [x]", 600, 1000]
    assert keys[full.id]["expires_at"] > keys[full.id]["created_at"]
    assert [keys[plain.id][name] for name in names] == [
        "default",
        "in use",
        ["submit", "read", "cancel"],
        "",
        None,
        None,
    ]
    assert keys[plain.id]["expires_at"] is None


def test_a_new_key_for_programs(shell: Shell) -> None:
    """With --json the token is a member of what a list shows of the key."""
    key = shell.json("key", "create", "--tenant", "acme", "--json")

    token = Token.parse(key.pop("token"))
    assert token is not None
    assert token.id == key["id"]
    assert set(key) == LISTED


def test_a_list_for_people(shell: Shell) -> None:
    """The newest first, one line each, with notes as they were written."""
    first, second = made(shell, "--note", "[red]a\x1b[31m"), made(shell, "--tenant", "acme", "--rate", "600")

    assert shell("key", "list") == 0
    lines = shell.out.splitlines()
    assert lines[0].split()[:4] == ["key", "tenant", "state", "scopes"]
    assert [line.split()[0] for line in lines[1:]] == [second.id, first.id]
    assert "[red]a\\x1b[31m" in lines[2]
    assert lines[1].split()[-2:] == ["600", "-"]


def test_a_list_of_one_tenant(shell: Shell) -> None:
    """Where there is nothing it says how to come by a key."""
    token = made(shell, "--tenant", "acme")
    made(shell)

    assert list(listed(shell, "--tenant", "acme")) == [token.id]
    assert shell("key", "list", "--tenant", "nobody") == 0
    assert shell.out == "no keys; make one with: router key create --tenant NAME\n"


def test_two_keys_live_through_a_rotation(shell: Shell) -> None:
    """The new key is as the old one was, and the old one ends after the overlap."""
    old = made(shell, "--tenant", "acme", "--scope", "review", "--note", "desk", "--rate", "60", "--expires", "90d")

    assert shell("key", "rotate", old.id) == 0
    new = Token.parse(shell.out.strip())
    assert new is not None
    assert f"{old.id} is taken until 20" in shell.err
    keys = listed(shell)
    alike = ("tenant", "scopes", "note", "requests_per_minute", "waiting_max")
    assert [keys[new.id][name] for name in alike] == [keys[old.id][name] for name in alike]
    assert (keys[old.id]["state"], keys[old.id]["replaced_by"], keys[new.id]["state"]) == (
        "replaced",
        new.id,
        "in use",
    )
    assert keys[new.id]["created_at"] < keys[old.id]["expires_at"] < keys[new.id]["expires_at"]


def test_a_rotation_changes_what_is_named(shell: Shell) -> None:
    """With another rate and an end of its own; without an overlap the old one ends at once."""
    old = made(shell, "--rate", "60")

    key = shell.json("key", "rotate", old.id, "--overlap", "0s", "--rate", "600", "--expires", "30d", "--json")

    assert (key["requests_per_minute"], key["expires_at"] is None) == (600, False)
    assert listed(shell)[old.id]["state"] == "expired"


def test_a_key_is_rotated_once(shell: Shell) -> None:
    """Whoever tries again hears which one to rotate."""
    old = made(shell)
    new = shell.json("key", "rotate", old.id, "--json")["id"]

    assert shell("key", "rotate", old.id) == 2
    assert shell.err == f"router: key {old.id} was replaced by {new} already; rotate that one\n"


def test_revoked_is_revoked(shell: Shell) -> None:
    """Several at once, harmless to repeat."""
    tokens = [made(shell) for _ in range(2)]
    ids = [token.id for token in tokens]

    assert shell("key", "revoke", *ids) == 0
    assert shell.out == "2 keys revoked\n"
    first = listed(shell)
    assert {key["state"] for key in first.values()} == {"revoked"}
    assert shell("key", "revoke", *ids) == 0
    assert listed(shell) == first


def test_an_unknown_key_keeps_no_other_in_force(shell: Shell) -> None:
    """The answer is no, but whoever is named beside it is revoked."""
    token = made(shell)

    assert shell("key", "revoke", "0" * 16, token.id) == 1
    assert shell.err == f"router: there is no API key {'0' * 16}; `router key list` shows those there are\n"
    assert listed(shell)[token.id]["state"] == "revoked"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "--tenant", "a:b"], "the tenant must not contain a colon"),
        (["create", "--tenant", "a b"], "the tenant must be 1 to 200 bytes of printable text without blanks"),
        (["create", "--scope", "root"], "'root' is not one of 'submit', 'read', 'cancel', 'review'"),
        (["create", "--expires", "soon"], "--expires is 'soon', expected a number and s, m, h, d or w"),
        (["create", "--expires", "0s"], "it must be more than nothing and at most ten years"),
        (["create", "--expires", "3651d"], "it must be more than nothing and at most ten years"),
        (["create", "--note", "n" * 201], "a note has at most 200 characters"),
        (["create", "--rate", "0"], "0 is not in the range 1<=x<=1000000"),
        (["rotate", "x", "--overlap", "1"], "--overlap is '1', expected a number and s, m, h, d or w"),
        (["list", "--tenant", ""], "the tenant must be 1 to 200 bytes"),
        (["revoke"], "Missing argument 'KEY_ID...'"),
    ],
)
def test_wrong_words_are_refused(shell: Shell, words: list[str], said: str) -> None:
    """Nothing is made or ended, and the message says what was expected."""
    assert shell("key", *words) == 2
    assert said in " ".join(shell.err.split())
    assert listed(shell) == {}


@pytest.mark.parametrize("command", ["create", "list", "rotate", "revoke"])
def test_each_command_has_an_example(shell: Shell, command: str) -> None:
    """Help shows a whole line that works."""
    assert shell("key", command, "--help") == 0
    assert f"Example: router key {command} " in " ".join(shell.out.split())
