"""The users of `deploy/redis.acl`: what they may not do, and that the product needs no more than what they may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from router.app import open_store
from router.client import Client
from router.errors import StoreRefused
from router.io.embedded import EmbeddedServer
from router.local.tiers import write_tiers
from router.settings import Settings
from tests.acl import API, FILE, OPS, PASSWORD, PRODUCER, USERS, WORKER, GuardedServer, as_user, peek
from tests.api.town import a_town, operations
from tests.builders import a_policy
from tests.e2e.house import Models, Site, open_site
from tests.gang import POLICIES, ROOT
from tests.shell import Shell

MAIL = {"text": "Where is my parcel? I ordered it two weeks ago."}
NEEDED = {WORKER: {"info", "client|list"}, API: {"info"}, PRODUCER: {"info"}, OPS: {"info"}}
"""Of the commands that Redis calls dangerous: RQ takes jobs unsafely without INFO, and looks for itself in the list."""
CONTENTS = ("in:x", "trail:x", "kept:x", "c:x")
SECRETS = ("key:x", "whsec:x")
MONEY = ("ledger", "bal:global:d1", "c:x", "open", "budgets", "windows")
PUBLISHED = ("policy:x", "current:x", "policies")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    with GuardedServer(tmp_path_factory.mktemp("guarded"), prefix="r:") as server:
        yield server


@pytest.fixture(scope="module")
def admin(guarded: GuardedServer) -> Iterator[redis.Redis]:
    with peek(guarded.url) as admin:
        yield admin


# what they may not do


def test_nobody_gets_in_before_there_are_passwords(tmp_path: Path) -> None:
    """The file as it stands opens nothing: the default user is off, and ours have no password that fits."""
    with EmbeddedServer(tmp_path) as server, redis.Redis.from_url(server.url) as anybody:
        for line in reversed(FILE.read_text().splitlines()):
            anybody.execute_command("ACL", "SETUSER", *line.split()[1:])
        anybody.connection_pool.disconnect()

        for user in USERS:
            for password in ("", PASSWORD, user):
                with pytest.raises(redis.AuthenticationError):
                    redis.Redis.from_url(server.url, username=user, password=password).ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(server.url).ping()


@pytest.mark.parametrize("user", USERS)
def test_no_dangerous_command_is_allowed(admin: redis.Redis, user: str) -> None:
    """Of all that this server calls dangerous or administrative, what a user may do is exactly what is needed."""
    allowed = {name for name in _dangerous(admin) if _may(admin, user, name, *["r:x"] * 30)}

    assert allowed == NEEDED[user]


def _dangerous(admin: redis.Redis) -> set[str]:
    named = {name for category in ("dangerous", "admin") for name in admin.acl_cat(category)}
    containers = {name.partition("|")[0] for name in named if "|" in name}
    return {str(name) for name in named} - containers


def _may(admin: redis.Redis, user: str, command: str, *words: str) -> bool:
    """Whether a command is allowed; with as many of *words* as it takes."""
    known = admin.execute_command("COMMAND", "INFO", command)[command]
    count = abs(known["arity"]) - 1 - command.count("|")
    said = admin.execute_command("ACL", "DRYRUN", user, *command.split("|"), *words[:count])
    return b"no permissions to run" not in said


ATTACKS: tuple[tuple[str, ...], ...] = (
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("RANDOMKEY",),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "SET", "dir", "/tmp"),
    ("CONFIG", "GET", "requirepass"),
    ("DEBUG", "SLEEP", "0"),
    ("MODULE", "LIST"),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "me", "on", "nopass", "+@all", "~*"),
    ("SHUTDOWN", "NOSAVE"),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("MONITOR",),
    ("SCRIPT", "FLUSH"),
    ("FUNCTION", "FLUSH"),
    ("FUNCTION", "LOAD", "#!lua name=mine\n"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("CLIENT", "PAUSE", "1"),
    ("SWAPDB", "0", "1"),
    ("MIGRATE", "127.0.0.1", "1", "r:x", "0", "1"),
    ("RENAME", "r:x", "r:y"),
    ("SORT", "r:x", "BY", "secret_*"),
    ("SLOWLOG", "GET"),
    ("LATENCY", "RESET"),
    ("BGREWRITEAOF",),
    ("PUBLISH", "other", "x"),
)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("words", ATTACKS, ids=lambda words: " ".join(words[:2]))
def test_attacks_are_refused(guarded: GuardedServer, user: str, words: tuple[str, ...]) -> None:
    """Whoever steals a user's password cannot list, empty, reconfigure, silence or stop the server with it."""
    with _client(guarded, user) as stolen, pytest.raises(redis.ResponseError, match=r"(?i)no permissions|not allowed"):
        stolen.execute_command(*words)


