"""API keys: for which tenant somebody calls, and what they may do. Of a secret only its digest is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from .tenant import Tenant
from .values import Value


class Scope(StrEnum):
    """What a key lets its holder do; within its tenant, except for `metrics` and `admin`."""

    SUBMIT = "submit"
    READ = "read"
    CANCEL = "cancel"
    REVIEW = "review"
    METRICS = "metrics"
    ADMIN = "admin"


CALLERS: Final = (Scope.SUBMIT, Scope.READ, Scope.CANCEL)
"""What a key may do unless something else is asked for."""

CHANCE_BYTES: Final = 40
"""What a token is made of: 8 bytes for the id, 32 for the secret."""
_ID_BYTES: Final = 8
_ID: Final = r"[0-9a-f]{16}"
_TOKEN: Final = re.compile(rf"rk_({_ID})_([A-Za-z0-9_-]{{43,128}})")

RATE_MAX: Final = 1_000_000
WAITING_MAX: Final = 1_000_000_000
NOTE_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Token:
    """What a caller shows: `rk_<id>_<secret>`, the secret in URL-safe Base64."""

    id: str
    secret: str = field(repr=False)

    @classmethod
    def made_of(cls, chance: bytes) -> Token:
        """Make a token of CHANCE_BYTES bytes from a source of randomness that is fit for secrets."""
        if len(chance) < CHANCE_BYTES:
            raise ValueError(f"a token takes {CHANCE_BYTES} random bytes, {len(chance)} were given")
        return cls(chance[:_ID_BYTES].hex(), urlsafe_b64encode(chance[_ID_BYTES:]).rstrip(b"=").decode())

    @classmethod
    def parse(cls, text: str) -> Token | None:
        """Read what somebody shows; None where it cannot be a token of ours."""
        found = _TOKEN.fullmatch(text)
        return cls(found[1], found[2]) if found else None

    @property
    def text(self) -> str:
        return f"rk_{self.id}_{self.secret}"

    @property
    def digest(self) -> str:
        """
        SHA-256 of the secret, in hex. A slow hash protects what people think up; 256 random bits cannot be tried out,
        and a slow one would let anybody keep the service busy with wrong secrets.
        """
        return hashlib.sha256(self.secret.encode()).hexdigest()


class Unusable(StrEnum):
    """Why a key is not taken any more."""

    REVOKED = "revoked"
    EXPIRED = "expired"


class ApiKey(Value):
    """
    A key as it is kept. Times in Unix ms. `replaced_by` is the key that was made in its place.

    `requests_per_minute` and `waiting_max` (tasks that have not ended) limit its tenant, not the key alone.
    """

    id: Annotated[str, Field(pattern=f"^{_ID}$")]
    tenant: Tenant
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$", repr=False)]
    scopes: tuple[Scope, ...]
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None
    replaced_by: str | None = None
    note: Annotated[str, Field(max_length=NOTE_MAX)] = ""
    last_used_ms: int | None = None
    requests_per_minute: Annotated[int, Field(ge=1, le=RATE_MAX)] | None = None
    waiting_max: Annotated[int, Field(ge=1, le=WAITING_MAX)] | None = None

    def is_of(self, token: Token) -> bool:
        """Tell whether this is the token's key, in a time that says nothing of how much of its secret is right."""
        return hmac.compare_digest(self.digest, token.digest)

    def unusable(self, now_ms: int) -> Unusable | None:
        """Say why the key is not taken at that time; None where it is."""
        if self.revoked_ms is not None:
            return Unusable.REVOKED
        if self.expires_ms is not None and self.expires_ms <= now_ms:
            return Unusable.EXPIRED
        return None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tenant may do at most; None for no limit."""

    requests_per_minute: int | None = None
    waiting_max: int | None = None


NO_LIMITS: Final = Limits()


def lowest(keys: Iterable[ApiKey], now_ms: int) -> Limits:
    """The limits of the tenant of these keys: of each kind the lowest that one of its usable keys names."""
    usable = [key for key in keys if key.unusable(now_ms) is None]
    return Limits(
        requests_per_minute=min((k.requests_per_minute for k in usable if k.requests_per_minute), default=None),
        waiting_max=min((k.waiting_max for k in usable if k.waiting_max), default=None),
    )
