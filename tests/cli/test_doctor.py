"""`router doctor` on a real server: each thing that can be wrong is found, and said with what to do."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from router.app import open_store
from router.budget import Budget
from router.cli import main
from router.health.sign import Level
from router.io import rq_keys
from router.io.folder import read_book
from router.io.redis_keys import Keys
from router.ledger import EntryKind
from router.settings import Settings
from tests.acl import GuardedServer, allow, peek
from tests.builders import a_submission
from tests.gang import POLICIES
from tests.io.test_scripts import a_desk
from tests.workers.test_sweep import Plant

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
PREFIX = "ward:"
HOUR_MS = 3_600_000


class Ward:
    """A server, a folder of policies that is published there, and workers, all well; and what a test may spoil."""

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set = monkeypatch.setenv
        self.policies = folder / "policies"
        shutil.copytree(POLICIES, self.policies)
        self.rewrite("tiers.yaml", 'sunset: "2027-01-14"', 'sunset: "2999-01-14"')
        self.settings = Settings(redis_url=url, policies=self.policies, prefix=PREFIX)
        for name, value in (self.settings.environment() | {"OPENAI_API_KEY": "a key"}).items():
            self.set(name, value)
        self.keys = Keys(PREFIX)
        self.raw = peek(url)
        self.raw.config_set("maxmemory", 10**9)
        self.plant = Plant(url, PREFIX)
        self.queue = rq_keys.queue_name(PREFIX, "all", alone=False)
        asyncio.run(self._publish())
        self.plant.hire()
        self.plant.hire(alone=True)
        self.plant.top_up()

    def never_sync(self) -> None:
        """Leave it to the kernel when the log is written; whoever may not ask for settings would not hear of it."""
        self.raw.config_set("appendfsync", "no")
        allow(self.settings.redis_url, "+config|get")

    async def _publish(self) -> None:
        book = read_book(self.policies, self.settings.tiers_file, today=datetime.now(UTC).date())
        async with open_store(self.settings) as store:
            await store.publish(list(book.policies.values()))

    def close(self) -> None:
        self.raw.replicaof("NO", "ONE")
        self.raw.config_set("maxmemory", 0)
        self.plant.close()
        self.raw.close()

    def rewrite(self, file: str, old: str, new: str) -> None:
        path = self.policies / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def dismiss(self) -> None:
        """The workers leave."""
        self.plant.close()
        self.plant.workers.clear()

    def submit(self, tier: str, *, count: int = 1) -> None:
        async def send() -> None:
            async with open_store(self.settings) as store:
                await store.submit([a_submission(f"{tier}-{i}", tier=tier) for i in range(count)])

        asyncio.run(send())

    def spend(self, nusd: int, *, of: int) -> None:
        """Put a budget of so many nano-dollars a month into force, of which these were spent today."""

        async def publish() -> None:
            async with open_store(self.settings) as store:
                await store.publish_budgets([Budget(scope="global", usd=Decimal(of) / 10**9, per="month")])

        asyncio.run(publish())
        self.raw.hset(self.keys.balance(f"global:d{int(time.time()) // 86_400}"), "settled", nusd)

    def call(self, kind: EntryKind, cost_nusd: int) -> None:
        """A call that ended so."""

        async def book() -> None:
            async with a_desk(self.settings.redis_url, PREFIX) as desk:
                await desk.reserve(await desk.held())
                await desk.resolve(kind, cost_nusd=cost_nusd)

        asyncio.run(book())


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ward]:
    with GuardedServer(tmp_path / "server") as server:
        ward = Ward(tmp_path, server.url, monkeypatch)
        yield ward
        ward.close()


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code, and what was said."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["doctor", *words])
    assert isinstance(end.value.code, int)
    return end.value.code, capsys.readouterr().out


def ago_ms(ms: int) -> int:
    return int(time.time() * 1000) - ms


# What is spoiled, and what is said of it.

Spoil = Callable[[Ward], object]
ILLS: dict[str, tuple[Spoil, Level, str, str]] = {
    "no append-only file": (
        lambda ward: ward.raw.config_set("appendonly", "no"),
        *(PROBLEM, "append-only file", "`appendonly yes`"),
    ),
    "eviction": (
        lambda ward: ward.raw.config_set("maxmemory-policy", "allkeys-lru"),
        *(PROBLEM, "eviction", "`maxmemory-policy noeviction`"),
    ),
    "a replica": (lambda ward: ward.raw.replicaof("127.0.0.1", 1), *(PROBLEM, "role", "replicaof no one")),
    "never synced": (lambda ward: ward.never_sync(), *(WARNING, "disk", "appendfsync everysec")),
    "no limit of memory": (lambda ward: ward.raw.config_set("maxmemory", 0), *(WARNING, "memory", "set `maxmemory`")),
    "full": (lambda ward: ward.raw.config_set("maxmemory", 1), *(PROBLEM, "memory", "raise `maxmemory` now")),
    "a broken policy": (
        lambda ward: ward.rewrite("intents.yaml", "tiers:", "teirs:"),
        *(PROBLEM, "policies", "router policy lint"),
    ),
    "a model without a price": (
        lambda ward: ward.rewrite("prices.yaml", "openai/gpt-5.4-mini:", "openai/gpt-5.4-maxi:"),
        *(PROBLEM, "policies", "no price of openai/gpt-5.4-mini is in force"),
    ),
    "a price not yet in force": (
        lambda ward: ward.rewrite("prices.yaml", '{from: "2024-07-18"', '{from: "2999-07-18"'),
        *(PROBLEM, "policies", "no price of openai/gpt-4o-mini is in force"),
    ),
    "no folder": (lambda ward: shutil.rmtree(ward.policies), *(PROBLEM, "policies", "set ROUTER_POLICIES")),
    "a model that has left": (
        lambda ward: ward.rewrite("tiers.yaml", "2999-01-14", "2026-01-14"),
        *(PROBLEM, "sunset", "make openai/gpt-6-luna the model of tier 'mini'"),
    ),
    "no key": (lambda ward: (ward.dismiss(), ward.set("OPENAI_API_KEY", "")), *(PROBLEM, "keys", "OPENAI_API_KEY")),
    "no key here": (lambda ward: ward.set("OPENAI_API_KEY", ""), *(WARNING, "keys", "OPENAI_API_KEY")),
    "nothing published": (lambda ward: ward.raw.delete(ward.keys.policies), *(PROBLEM, "published", "policy publish")),
    "something else published": (
        lambda ward: ward.rewrite("intents.yaml", "description: ", "description: New. "),
        *(WARNING, "published", "intents"),
    ),
    "no workers": (lambda ward: ward.dismiss(), *(PROBLEM, "workers", "start `router worker`")),
    "a silent worker": (
        lambda ward: ward.raw.expire(ward.plant.hire().key, 30),
        *(WARNING, "workers", "of 1 nothing was heard"),
    ),
    "a tier that is gone": (lambda ward: ward.submit("medium", count=3), *(PROBLEM, "tiers", "3 tasks at 'medium'")),
    "a tier that nobody serves": (
        lambda ward: (ward.dismiss(), _hire_for(ward, "mini"), ward.submit("large")),
        *(PROBLEM, "tiers", "`router worker --tier large`"),
    ),
    "no sweep": (
        lambda ward: ward.raw.zadd(ward.keys.due, {"t1": ago_ms(HOUR_MS)}),
        *(PROBLEM, "sweep", "sweep.failed"),
    ),
    "a late call": (
        lambda ward: ward.raw.zadd(ward.keys.open, {"c1": ago_ms(HOUR_MS)}),
        *(WARNING, "calls", "1 call open past their time"),
    ),
    "money in doubt": (
        lambda ward: ward.call(EntryKind.UNSETTLED, 0),
        *(WARNING, "money", "router audit --bill"),
    ),
    "a budget that is nearly used": (
        lambda ward: ward.spend(97, of=100),
        *(WARNING, "budgets", "3.0% of the budget of global per month is left"),
    ),
    "a task that nobody decides": (
        lambda ward: ward.raw.zadd(ward.keys.review, {"t1": ago_ms(5 * HOUR_MS)}),
        *(WARNING, "reviews", "1 task waits for a person, the longest for 5.0 h"),
    ),
    "a charge above the worst case": (
        lambda ward: ward.call(EntryKind.SETTLED, 1500),
        *(WARNING, "overrun", "$0.000000500 more than the worst case"),
    ),
    "dead letters": (
        lambda ward: _bury(ward, {"t1": {}, "t2": {}, "sent": {"redriven": "t3"}}),
        *(WARNING, "dead letters", "2 of 3 not sent again"),
    ),
    "parked tasks": (
        lambda ward: ward.raw.zadd(ward.keys.parked, {"t1": ago_ms(-HOUR_MS), "gone": ago_ms(HOUR_MS)}),
        *(WARNING, "budgets", "`router budget publish`"),
    ),
    "a breaker": (
        lambda ward: ward.raw.hset(ward.keys.gate("mini/main"), "bu", ago_ms(-HOUR_MS)),
        *(WARNING, "provider", "mini/main is left alone"),
    ),
    "delayed tasks": (lambda ward: _delay(ward, 12), *(WARNING, "backlog", "12 delayed")),
    "failed shifts": (
        lambda ward: ward.raw.zadd(rq_keys.failed(ward.queue), {"j1": ago_ms(0)}),
        *(WARNING, "RQ", "1 shift failed"),
    ),
    "a stuck shift": (
        lambda ward: ward.raw.lpush(rq_keys.begun(ward.queue), "j1"),
        *(WARNING, "RQ", "1 shift taken and never begun"),
    ),
}


def _hire_for(ward: Ward, tier: str) -> None:
    worker = ward.plant.hire()
    ward.raw.hset(worker.key, "queues", rq_keys.queue_name(PREFIX, tier, alone=False))


def _bury(ward: Ward, letters: dict[str, dict[str, str]]) -> None:
    """Dead letters, beside one whose record has gone and one whose time is over."""
    for task_id, more in letters.items():
        ward.raw.hset(ward.keys.task(task_id), mapping={"s": "dead", **more})
    kept = dict.fromkeys([*letters, "no record"], ago_ms(-HOUR_MS))
    ward.raw.zadd(ward.keys.dead, {**kept, "over": ago_ms(HOUR_MS)})


def _delay(ward: Ward, count: int) -> None:
    ward.submit("mini", count=count)
    for i in range(count):
        ward.raw.hset(ward.keys.task(f"mini-{i}"), "s", "delayed")


@pytest.mark.parametrize("name", ILLS)
def test_finds_what_is_wrong(ward: Ward, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Each misconfiguration and each thing that stands still has its line, with the level and what to do."""
    spoil, level, about, said = ILLS[name]
    spoil(ward)

    code, out = doctor(capsys, "--json")

    signs = [sign for sign in json.loads(out) if sign["about"] == about and sign["level"] == level]
    assert said in " ".join(sign["seen"] + sign["advice"] for sign in signs)
    assert code == 1 or level is WARNING


