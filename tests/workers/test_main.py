"""`python -m workers` as a real process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from rq import Worker

from router.client import Client, Handle
from router.errors import UnknownPolicy
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.acl import GuardedServer, peek
from tests.fault_provider import FaultProvider
from tests.gang import POLICIES, Gang, alive, environment, launch
from tests.waiting import wait_until
from workers.__main__ import main
from workers.rq_worker import queue_name, shift_queue

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and prctl, which only Linux has")

POLICY = """
policy: mail
prompt: {system: Say what the mail wants., user: "{{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}, required: [text]}}
output: {labels: [refund, praise]}
tiers: [mini]
"""
TIERS = """
tiers:
  mini: {{model: openai/gpt-4o-mini, api_base: "{url}", concurrency: 100, timeout_s: 30, context_tokens: 128000}}
"""
IN_FLIGHT = 5


@pytest.fixture(scope="module")
def provider() -> Iterator[FaultProvider]:
    """A provider that takes a second for each answer."""
    with FaultProvider(lambda body: '{"label": "refund"}', delay_s=1.0) as provider:
        yield provider


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, provider: FaultProvider) -> Path:
    """A folder with one policy, and a tier at that provider."""
    folder = tmp_path_factory.mktemp("policies")
    (folder / "mail.yaml").write_text(POLICY)
    (folder / "tiers.yaml").write_text(TIERS.format(url=provider.url()))
    shutil.copy(POLICIES / "prices.yaml", folder)
    return folder


class Site:
    """A gang at work, and a client of it."""

    def __init__(self, gang: Gang, client: Client) -> None:
        self.gang, self.client = gang, client

    def submit(self, count: int, *, note: str) -> list[Handle]:
        wait_until(self._published, "published policies")
        return self.client.submit_many("mail", [{"text": f"{note} {i}"} for i in range(count)])

    def _published(self) -> bool:
        try:
            return self.client.card("mail").policy == "mail"
        except UnknownPolicy:
            return False


@pytest.fixture(scope="module")
def sites(server: EmbeddedServer, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Three gangs, begun together: one of which is told to stop, one is killed, one is watched."""
    base = Settings(redis_url=server.url, policies=folder, worker_concurrency=str(IN_FLIGHT))
    with ExitStack() as stack:
        sites = {}
        for name in ("SIGTERM", "SIGKILL", "watched"):
            settings = replace(base, prefix=f"{name}:")
            gang = stack.enter_context(Gang(settings, tmp_path_factory.mktemp(name), "--tier", "mini"))
            sites[name] = Site(gang, stack.enter_context(Client(settings.redis_url, prefix=settings.prefix)))
        yield sites


# how it ends


@pytest.mark.parametrize("sig", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=linux)])
def test_drains_when_it_ends(sites: dict[str, Site], provider: FaultProvider, sig: signal.Signals) -> None:
    """Told to stop, or killed: its shift finishes the calls in flight, releases the rest, and nobody stays behind."""
    site = sites[sig.name]
    handles = site.submit(12, note=sig.name)
    wait_until(lambda: len(_asked(provider, sig.name)) == IN_FLIGHT, "the first calls in flight")
    everybody = site.gang.everybody()

    site.gang.process.send_signal(sig)

    assert site.gang.process.wait(timeout=60) == (0 if sig is signal.SIGTERM else -signal.SIGKILL)
    wait_until(lambda: not any(map(alive, everybody)), "the end of all processes")
    results = [handle.result() for handle in handles]
    assert Counter(r.status for r in results) == {"succeeded": IN_FLIGHT, "ready": 12 - IN_FLIGHT}
    assert set(_asked(provider, sig.name).values()) == {1}
    assert all(r.trail == () for r in results if r.status == "ready")


# who watches


@linux
def test_starts_again_what_was_killed(sites: dict[str, Site]) -> None:
    """A process that ends unasked is started again, and the log says so."""
    gang = sites["watched"].gang
    killed = gang.pid("sweep")

    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: gang.pids("sweep")[-1] != killed, "another sweep")
    assert alive(gang.pid("sweep"))
    assert [(e["process"], e["pid"], e["how"]) for e in gang.events("worker.died")] == [("sweep", killed, "SIGKILL")]


@linux
def test_a_killed_worker_costs_no_call(sites: dict[str, Site], provider: FaultProvider) -> None:
    """The shift of a worker that was killed finishes its calls; a new worker does the rest: each task, one request."""
    gang = sites["watched"].gang
    handles = sites["watched"].submit(12, note="orphan")
    wait_until(lambda: len(_asked(provider, "orphan")) >= IN_FLIGHT, "the first calls in flight")
    shift = gang.shift()

    os.kill(gang.pid("worker-0"), signal.SIGKILL)

    assert {handle.wait(timeout_s=60).status for handle in handles} == {"succeeded"}
    wait_until(lambda: not alive(shift), "the end of the old shift")
    assert sorted(_asked(provider, "orphan").values()) == [1] * 12


@linux
def test_what_a_dead_shift_had_does_not_wait_for_its_lease(sites: dict[str, Site], provider: FaultProvider) -> None:
    """The worker of a shift that was killed hands its tasks over at once, long before their leases run out."""
    site = sites["watched"]
    handles = site.submit(IN_FLIGHT, note="orphaned")
    wait_until(lambda: len(_asked(provider, "orphaned")) == IN_FLIGHT, "the calls in flight")

    os.kill(site.gang.shift(), signal.SIGKILL)

    wait_until(lambda: site.gang.events("shift.died"), "the end of the shift")
    assert site.gang.events("shift.died")[0]["tasks"] == IN_FLIGHT
    assert {handle.wait(timeout_s=60).status for handle in handles} == {"succeeded"}
    assert not [found for found in site.gang.events("sweep.found") if found["reclaimed"]]


