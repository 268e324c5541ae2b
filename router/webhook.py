"""Where a caller wants to be told of a task, and how what is sent there is signed (Standard Webhooks)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, model_validator

from .destination import Allowed, url_problem
from .errors import FormatTooNew
from .values import Json, Value

SECRET_BYTES: Final = 32
SECRETS_MAX: Final = 2
_PREFIX = "whsec_"


_PAYLOADS: Final = ("thin", "full")


class Dialect(StrEnum):
    """In whose words: those of tasks, or of OpenAI's responses."""

    TASK = "task"
    RESPONSE = "response"


_DIALECTS: Final = frozenset(Dialect)


def _url(text: str) -> str:
    """An address in form; whether requests may go there is for whoever sends them. Raises: ValueError."""
    anywhere = Allowed.read("0.0.0.0/0, ::/0")
    if (problem := url_problem(text.replace("http://", "https://", 1), anywhere)) is not None:
        raise ValueError(f"the webhook's url is not taken: {problem}")
    return text


class Webhook(Value):
    """
    Where to tell of a task's end: thin (its id, status and policy), or full (with output, cost and metadata).

    A response can only be told thin, as OpenAI does.
    """

    url: Annotated[str, AfterValidator(_url)]
    payload: Literal["thin", "full"] = "thin"
    dialect: Dialect = Dialect.TASK

    @model_validator(mode="after")
    def _openai_s_are_thin(self) -> Self:
        if self.dialect is Dialect.RESPONSE and self.payload == "full":
            raise ValueError("a response is told thin, as OpenAI does: leave `payload` out, and read it by its id")
        return self

    @property
    def word(self) -> str:
        """As it is stored: `dialect payload url`."""
        return f"{self.dialect} {self.payload} {self.url}"

    @classmethod
    def of_word(cls, word: str) -> Webhook:
        """
        Read what was stored; it was checked then, and is when it is sent. Raises: FormatTooNew for a word of a later
        version.
        """
        dialect, payload, url = word.split(" ", 2)
        if dialect not in _DIALECTS or payload not in _PAYLOADS:
            raise FormatTooNew(
                f"a webhook is to be told in words that this process does not know ({dialect} {payload}): upgrade it "
                "to the version that wrote them; processes of that version send them meanwhile"
            )
        return cls.model_construct(dialect=Dialect(dialect), payload="full" if payload == "full" else "thin", url=url)

    @property
    def told(self) -> dict[str, Json]:
        """As JSON, without what was not asked for."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def problem(self, allowed: Allowed) -> str | None:
        """Why nothing may be sent there, as far as it can be told without a look-up; None where it may."""
        if (problem := url_problem(self.url, allowed)) is None:
            return None
        return f"the webhook's url is not taken: {problem}"


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret of a tenant, `whsec_` and base64. Times are Unix ms; None: it does not expire."""

    id: str
    text: str
    created_ms: int
    expires_ms: int | None = None

    def live(self, now_ms: int) -> bool:
        return self.expires_ms is None or now_ms < self.expires_ms


def new_secret(chance: bytes) -> str:
    """The text of a secret made of these random bytes. Raises: ValueError for fewer than SECRET_BYTES."""
    if len(chance) < SECRET_BYTES:
        raise ValueError(f"{len(chance)} random bytes are too few for a secret, it takes {SECRET_BYTES}")
    return _PREFIX + base64.b64encode(chance).decode()


def signature(secret: str, *, message: str, timestamp_s: int, body: bytes) -> str:
    """
    Sign a body: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`. Raises: ValueError for no secret of ours.

    Source: the Standard Webhooks specification, symmetric signatures.
    """
    signed = b"%s.%d.%s" % (message.encode(), timestamp_s, body)
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def headers(secrets: Sequence[Secret], *, message: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one delivery, signed with every secret: while two are live, a receiver may know either."""
    signed = [signature(s.text, message=message, timestamp_s=timestamp_s, body=body) for s in secrets]
    return {
        "content-type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signed),
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not key:
        raise ValueError("the signing secret is not whsec_ and base64; make one with `router webhook secret create`")
    return key
