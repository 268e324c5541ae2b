"""Webhooks in Redis, as commands: deliveries to be made and made, and the secrets that sign them. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, assert_never

from ...delivery import Delivered, Delivery, DeliveryStatus, Gone, Sent, Undelivered
from ...errors import EndpointDisabled, FormatTooNew, UnknownDelivery
from ...task import TaskState
from ...webhook import Secret, Webhook
from ..redis_link import Command, Flow
from .scripted import Scripted, as_pairs, as_text, scored

OF_A_TENANT_MAX = 50
"""Deliveries of one tenant that are on their way at once, whatever their endpoints: slow ones take no other's place."""
_SAID_CHARACTERS_MAX = 200
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that is the caller's to send until the lease ends; `policy` is the digest of its task's version."""

    delivery: Delivery
    policy: str
    token: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list by change goes on: at that time (Unix ms, None for the newest), after so many of it were seen."""

    ms: int | None = None
    seen: int = 0

    @property
    def text(self) -> str:
        return f"{self.ms}-{self.seen}"

    @classmethod
    def read(cls, text: str) -> Place:
        """Raises: ValueError."""
        if not re.fullmatch(r"[0-9]{1,15}-[0-9]{1,9}", text):
            raise ValueError("this is no place in a list of ours")
        ms, _, seen = text.partition("-")
        return cls(int(ms), int(seen))

    def after(self, ms: int) -> Place:
        """The place behind the next one, which changed then."""
        return Place(ms, self.seen + 1 if ms == self.ms else 1)


@dataclass(frozen=True, slots=True)
class Page:
    """Deliveries, the one that changed last first, and where the next page begins; None after the last."""

    deliveries: tuple[Delivery, ...]
    next: Place | None


class WebhookCommands(Scripted):
    """What deliverers, commands and routes ask of the store about webhooks."""

    def claim(self, *, at_most: int, token: str, lease_ms: int) -> Command[tuple[int, list[Leased]]]:
        """Replies with the server's time in ms, and what is now leased under *token*."""
        words: list[str | bytes | int] = [token, at_most, lease_ms, OF_A_TENANT_MAX]

        def parse(reply: Sequence[Any]) -> tuple[int, list[Leased]]:
            now_ms = int(reply[0])
            read = (_leased(one, now_ms, token) for one in reply[1:])
            return now_ms, [leased for leased in read if leased is not None]

        return self._script("hook_claim", words, parse)

    def book(self, leased: Leased, sent: Sent, *, pause_ms: int | None, policy: str | None) -> Command[str]:
        """Replies with the status it has then; `stale` where the lease was lost, `again` where it was booked before."""
        came = _came(sent, pause_ms)
        said = "".join(c if c.isprintable() else " " for c in sent.said)[:_SAID_CHARACTERS_MAX]
        words: list[str | bytes | int] = [leased.delivery.id, leased.token, came, pause_ms or 0, said, policy or ""]
        return self._script("hook_book", words, as_text)

    def redeliver(self, delivery_id: str, *, tenant: str | None) -> Command[None]:
        """Send a delivery again. Its reading raises: UnknownDelivery, EndpointDisabled."""

        def parse(reply: bytes | None) -> None:
            if reply is None:
                raise UnknownDelivery(no_delivery(delivery_id))
            if as_text(reply) == DeliveryStatus.DISABLED:
                raise EndpointDisabled(
                    f"the endpoint of {delivery_id} is disabled, because it took nothing for days or said that it is "
                    "gone; `router webhook enable URL` lets it be told again"
                )

        return self._script("hook_again", [delivery_id, tenant or ""], parse)

    def enable(self, tenant: str, url: str) -> Command[bool]:
        """Let an endpoint be told again; replies whether it was disabled."""
        return self._script("hook_enable", [tenant, url], bool)

    def delivery(self, delivery_id: str) -> Command[Delivery]:
        """Its reading raises: UnknownDelivery."""

        def parse(reply: Any) -> Delivery:
            if (found := _delivery(delivery_id, reply)) is None:
                raise UnknownDelivery(no_delivery(delivery_id))
            return found

        return Command(("HGETALL", self.keys.hook(delivery_id)), parse)

    def tenants(self) -> Command[list[str]]:
        """The tenants that have deliveries."""
        return Command(("ZRANGE", self.keys.hooked, 0, -1), lambda reply: [as_text(name) for name in reply])

    def deliveries(
        self, tenant: str, *, status: DeliveryStatus | None = None, limit: int, after: Place | None = None
    ) -> Flow[Page]:
        """A page of a tenant's deliveries, from *after* on."""
        found: list[Delivery] = []
        place = after or Place()
        while True:
            (listed,) = yield [self._listed(tenant, place)]
            read = yield [self._maybe(delivery_id) for delivery_id, _ in listed]
            for (_, ms), delivery in zip(listed, read, strict=True):
                place = place.after(ms)
                if delivery is not None and status in (None, delivery.status):
                    found.append(delivery)
                if len(found) == limit:
                    return Page(tuple(found), place)
            if len(listed) < _PAGE:
                return Page(tuple(found), None)

    def secrets(self, tenant: str) -> Command[list[Secret]]:
        """The secrets of a tenant that were not dropped, the newest first."""

        def parse(reply: Any) -> list[Secret]:
            found = [_secret(secret_id, as_text(value)) for secret_id, value in as_pairs(reply).items()]
            return sorted(found, key=lambda secret: (-secret.created_ms, secret.id))

        return Command(("HGETALL", self.keys.signing(tenant)), parse)

    def signs(self, tenant: str) -> Command[bool]:
        """Whether a tenant has a secret; who only takes tasks in need not read it."""
        return Command(("EXISTS", self.keys.signing(tenant)), bool)

    def add_secret(
        self, way: Literal["create", "rotate"], tenant: str, *, secret_id: str, text: str, overlap_ms: int = 0
    ) -> Command[str]:
        """Replies ok; `there` (create) where one is live, `none` (rotate) where none is."""
        return self._script("hook_secret", [way, tenant, secret_id, text, overlap_ms], as_text)

    def drop_secret(self, tenant: str, secret_id: str) -> Command[bool]:
        """Replies whether there was such a secret."""
        return Command(("HDEL", self.keys.signing(tenant), secret_id), bool)

    def _listed(self, tenant: str, place: Place) -> Command[list[tuple[str, int]]]:
        newest = "+inf" if place.ms is None else place.ms
        span = (newest, "-inf", "WITHSCORES", "LIMIT", place.seen, _PAGE)
        words = ("ZREVRANGEBYSCORE", self.keys.hooked_of(tenant), *span)
        return Command(words, lambda reply: [(as_text(name), int(float(at))) for name, at in scored(reply)])

    def _maybe(self, delivery_id: str) -> Command[Delivery | None]:
        return Command(("HGETALL", self.keys.hook(delivery_id)), lambda reply: _delivery(delivery_id, reply))


