"""What was spent, and what may be: `/v1/costs`, `/v1/budgets`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from ..apikey import Scope
from ..budget import BudgetUse
from ..cost import usd
from ..duration import PATTERN, seconds
from ..io.commands.cost import CostCommands
from ..spending.counters import HOUR_MS, OTHER, Change
from ..spending.report import DIMENSIONS, FROM, CostRow, costs
from ..spending.table import costs_csv
from ..values import iso
from .backend import Backend, Served
from .caller import GUARDED, Caller
from .dead import Of, tenant_of
from .duration import At
from .owned import Overseer
from .problems import Refused, answers
from .strict import StrictRoute

routes = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["money"])

GROUPS_MAX: Final = 10_000
_CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The sums.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}
_REFUSED: Final = GUARDED | answers(422, 503)
_USD = Field(description="Dollars, as a decimal string.", examples=["0.000210000"])


class CostShown(BaseModel):
    """
    Sums of one group. All that calls cost counts in the hour in which it was set aside, verdicts in that in which they
    were given.
    """

    from_: At | None = Field(default=None, serialization_alias=FROM, description="Where its bucket of time begins.")
    group: dict[str, str] = Field(examples=[{"tier": "mini", "policy": "intents"}])
    calls: int = Field(description="Requests to a model, second samples and judges too.")
    attempts: int = Field(description="A tier asked once, or refused by a limit, then without a call.")
    accepted: int
    escalated: int = Field(description="Attempts after which another tier was asked.")
    cost_usd: str = _USD
    doubt_usd: str = Field(
        description="The most that calls of unknown outcome may have cost, those under way too.",
        examples=["0.000000000"],
    )
    reserved_usd: str = Field(description="The part of the doubt of calls under way.", examples=["0.000000000"])
    unsettled_low_usd: str = Field(description="The least that lost calls have cost.", examples=["0.000000000"])
    unsettled_high_usd: str = Field(description="The most that they may have cost.", examples=["0.000000000"])
    overrun_usd: str = Field(
        description="The part of the cost that was charged above the proven worst case.", examples=["0.000000000"]
    )
    cost_per_accepted_usd: str | None = Field(description="The cost of everything by the results that were accepted.")
    accepted_usd: str = Field(description="What the attempts cost that were accepted.", examples=["0.000210000"])
    waste_usd: str = Field(description="What those cost that were not; audits aside.", examples=["0.000000000"])
    audits_usd: str = Field(description="The part of the cost of audits.", examples=["0.000000000"])
    unjudged_usd: str | None = Field(
        description="What was paid and no attempt tells of: calls of attempts under way, of tasks that ended meanwhile "
        "and what a bill settled later. With accepted_usd, waste_usd and audits_usd it is the cost. Null where groups "
        "divide attempts; negative in an hour in which attempts of the hour before were judged."
    )
    always_top_usd: str | None = Field(
        description="What the tasks' first answers would have cost at the top tier of their policies; null where "
        "groups divide tasks, or no price is known."
    )
    saving_usd: str | None = Field(description="That less the cost: negative where climbing cost more.")
    uncompared: int = Field(description="Answered tasks that are left out of it, because no price is known.")
    cache_saving_usd: str = Field(
        description="What cached input would have cost more, had it been fresh.", examples=["0.000000000"]
    )
    input_tokens: int
    cached_input_tokens: int = Field(description="The part of the input that was read from the provider's cache.")
    output_tokens: int
    reasoning_tokens: int = Field(description="The part of the output that was reasoning.")
    simulated: bool = Field(description="Costs of local demo models, which are not real.")


class Costs(BaseModel):
    """Sums of the ledger, since the beginning of an hour."""

    since: At
    partial: bool = Field(
        description="Some hours had so many tenants that further ones stand together, and the one asked for may be one "
        "of them: its budgets tell what it spent in a day."
    )
    data: list[CostShown]


class BudgetShown(BaseModel):
    """One budget of one scope, and what is used of it now."""

    scope: str = Field(examples=["tenant:acme"])
    per: str = Field(examples=["day"])
    limit_usd: str = _USD
    used_usd: str = Field(description="Spent, reserved, or in doubt.", examples=["0.000210000"])
    left_usd: str = _USD
    on_exceeded: str = Field(description="refuse, or park until it turns.", examples=["park"])
    turns_at: At


class Budgets(BaseModel):
    """All budgets that are yours to see."""

    data: list[BudgetShown]


@routes.get("/costs", response_model=Costs, response_model_exclude_unset=True, responses=_CSV | _REFUSED)
async def list_costs(
    request: Request,
    backend: Served,
    caller: Overseer,
    *,
    by: Annotated[
        str,
        Query(max_length=100, description=f"Any of {', '.join(DIMENSIONS)}, with commas.", examples=["tier,policy"]),
    ] = "tier",
    since: Annotated[
        str, Query(pattern=PATTERN, description="How far back, such as 24h, 7d: whole hours, 35 days at most.")
    ] = "24h",
    bucket: Annotated[
        str | None, Query(pattern=PATTERN, description="Also by time, in steps of whole hours such as 1h.")
    ] = None,
    tenant: Of = None,
) -> Costs | Response:
    """
    Sum the ledger by the hour: your tenant's part; with the scope admin all, or that of the tenant that is named.

    With `accept: text/csv` the same rows come as CSV.
    """
    dimensions, bucket_ms = _dimensions(by), _bucket_ms(bucket, seconds(since) * 1000)
    seen = await counted(backend, caller, since_s=seconds(since), tenant=tenant)
    rows = await asyncio.to_thread(costs, seen.changes, dimensions, bucket_ms=bucket_ms)  # a month takes half a second
    if len(rows) > GROUPS_MAX:
        raise Refused(422, "too_much", f"these are more than {GROUPS_MAX:,} groups; take fewer dimensions", param="by")
    if _wants_csv(request):
        return Response(costs_csv(rows, dimensions, bucketed=bucket_ms is not None), media_type="text/csv")
    return Costs(
        since=datetime.fromisoformat(iso(seen.since_ms)), partial=seen.partial, data=[_shown(row) for row in rows]
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """Counters that a caller may see, from the beginning of an hour on; `partial` as in `Costs`."""

    changes: Sequence[Change]
    since_ms: int
    partial: bool


async def counted(backend: Backend, caller: Caller, *, since_s: int, tenant: str | None = None) -> Seen:
    """The caller's tenant's counters; with the scope admin all, or those of *tenant*. Raises: Refused."""
    wanted = None if tenant is None and caller.may(Scope.ADMIN) else tenant_of(caller, tenant)
    flow = _commands(backend).counted(backend.pricing, back_ms=since_s * 1000)
    read = await backend.link.carry_out(flow)
    return Seen(
        changes=[change for change in read.changes if wanted in (None, change.cell.tenant)],
        since_ms=read.since_ms,
        partial=wanted is not None and any(change.cell.tenant == OTHER for change in read.changes),
    )


@routes.get("/budgets", responses=GUARDED | answers(503))
async def list_budgets(backend: Served, caller: Overseer) -> Budgets:
    """Show your tenant's budgets and what is left of them; with the scope admin those of every scope."""
    return Budgets(data=[_budget(use) for use in await visible_budgets(backend, caller)])


