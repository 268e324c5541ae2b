"""The server freezes, is killed, forgets the end of its log, runs out of memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from uuid import uuid4

from router.cli.ledger import reconcile
from router.errors import Backlogged
from router.io.redis_keys import Keys
from router.ledger import EntryKind
from tests.e2e.house import House
from tests.waiting import wait_until

from .case import Case, Report, of, report
from .oracle import Judgement
from .scene import LEASE_S, Scene, a_mail
from .server import FallibleServer, Ground

_EACH = 20
_SLOW = "+slow=0.1"
_FROZEN_S = 1.5 * LEASE_S
_CUT_S = 1.0
_ROOM_BYTES = 300_000
_FORGETTING = ("billed_is_booked", "bill_is_within_bounds", "one_call_is_one_request")
"""What may be broken where a server forgot what it had acknowledged; all else holds."""
_REBOOKED = ("no_call_comes_too_late", "leases_exclude_each_other")
"""The bill does not say when a call that the books forgot began, nor for which task: its lines do not either."""


@contextmanager
def a_ground(house: House, name: str, **settings: str) -> Iterator[tuple[FallibleServer, Ground]]:
    """A server of a case's own, with these settings of its configuration."""
    folder = house.folder / f"{name}-{uuid4().hex[:6]}"
    with FallibleServer(folder / "redis", settings=settings) as server:
        yield server, Ground(folder, house.models, server.url)


def frozen(house: House, tasks: int) -> Report:
    """The server stands still for longer than a lease, in the middle of calls, and goes on."""
    freezes = 0
    with a_ground(house, "frozen-server") as (server, ground):
        with Scene(ground, "frozen-server", models=_SLOW) as scene:
            while len(scene.accepted) < tasks:
                scene.submit(min(_EACH, tasks - len(scene.accepted)))
                scene.busy()
                server.freeze()
                Event().wait(_FROZEN_S)
                server.thaw()
                freezes += 1
            scene.quiet(timeout_s=60 + tasks)
        return report(scene, faults=freezes, reclaimed=_reclaimed(scene))


def killed(house: House, tasks: int, *, fsync: str) -> Report:
    """
    The server is killed under load, and started again on what it wrote. Synced every second, it keeps what it
    acknowledged in its memory while a sync is under way: a kill just then loses that.
    """
    kills = 0
    with a_ground(house, "killed-server", appendfsync=fsync) as (server, ground):
        with Scene(ground, "killed-server", models=_SLOW) as scene:
            while len(scene.accepted) < tasks:
                scene.submit(min(_EACH, tasks - len(scene.accepted)))
                scene.busy()
                server.kill()
                server.start()
                kills += 1
            scene.accepted = [task for task in scene.accepted if fsync == "always" or not _gone(scene, task)]
            scene.quiet(timeout_s=60 + tasks)
        judged = scene.judged() if fsync == "always" else forgiven(scene.judged(), _FORGETTING)
        return of(judged, faults=kills, kills=kills)


@dataclass(frozen=True)
class Forgotten:
    """
    What a server lost with the end of its log: tasks that it had acknowledged, and calls that the provider billed and
    no line of the ledger tells of, with their sum in nano-dollars.
    """

    tasks: int
    calls: int
    billed_nusd: int


def forgotten(scene: Scene) -> Forgotten:
    """Count it; to be asked again once somebody has mended the books."""
    known = {entry.call for entry in scene.site.entries() if entry.kind is not EntryKind.ATTEMPT}
    missing = [(call, amount) for call, amount in scene.house.models.bill(scene.name) if call not in known]
    gone = [task for task in scene.accepted if _gone(scene, task)]
    return Forgotten(len(gone), len(missing), sum(amount for _, amount in missing))