def _came(sent: Sent, pause_ms: int | None) -> str:
    match sent:
        case Delivered():
            return "delivered"
        case Gone():
            return "gone"
        case Undelivered():
            return "failed" if pause_ms is None else "again"
        case never:
            assert_never(never)


def _leased(reply: Sequence[bytes], now_ms: int, token: str) -> Leased | None:
    """None for a delivery of a later version's: its lease runs out, for who can read it."""
    delivery_id, task, tenant, policy, word, state, created, attempt, name = map(as_text, reply)
    try:
        webhook = Webhook.of_word(word)
    except FormatTooNew:
        return None
    delivery = Delivery(
        id=delivery_id,
        task=task,
        tenant=tenant,
        webhook=webhook,
        state=TaskState(state),
        status=DeliveryStatus.WAITING,
        created_ms=int(created),
        attempts=int(attempt),
        changed_ms=now_ms,
        policy=name or None,
    )
    return Leased(delivery, policy, token)


def _delivery(delivery_id: str, reply: Any) -> Delivery | None:
    """A delivery from its hash; None where its time is over."""
    text = {name: as_text(value) for name, value in as_pairs(reply).items()}
    if "t" not in text:
        return None
    return Delivery(
        id=delivery_id,
        task=text["t"],
        tenant=text["n"],
        webhook=Webhook.of_word(text["w"]),
        state=TaskState(text["e"]),
        status=DeliveryStatus(text["s"]),
        created_ms=int(text["c"]),
        attempts=int(text["a"]),
        changed_ms=int(text["u"]),
        said=text.get("r"),
        due_ms=int(text["due"]) if "due" in text and text["s"] == DeliveryStatus.WAITING else None,
        policy=text.get("name"),
    )


def _secret(secret_id: str, value: str) -> Secret:
    created, expires, text = value.split(" ")
    return Secret(secret_id, text, int(created), int(expires) or None)


def no_delivery(delivery_id: str) -> str:
    return f"there is no delivery {delivery_id}: the id is wrong or not whole, or the time that it is kept is over"
