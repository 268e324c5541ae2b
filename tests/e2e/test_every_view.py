"""One ledger feeds every view: dashboard, metrics, API, command line and export agree with it to the nano-dollar."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.app import load_pricing
from router.io.commands.cost import CostCommands
from router.io.embedded import EmbeddedServer
from router.io.redis_link import Link, connect
from router.ledger import EntryKind
from router.settings import Settings
from tests.e2e import views
from tests.e2e.house import Site, open_site
from tests.e2e.test_other_server import said
from tests.fault_provider import FaultProvider, usage
from tests.gang import POLICIES, environment, launch
from tests.shell import Shell
from tests.waiting import wait_until

TENANTS = ("acme", "zeta")
_HEAD = """
description: A policy of a test.
prompt: {system: Sort the mail., user: "{{ text }}"}
input: {schema: schemas/intents-input.json}
output: {labels: [refund, exchange]}
tiers: [{tier: mini, attempts: 2}, {tier: small, attempts: 2}, large]
moves: {fail: repair, unsure: escalate, error: retry, exhausted: dead_letter}
limits: {attempts: 6, deadline_s: 120, cost_usd: 0.5, output_tokens: 300}
"""
_MAILS = f"""policy: mails{_HEAD}
checks: [{{check: schema}}, {{check: confidence, at_least: 0.75, tiers: [mini, small]}}]
"""
_NOTES = f"""policy: notes{_HEAD}
checks:
  - check: schema
  - {{check: agreement, tiers: [mini]}}
  - {{check: judge, tier: small, tiers: [mini], question: Is it sorted well?}}
audit: {{rate: 1, against: large}}
"""
CASES = {"mails": ("plain", "repair", "retry", "climb", "dead", "lost"), "notes": ("plain", "differ", "doubt")}


class Models:
    """Say what the case that stands in a mail demands, each time with another number of tokens."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def __call__(self, body: Any) -> dict[str, Any]:
        (mail, case), *_ = re.findall(r"(case-(\w+)-\d+)", json.dumps(body["messages"]))
        judged = body["response_format"]["json_schema"]["name"] == "judgement"
        self._asked[f"{mail} {judged}"] += 1
        self._asked["all"] += 1
        answer = self._judgement(case) if judged else self._answer(case, body["model"], self._asked[f"{mail} {judged}"])
        count = self._asked["all"]
        used = usage(prompt_tokens=1000 + 7 * count, completion_tokens=11 + count, total_tokens=1011 + 8 * count)
        cached = {"prompt_tokens_details": {"cached_tokens": 500 + count}} if case == "plain" else {}
        return answer | {"usage": used | cached if case != "lost" else None}

    def _answer(self, case: str, model: str, times: int) -> dict[str, Any]:
        mini, first = model == "gpt-4o-mini", times == 1
        match case:
            case "dead":
                return said('{"label": "neither"}')
            case "repair" if first:
                return said('{"label": "neither"}')
            case "retry" if first:
                return said("") | {"choices": []}
            case "climb" if mini:
                return said('{"label": "refund"}', sure=0.5)
            case "differ" if times == 2:
                return said('{"label": "exchange"}')
            case _:
                return said('{"label": "refund"}')

    def _judgement(self, case: str) -> dict[str, Any]:
        right = "no" if case == "doubt" else "yes"
        return said(json.dumps({"mistake": None, "right": right}))


