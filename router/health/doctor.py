"""Everything that is looked at to tell whether a service is set up well and does well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..budget import BudgetUse
from ..ledger import Balance
from ..submission import Card, Full
from .server import Server, keeping, running
from .service import Service, crew, flow, money, nearly_used
from .sign import Level, Sign, fine, problem, warning


@dataclass(frozen=True, slots=True)
class Sunset:
    """The model of a tier that leaves its provider, as it is `said`; its `successor`, where one is named."""

    tier: str
    said: str
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """
    Policies, tiers and prices as they are read here. `mistakes` are those of the files; `gone` the models that have
    left their provider, `leaving` those that soon will; `keys_missing` the variables that tiers name and this shell
    lacks (None: no tiers could be read); `digests` are of the policies by name; `places` the deployments (`tier/name`);
    `used` says of each tier which policy climbs to it.
    """

    path: str
    mistakes: Sequence[str] = ()
    gone: Sequence[Sunset] = ()
    leaving: Sequence[Sunset] = ()
    keys_missing: Sequence[str] | None = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    tiers: Sequence[str] = ()
    places: Sequence[str] = ()
    used: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What Redis and the keys of the service in it show."""

    server: Server
    full: Full | None
    service: Service
    cards: Mapping[str, Card]
    balance: Balance
    budgets: Sequence[BudgetUse] = ()


def diagnose(folder: Folder, found: Found | None) -> list[Sign]:
    """Tell every sign; *found* is None where Redis cannot be reached."""
    signs = [*_files(folder), *_keys(folder, found)]
    if found is None:
        return signs
    service = found.service
    return [
        *keeping(found.server),
        *running(found.server, found.full),
        *signs,
        *_published(folder, found.cards),
        *crew(service, folder.tiers, folder.used),
        *_flow(service, found.budgets),
        *money(service, found.balance),
    ]


def _flow(service: Service, budgets: Sequence[BudgetUse]) -> Iterator[Sign]:
    """What stands still; that budgets are fine is said only where none is nearly used."""
    used = nearly_used(budgets)
    for sign in flow(service):
        if not (used and sign.about == "budgets" and sign.level is Level.OK):
            yield sign
    yield from used


def ill(signs: Sequence[Sign]) -> bool:
    return any(sign.level is Level.PROBLEM for sign in signs)


def _files(folder: Folder) -> Iterator[Sign]:
    if folder.mistakes:
        mend = "mend it, look again with `router policy lint`, then restart the workers"
        yield from (problem("policies", mistake, mend) for mistake in folder.mistakes)
        return
    yield fine("policies", f"{len(folder.digests)} in {folder.path}, every tier and price they need is there")
    yield from (problem("sunset", sunset.said, _follow(sunset)) for sunset in folder.gone)
    yield from (warning("sunset", sunset.said, _follow(sunset)) for sunset in folder.leaving)


def _follow(sunset: Sunset) -> str:
    new = sunset.successor or "another one"
    return f"make {new} the model of tier {sunset.tier!r} in the tiers file, then `router policy test`"


def _keys(folder: Folder, found: Found | None) -> Iterator[Sign]:
    """Workers refuse to start without the keys of their tiers: where some live, only this shell lacks them."""
    if folder.keys_missing is None:
        yield warning("keys", "not looked at: the tiers file could not be read", "see `policies` above")
    elif not (names := " and ".join(folder.keys_missing)):
        yield fine("keys", "every key that tiers name is set")
    elif found and any(not worker.silent for worker in found.service.workers):
        todo = "set it here only if you start workers from here: those that run have what they need"
        yield warning("keys", f"{names} not set in this shell", todo)
    else:
        yield problem("keys", f"{names} not set", "set what the tiers file names: workers do not start without")


def _published(folder: Folder, cards: Mapping[str, Card]) -> Iterator[Sign]:
    """Producers go by what was published, workers publish their folder when they start."""
    publish = "`router policy publish`, or restart the workers, which publish their folder"
    if not cards:
        yield problem("published", "no policy is: producers cannot submit anything", publish)
        return
    other = [name for name, digest in folder.digests.items() if name not in cards or cards[name].digest != digest]
    if other:
        said = f"{', '.join(sorted(other))}: what is published is not what {folder.path} holds"
        yield warning("published", said, f"where the folder is right: {publish}")
    else:
        yield fine("published", f"{len(cards)} policies")
