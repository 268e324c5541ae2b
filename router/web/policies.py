"""How policies do: `/policies`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from markupsafe import Markup

from ..api.backend import Backend, Served
from ..api.costs import counted
from ..api.gathering import Gathering
from ..apikey import Scope
from ..certificate import Bin, Level
from ..duration import seconds
from ..errors import UnknownPolicy
from ..health.overview import Rung, rungs_of
from ..policy import Policy
from ..proportion import Proportion
from ..spending.counters import Change
from ..spending.report import CostRow, costs
from ..submission import Card
from .chart import Measured, reliability
from .evidence import Witness
from .now import published
from .page import PageRoute, render
from .shown import share
from .visitor import Guest, require

routes = APIRouter(prefix="/policies", route_class=PageRoute)

SINCE = "7d"


@dataclass(frozen=True, slots=True)
class Standing:
    """A policy with what its tiers did lately; `wasted_nusd` by tier is what attempts cost that were not accepted."""

    card: Card
    rungs: tuple[Rung, ...]
    whole: CostRow
    wasted_nusd: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Replies of one tier by how far they are trusted, with the share that was right; as rows and as a picture."""

    rows: tuple[tuple[Bin, Proportion], ...]
    picture: Markup


@routes.get("")
async def policies_page(request: Request, visitor: Guest, backend: Served) -> Response:
    """What is published, and how far each gets at its first tier."""
    caller = require(visitor, Scope.READ, Scope.ADMIN)
    cards = await published(backend)
    seen = await counted(backend, caller, since_s=seconds(SINCE))
    listed = [_standing(card, seen.changes) for card in cards.values()]
    return render(request, visitor, "policies.html", listed=listed)


@routes.get("/{name}")
async def policy_page(
    request: Request, visitor: Guest, backend: Served, name: Annotated[str, Path(max_length=100)]
) -> Response:
    """One policy: its path, how often each tier is accepted, how often wrongly, and what its checks find."""
    caller = require(visitor, Scope.READ, Scope.ADMIN)
    card = await backend.client.card(name)
    seen = await counted(backend, caller, since_s=seconds(SINCE))
    witness: Witness = request.app.state.witness
    evidence = await witness.evidence()
    tenant = None if visitor.may(Scope.ADMIN) else caller.tenant
    policy = await _version(backend, card)
    return render(
        request,
        visitor,
        "policy.html",
        standing=_standing(card, seen.changes),
        since=SINCE,
        evidence=evidence,
        audits=evidence.audits(name) if visitor.sees_all else None,
        findings=evidence.findings(name, tenant),
        judged=evidence.judged(name, tenant),
        policy=policy,
        outdated=_outdated(policy),
        reliability=_reliability(policy),
        published_ms=await _published_ms(request, name) if visitor.sees_all else None,
    )


def _standing(card: Card, changes: Sequence[Change]) -> Standing:
    own = [change for change in changes if change.cell.policy == card.policy]
    whole = next(iter(costs(own, [])), CostRow({}))
    path = card.tiers or (card.tier,)
    known = {rung.tier: rung for rung in rungs_of(own, path)}
    rungs = tuple(known.pop(tier, Rung(tier)) for tier in path) + tuple(known.values())
    return Standing(card, rungs, whole, {row.group["tier"]: row.waste_nusd for row in costs(own, ["tier"])})


async def _version(backend: Backend, card: Card) -> Policy | None:
    """The published version itself; None where its record is gone."""
    try:
        return await backend.store.policy(card.digest)
    except UnknownPolicy:
        return None


async def _published_ms(request: Request, name: str) -> int | None:
    gathering: Gathering = request.app.state.gathering
    facts = await gathering.facts()
    return facts.service.published_ms.get(name) if facts is not None else None


def _outdated(policy: Policy | None) -> tuple[str, ...]:
    certificate = policy.certificate if policy is not None else None
    if policy is None or certificate is None:
        return ()
    return certificate.outdated(policy.promise, policy.basis)


def _reliability(policy: Policy | None) -> Mapping[str, Reliability]:
    """By tier, how far replies are trusted against how often such ones were right in the evidence."""
    certificate = policy.certificate if policy is not None else None
    levels = certificate.levels if certificate is not None else {}
    return {tier: _reliability_of(tier, level) for tier, level in levels.items() if level.bins}


def _reliability_of(tier: str, level: Level) -> Reliability:
    rows = tuple((each, Proportion(each.right, each.count)) for each in level.bins)
    about = (
        f"Reliability of {tier}: how often its replies were right, over how far they are trusted. The table tells it."
    )
    points = [Measured(each.trust, each.share, seen.interval, _told(each, seen)) for each, seen in rows]
    return Reliability(rows, reliability(points, about=about))


def _told(each: Bin, seen: Proportion) -> str:
    low, high = map(share, seen.interval)
    right = f"{each.right:,} of {each.count:,} were right ({share(each.share)}, 95 % interval {low} – {high})"
    return f"trusted {share(each.trust)}: {right}"
