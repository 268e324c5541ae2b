"""`router policy publish`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from ...app import open_store
from ...budget import Budget
from ...client import Client
from ...errors import UnknownPolicy
from ...io.folder import budgets_file
from ...io.redis_store import RedisStore
from ...policy import Policy
from ...settings import Settings
from ..budget import in_force
from ..printing import count, print_json
from .shelf import PATHS, shelves
from .versions import uncertified


@click.command(name="publish", epilog="Example: router policy publish policies")
@PATHS
@click.option("--json", "as_json", is_flag=True)
def command(paths: tuple[Path, ...], as_json: bool) -> int:
    """
    Make these versions the current ones for all producers and workers; tasks on their way keep theirs. The budgets of a
    whole folder come into force, too. Beside each version stands whether it is new.
    """
    settings = Settings.from_env()
    books = [(shelf, shelf.book()) for shelf in shelves(paths, settings)]
    policies = [policy for _, book in books for policy in book.policies.values()]
    budgets = [book.budgets for shelf, book in books if shelf.whole and book.budgets is not None]
    before, changed = asyncio.run(_publish(settings, policies, budgets))
    if as_json:
        print_json([{"policy": policy.policy, "digest": policy.digest} for policy in policies])
    else:
        for policy in policies:
            click.echo(f"{policy.policy}  {policy.digest}{_since(before[policy.policy], policy.digest)}")
    for told in changed:
        click.echo(told, err=True)
    for policy in policies:
        if (lacking := uncertified(policy)) is not None:
            click.echo(f"{policy.policy}: {lacking}", err=True)
    without = [shelf.folder for shelf, book in books if shelf.whole and book.budgets is None]
    if without and not budgets and (number := in_force(settings)):
        told = f"there is no {budgets_file(without[0])}: what is in force stays ({count(number, 'budget')})"
        click.echo(f"{told}; to drop it, publish such a file with `budgets: []`", err=True)
    return 0


def _since(before: str | None, digest: str) -> str:
    """How a version differs from the one that was current before; nothing where it is the same."""
    if before == digest:
        return ""
    return "  new" if before is None else f"  changed, it was {before}"


async def _publish(
    settings: Settings, policies: Sequence[Policy], budgets: Iterable[Sequence[Budget]]
) -> tuple[Mapping[str, str | None], list[str]]:
    """The versions that were current before (None: none was), and what other models answer now, a sentence each."""
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        before = {policy.policy: _current(client, policy.policy) for policy in policies}
    async with open_store(settings) as store:
        old = {name: policy for name, digest in before.items() if (policy := await _read(store, digest)) is not None}
        await store.publish(policies)
        for published in budgets:
            await store.publish_budgets(published)
    models = [told for policy in policies if policy.policy in old for told in _other_models(old[policy.policy], policy)]
    return before, models


def _current(client: Client, policy: str) -> str | None:
    try:
        return client.card(policy).digest
    except UnknownPolicy:
        return None


async def _read(store: RedisStore, digest: str | None) -> Policy | None:
    """A version that is published; None where it cannot be read: publishing another one is what mends that."""
    try:
        return await store.policy(digest) if digest is not None else None
    except (UnknownPolicy, ValueError):
        return None


def _other_models(old: Policy, new: Policy) -> Iterator[str]:
    for tier in new.path:
        then, now = old.models.get(tier), new.models.get(tier)
        if then is not None and now is not None and then != now:
            yield f"{new.policy}: {tier} answers with {now} from now on, it was {then}"
