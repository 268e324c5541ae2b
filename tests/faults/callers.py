"""Callers that die, repeat themselves, and contradict themselves: keys make one task of it."""

from __future__ import annotations

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
    Case("kill of a caller in submit, who submits again", "callers", killed_in_submit, few=60, many=1500),
    Case("a key 50 times at once, another body, another tenant", "callers", same_key, few=6, many=60),
]
