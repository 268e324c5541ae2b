"""What was spent, over time and by any dimension: `/costs`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from markupsafe import Markup

from ..api.backend import Backend, Served
from ..api.caller import Caller
from ..api.costs import Seen, counted
from ..api.problems import Refused
from ..apikey import Scope
from ..duration import PATTERN, seconds
from ..spending.counters import HOUR_MS, Change
from ..spending.report import DIMENSIONS, FROM, CostRow, costs
from ..spending.table import costs_csv
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
class Asked:
    """What somebody wants to see: sums by one dimension, or two, of a time back, perhaps of one policy or tenant."""

    by: str
    then: str
    since: str
    policy: str
    tenant: str

    @property
    def dimensions(self) -> list[str]:
        return list(dict.fromkeys(name for name in (self.by, self.then) if name))

    @property
    def query(self) -> dict[str, str]:
        """As a page's address says it."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True)
class OverTime:
    """Nano-dollars of some groups by the time at which their buckets begin (Unix ms)."""

    bucket_ms: int
    begins: Sequence[int]
    groups: Sequence[str]
    amounts: Sequence[Sequence[int]]


def _asked(by: By = "tier", then: By = "", since: Since = "24h", policy: Of = "", tenant: Of = "") -> Asked:
    """Raises: Refused for a dimension that there is not."""
    for name in (by, then):
        if name not in (*DIMENSIONS, "") or not by:
            raise Refused(422, "invalid", f"costs are told by {', '.join(DIMENSIONS)}, not by {name!r}")
    return Asked(by, then, since, policy, tenant)


Wish = Annotated[Asked, Depends(_asked)]


@routes.get("/costs")
async def costs_page(request: Request, visitor: Guest, backend: Served, asked: Wish) -> Response:
    """Sums of the ledger with a chart, and the table behind it."""
    caller = require(visitor, Scope.READ, Scope.ADMIN)
    seen = await _seen(backend, caller, asked)
    changes, dimensions = _chosen(seen, asked), asked.dimensions
    now_ms = await backend.client.now_ms()
    rows = costs(changes, dimensions)
    bucket_ms = _bucket_ms(now_ms - seen.since_ms)
    timed = costs(changes, dimensions, bucket_ms=bucket_ms)
    over = over_time(timed, dimensions, rows, since_ms=seen.since_ms, now_ms=now_ms, bucket_ms=bucket_ms)
    booked = {change.cell.policy for change in seen.changes}
    return render(
        request,
        visitor,
        "costs.html",
        asked=asked,
        spans=SPANS if asked.since in SPANS else SPANS | {asked.since: asked.since},
        dimensions=DIMENSIONS,
        policies=sorted({*await backend.client.policies(), *booked, asked.policy} - {""}),
        seen=seen,
        rows=rows[:ROWS_MAX],
        left_out=len(rows) - ROWS_MAX,
        whole=next(iter(costs(changes, [])), CostRow({})),
        over=over,
        chart=_chart(over) if rows else None,
        bucket_h=bucket_ms // HOUR_MS,
    )


@routes.get("/costs.csv")
async def costs_file(visitor: Guest, backend: Served, asked: Wish) -> Response:
    """The same by the hour, for a spreadsheet."""
    caller = require(visitor, Scope.READ, Scope.ADMIN)
    seen, dimensions = await _seen(backend, caller, asked), asked.dimensions
    text = costs_csv(costs(_chosen(seen, asked), dimensions, bucket_ms=HOUR_MS), dimensions, bucketed=True)
    file = f"costs-by-{'-'.join(dimensions)}-{asked.since}.csv"
    named = {"content-disposition": f'attachment; filename="{file}"'}
    return Response(text, media_type="text/csv", headers=HEADERS | named)


async def _seen(backend: Backend, caller: Caller, asked: Asked) -> Seen:
    return await counted(backend, caller, since_s=seconds(asked.since), tenant=asked.tenant or None)


def _chosen(seen: Seen, asked: Asked) -> list[Change]:
    return [change for change in seen.changes if asked.policy in ("", change.cell.policy)]


def over_time(
    rows: Iterable[CostRow], by: Sequence[str], ranked: Sequence[CostRow], *, since_ms: int, now_ms: int, bucket_ms: int
) -> OverTime:
    """Spread costs by bucket over the dearest groups (*ranked*); the others are summed up, if there are any."""
    told = [_place(row, by) for row in ranked[:TOLD_MAX]]
    places = [*told, *([()] if len(ranked) > TOLD_MAX else [])]
    begins = [*range(since_ms - since_ms % bucket_ms, now_ms + 1, bucket_ms)]
    sums: dict[tuple[tuple[str, ...], str], int] = defaultdict(int)
    for row in rows:
        place = _place(row, by)
        sums[place if place in told else (), row.group[FROM]] += row.cost_nusd
    amounts = [[sums[place, iso(at)] for at in begins] for place in places]
    return OverTime(bucket_ms, begins, [_label_of(place) for place in places], amounts)


def _place(row: CostRow, by: Sequence[str]) -> tuple[str, ...]:
    return tuple(row.group[name] for name in by)


def _label_of(place: Sequence[str]) -> str:
    return " · ".join(name or "none" for name in place) or _OTHER


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
