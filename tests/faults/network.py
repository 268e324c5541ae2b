"""Between workers and their server: replies get lost, nothing passes for a while, connections break."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from threading import Event

from router.io.redis_scripts import scripts
from tests.e2e.house import House
from tests.io.way import Way, in_thread

from .case import Case, Report, report
from .scene import LEASE_S, Scene, a_mail
from .servers import a_ground

_EACH = 10
_SLOW = "+slow=0.1"
_SHARE = 0.3
_ALL = 0.05
_ON_THE_WAY = ("submit", "watch", "claim", "renew", "reserve", "resolve", "finish", "sweep")
"""The scripts that every task needs; the others' lost replies are a matter of tests/io/test_scripts.py."""
_STALLED_S = 1.5 * LEASE_S
_RESETS = 8


@contextmanager
def a_way(house: House, name: str) -> Iterator[tuple[Way, Scene]]:
    """A scene whose workers and callers come to their server over TCP, by a way that can be spoiled."""
    with a_ground(house, name) as (_, ground):
        with in_thread(Way(ground.redis_url)) as way:
            yield way, Scene(ground.by(way.url), name, models=_SLOW)


def lost_replies(house: House, tasks: int) -> Report:
    """Of each script in turn, replies get lost under load; then now and then of any script."""
    unheard = {}
    with a_way(house, "lost-replies") as (way, scene):
        with scene:
            for turn, name in enumerate((*_ON_THE_WAY, "any")):
                before = way.lost
                words = [script.sha for script in scripts().values()] if name == "any" else [scripts()[name].sha]
                way.lose_often(words, _ALL if name == "any" else _SHARE, seed=turn)
                while way.lost == before:
                    _ask(scene, tasks // (len(_ON_THE_WAY) + 1))
                unheard[name] = way.lost - before
            way.lose_often([], 0, seed=0)
            scene.quiet(timeout_s=60 + tasks)
        return report(scene, faults=way.lost, unheard=unheard)


def _ask(scene: Scene, count: int) -> None:
    """Submit one by one, and wait for the ends."""
    handles = [scene.client.submit("intents", a_mail(len(scene.accepted) + i)) for i in range(count)]
    scene.accepted += [handle.id for handle in handles]
    for handle in handles:
        handle.wait(timeout_s=60)


def stalled(house: House, tasks: int) -> Report:
    """Nothing passes for longer than a lease, and no connection ends; then all of it passes, late."""
    stalls = 0
    with a_way(house, "stalled") as (way, scene):
        with scene:
            while len(scene.accepted) < tasks:
                scene.submit(min(_EACH, tasks - len(scene.accepted)))
                scene.busy()
                way.stall()
                Event().wait(_STALLED_S)
                way.flow()
                stalls += 1
            scene.quiet(timeout_s=60 + tasks)
        return report(scene, faults=stalls)


def resets(house: House, tasks: int) -> Report:
    """All connections break at once, again and again, and replies are late in between."""
    luck = Random(tasks)
    with a_way(house, "resets") as (way, scene):
        with scene:
            while len(scene.accepted) < tasks:
                scene.submit(min(_EACH, tasks - len(scene.accepted)))
                scene.busy()
                for _ in range(_RESETS):
                    way.delay(luck.random() / 50)
                    way.reset()
                    Event().wait(luck.random() / 10)
            way.delay(0)
            scene.quiet(timeout_s=60 + tasks)
        return report(scene, faults=way.broken)


CASES = [
    Case("lost replies of every script", "network", lost_replies, few=45, many=900),
    Case("connections that stall longer than a lease", "network", stalled, few=10, many=200),
    Case("connections that break", "network", resets, few=20, many=400),
]