async def visible_budgets(backend: Backend, caller: Caller) -> list[BudgetUse]:
    """The budgets that a caller may see, and what is used of them."""
    return [use for use in await backend.store.budgets() if _sees(caller, use)]


def _sees(caller: Caller, use: BudgetUse) -> bool:
    return caller.may(Scope.ADMIN) or use.scope == f"tenant:{caller.tenant}"


def _dimensions(by: str) -> Sequence[str]:
    names = list(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    for name in names:
        if name not in DIMENSIONS:
            raise Refused(422, "invalid", f"by knows no {name!r}; it takes {', '.join(DIMENSIONS)}", param="by")
    return names


def _bucket_ms(bucket: str | None, span_ms: int) -> int | None:
    if bucket is None:
        return None
    bucket_ms = seconds(bucket) * 1000
    if bucket_ms % HOUR_MS:
        raise Refused(
            422, "invalid", "costs are counted by the hour; take whole hours, such as 1h or 1d", param="bucket"
        )
    if span_ms / bucket_ms > GROUPS_MAX:
        raise Refused(422, "invalid", f"these are more than {GROUPS_MAX:,} buckets; take longer ones", param="bucket")
    return bucket_ms


def _wants_csv(request: Request) -> bool:
    """Whether CSV is accepted and JSON is not named before it."""
    accepted = [kind.partition(";")[0].strip().lower() for kind in request.headers.get("accept", "").split(",")]
    return next((kind for kind in accepted if kind in ("text/csv", "application/json", "*/*")), "") == "text/csv"


def _commands(backend: Backend) -> CostCommands:
    return CostCommands(prefix=backend.settings.prefix)


def _shown(row: CostRow) -> CostShown:
    group = dict(row.group)
    began = group.pop(FROM, None)
    told = {name: value for name, value in row.as_json().items() if name not in row.group}
    return CostShown.model_validate({"group": group, **told} | ({"from_": began} if began is not None else {}))


def _budget(use: BudgetUse) -> BudgetShown:
    return BudgetShown(
        scope=use.scope,
        per=use.budget.per,
        limit_usd=usd(use.budget.limit_nusd),
        used_usd=usd(use.used_nusd),
        left_usd=usd(use.left_nusd),
        on_exceeded=use.budget.on_exceeded,
        turns_at=datetime.fromisoformat(iso(use.window.end_ms)),
    )