def test_a_worker_tells_other_workers_only(guarded: GuardedServer) -> None:
    """RQ's channels are open to workers, and to nobody else."""
    with _client(guarded, WORKER) as worker:
        assert worker.publish("rq:pubsub:x", "{}") == 0
    for user in (API, PRODUCER, OPS):
        with _client(guarded, user) as other, pytest.raises(redis.exceptions.NoPermissionError):
            other.publish("rq:pubsub:x", "{}")


READS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    WORKER: ((*CONTENTS, *MONEY, *PUBLISHED), ()),
    API: ((*CONTENTS, *MONEY, *PUBLISHED), ()),
    PRODUCER: (("in:x", "trail:x", *PUBLISHED), (*SECRETS, "ledger", "bal:global:d1", "c:x")),
    OPS: (("ledger", "bal:global:d1", "due", "t:x"), (*CONTENTS, *SECRETS)),
}
"""Per user: what it may read, and what it may not."""
WRITES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    WORKER: ((*CONTENTS, *MONEY, *PUBLISHED), ()),
    API: (("t:x", "in:x", "due", "parked"), (*MONEY, *PUBLISHED)),
    PRODUCER: (("t:x", "in:x", "due", "parked"), (*MONEY, *PUBLISHED, *SECRETS)),
    OPS: ((), ("t:x", "due", "parked", *CONTENTS, *MONEY, *PUBLISHED, *SECRETS)),
}


@pytest.mark.parametrize("user", USERS)
def test_each_reads_what_is_its_own(admin: redis.Redis, user: str) -> None:
    """Producers see neither money nor secrets; who looks after the service sees neither contents nor secrets."""
    may, may_not = READS[user]

    assert {key for key in (*may, *may_not) if _touches(admin, user, "GET", f"r:{key}")} == set(may)
    assert not _touches(admin, user, "GET", "somebody:else")


@pytest.mark.parametrize("user", USERS)
def test_each_writes_what_is_its_own(admin: redis.Redis, user: str) -> None:
    """Workers alone write money and policies; nobody writes outside of the prefix."""
    may, may_not = WRITES[user]

    assert {key for key in (*may, *may_not) if _touches(admin, user, "SET", f"r:{key}", "1")} == set(may)
    assert not _touches(admin, user, "SET", "somebody:else", "1")


@pytest.mark.parametrize("user", [API, PRODUCER, OPS])
def test_workers_jobs_come_from_workers_alone(admin: redis.Redis, user: str) -> None:
    """Whoever serves or submits cannot put a job before RQ's workers, nor change one."""
    for words in (("RPUSH", "rq:queue:router-r-all", "x"), ("HSET", "rq:job:x", "data", "x"), ("DEL", "rq:workers")):
        assert not _touches(admin, user, *words)


def _touches(admin: redis.Redis, user: str, *words: str) -> bool:
    return admin.execute_command("ACL", "DRYRUN", user, *words) == b"OK"


@pytest.mark.parametrize("user", USERS)
def test_a_script_may_do_no_more_than_its_caller(guarded: GuardedServer, admin: redis.Redis, user: str) -> None:
    """Whoever may load scripts of ours may load any: keys and commands are looked at inside, too."""
    admin.set("somebody:else", "untouched")
    with _client(guarded, user) as stolen:
        for line in (
            "'GET', 'somebody:else'",
            "'SET', 'somebody:else', 'x'",
            "'FLUSHALL'",
            "'KEYS', '*'",
            "'ACL', 'LIST'",
        ):
            sha = stolen.script_load(f"return redis.call({line})")
            with pytest.raises(redis.ResponseError):
                stolen.evalsha(sha, 1, "r:")

    assert admin.get("somebody:else") == b"untouched"


def _client(server: GuardedServer, user: str) -> redis.Redis:
    return redis.Redis.from_url(as_user(server.url, user))


# what they need


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    """A server of those who do nothing but their work."""
    with GuardedServer(tmp_path_factory.mktemp("served"), prefix="r:") as server:
        yield server


