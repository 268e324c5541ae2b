"""How policies do: `/policies`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from markupsafe import Markup

from ..api.backend import Backend, Served
from ..api.costs import counted
from ..api.duration import seconds
from ..api.gathering import Gathering
from ..apikey import Scope
from ..certificate import Certificate, Trust
from ..counters import Change
from ..errors import UnknownPolicy
from ..overview import Rung, rungs_of
from ..policy import Policy
from ..report import CostRow, costs
from ..submission import Card
from .chart import curves
from .evidence import Witness
from .now import published
from .page import PageRoute, render
from .visitor import Guest, require

routes = APIRouter(prefix="/policies", route_class=PageRoute)

SINCE = "7d"


@dataclass(frozen=True, slots=True)
class Standing:
    """A policy with what its tiers did lately."""

    card: Card
    rungs: tuple[Rung, ...]
    whole: CostRow


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
    return Standing(card, tuple(known.pop(tier, Rung(tier)) for tier in path) + tuple(known.values()), whole)


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


def _reliability(policy: Policy | None) -> Mapping[str, Markup]:
    """By tier, how sure it seemed against how often that was right in the evidence."""
    certificate: Certificate | None = policy.certificate if policy is not None else None
    if certificate is None:
        return {}
    return {tier: _picture(tier, level.trust) for tier, level in certificate.levels.items() if level.trust.knots}


def _picture(tier: str, trust: Trust) -> Markup:
    about = f"Reliability of {tier}: calibrated against raw probability, beside the diagonal of perfect calibration."
    return curves([[(0.0, 0.0), (1.0, 1.0)], trust.knots], about=about)