@pytest.fixture(scope="module")
def site(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Workers with two policies, whose models are somebody else's."""
    folder: Path = tmp_path_factory.mktemp("views")
    policies = folder / "policies"
    policies.mkdir()
    shutil.copytree(POLICIES / "schemas", policies / "schemas")
    shutil.copy(POLICIES / "prices.yaml", policies)
    (policies / "mails.yaml").write_text(_MAILS)
    (policies / "notes.yaml").write_text(_NOTES)
    with FaultProvider(Models()) as provider:
        tiers = (POLICIES / "tiers.yaml").read_text()
        (policies / "tiers.yaml").write_text(
            tiers.replace("api_key_env: OPENAI_API_KEY", f"api_base: {provider.url()}")
        )
        with open_site("views", folder, redis_url=server.url, tiers=policies / "tiers.yaml", policies=policies) as site:
            yield site


@pytest.fixture
def shell(site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name, value in site.settings.environment().items():
        monkeypatch.setenv(name, value)
    return Shell(capsys)


@contextmanager
def an_api(settings: Settings, folder: Path) -> Iterator[httpx.Client]:
    """A process of the HTTP service, and somebody who asks it; stopped when left."""
    ready = folder / "api.url"
    words = ("api", "--port", "0", "--insecure", "--ready-file", str(ready))
    process = launch("router.cli", *words, env=environment(settings), log=folder / "api.log")
    try:
        wait_until(lambda: ready.exists() and ready.read_text(), f"the HTTP service; see {folder / 'api.log'}")
        with httpx.Client(base_url=ready.read_text(), timeout=30) as http:
            yield http
    finally:
        process.terminate()
        process.wait(timeout=20)
        ready.unlink(missing_ok=True)


def send(site: Site, number: int, *, but: str = "") -> None:
    """A task of each case for each tenant, *but* one; returns once they and their audits are at an end."""
    handles = [
        site.client.submit(policy, {"text": f"case-{case}-{number}{place}"}, tenant=tenant)
        for place, tenant in enumerate(TENANTS)
        for policy, cases in CASES.items()
        for case in cases
        if case != but
    ]
    ended = [handle.wait(timeout_s=60) for handle in handles]
    assert Counter(result.status for result in ended) == {"succeeded": len(handles) - 2, "dead": 2}
    audits = [audit for handle in handles if (audit := site.client.read(handle.id).audit)]
    assert len(audits) == len(TENANTS) * len(CASES["notes"])
    wait_until(lambda: all(site.client.read(audit).state.terminal for audit in audits), "audits at their end")


def hold(site: Site, shell: Shell, http: httpx.Client, *, late: int = 0) -> views.Figures:
    """
    Every view says what the ledger's own lines add up to, and all that it has to say; the ledger's figures.

    Trails were written before the *late* lines of bills came.
    """
    lines = site.entries()
    ledger, then = views.ledger(lines), views.ledger(lines[: len(lines) - late])
    of_http = (views.costs_api, views.costs_api_csv, views.costs_file, views.metrics, views.now_page, views.costs_page)
    of_shell = (views.books, views.costs_shell, views.costs_shell_csv, views.focus, views.top)
    told = {view.__name__: view(http) for view in of_http} | {view.__name__: view(shell) for view in of_shell}
    for name, figures in told.items():
        assert +figures == +views.of_view(name, ledger), name
    assert +views.trails(shell) == +views.of_view("trails", then)
    assert {*told, "trails"} == views.KINDS.keys()
    return ledger


def test_all_views_agree_with_the_ledger(site: Site, shell: Shell, tmp_path: Path) -> None:
    """Whatever became of tasks, each view tells their money and results as the lines of the ledger add up."""
    send(site, 1)
    with an_api(site.settings, tmp_path) as http:
        ledger = hold(site, shell, http)

    reasons = ("first", "repair", "retry", "escalate", "agreement", "judge", "audit")
    kinds = ("settled", "unsettled", "accepted", "waste", "audits", "top", "cache")
    assert [name for name in (*kinds, *(f"reason {reason}" for reason in reasons)) if not ledger[name]] == []
    assert [name for name in views.KINDS if not +views.of_view(name, ledger)] == []
    assert ledger["settled"] == sum(entry.amount_nusd for entry in site.entries() if entry.kind is EntryKind.SETTLED)


def test_all_views_agree_when_half_is_counted(site: Site, shell: Shell, tmp_path: Path) -> None:
    """Also where some lines are in the counters and some not yet, and of processes that were just started."""
    sweep = site.gang.pid("sweep")
    site.gang.shift()  # which a sweep gives to the worker
    os.kill(sweep, signal.SIGSTOP)
    try:
        send(site, 2, but="retry")  # a sweep puts back what waits for a retry
        _bill_one_that_was_lost(site, shell, tmp_path)
        assert 0 < _count(site.settings, at_most=21) == 21
        assert _uncounted(site.settings) > 21
        with an_api(site.settings, tmp_path) as http:
            half = hold(site, shell, http, late=1)
        assert half["unjudged"] > 0
        assert _uncounted(site.settings) > 21
    finally:
        os.kill(sweep, signal.SIGKILL)
    wait_until(lambda: site.gang.pids("sweep")[-1] != sweep, "another sweep")
    wait_until(lambda: not _uncounted(site.settings), "the ledger counted")
    with an_api(site.settings, tmp_path) as http:
        assert hold(site, shell, http, late=1) == half


def _bill_one_that_was_lost(site: Site, shell: Shell, folder: Path) -> None:
    """The provider's bill has a call of which nobody knew what it cost."""
    lost = next(entry for entry in site.entries() if entry.kind is EntryKind.UNSETTLED)
    bill = folder / "bill.jsonl"
    settled = {entry.call: entry.amount_nusd for entry in site.entries() if entry.kind is EntryKind.SETTLED}
    amounts = settled | {lost.call: lost.amount_nusd // 2 + 1}
    bill.write_text("".join(json.dumps({"call_id": c, "amount_nusd": n}) + "\n" for c, n in amounts.items()))
    shell("audit", "--bill", str(bill))
    assert "1 call of unknown outcome booked" in shell.out


def _count(settings: Settings, *, at_most: int) -> int:
    """Count lines as a sweep does."""
    with closing(Link(connect(settings.redis_url), prefix=settings.prefix)) as link:
        return link.carry_out(CostCommands(prefix=settings.prefix).count(load_pricing(settings), at_most=at_most))


def _uncounted(settings: Settings) -> int:
    """How many lines of the ledger are in no counter."""
    with closing(Link(connect(settings.redis_url), prefix=settings.prefix)) as link:
        return len(link.run(CostCommands(prefix=settings.prefix).tail()).lines)