@pytest.fixture(scope="module")
def site(served: GuardedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Workers as their user, at the prefix of the file."""
    folder = tmp_path_factory.mktemp("guarded-site")
    with Models(folder) as models:
        tiers = write_tiers(folder / "tiers.yaml", api_base=models.api_base)
        with open_site("r", folder, redis_url=served.url, tiers=tiers) as site:
            yield site


@pytest.fixture
def shell(site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command line as the user who looks after the service."""
    monkeypatch.chdir(ROOT)
    for name, value in _as(site, OPS).environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OPENAI_API_KEY", "a key")
    return Shell(capsys)


@pytest.mark.parametrize("user", [PRODUCER, API])
def test_tasks_go_their_way(site: Site, served: GuardedServer, user: str) -> None:
    """Workers and producers do all of their work with what the file allows, and are refused nothing."""
    with Client(_as(site, user).redis_url) as client:
        results = [client.run("intents", MAIL, key=f"{user}-{i}", timeout_s=60) for i in range(3)]
        handles = client.submit_many("intents", [MAIL] * 20)
        cancelled = client.submit("intents", MAIL).cancel()
        told = list(client.events(wait_s=0))

    assert [result.status for result in results] == ["succeeded"] * 3
    assert len(handles) == 20
    assert cancelled in ("cancelled", "succeeded")
    assert told
    assert served.denied() == set()


async def test_the_service_does_its_work(tmp_path: Path) -> None:
    """Every route answers as it should while the service is its own user, and nothing that it asks is refused."""
    with GuardedServer(tmp_path, prefix="r:") as server:
        async with a_town(server.url, "r:", service_url=as_user(server.url, API)) as town:
            found = {"task_id": "ready", "response": "response", "delivery_id": "delivery"}
            reads = [known for known in operations(town.app) if known.verb == "GET" and "events" not in known.path]
            for known in reads:
                names = {name: town.owned[found[name]] for name in known.parameters if name in found}
                shared = "policy/text" if "/models/" in known.path else "receipts"
                path = known.path.format(**{"name": shared, "model": shared} | names)
                assert (await town.ask("GET", path, town.owner)).status_code in (200, 403, 409), path
            ruled = {"decision": "accept", "attempt": 1}
            done = [
                await town.ask("POST", f"/v1/review/{town.owned['review']}/resolve", town.owner, json=ruled),
                await town.ask("POST", f"/v1/dead/{town.owned['dead']}/redrive", town.owner),
                await town.ask("POST", f"/v1/webhooks/{town.owned['delivery']}/redeliver", town.owner),
                await town.ask("POST", f"/v1/tasks/{town.owned['ready']}/cancel", town.owner),
                await town.ask("DELETE", f"/v1/tasks/{town.owned['succeeded']}", town.owner),
                await town.ask("DELETE", f"/v1/dead/{town.owned['dead']}", town.owner),
            ]
        assert [answer.status_code for answer in done] == [200, 202, 202, 200, 200, 204]
        assert server.denied() == set()


COMMANDS: dict[str, Any] = {
    "doctor": ("doctor",),
    "cost": ("cost", "--by", "tier,policy"),
    "budget": ("budget", "list"),
    "dead": ("dead", "list"),
    "tasks": ("task", "list"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_who_looks_after_the_service_sees_how_it_does(shell: Shell, served: GuardedServer, name: str) -> None:
    """The commands that only read, and show no contents, work for the user who may only read."""
    code = shell(*COMMANDS[name])

    assert code in (0, 1), shell.err
    assert "permission" not in shell.out + shell.err
    assert served.denied() == set()


def test_the_doctor_says_what_its_user_may_not(shell: Shell, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where commands are denied it is told so, and what to do, not that Redis is away."""
    monkeypatch.setenv("ROUTER_REDIS_URL", _as(site, PRODUCER).redis_url)

    code = shell("doctor")

    assert code == 2
    assert "does not let the user of ROUTER_REDIS_URL do this" in " ".join(shell.out.split())
    assert PASSWORD not in shell.out + shell.err


@pytest.mark.parametrize("user", [API, PRODUCER, OPS])
async def test_policies_are_published_by_workers_alone(guarded: GuardedServer, admin: redis.Redis, user: str) -> None:
    """Whoever may submit tasks cannot swap the policy that judges them."""
    async with open_store(Settings(redis_url=as_user(guarded.url, user))) as store:
        with pytest.raises(StoreRefused, match="take the user that may"):
            await store.publish([a_policy()])

    assert admin.exists("r:policies") == 0


def _as(site: Site, user: str) -> Settings:
    return replace(site.settings, redis_url=as_user(site.settings.redis_url, user), policies=POLICIES)
