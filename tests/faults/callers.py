"""Callers that die, repeat themselves, and contradict themselves: keys make one task of it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from router.client import Client
from router.errors import TaskConflict
from tests.e2e.house import House
from tests.gang import environment, launch
from tests.waiting import wait_until

from .case import Case, Report, report
from .scene import Scene, a_mail

_AT_ONCE = 50
_AT_A_TIME = 20
_EACH = 40
"""Tasks that a caller may submit before it is killed."""


@dataclass(frozen=True)
class Acknowledged:
    """What a caller heard of a task that it submitted."""

    number: int
    task: str
    replayed: bool


def killed_in_submit(house: House, tasks: int) -> Report:
    """A caller is killed somewhere in a row of submissions; the next one begins with the first key nobody heard of."""
    luck = Random(tasks)
    heard: dict[int, Acknowledged] = {}
    unheard = 0
    with Scene(house, "submit") as scene:
        while len(heard) < tasks:
            for said in _submitted_until_killed(scene, len(heard), tasks, after=luck.randrange(_EACH)):
                unheard += said.replayed
                heard[said.number] = said
        scene.accepted = [said.task for said in heard.values()]
        scene.quiet(timeout_s=60 + tasks)
    broken = [] if len(set(scene.accepted)) == tasks else [f"{tasks} keys made {len(set(scene.accepted))} tasks"]
    return report(scene, faults=len(scene.blows), kills=len(scene.blows), broken=broken, accepted_unheard=unheard)


def _submitted_until_killed(scene: Scene, first: int, last: int, *, after: int) -> list[Acknowledged]:
    """Start a caller, kill it once it has heard of *after* tasks, and say what it had heard."""
    said = scene.house.folder / f"{scene.name}-{len(scene.blows)}.caller"
    words = [str(first), str(last)]
    caller = launch("tests.faults.submitter", *words, env=environment(scene.settings), log=said)
    wait_until(
        lambda: len(_heard(said)) > min(after, last - first - 1) or caller.poll() is not None, f"a caller; see {said}"
    )
    scene.strike(caller.pid)
    caller.wait()
    return _heard(said)


def _heard(said: Path) -> list[Acknowledged]:
    lines = [line.split() for line in said.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [Acknowledged(int(n), task, r == "1") for word, n, task, r in lines if word == "acknowledged"]


def same_key(house: House, tasks: int) -> Report:
    """Each key fifty times at once, with another body, for another tenant, and again after the end."""
    broken: list[str] = []
    with Scene(house, "keys", worker_concurrency="20") as scene:
        clients = [Client(scene.settings.redis_url, prefix=scene.settings.prefix) for _ in range(_AT_ONCE)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for number in range(tasks):
                ids = set(pool.map(lambda c, n=number: _submit(c, n), clients))
                other = _submit(clients[0], number, tenant="another")
                scene.accepted += [*ids, other]
                broken += _contradictions(clients[1], number, ids, other)
        scene.quiet(timeout_s=60 + tasks)
        broken += [
            f"key {n} is another task after the end"
            for n in range(tasks)
            if _submit(clients[2], n) not in scene.accepted
        ]
        for client in clients:
            client.close()
    return report(scene, faults=tasks * (_AT_ONCE + 3), broken=broken)


def called_off(house: House, tasks: int) -> Report:
    """Tasks are cancelled with calls in flight, others run into their deadline: no call begins after that."""
    luck = Random(tasks)
    with Scene(house, "called-off", models="+latebill=0.3", worker_concurrency="20") as scene:
        while len(scene.accepted) < tasks:
            ids = scene.submit(_AT_A_TIME // 2)
            scene.submit(_AT_A_TIME // 2, deadline_s=luck.uniform(0.2, 0.5))
            scene.busy()
            for task in luck.sample(ids, len(ids) // 2):
                scene.client.cancel(task)
        scene.quiet(timeout_s=60 + tasks)
    ends = Counter(told.kind for told in scene.left.told())
    broken = [f"no task was {kind}: the case shows nothing" for kind in ("cancelled", "expired") if not ends[kind]]
    return report(scene, faults=ends["cancelled"] + ends["expired"], broken=broken)


def _submit(client: Client, number: int, *, tenant: str = "default") -> str:
    return client.submit("intents", a_mail(number), key=f"key-{number}", tenant=tenant).id


def _contradictions(client: Client, number: int, ids: set[str], other: str) -> list[str]:
    found = [] if len(ids) == 1 else [f"key {number} made {len(ids)} tasks"]
    if other in ids:
        found.append(f"key {number} is one task for two tenants")
    try:
        client.submit("intents", a_mail(number + 1), key=f"key-{number}")
    except TaskConflict:
        return found
    return [*found, f"key {number} was accepted with another body"]


CASES = [
    Case("kill of a caller in submit, who submits again", "callers", killed_in_submit, few=40, many=2500),
    Case("cancels and deadlines with calls in flight", "callers", called_off, few=20, many=1000),
    Case("a key 50 times at once, another body, another tenant", "callers", same_key, few=3, many=60),
]
