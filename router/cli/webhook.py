"""`router webhook`"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain

import click

from ..delivery import Delivery, DeliveryStatus
from ..errors import EndpointDisabled, UnknownDelivery
from ..io.commands.webhook import Place, WebhookCommands
from ..io.redis_link import Link, connect
from ..settings import Settings
from .listing import lined_up
from .printing import print_json, printable
from .webhooksecret import secret

_COLUMNS = ["delivery", "status", "type", "tenant", "sent", "changed (UTC)", "said", "url"]
_LISTED = 50
_STATUS = click.Choice([status.value for status in DeliveryStatus])
_SENT_AGAIN = click.Choice([DeliveryStatus.FAILED.value, DeliveryStatus.DISABLED.value])


@click.group(name="webhook", epilog="Example: router webhook list --status failed")
def command() -> None:
    """What callers are told of their tasks: deliveries, endpoints, and the secrets that sign."""


command.add_command(secret)


@command.command(name="list", epilog="Example: router webhook list --tenant acme --status failed")
@click.option("--tenant", help="Deliveries of this tenant.")
@click.option("--status", type=_STATUS, help="Deliveries that stand so.")
@click.option("--limit", type=click.IntRange(1), default=_LISTED, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def list_(tenant: str | None, status: str | None, limit: int, as_json: bool) -> int:
    """List deliveries, the one that changed last first: three days from when they were taken, seven from giving up."""
    with _desk() as desk:
        found = desk.deliveries(tenant, status, limit=limit)
    if as_json:
        print_json([delivery.told for delivery in found])
    elif found:
        click.echo("\n".join(lined_up([_COLUMNS, *map(_row, found)])))
    else:
        click.echo("no deliveries; a task has one when it is submitted with a webhook and ends")
    return 0


@command.command(epilog="Example: router webhook show evt_3f2c..._succeeded")
@click.argument("delivery_id")
@click.option("--json", "as_json", is_flag=True)
def show(delivery_id: str, as_json: bool) -> int:
    """Print one delivery: what it tells, where to, and what was said to it last."""
    with _desk() as desk:
        shown = desk.link.run(desk.commands.delivery(delivery_id)).told
    if as_json:
        print_json(shown)
    else:
        for name, value in shown.items():
            click.echo(f"{name:<12}{printable(str(value)) if value is not None else '-'}")
    return 0


@command.command(epilog="Example: router webhook redeliver --status disabled --tenant acme")
@click.argument("delivery_ids", nargs=-1, metavar="[DELIVERY_ID]...")
@click.option("--tenant", help="With --status: deliveries of this tenant.")
@click.option("--status", type=_SENT_AGAIN, help="All that stand so.")
@click.option("--json", "as_json", is_flag=True)
def redeliver(delivery_ids: tuple[str, ...], tenant: str | None, status: str | None, as_json: bool) -> int:
    """
    Send deliveries again, by id or by how they stand, each under its own id: receivers tell a repeated event by that.

    Attempts are counted anew, for a day. Exit 1 if one could not be sent, because it is gone or its endpoint disabled.
    """
    if bool(delivery_ids) == (status is not None):
        raise click.UsageError("give either ids, or --status failed or disabled")
    with _desk() as desk:
        meant = delivery_ids or [found.id for found in desk.deliveries(tenant, status, limit=None)]
        refused = {delivery_id: why for delivery_id in meant if (why := desk.refusal(delivery_id))}
    again = [delivery_id for delivery_id in meant if delivery_id not in refused]
    if as_json:
        print_json({"redelivered": again, "refused": [{"id": i, "reason": why} for i, why in refused.items()]})
    else:
        for why in refused.values():
            click.echo(why, err=True)
        click.echo(f"{len(again):,} will be sent again")
    return 1 if refused else 0


@command.command(epilog="Example: router webhook enable https://example.com/hooks --tenant acme")
@click.argument("url")
@click.option("--tenant", default="default", show_default=True)
def enable(url: str, tenant: str) -> int:
    """Let a disabled endpoint be told again; `redeliver` sends what it was not told. Exit 1 if it was not disabled."""
    with _desk() as desk:
        was_disabled = desk.link.run(desk.commands.enable(tenant, url))
    if was_disabled:
        click.echo(f"enabled; send what was left with: router webhook redeliver --status disabled --tenant {tenant}")
    else:
        click.echo(f"no endpoint {url} of tenant {tenant} is disabled", err=True)
    return 0 if was_disabled else 1


class _Desk:
    """Carries commands about webhooks out."""

    def __init__(self, link: Link, commands: WebhookCommands) -> None:
        self.link = link
        self.commands = commands

    def deliveries(self, tenant: str | None, status: str | None, *, limit: int | None) -> list[Delivery]:
        """The deliveries of a tenant, or of all; the one that changed last first."""
        tenants = self.link.run(self.commands.tenants()) if tenant is None else [tenant]
        found = chain.from_iterable(self._of(name, status, limit) for name in tenants)
        return sorted(found, key=lambda delivery: -delivery.changed_ms)[:limit]

    def _of(self, tenant: str, status: str | None, limit: int | None) -> Iterator[Delivery]:
        wanted = DeliveryStatus(status) if status is not None else None
        after: Place | None = None
        while True:
            flow = self.commands.deliveries(tenant, status=wanted, limit=limit or _PAGE, after=after)
            page = self.link.carry_out(flow)
            yield from page.deliveries
            after = page.next
            if limit is not None or after is None:
                return

    def refusal(self, delivery_id: str) -> str | None:
        """Send one again; why not, where that cannot be."""
        try:
            self.link.run(self.commands.redeliver(delivery_id, tenant=None))
        except (UnknownDelivery, EndpointDisabled) as why:
            return str(why)
        return None


_PAGE = 200


@contextmanager
def _desk() -> Iterator[_Desk]:
    settings = Settings.from_env()
    with closing(Link(connect(settings.redis_url), prefix=settings.prefix)) as link:
        yield _Desk(link, WebhookCommands(prefix=settings.prefix))


def _row(delivery: Delivery) -> Sequence[str]:
    shown = delivery.told
    words = [shown[name] for name in ("id", "status", "type", "tenant")]
    return [*words, str(delivery.attempts), shown["changed_at"], *map(_shown, (delivery.said, delivery.webhook.url))]


def _shown(text: str | None) -> str:
    return printable(text or "-")
