"""`router webhook secret`: made, rotated, listed, dropped; shown once."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.io.keyspace import keyspace
from tests.shell import Shell


def made(shell: Shell, way: str = "create", *words: str) -> dict[str, Any]:
    told: dict[str, Any] = shell.json("webhook", "secret", way, *words, "--json")
    return told


def ids(shell: Shell, *words: str) -> list[str]:
    return [secret["id"] for secret in shell.json("webhook", "secret", "list", *words, "--json")]


def test_the_secret_is_all_that_is_printed(shell: Shell) -> None:
    """A script may keep what comes on standard output as it is; what is for people goes beside it."""
    assert shell("webhook", "secret", "create", "--tenant", "acme") == 0

    assert shell.out.startswith("whsec_")
    assert len(shell.out.strip()) == len("whsec_") + 44
    assert shell.err.endswith("of tenant acme: keep it now, it is not shown again\n")


def test_no_two_are_alike(shell: Shell) -> None:
    """Each is made of chance."""
    assert made(shell)["secret"] != made(shell, "create", "--tenant", "acme")["secret"]


def test_the_secret_is_shown_once(shell: Shell) -> None:
    """Lists tell that it is there, and since when."""
    secret = made(shell)

    for words in (["list"], ["list", "--json"]):
        assert shell("webhook", "secret", *words) == 0
        assert secret["id"] in shell.out
        assert secret["secret"].removeprefix("whsec_") not in shell.out + shell.err


def test_rotates_with_an_overlap(shell: Shell) -> None:
    """The newest is listed first; the one before until its time is over, at once where none is wanted."""
    first = made(shell)["id"]
    second = made(shell, "rotate", "--overlap", "1h")["id"]
    assert ids(shell) == [second, first]
    assert shell("webhook", "secret", "list") == 0
    assert ["in force" in line for line in shell.out.splitlines()] == [True, False]

    third = made(shell, "rotate", "--overlap", "0s")["id"]
    assert ids(shell) == [third]


def test_a_second_one_comes_by_rotation_alone(shell: Shell) -> None:
    """To create over a secret that is in use would lose deliveries; to rotate none is a mistake of name."""
    assert shell("webhook", "secret", "rotate") == 1
    assert "has no secret yet; make one with: router webhook secret create" in shell.err
    made(shell)

    assert shell("webhook", "secret", "create") == 1
    assert "has a secret; replace it with: router webhook secret rotate" in shell.err


def test_drops_one(shell: Shell, raw: redis.Redis, prefix: str) -> None:
    """Nothing is left of it."""
    secret = made(shell)["id"]

    assert shell("webhook", "secret", "drop", secret) == 0
    assert ids(shell) == []
    assert [name for name in keyspace(raw, prefix) if name.startswith("whsec")] == []
    assert shell("webhook", "secret", "drop", secret) == 1
    assert f"tenant default has no secret {secret}" in shell.err
    assert shell("webhook", "secret", "list") == 0
    assert shell.out == "no secret; make one with: router webhook secret create --tenant default\n"


@pytest.mark.parametrize("words", [["--tenant", "a:b"], ["--tenant", "a b"]])
def test_a_wrong_tenant_is_wrong_use(shell: Shell, words: list[str]) -> None:
    """No tenant may be called so."""
    assert shell("webhook", "secret", "create", *words) == 2


def test_a_wrong_overlap_is_wrong_use(shell: Shell) -> None:
    """The form that is expected is said."""
    assert shell("webhook", "secret", "rotate", "--overlap", "soon") == 2
    assert "--overlap is 'soon', expected a number and s, m, h, d or w" in shell.err
