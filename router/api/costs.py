"""What was spent, and what may be: `/v1/costs`, `/v1/budgets`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ..apikey import Scope
from ..budget import BudgetUse
from ..cost import usd
from ..io.ledger_lines import entry
from ..io.redis_keys import Keys
from ..io.redis_link import Command
from ..ledger import Entry
from ..report import DIMENSIONS, FROM, CostRow, costs
from ..values import iso
from .backend import Backend, Served
from .caller import GUARDED, Caller
from .dead import Of, tenant_of
from .duration import PATTERN, seconds
from .owned import Reader
from .problems import Refused, answers
from .strict import StrictRoute

routes = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["money"])

LINES_MAX: Final = 500_000
"""Lines of the ledger that one answer is summed from."""
GROUPS_MAX: Final = 10_000
_PAGE: Final = 2000
_USD = Field(description="Dollars, as a decimal string.", examples=["0.000210000"])


class CostShown(BaseModel):
    """Sums of one group."""

    from_: datetime | None = Field(
        default=None, serialization_alias=FROM, description="Where its bucket of time begins."
    )
    group: dict[str, str] = Field(examples=[{"tier": "mini", "policy": "intents"}])
    calls: int = Field(description="Requests to a model, second samples and judges too.")
    attempts: int = Field(description="A tier asked once, or refused by a limit, then without a call.")
    accepted: int
    escalated: int = Field(description="Attempts after which another tier was asked.")
    cost_usd: str = _USD
    doubt_usd: str = Field(
        description="The most that calls of unknown outcome may have cost.", examples=["0.000000000"]
    )
    cost_per_accepted_usd: str | None = Field(description="The cost of all attempts by those that were accepted.")
    input_tokens: int
    output_tokens: int
    simulated: bool = Field(description="Costs of local demo models, which are not real.")


class Costs(BaseModel):
    """Sums of the ledger."""

    since: datetime
    data: list[CostShown]


class BudgetShown(BaseModel):
    """One budget of one scope, and what is used of it now."""

    scope: str = Field(examples=["tenant:acme"])
    per: str = Field(examples=["day"])
    limit_usd: str = _USD
    used_usd: str = Field(description="Spent, reserved, or in doubt.", examples=["0.000210000"])
    left_usd: str = _USD
    on_exceeded: str = Field(description="refuse, or park until it turns.", examples=["park"])
    turns_at: datetime


class Budgets(BaseModel):
    """All budgets that are yours to see."""

    data: list[BudgetShown]


@routes.get("/costs", response_model_exclude_unset=True, responses=GUARDED | answers(422, 503))
async def list_costs(
    backend: Served,
    caller: Reader,
    *,
    by: Annotated[
        str,
        Query(max_length=100, description=f"Any of {', '.join(DIMENSIONS)}, with commas.", examples=["tier,policy"]),
    ] = "tier",
    since: Annotated[str, Query(pattern=PATTERN, description="How far back, such as 30m, 24h, 7d.")] = "24h",
    bucket: Annotated[str | None, Query(pattern=PATTERN, description="Also by time, in steps such as 1h.")] = None,
    tenant: Of = None,
) -> Costs:
    """Sum the ledger: your tenant's lines; with the scope admin those of all tenants, or of the one that is named."""
    wanted = None if tenant is None and caller.may(Scope.ADMIN) else tenant_of(caller, tenant)
    now_ms = await backend.client.now_ms()
    since_ms = max(0, now_ms - seconds(since) * 1000)
    bucket_ms = _bucket_ms(bucket, now_ms - since_ms)
    lines = [line for line in await _lines(backend, since_ms) if wanted in (None, line.tenant)]
    rows = costs(lines, _dimensions(by), since_ms=since_ms, bucket_ms=bucket_ms)
    return Costs(since=datetime.fromisoformat(iso(since_ms)), data=[_shown(row) for row in rows])


@routes.get("/budgets", responses=GUARDED | answers(503))
async def list_budgets(backend: Served, caller: Reader) -> Budgets:
    """Show your tenant's budgets and what is left of them; with the scope admin those of every scope."""
    uses = await backend.store.budgets()
    return Budgets(data=[_budget(use) for use in uses if _sees(caller, use)])


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
    if span_ms / bucket_ms > GROUPS_MAX:
        raise Refused(422, "invalid", f"these are more than {GROUPS_MAX:,} buckets; take longer ones", param="bucket")
    return bucket_ms


async def _lines(backend: Backend, since_ms: int) -> list[Entry]:
    """The ledger's lines from then on, oldest first. Raises: Refused where they are too many."""
    ledger, found, after = Keys(backend.settings.prefix).ledger, list[Entry](), str(since_ms)
    while True:
        words = ("XRANGE", ledger, after, "+", "COUNT", _PAGE)
        page = await backend.link.run(Command(words, lambda reply: [entry(line) for line in reply]))
        found += [line for _, line in page]
        if len(page) < _PAGE:
            return found
        if len(found) > LINES_MAX:
            said = f"since then more than {LINES_MAX:,} lines were booked; take a shorter time, or `router cost`"
            raise Refused(422, "too_much", said, param="since")
        after = f"({page[-1][0]}"


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
