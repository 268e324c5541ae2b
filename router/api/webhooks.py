"""What callers are told of their tasks: `/v1/webhooks`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError

from ..delivery import Delivery, DeliveryStatus
from ..destination import URL_CHARACTERS_MAX, Allowed
from ..errors import UnknownDelivery
from ..io.commands.webhook import Place, WebhookCommands, no_delivery
from ..webhook import Dialect, Webhook
from .backend import Backend, Served
from .caller import GUARDED, Caller
from .duration import At
from .naming import Naming, untagged
from .owned import Reader, Submitter
from .problems import Refused, answers
from .strict import StrictRoute

routes = APIRouter(prefix="/v1/webhooks", route_class=StrictRoute, tags=["webhooks"])

LISTED_MAX = 200

DeliveryId = Annotated[str, Path(max_length=100, description="The whole id of a delivery.")]
_Url = Annotated[str, Field(max_length=URL_CHARACTERS_MAX, examples=["https://example.com/hooks"])]


class WebhookWish(Naming):
    """Where to tell of a task's end, and how much."""

    url: _Url
    payload: Literal["thin", "full"] = Field(
        default="thin", description="thin: id, status and policy; full: output, metadata and cost, too."
    )


def _form(asked: object) -> str:
    return "url" if isinstance(asked, str) else "wish"


WebhookAsked = Annotated[
    Annotated[WebhookWish, Tag("wish")] | Annotated[_Url, Tag("url")], Discriminator(_form), untagged("wish", "url")
]
"""What a body may say of a webhook: where alone, or how much, too."""


class DeliveryShown(BaseModel):
    """An event on its way to a webhook. Its id is that of the event, and its `webhook-id` header each time."""

    id: str = Field(examples=["evt_3f2c9a01bd44_succeeded"])
    type: str = Field(examples=["task.succeeded"])
    status: DeliveryStatus
    task: str
    policy: str | None = Field(description="The policy's name, once it was sent.")
    url: str
    payload: Literal["thin", "full"]
    attempts: int = Field(description="How often it was sent since it was begun, or redelivered.")
    said: str | None = Field(description="What came of the last attempt.", examples=["200"])
    created_at: At
    changed_at: At
    due_at: At | None = Field(description="When it is sent again, if it is.")


class Deliveries(BaseModel):
    """A page of deliveries, the one that changed last first."""

    data: list[DeliveryShown]
    next: str | None = Field(description="The `cursor` of the next page; null after the last.")


def webhook_of(asked: str | WebhookWish | None, *, dialect: Dialect = Dialect.TASK) -> Webhook | None:
    """The webhook that a caller asks for in a body. Raises: Refused where it is none."""
    if asked is None:
        return None
    wish = WebhookWish(url=asked) if isinstance(asked, str) else asked
    try:
        return Webhook(url=wish.url, payload=wish.payload, dialect=dialect)
    except ValidationError as why:
        raise _refused("webhook_refused", why.errors()[0]["msg"].removeprefix("Value error, ")) from None


async def check_webhook(backend: Backend, tenant: str, webhook: Webhook | None) -> None:
    """Raises: Refused where it cannot be told: for its URL, or because the tenant has no secret to sign with."""
    if webhook is None:
        return
    if problem := webhook.problem(Allowed.read(backend.settings.webhook_allow)):
        raise _refused("webhook_refused", problem)
    if not await backend.link.run(_commands(backend).signs(tenant)):
        make = f"router webhook secret create --tenant {tenant}"
        raise _refused("webhook_unsigned", f"tenant {tenant!r} has no secret to sign webhooks with; make one: {make}")


@routes.get("", responses=GUARDED | answers(422, 503))
async def list_webhooks(
    backend: Served,
    caller: Reader,
    status: DeliveryStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before.")] = None,
) -> Deliveries:
    """List deliveries: three days from when they were taken, seven from giving up."""
    flow = _commands(backend).deliveries(caller.tenant, status=status, limit=limit, after=_after(cursor))
    page = await backend.link.carry_out(flow)
    return Deliveries(
        data=[_shown(delivery) for delivery in page.deliveries], next=page.next.text if page.next else None
    )


@routes.get("/{delivery_id}", responses=GUARDED | answers(404, 422, 503))
async def get_webhook(delivery_id: DeliveryId, backend: Served, caller: Reader) -> DeliveryShown:
    """Show one delivery."""
    return _shown(await _own(backend, caller, delivery_id))


@routes.post("/{delivery_id}/redeliver", status_code=202, responses=GUARDED | answers(404, 409, 422, 503))
async def redeliver_webhook(delivery_id: DeliveryId, backend: Served, caller: Submitter) -> DeliveryShown:
    """Send a delivery again as soon as may be, under its id; its attempts are counted anew, for a day."""
    await backend.link.run(_commands(backend).redeliver(delivery_id, tenant=caller.tenant))
    return _shown(await _own(backend, caller, delivery_id))


async def _own(backend: Backend, caller: Caller, delivery_id: str) -> Delivery:
    """A delivery of the caller's tenant. Raises: UnknownDelivery, for one of another's as for one of nobody's."""
    found = await backend.link.run(_commands(backend).delivery(delivery_id))
    if found.tenant != caller.tenant:
        raise UnknownDelivery(no_delivery(delivery_id))
    return found


def _after(cursor: str | None) -> Place | None:
    try:
        return Place.read(cursor) if cursor is not None else None
    except ValueError:
        raise Refused(422, "cursor_invalid", "take the cursor from `next` of a page", param="cursor") from None


def _commands(backend: Backend) -> WebhookCommands:
    return WebhookCommands(prefix=backend.settings.prefix)


def _shown(delivery: Delivery) -> DeliveryShown:
    return DeliveryShown.model_validate({name: value for name, value in delivery.told.items() if name != "tenant"})


def _refused(code: str, detail: str) -> Refused:
    return Refused(422, code, detail, param="webhook")
