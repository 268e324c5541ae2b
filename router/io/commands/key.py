"""API keys in the store, and how many requests their tenants send, as commands. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...allowance import Allowance
from ...apikey import NO_LIMITS, ApiKey, Limits, Scope, Token, lowest
from ...errors import FormatTooNew, KeyRefused, UnknownKey
from ..packing import require_format, too_new
from ..redis_link import Command
from .scripted import Scripted, as_pairs, as_text

_SCOPES: Final = frozenset(scope.value for scope in Scope)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a key is to be; `expires_ms` counts from the moment it is made."""

    tenant: str
    scopes: tuple[Scope, ...]
    expires_ms: int | None = None
    note: str = ""
    limits: Limits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Known:
    """A key, the limits of its tenant, and when that was so by the server's clock."""

    key: ApiKey
    limits: Limits
    now_ms: int


class KeyCommands(Scripted):
    """Making, reading and ending keys."""

    def create(self, token: Token, wish: Wish) -> Command[ApiKey]:
        """Keep the key of a token. Its reading raises: KeyRefused."""
        return self._create(token, wish, replaces="", overlap_ms=0)

    def rotate(self, old: str, token: Token, wish: Wish, *, overlap_ms: int) -> Command[ApiKey]:
        """Keep a token's key in the place of another, which ends that much later. Its reading raises: KeyRefused."""
        return self._create(token, wish, replaces=old, overlap_ms=overlap_ms)

    def revoke(self, key_id: str) -> Command[ApiKey]:
        """End a key at once. Its reading raises: UnknownKey."""
        return self._script("revoke_key", [key_id], lambda reply: _key_of(key_id, reply))

    def ids(self, tenant: str | None) -> Command[list[str]]:
        """The keys of a tenant, or all of them; some may be gone by now."""
        name = self.keys.api_keys if tenant is None else self.keys.api_keys_of(tenant)
        return Command(("ZRANGE", name, 0, -1), lambda reply: [as_text(key_id) for key_id in reply])

    def read(self, key_id: str) -> Command[ApiKey]:
        """A key. Its reading raises: UnknownKey, FormatTooNew."""
        return Command(("HGETALL", self.keys.api_key(key_id)), lambda reply: _key_of(key_id, reply))

    def seen(self, key_id: str) -> Command[ApiKey | None]:
        """A key that is listed; None where it has gone since."""
        return Command(("HGETALL", self.keys.api_key(key_id)), lambda reply: _key_of(key_id, reply) if reply else None)

    def find(self, key_id: str) -> Command[Known | None]:
        """A key with the limits of its tenant; None where there is no such key."""

        def parse(reply: Any) -> Known | None:
            now_ms, rest = int(reply[0]), reply[1:]
            pairs = ((as_text(name), fields) for name, fields in zip(rest[::2], rest[1::2], strict=True))
            found = {name: (_key_of if name == key_id else _readable)(name, fields) for name, fields in pairs}
            key, readable = found.get(key_id), [key for key in found.values() if key is not None]
            return Known(key, lowest(readable, now_ms), now_ms) if key is not None else None

        return self._script("key", [key_id], parse)

    def used(self, key_id: str) -> Command[None]:
        """Note that a key was shown with its secret."""
        return self._script("use_key", [key_id], lambda _: None, aside=True)

    def request(self, tenant: str, request_id: str, *, per_minute: int) -> Command[Allowance]:
        """Count a request of a tenant, once however often this is sent, if it may come now."""
        return self._script(
            "request",
            [tenant, request_id, per_minute],
            lambda reply: Allowance(per_minute, float(reply[1]), granted=reply[0] == 1),
            aside=True,
        )

    def _create(self, token: Token, wish: Wish, *, replaces: str, overlap_ms: int) -> Command[ApiKey]:
        words: list[str | bytes | int] = [
            token.id,
            wish.tenant,
            token.digest,
            " ".join(wish.scopes),
            _word(wish.expires_ms),
            wish.note,
            _word(wish.limits.requests_per_minute),
            _word(wish.limits.waiting_max),
            replaces,
            overlap_ms,
        ]
        return self._script("create_key", words, lambda reply: _created(token.id, wish.tenant, replaces, reply))


def _word(number: int | None) -> str | int:
    return "" if number is None else number


def _created(key_id: str, tenant: str, replaces: str, reply: Any) -> ApiKey:
    match as_text(reply[0]):
        case "ok":
            return _key_of(key_id, reply[1])
        case "taken":
            raise KeyRefused(f"there is a key {key_id} already; make the key again")
        case "many":
            raise KeyRefused(f"tenant {tenant!r} has {int(reply[1])} keys; revoke those that nobody uses")
        case "replaced":
            raise KeyRefused(f"key {replaces} was replaced by {as_text(reply[1])} already; rotate that one")
        case _:
            raise KeyRefused(f"key {replaces} is not in use any more; create a new one")


def _key_of(key_id: str, reply: Any) -> ApiKey:
    """Raises: UnknownKey, FormatTooNew."""
    if not reply:
        raise UnknownKey(f"there is no API key {key_id}; `router key list` shows those there are")
    text = {name: as_text(value) for name, value in as_pairs(reply).items()}
    require_format(_format(text), f"API key {key_id}")
    return ApiKey(
        id=key_id,
        tenant=text["tenant"],
        digest=text["digest"],
        scopes=_scopes(key_id, text["scopes"].split()),
        created_ms=int(text["created"]),
        expires_ms=_number(text, "expires"),
        revoked_ms=_number(text, "revoked"),
        replaced_by=text.get("heir"),
        note=text.get("note", ""),
        last_used_ms=_number(text, "used"),
        requests_per_minute=_number(text, "rate"),
        waiting_max=_number(text, "waiting"),
    )


def _readable(key_id: str, reply: Any) -> ApiKey | None:
    """A key, where this process knows what it may do; another key of its tenant does not suffer for it."""
    try:
        return _key_of(key_id, reply)
    except FormatTooNew:
        return None


def _scopes(key_id: str, words: Sequence[str]) -> tuple[Scope, ...]:
    for word in words:
        if word not in _SCOPES:
            raise FormatTooNew(too_new(f"API key {key_id} has the scope {word!r}, which this process does not know"))
    return tuple(map(Scope, words))


def _format(text: Mapping[str, str]) -> int:
    return int(text.get("format", 1))


def _number(text: Mapping[str, str], name: str) -> int | None:
    return int(text[name]) if name in text else None
