"""Tasks that end every process that touches them, among others that have done nothing."""

from __future__ import annotations

from collections import Counter
from functools import partial

from router.task import TaskState
from tests.e2e.house import House

from .case import Case, Report, report
from .evidence import Evidence
from .nursery import ForkedGang
from .scene import Scene

_CRASHES = 4
"""Of a poison task: one in company, three alone."""


class PoisonedGang(ForkedGang):
    module = "tests.faults.poisoned"


def poisoned(house: House, tasks: int, *, poison: str, at_once: int) -> Report:
    """A poison task is dead after three crashes alone; its neighbours lose a call to the first crash, at most."""
    with Scene(house, poison, kind=PoisonedGang, models="+latebill=0.2", worker_concurrency=str(at_once)) as scene:
        count = max(1, tasks // 100)
        neighbours = scene.submit(tasks)
        inputs = [{"text": f"{poison} {i}"} for i in range(count)]
        guilty = [handle.id for handle in scene.client.submit_many("intents", inputs, priority="high")]
        scene.accepted += guilty
        scene.quiet(timeout_s=120 + tasks)
    evidence = scene.evidence()
    broken = [
        f"{task} is {evidence.tasks[task].state}" for task in guilty if evidence.tasks[task].state is not TaskState.DEAD
    ]
    broken += _bought_too_often(evidence, neighbours, crashes=len(guilty))
    return report(scene, faults=_CRASHES * len(guilty), kills=_CRASHES * len(guilty), broken=broken)


def _bought_too_often(evidence: Evidence, neighbours: list[str], *, crashes: int) -> list[str]:
    """Neighbours that paid for more calls than their trails tell of, and one for each crash that had company."""
    owners = {e.call: e.task for e in evidence.entries if e.call is not None}
    paid = Counter(owners[call] for call, amount in evidence.bill if amount and call in owners)
    return [
        f"the neighbour {task} paid for {paid[task]} calls, {len(evidence.tasks[task].calls)} are in its trail"
        for task in neighbours
        if paid[task] > len(evidence.tasks[task].calls) + crashes
    ]


CASES = [
    Case("poison: os._exit", "poison", partial(poisoned, poison="poison-exit", at_once=8), few=8, many=300),
    Case("poison: out of memory", "poison", partial(poisoned, poison="poison-memory", at_once=8), few=8, many=300),
    Case("poison: endless loop", "poison", partial(poisoned, poison="poison-loop", at_once=8), few=6, many=100),
]
