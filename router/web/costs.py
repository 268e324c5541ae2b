"""What was spent, over time and by any dimension: `/costs`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from markupsafe import Markup

from ..api.backend import Served
from ..api.costs import counted
from ..api.duration import PATTERN, seconds
from ..api.problems import Refused
from ..apikey import Scope
from ..costtable import costs_csv
from ..counters import HOUR_MS
from ..report import DIMENSIONS, FROM, CostRow, costs
from ..values import iso
from .chart import Bars, stacked
from .page import HEADERS, PageRoute, render
from .shown import dollars
from .visitor import Guest, require

routes = APIRouter(route_class=PageRoute)

SPANS: Final = {"24h": "24 hours", "3d": "3 days", "7d": "7 days", "35d": "35 days"}
TOLD_MAX: Final = 5
"""Groups that a chart tells apart; what is left stands together."""
ROWS_MAX: Final = 200
BARS_MAX: Final = 60
_BUCKETS_H: Final = (1, 2, 3, 6, 12, 24, 48, 168, 720, 8760)
_OTHER: Final = "all others"

By = Annotated[str, Query(max_length=20)]
Since = Annotated[str, Query(pattern=PATTERN)]
Of = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class OverTime:
    """Nano-dollars of some groups by the time at which their buckets begin (Unix ms)."""

    bucket_ms: int
    begins: Sequence[int]
    groups: Sequence[str]
    amounts: Sequence[Sequence[int]]


@routes.get("/costs")
async def costs_page(
    request: Request, visitor: Guest, backend: Served, *, by: By = "tier", since: Since = "24h", tenant: Of = ""
) -> Response:
    """Sums of the ledger with a chart, and the table behind it."""
    caller = require(visitor, Scope.READ, Scope.ADMIN)
    _require_dimension(by)
    seen = await counted(backend, caller, since_s=seconds(since), tenant=tenant or None)
    now_ms = await backend.client.now_ms()
    rows = costs(seen.changes, [by])
    bucket_ms = _bucket_ms(now_ms - seen.since_ms)
    over = over_time(
        costs(seen.changes, [by], bucket_ms=bucket_ms),
        by,
        rows,
        since_ms=seen.since_ms,
        now_ms=now_ms,
        bucket_ms=bucket_ms,
    )
    return render(
        request,
        visitor,
        "costs.html",
        by=by,
        since=since,
        tenant=tenant,
        spans=SPANS if since in SPANS else SPANS | {since: since},
        dimensions=DIMENSIONS,
        seen=seen,
        rows=rows[:ROWS_MAX],
        left_out=len(rows) - ROWS_MAX,
        whole=next(iter(costs(seen.changes, [])), CostRow({})),
        over=over,
        chart=_chart(over) if rows else None,
        bucket_h=bucket_ms // HOUR_MS,
    )


@routes.get("/costs.csv")
async def costs_file(
    visitor: Guest, backend: Served, *, by: By = "tier", since: Since = "24h", tenant: Of = ""
) -> Response:
    """The same by the hour, for a spreadsheet."""
    caller = require(visitor, Scope.READ, Scope.ADMIN)
    _require_dimension(by)
    seen = await counted(backend, caller, since_s=seconds(since), tenant=tenant or None)
    text = costs_csv(costs(seen.changes, [by], bucket_ms=HOUR_MS), [by], bucketed=True)
    named = {"content-disposition": f'attachment; filename="costs-by-{by}-{since}.csv"'}
    return Response(text, media_type="text/csv", headers=HEADERS | named)


def over_time(
    rows: Iterable[CostRow], by: str, ranked: Sequence[CostRow], *, since_ms: int, now_ms: int, bucket_ms: int
) -> OverTime:
    """Spread costs by bucket over the dearest groups (*ranked*); the others are summed up, if there are any."""
    told = [row.group[by] for row in ranked[:TOLD_MAX]]
    groups = [*told, *([_OTHER] if len(ranked) > TOLD_MAX else [])]
    begins = [*range(since_ms - since_ms % bucket_ms, now_ms + 1, bucket_ms)]
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        group = row.group[by]
        sums[group if group in told else _OTHER, row.group[FROM]] += row.cost_nusd
    return OverTime(bucket_ms, begins, groups, [[sums[group, iso(at)] for at in begins] for group in groups])


def _require_dimension(by: str) -> None:
    if by not in DIMENSIONS:
        raise Refused(422, "invalid", f"costs are told by {', '.join(DIMENSIONS)}, not by {by!r}")


def _bucket_ms(span_ms: int) -> int:
    """The shortest step that makes no more bars than a chart can show."""
    return next((h for h in _BUCKETS_H if span_ms / (h * HOUR_MS) <= BARS_MAX), _BUCKETS_H[-1]) * HOUR_MS


def _chart(over: OverTime) -> Markup:
    labels = [_label(at, over.bucket_ms) for at in over.begins]
    series = [
        Bars(
            [nusd / 1e9 for nusd in amounts],
            [f"{group}, {label}: {dollars(nusd)}" for nusd, label in zip(amounts, labels, strict=True)],
        )
        for group, amounts in zip(over.groups, over.amounts, strict=True)
    ]
    return stacked(
        labels, series, about=f"Costs over time by {len(over.groups)} groups; the table below has the numbers."
    )


def _label(at_ms: int, bucket_ms: int) -> str:
    when = datetime.fromisoformat(iso(at_ms))
    return when.strftime("%b %d") if bucket_ms >= 24 * HOUR_MS else when.strftime("%b %d %H:%M")