def cut(house: House, tasks: int) -> Report:
    """
    The last second of the log is cut away, as a power failure does it. What is lost then is counted. Callers that
    submit all they had submitted, with the keys that they had used, lose no task; the provider's bill mends the books.
    Calls that are made again for what was forgotten are scored by themselves.
    """
    mails, keys = [a_mail(i) for i in range(tasks)], [f"mail-{i}" for i in range(tasks)]
    with a_ground(house, "cut-log") as (server, ground):
        with Scene(ground, "cut-log", models=_SLOW) as scene:
            scene.submit(tasks // 2, keys=keys[: tasks // 2])
            wait_until(lambda: len(scene.unended()) < tasks // 2, "the first end")
            logged = server.logged()
            scene.submit(tasks - tasks // 2, keys=keys[tasks // 2 :])
            Event().wait(_CUT_S)
            server.kill()
            cut_bytes = server.forget(logged)
            server.start()
            wait_until(lambda: all(_gone(scene, task) for task in scene.unended()), "the ends of what is left")
            without = forgotten(scene)
            scene.accepted = [handle.id for handle in scene.client.submit_many("intents", mails, keys=keys)]
            scene.quiet(timeout_s=60 + tasks)
        after, before_the_audit = forgotten(scene), forgiven(scene.judged(), _FORGETTING)
        agrees = reconcile(scene.settings, _bill_of(scene)).agrees
        mended = forgotten(scene)
        broken = [] if without.tasks and after.calls else ["nothing was forgotten: the case shows nothing"]
        broken += [f"{after.tasks} tasks are lost though they were submitted again"] if after.tasks else []
        broken += [] if agrees else ["the books do not agree with the bill though they were reconciled"]
        judged = forgiven(scene.judged(), _REBOOKED)
        return of(
            replace(judged, extra=0),
            faults=1,
            broken=[*before_the_audit.broken, *broken],
            cut_bytes=cut_bytes,
            extra_paid_calls=judged.extra,
            lost_without_resubmission=without.tasks,
            lost_with_resubmission=after.tasks,
            unbooked_before_the_audit=after.calls,
            unbooked_before_the_audit_nusd=after.billed_nusd,
            unbooked_after_the_audit=mended.calls,
        )


def full(house: House, tasks: int) -> Report:
    """
    Memory runs out under load: new tasks are refused before it is full, and when it is full all the same, what was
    taken in ends; then there is memory again.
    """
    with a_ground(house, "full-server") as (_, ground):
        with Scene(ground, "full-server", models=_SLOW) as scene:
            scene.submit(tasks // 2)
            scene.busy()
            _limit(scene, int((scene.redis.info("memory")["used_memory"] + _ROOM_BYTES) / 0.9))
            refused_at = _submit_until_refused(scene, at_most=1000)
            _limit(scene, 1)
            refused = sum(_submit_until_refused(scene, at_most=1) is not None for _ in range(3))
            scene.quiet(timeout_s=60 + tasks)
            _limit(scene, 0)
            scene.submit(_EACH)
            scene.quiet()
        broken = [] if refused_at and refused == 3 else ["tasks were taken in though memory was full"]
        broken += [f"worker died: {said}" for said in scene.gang.events("worker.died")]
        return report(scene, faults=2, broken=broken, refused_at=refused_at)


def _limit(scene: Scene, limit_bytes: int) -> None:
    scene.redis.config_set("maxmemory", limit_bytes)


def _submit_until_refused(scene: Scene, *, at_most: int) -> int | None:
    """Returns the number of tasks that stood accepted then; None where nothing was refused."""
    for _ in range(at_most):
        try:
            scene.submit(1)
        except Backlogged:
            return len(scene.accepted)
    return None


def _gone(scene: Scene, task: str) -> bool:
    return not scene.redis.exists(Keys(scene.settings.prefix).task(task))


def _reclaimed(scene: Scene) -> int:
    return sum(told.kind == "reclaimed" for told in scene.left.told())


def _bill_of(scene: Scene) -> Path:
    """What the provider charged this scene alone, as a file."""
    path = scene.house.folder / "bill.jsonl"
    lines = ({"call_id": call, "amount_nusd": amount} for call, amount in scene.house.models.bill(scene.name))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def forgiven(judged: Judgement, checks: tuple[str, ...]) -> Judgement:
    """Without what these checks found."""
    return replace(judged, broken=tuple(said for said in judged.broken if not said.startswith(checks)))


CASES = [
    Case("SIGSTOP of the server longer than a lease", "server", frozen, few=20, many=400),
    Case("SIGKILL of the server, synced at every write", "server", partial(killed, fsync="always"), few=40, many=600),
    Case("SIGKILL of the server, synced every second", "server", partial(killed, fsync="everysec"), few=0, many=600),
    Case("the last second of the log cut away, then the bill read", "tail", cut, few=40, many=600),
    Case("server out of memory", "memory", full, few=40, many=1000),
]
