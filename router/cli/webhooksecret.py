"""`router webhook secret`"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Literal

import click

from ..errors import SecretRefused
from ..io.commands.webhook import WebhookCommands
from ..io.redis_link import Link, connect
from ..settings import Settings
from ..tenant import tenant_mistake
from ..values import iso
from ..webhook import SECRET_BYTES, Secret, new_secret
from .cost import seconds_from_0
from .printing import print_json

_ID_BYTES = 6


def _tenant(_: click.Context, __: click.Parameter, value: str) -> str:
    if mistake := tenant_mistake(value):
        raise click.BadParameter(mistake)
    return value


_of_tenant = click.option(
    "--tenant", default="default", show_default=True, callback=_tenant, help="Whose webhooks it signs."
)


@click.group(epilog="Example: router webhook secret create --tenant acme")
def secret() -> None:
    """
    The secrets that sign what a tenant's webhooks are told.

    They lie in Redis in clear, because they sign: whoever reads Redis can forge deliveries.
    """


@secret.command(epilog="Example: router webhook secret create --tenant acme")
@_of_tenant
@click.option("--json", "as_json", is_flag=True)
def create(tenant: str, as_json: bool) -> int:
    """Make a tenant's first secret; it is shown once. Give it to whoever receives the webhooks."""
    return _make("create", tenant, overlap_s=0, as_json=as_json)


@secret.command(epilog="Example: router webhook secret rotate --tenant acme --overlap 24h")
@_of_tenant
@click.option("--overlap", default="24h", show_default=True, help="How long the one before still signs, too.")
@click.option("--json", "as_json", is_flag=True)
def rotate(tenant: str, overlap: str, as_json: bool) -> int:
    """Make a new secret; until the overlap is over each delivery has two signatures, so that receivers can change."""
    return _make("rotate", tenant, overlap_s=seconds_from_0(overlap, "--overlap"), as_json=as_json)


@secret.command(name="list", epilog="Example: router webhook secret list --tenant acme")
@_of_tenant
@click.option("--json", "as_json", is_flag=True)
def list_(tenant: str, as_json: bool) -> int:
    """List the secrets that sign now, the newest first; not their text."""
    with _opened() as (link, commands):
        found, now_ms = link.run(commands.secrets(tenant)), link.run(commands.time())
    live = [_told(one) for one in found if one.live(now_ms)]
    if as_json:
        print_json(live)
    elif live:
        for one in live:
            until = f"until {one['expires_at']}" if one["expires_at"] else "in force"
            click.echo(f"{one['id']}  made {one['created_at']}  {until}")
    else:
        click.echo(f"no secret; make one with: router webhook secret create --tenant {tenant}")
    return 0


@secret.command(epilog="Example: router webhook secret drop 3f2c9a01bd44 --tenant acme")
@click.argument("secret_id")
@_of_tenant
def drop(secret_id: str, tenant: str) -> int:
    """Have a secret sign no more, at once. Without any secret a tenant's webhooks wait."""
    with _opened() as (link, commands):
        if not link.run(commands.drop_secret(tenant, secret_id)):
            raise SecretRefused(f"tenant {tenant} has no secret {secret_id}; see: router webhook secret list")
    click.echo("dropped")
    return 0


def _make(way: Literal["create", "rotate"], tenant: str, *, overlap_s: float, as_json: bool) -> int:
    """Raises: SecretRefused."""
    secret_id, text = secrets.token_hex(_ID_BYTES), new_secret(secrets.token_bytes(SECRET_BYTES))
    with _opened() as (link, commands):
        add = commands.add_secret(way, tenant, secret_id=secret_id, text=text, overlap_ms=int(overlap_s * 1000))
        match link.run(add):
            case "there":
                raise SecretRefused(f"tenant {tenant} has a secret; replace it with: router webhook secret rotate")
            case "none":
                raise SecretRefused(f"tenant {tenant} has no secret yet; make one with: router webhook secret create")
    if as_json:
        print_json({"id": secret_id, "tenant": tenant, "secret": text})
    else:
        click.echo(text)
        click.echo(f"secret {secret_id} of tenant {tenant}: keep it now, it is not shown again", err=True)
    return 0


def _told(one: Secret) -> dict[str, Any]:
    expires = iso(one.expires_ms) if one.expires_ms is not None else None
    return {"id": one.id, "created_at": iso(one.created_ms), "expires_at": expires}


@contextmanager
def _opened() -> Iterator[tuple[Link, WebhookCommands]]:
    settings = Settings.from_env()
    with closing(Link(connect(settings.redis_url), prefix=settings.prefix)) as link:
        yield link, WebhookCommands(prefix=settings.prefix)
