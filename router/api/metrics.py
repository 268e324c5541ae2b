"""Metrics for Prometheus: `/metrics`."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from .. import __version__
from ..apikey import Scope
from ..metrics import Snapshot, families
from .caller import GUARDED, Caller, needs_unless_away
from .gathering import Gathering
from .strict import StrictRoute
from .tally import Tally

routes = APIRouter(route_class=StrictRoute, tags=["health"])

Scraper = Annotated[Caller | None, Depends(needs_unless_away(Scope.METRICS))]

_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Families of metrics.", "content": {"text/plain": {}, "application/openmetrics-text": {}}}
}


@routes.get("/metrics", response_class=Response, responses=_TEXT | GUARDED)
async def metrics(request: Request, caller: Scraper) -> Response:
    """
    Tell Prometheus how the service does, in its text format or in OpenMetrics, as it accepts.

    Where Redis is away only this process is told of, and `router_store_reachable` is 0: whatever key is shown, for it
    cannot be looked up.
    """
    gathering: Gathering = request.app.state.gathering
    tally: Tally = request.app.state.tally
    snapshot = Snapshot(
        version=__version__,
        python=platform.python_version(),
        asked=tally.asked,
        facts=await gathering.facts() if caller is not None else None,
    )
    encode, content_type = _encoder(request.headers.get("accept", ""))
    return Response(encode(_Told(families(snapshot))), headers={"content-type": content_type})


class _Told(CollectorRegistry):
    """Families that are there already, in the form in which the library's encoders take them."""

    def __init__(self, told: list[Metric]) -> None:
        super().__init__()
        self._told = told

    def collect(self) -> Any:
        return iter(self._told)


def _encoder(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """What the library takes from a header; what it cannot read is as none."""
    try:
        return choose_encoder(accept)
    except (ValueError, TypeError):
        return choose_encoder("")