def test_all_is_well(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    """A service that was set up as the deployment notes say gets not one bad line, and exit code 0."""
    code, out = doctor(capsys, "--json")

    signs = json.loads(out)
    assert [sign for sign in signs if sign["level"] != "ok"] == []
    assert len(signs) > 15
    assert code == 0


def test_warnings_leave_the_answer_yes(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    """What can wait for the morning does not fail a script."""
    ward.raw.config_set("maxmemory", 0)

    assert doctor(capsys)[0] == 0


def test_speaks_to_people(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    """Each bad line is followed by what to do, and the last line counts them."""
    ward.dismiss()
    ward.raw.config_set("maxmemory-policy", "allkeys-lru")

    code, out = doctor(capsys)

    lines = out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("problem  eviction"))
    assert "allkeys-lru" in lines[at]
    assert lines[at + 1].strip() == "-> set `maxmemory-policy noeviction`"
    assert lines[-1] == "2 problems, 0 warnings"
    assert code == 1


def test_letters_that_were_sent_again_are_no_alarm(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    """Once all were sent again the line is fine, as long as they are kept."""
    _bury(ward, {"t1": {"redriven": "t2"}, "t3": {"redriven": "t4"}})

    signs = json.loads(doctor(capsys, "--json")[1])

    (sign,) = [sign for sign in signs if sign["about"] == "dead letters"]
    assert (sign["level"], sign["seen"]) == ("ok", "none but 2 sent again")


def test_what_was_not_looked_at_is_not_called_fine(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a tiers file nothing is said of keys, without an append-only file nothing of the disk."""
    ward.raw.config_set("appendonly", "no")
    ward.set("ROUTER_POLICIES", "/nope")

    levels = {sign["about"]: sign["level"] for sign in json.loads(doctor(capsys, "--json")[1])}

    assert (levels["keys"], levels["disk"]) == ("warning", "warning")
    assert (levels["policies"], levels["append-only file"]) == ("problem", "problem")


def test_a_broken_policy_hides_no_missing_key(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    """What the tiers file alone tells is told, whatever is wrong with the rest."""
    ward.rewrite("intents.yaml", "tiers:", "teirs:")
    ward.set("OPENAI_API_KEY", "")
    ward.submit("mini")

    signs = json.loads(doctor(capsys, "--json")[1])

    assert "OPENAI_API_KEY" in next(sign["seen"] for sign in signs if sign["about"] == "keys")
    assert "tiers" not in {sign["about"] for sign in signs}


def test_with_a_wrong_address(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    """A Redis that is there but lets nobody in so is a setting to correct: its own line, first; exit code 2."""
    ward.set("ROUTER_REDIS_URL", f"{ward.settings.redis_url}?db=99")

    code, out = doctor(capsys, "--json")

    first, *others = json.loads(out)
    assert (first["about"], first["level"]) == ("Redis", "problem")
    assert "has no database 99" in first["seen"]
    assert [sign["about"] for sign in others] == ["policies", "keys"]
    assert code == 2


def test_without_redis(ward: Ward, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Where Redis cannot be reached, that comes first, files and keys are judged all the same; exit code 3."""
    ward.set("ROUTER_REDIS_URL", f"unix://{tmp_path / 'nobody.sock'}")

    code, out = doctor(capsys, "--json")

    assert [(sign["about"], sign["level"]) for sign in json.loads(out)] == [
        ("Redis", "problem"),
        ("policies", "ok"),
        ("keys", "ok"),
    ]
    assert code == 3
