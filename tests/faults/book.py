"""All cases, in the order of the table."""

from __future__ import annotations

from . import (
    backlog,
    baseline,
    budgets,
    callers,
    clocks,
    kills,
    network,
    poison,
    provider,
    recovery,
    rq_keys,
    servers,
    signals,
    sweeps,
)

CASES = (
    *kills.CASES,
    *signals.CASES,
    *callers.CASES,
    *rq_keys.CASES,
    *sweeps.CASES,
    *poison.CASES,
    *provider.CASES,
    *servers.CASES,
    *network.CASES,
    *clocks.CASES,
    *budgets.CASES,
    *recovery.CASES,
    *backlog.CASES,
    *baseline.CASES,
)
FAMILIES = tuple(dict.fromkeys(case.family for case in CASES))