def test_serves_the_tiers_that_it_was_told(sites: dict[str, Site]) -> None:
    """`--tier` reaches the shifts, and is the group to which their workers' queue belongs."""
    gang = sites["watched"].gang
    wait_until(lambda: gang.events("shift.started"), "a shift")

    assert gang.events("shift.started")[0]["tiers"] == ["mini"]
    queue = queue_name(replace(gang.settings, worker_tiers="mini"), alone=False)
    workers = Worker.all(queue=shift_queue(queue, peek(gang.settings.redis_url)))
    assert gang.pid("worker-0") in [worker.pid for worker in workers]


def _asked(provider: FaultProvider, note: str) -> Counter[str]:
    """How many requests came for each of the texts that begin with *note*."""
    return Counter(request.prompt for request in list(provider.requests) if request.prompt.startswith(f"{note} "))


# what it says at once


BAD_POLICY = POLICY.replace("tiers: [mini]", "tires: [mini]")
WRONG: dict[str, tuple[list[str], dict[str, str], int, str]] = {
    "unknown setting": ([], {"ROUTER_TEIRS": "x"}, 2, "ROUTER_TEIRS is no setting of ours; did you mean ROUTER_TIERS?"),
    "wrong setting": ([], {"ROUTER_WORKER_CONCURRENCY": "0"}, 2, "ROUTER_WORKER_CONCURRENCY must be a whole number"),
    "unknown tier": (["--tier", "mimi"], {}, 2, "the tiers file has no tier 'mimi'; did you mean 'mini'?"),
    "no workers": (["--workers", "0"], {}, 2, "expected a whole number from 1 on, got '0'"),
    "unknown option": (["--tires", "mini"], {}, 2, "unrecognized arguments"),
    "wrong policy": ([], {"ROUTER_POLICIES": "{bad}"}, 1, "mail.yaml:6:1: tires: there is no such key; did you"),
    "no tiers file": ([], {"ROUTER_TIERS": "{bad}/none.yaml"}, 1, "none.yaml"),
    "no key": ([], {"ROUTER_TIERS": "{bad}/keyed.yaml"}, 2, "NOBODY_HAS_THIS_KEY must be set"),
    "no folder": ([], {"ROUTER_POLICIES": "{bad}/none"}, 2, "there is no folder"),
    "no server": ([], {"ROUTER_REDIS_URL": "unix://{bad}/none.sock"}, 3, "check ROUTER_REDIS_URL"),
}
AS_PROCESSES = ("unknown setting", "wrong policy", "no server")
"""One for each code; the others are told apart before anything is started, so they may be run here."""


@pytest.fixture(scope="module")
def settings(server: EmbeddedServer, folder: Path) -> Settings:
    """Right ones, in which each test gets something wrong."""
    return Settings(redis_url=server.url, policies=folder, prefix="refused:", log="error")


@pytest.fixture(scope="module")
def bad(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a policy that cannot be loaded."""
    bad = tmp_path_factory.mktemp("bad")
    (bad / "mail.yaml").write_text(BAD_POLICY)
    shutil.copy(POLICIES / "prices.yaml", bad)
    shutil.copy(folder / "tiers.yaml", bad)
    keyed = (folder / "tiers.yaml").read_text().replace("{model:", "{api_key_env: NOBODY_HAS_THIS_KEY, model:")
    (bad / "keyed.yaml").write_text(keyed)
    return bad


@pytest.fixture(scope="module", autouse=True)
def refused(settings: Settings, bad: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Begun before all else: one of them takes seconds until it gives up."""
    begun = {name: launch("workers", *WRONG[name][0], env=_env(settings, name, bad)) for name in AS_PROCESSES}
    yield begun
    for process in begun.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", AS_PROCESSES)
def test_says_in_a_sentence_what_is_wrong(refused: dict[str, subprocess.Popen[str]], name: str) -> None:
    """A wrong setting is code 2, a wrong policy 1, a world that is down 3: with a sentence, without a traceback."""
    _, _, code, sentence = WRONG[name]

    _, said = refused[name].communicate(timeout=60)

    assert refused[name].returncode == code
    assert sentence in said
    assert said.startswith("router: ")
    assert "Traceback" not in said


@pytest.mark.parametrize("name", sorted(WRONG.keys() - set(AS_PROCESSES)))
def test_refuses_before_it_starts_anything(
    settings: Settings, bad: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """All that can be told without a server is told before anything is started, with the code of its kind."""
    words, _, code, sentence = WRONG[name]
    for variable, value in _env(settings, name, bad).items():
        monkeypatch.setenv(variable, value)

    try:
        refused = main(words)
    except SystemExit as end:
        refused = end.code

    assert refused == code
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(("name", "value"), [("appendonly", "no"), ("maxmemory-policy", "allkeys-lru")])
def test_refuses_a_server_that_loses_tasks(settings: Settings, tmp_path: Path, name: str, value: str) -> None:
    """A server without an append-only file, or that evicts keys, is a wrong setting."""
    with GuardedServer(tmp_path) as unsafe, peek(unsafe.url) as raw:
        raw.config_set(name, value)
        process = launch("workers", env=environment(replace(settings, redis_url=unsafe.url)))
        _, said = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "would lose tasks" in said
    assert f"`{name} " in said


def _env(settings: Settings, name: str, bad: Path) -> dict[str, str]:
    return environment(settings, **{n: value.format(bad=bad) for n, value in WRONG[name][1].items()})
