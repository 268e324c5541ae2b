"""`router key`"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import click

from ..apikey import CALLERS, CHANCE_BYTES, NOTE_MAX, RATE_MAX, WAITING_MAX, ApiKey, Limits, Scope, Token
from ..io.commands.key import KeyCommands, Wish
from ..io.redis_link import Command, Link, connect
from ..settings import Settings
from ..tenant import tenant_mistake
from ..values import iso
from .cost import seconds_from_0
from .printing import console, count, print_json, table

T = TypeVar("T")

_COLUMNS = ["key", "tenant", "state", "scopes", "created (UTC)", "expires", "last used", "note", "a minute", "waiting"]
_LIFE_MAX_MS = 10 * 365 * 86_400_000
_RATE = click.IntRange(1, RATE_MAX)
_WAITING = click.IntRange(1, WAITING_MAX)


@click.group(name="key", epilog="Example: router key create --tenant acme --expires 90d --note 'billing service'")
def command() -> None:
    """API keys of the HTTP service: create, list, rotate and revoke them."""


def _tenant(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and (mistake := tenant_mistake(value)):
        raise click.BadParameter(mistake)
    return value


def _note(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and len(value) > NOTE_MAX:
        raise click.BadParameter(f"a note has at most {NOTE_MAX} characters")
    return value


def _duration_ms(_: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    return None if value is None else seconds_from_0(value, f"--{parameter.name}") * 1000


def _lifetime_ms(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    length_ms = _duration_ms(context, parameter, value)
    if length_ms is not None and not 0 < length_ms <= _LIFE_MAX_MS:
        raise click.BadParameter("it must be more than nothing and at most ten years")
    return length_ms


@command.command(epilog="Example: router key create --tenant acme --scope submit --scope read --expires 90d --rate 600")
@click.option("--tenant", default="default", show_default=True, callback=_tenant, help="Whose tasks it is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    default=[scope.value for scope in CALLERS],
    show_default=True,
    help="What its holder may do; repeat it for more.",
)
@click.option("--expires", callback=_lifetime_ms, help="After so long, such as 12h or 90d; without it never.")
@click.option("--note", default="", callback=_note, help="Who uses it, for the list.")
@click.option("--rate", type=_RATE, help="Requests a minute of its tenant; the lowest of its keys counts.")
@click.option("--waiting", type=_WAITING, help="Tasks of its tenant that wait; the lowest of its keys counts.")
@click.option("--json", "as_json", is_flag=True)
def create(
    tenant: str,
    *,
    scopes: tuple[str, ...],
    expires: int | None,
    note: str,
    rate: int | None,
    waiting: int | None,
    as_json: bool,
) -> int:
    """
    Make a key, and print it. It is shown this once: only a digest is kept.

    The tenant of whatever is asked with it is the key's alone. metrics and admin reach beyond the tenant: admin reads
    the costs, budgets, queues and dead letters of all.
    """
    limits = Limits(requests_per_minute=rate, waiting_max=waiting)
    wish = Wish(tenant, tuple(Scope(scope) for scope in dict.fromkeys(scopes)), expires, note, limits)
    token = _new_token()
    with _desk() as desk:
        key = desk.run(desk.commands.create(token, wish))
    _print_new(token, key, as_json=as_json)
    return 0


@command.command(epilog="Example: router key rotate 3f2c9a... --overlap 24h")
@click.argument("key_id")
@click.option("--overlap", default="24h", show_default=True, callback=_duration_ms, help="How long both are taken.")
@click.option("--expires", callback=_lifetime_ms, help="As in create; default: it lives as long as the old one was to.")
@click.option("--rate", type=_RATE, help="As in create; default: that of the old one.")
@click.option("--waiting", type=_WAITING, help="As in create; default: that of the old one.")
@click.option("--json", "as_json", is_flag=True)
def rotate(
    key_id: str, *, overlap: int, expires: int | None, rate: int | None, waiting: int | None, as_json: bool
) -> int:
    """
    Make a key in the place of another: for the same tenant, with the same scopes and note.

    Both are taken until the overlap is over, so that whoever calls can change over; then the old one expires. With
    --overlap 0s it expires at once. As long as both are taken the lower limits count.
    """
    token = _new_token()
    with _desk() as desk:
        old = desk.run(desk.commands.read(key_id))
        wish = _in_place_of(old, expires, Limits(requests_per_minute=rate, waiting_max=waiting))
        key = desk.run(desk.commands.rotate(key_id, token, wish, overlap_ms=overlap))
        old = desk.run(desk.commands.read(key_id))
    _print_new(token, key, as_json=as_json)
    if not as_json:
        click.echo(f"{old.id} is taken until {iso(old.expires_ms or 0)}", err=True)
    return 0


@command.command(name="list", epilog="Example: router key list --tenant acme")
@click.option("--tenant", callback=_tenant, help="Keys of this tenant.")
@click.option("--json", "as_json", is_flag=True)
def list_(tenant: str | None, as_json: bool) -> int:
    """
    List keys, the newest first, without their secrets. Those that ended are listed for 90 days more.

    last used is noted once a minute.
    """
    with _desk() as desk:
        keys = desk.keys(tenant)
        now_ms = desk.now_ms()
    if as_json:
        print_json([key_json(key, now_ms) for key in keys])
    elif keys:
        console().print(table(None, _COLUMNS, [_row(key, now_ms) for key in keys], texts=8))
    else:
        click.echo("no keys; make one with: router key create --tenant NAME")
    return 0


@command.command(epilog="Example: router key revoke 3f2c9a...")
@click.argument("key_ids", nargs=-1, required=True, metavar="KEY_ID...")
@click.option("--json", "as_json", is_flag=True)
def revoke(key_ids: tuple[str, ...], as_json: bool) -> int:
    """End keys for good. The service goes by it within five seconds."""
    with _desk() as desk:
        keys = desk.run_all([desk.commands.revoke(key_id) for key_id in key_ids])
        now_ms = desk.now_ms()
    if as_json:
        print_json([key_json(key, now_ms) for key in keys])
    else:
        click.echo(f"{count(len(keys), 'key')} revoked")
    return 0


class _Desk:
    """Carries key commands out."""

    def __init__(self, link: Link, commands: KeyCommands) -> None:
        self._link = link
        self.commands = commands

    def run(self, command: Command[T]) -> T:
        return self._link.run(command)

    def run_all(self, commands: Sequence[Command[T]]) -> list[T]:
        return self._link.run_all(commands) if commands else []

    def keys(self, tenant: str | None) -> list[ApiKey]:
        """The keys of a tenant or all of them, the newest first."""
        ids = self.run(self.commands.ids(tenant))
        found = self.run_all([self.commands.seen(key_id) for key_id in ids])
        return sorted((key for key in found if key), key=lambda key: key.created_ms, reverse=True)

    def now_ms(self) -> int:
        return self.run(self.commands.time())


@contextmanager
def _desk() -> Iterator[_Desk]:
    settings = Settings.from_env()
    with closing(Link(connect(settings.redis_url), prefix=settings.prefix)) as link:
        yield _Desk(link, KeyCommands(prefix=settings.prefix))


def _new_token() -> Token:
    return Token.made_of(secrets.token_bytes(CHANCE_BYTES))


def _in_place_of(old: ApiKey, expires_ms: int | None, limits: Limits) -> Wish:
    if expires_ms is None and old.expires_ms is not None:
        expires_ms = old.expires_ms - old.created_ms
    both = Limits(
        requests_per_minute=limits.requests_per_minute or old.requests_per_minute,
        waiting_max=limits.waiting_max or old.waiting_max,
    )
    return Wish(old.tenant, old.scopes, expires_ms, old.note, both)


def _print_new(token: Token, key: ApiKey, *, as_json: bool) -> None:
    if as_json:
        print_json({"token": token.text, **key_json(key, key.created_ms)})
        return
    click.echo(token.text)
    click.echo(f"key {key.id} of tenant {key.tenant}: keep it now, it is not shown again", err=True)


def key_json(key: ApiKey, now_ms: int) -> dict[str, Any]:
    """A key without anything of its secret; times as ISO 8601."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "state": _state(key, now_ms),
        "scopes": [scope.value for scope in key.scopes],
        "created_at": iso(key.created_ms),
        "expires_at": _iso(key.expires_ms),
        "revoked_at": _iso(key.revoked_ms),
        "last_used_at": _iso(key.last_used_ms),
        "replaced_by": key.replaced_by,
        "note": key.note,
        "requests_per_minute": key.requests_per_minute,
        "waiting_max": key.waiting_max,
    }


def _row(key: ApiKey, now_ms: int) -> list[str]:
    times = [_day(ms) for ms in (key.created_ms, key.expires_ms, key.last_used_ms)]
    limits = ["-" if limit is None else f"{limit:,}" for limit in (key.requests_per_minute, key.waiting_max)]
    words = [key.id, key.tenant, _state(key, now_ms), " ".join(key.scopes)]
    return [*words, *times, key.note, *limits]


def _state(key: ApiKey, now_ms: int) -> str:
    return key.unusable(now_ms) or ("replaced" if key.replaced_by else "in use")


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)


def _day(at_ms: int | None) -> str:
    return "-" if at_ms is None else iso(at_ms)[:16].replace("T", " ")
