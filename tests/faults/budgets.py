"""The last cent, and many who want it at the same time."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

from tests.e2e.house import House
from tests.gang import POLICIES

from .case import Case, Report, of
from .scene import Scene

_EACH_NUSD = 500_000
"""Less than a task of the load takes, so that the money ends before the tasks do."""


def raced_for(house: House, tasks: int) -> Report:
    """Many worker processes, some of which are killed, ask for more than two budgets allow: none is overspent."""
    limits = {"global": tasks * _EACH_NUSD, "tier:small": tasks * _EACH_NUSD // 2}
    folder = _policies(house.folder / f"budgets-{tasks}", limits)
    workers, fault = (16, "send:0.01:KILL:1") if tasks >= 100 else (4, "")
    with Scene(house, "budgets", models="+latebill=0.05", workers=workers, policies=folder, fault=fault) as scene:
        scene.submit(tasks)
        scene.quiet(timeout_s=120 + tasks)
    judged, kills = scene.judged(limits), scene.crashes()
    ends = Counter(told.kind for told in scene.left.told())
    broken = [f"no task {kind}: the case shows nothing" for kind in ("succeeded", "dead") if not ends[kind]]
    return of(judged, faults=ends["dead"] + kills, kills=kills, broken=broken, **ends)


def _policies(folder: Path, limits: dict[str, int]) -> Path:
    """The shipped policies with budgets beside them."""
    if not folder.exists():
        shutil.copytree(POLICIES, folder)
    lines = [f'  - {{scope: "{scope}", usd: {nusd / 1e9:.9f}, per: day}}' for scope, nusd in limits.items()]
    (folder / "budgets.yaml").write_text("\n".join(["budgets:", *lines, ""]))
    return folder


CASES = [Case("many workers race for the last cent", "budget", raced_for, few=40, many=600)]
