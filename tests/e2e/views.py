"""What each view of a service's money says, as figures by name, so that all of them can be held against the ledger."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import httpx

from router.ledger import Entry, EntryKind
from tests.scrape import Scraped
from tests.shell import Shell

Figures: TypeAlias = Counter[str]
"""Counts, and amounts in nano-dollars; what is not named is 0. `tier mini` is what is settled of that tier."""

DIMENSIONS = ("tier", "policy", "reason")
_ROWS = {"settled", "unsettled", "accepted_cost", "waste", "audits", "unjudged", "cache", "calls", "accepted"}
KINDS: Mapping[str, set[str]] = {
    "books": {"settled", "unsettled", "calls"},
    "costs_api": {*_ROWS, "top", *DIMENSIONS},
    "costs_api_csv": {*_ROWS, "top", *DIMENSIONS},
    "costs_file": {*DIMENSIONS},
    "costs_shell": {*_ROWS, *DIMENSIONS},
    "costs_shell_csv": {*_ROWS, *DIMENSIONS},
    "focus": {"settled", "unsettled", "audits", *DIMENSIONS},
    "top": {*_ROWS, "top", "flow"},
    "trails": {"settled", "unsettled", "policy"},
    "metrics": {"settled", "unsettled", "accepted", "accepted_cost", "waste", "audits", "top", "cache", *DIMENSIONS},
    "now_page": {"settled", "unsettled", "accepted", "top", "flow"},
    "costs_page": {"settled", "unsettled", "accepted", "waste", "audits", "unjudged", "cache", "top", *DIMENSIONS},
}
"""What each view must tell, of tiers, policies and reasons all: one that says nothing of it agrees with nothing."""
_WANTED_BY = {"sample": "agreement", "judge": "judge"}
_TOP_NUSD = (2_500, 250, 15_000)
"""gpt-5.4, at which every path ends: nano-dollars for a token of input, of cached input, and of output."""
_CACHE_SAVES_NUSD = {"openai/gpt-4o-mini": 75, "openai/gpt-5.4-mini": 675, "openai/gpt-5.4": 2_250}


def nusd(usd: str) -> int:
    """Decimal dollars, exactly."""
    scaled = Decimal(usd) * 10**9
    assert scaled == int(scaled), f"{usd} is not whole nano-dollars"
    return int(scaled)


def ledger(entries: Sequence[Entry]) -> Figures:
    """What its lines add up to, by hand: of a call the last line counts, of an attempt its only one."""
    calls = {entry.call: entry for entry in entries if entry.call is not None}
    figures = Figures(calls=len(calls))
    answered: dict[str, Entry] = {}
    for last in calls.values():
        assert last.kind is not EntryKind.RESERVED, f"{last.call} is under way"
        if last.kind is EntryKind.UNSETTLED:
            figures["unsettled"] += last.amount_nusd
            continue
        audit = last.why == "audit"
        reason = _WANTED_BY.get(last.purpose or "", last.why)
        names = ["settled", f"tier {last.tier}", f"policy {last.policy}", f"reason {reason}"]
        names += ["audits"] if audit else [f"flow {last.tier}"]
        figures.update(dict.fromkeys(names, last.amount_nusd))
        if last.usage is not None:
            figures["cache"] += last.usage.cached_input_tokens * _CACHE_SAVES_NUSD[last.model or ""]
            if last.purpose == "answer" and not audit:
                answered.setdefault(last.task, last)
    for attempt in (entry for entry in entries if entry.kind is EntryKind.ATTEMPT and entry.why != "audit"):
        figures["accepted"] += attempt.accepted
        figures["waste" if not attempt.accepted else "accepted_cost"] += attempt.amount_nusd
    figures["unjudged"] = figures["settled"] - sum(figures[name] for name in ("accepted_cost", "waste", "audits"))
    figures["top"] = sum(map(_at_the_top, answered.values()))
    return figures


def of_view(name: str, ledger: Figures) -> Figures:
    """The part of the ledger's figures that a view must tell."""
    return Figures({figure: number for figure, number in ledger.items() if figure.partition(" ")[0] in KINDS[name]})


def _at_the_top(entry: Entry) -> int:
    assert entry.usage is not None
    cached = entry.usage.cached_input_tokens
    tokens = (entry.usage.input_tokens - cached, cached, entry.usage.output_tokens)
    return sum(count * each for count, each in zip(tokens, _TOP_NUSD, strict=True))


def books(shell: Shell) -> Figures:
    """`router audit`, of the ledger and of the balances."""
    told = shell.json("audit", "--json")
    assert told["balances_agree"], told
    return Figures(settled=nusd(told["settled_usd"]), unsettled=nusd(told["unsettled_usd"]), calls=told["calls"])


def costs_api(http: httpx.Client) -> Figures:
    """`GET /v1/costs` as JSON."""
    tables = {by: http.get("/v1/costs", params={"by": by}).json()["data"] for by in ("", *DIMENSIONS)}
    (whole,) = tables.pop("")
    return _sums(whole) + _by({name: [row | row["group"] for row in rows] for name, rows in tables.items()})


def costs_api_csv(http: httpx.Client) -> Figures:
    """`GET /v1/costs` as CSV."""
    http_csv = {"accept": "text/csv"}
    tables = {by: _table(http.get("/v1/costs", params={"by": by}, headers=http_csv).text) for by in ("", *DIMENSIONS)}
    (whole,) = tables.pop("")
    return _sums(whole) + _by(tables)


def costs_file(http: httpx.Client) -> Figures:
    """The dashboard's file: by the hour, without a sum."""
    return _by({name: _table(http.get("/costs.csv", params={"by": name}).text) for name in DIMENSIONS})


def costs_shell(shell: Shell) -> Figures:
    """`router cost --json`."""
    tables = {by: shell.json("cost", "--by", by, "--json") for by in DIMENSIONS}
    return _in_all(tables["policy"]) + _by(tables)


def costs_shell_csv(shell: Shell) -> Figures:
    """`router cost --format csv`."""
    tables = {by: _table(_said(shell, "cost", "--by", by, "--format", "csv")) for by in DIMENSIONS}
    return _in_all(tables["policy"]) + _by(tables)


def focus(shell: Shell) -> Figures:
    """`router cost --format focus`."""
    figures = Figures()
    for row in _table(_said(shell, "cost", "--format", "focus")):
        billed, tags = nusd(row["BilledCost"]), json.loads(row["Tags"])
        figures.update({"settled": billed, "unsettled": nusd(row["x_UnsettledCostHigh"])})
        figures.update({f"{name} {tags[name]}": billed for name in DIMENSIONS})
        figures["audits"] += billed if tags["lane"] == "audit" else 0
    return figures


def top(shell: Shell) -> Figures:
    """`router top --json`."""
    told = shell.json("top", "--json")
    assert nusd(told["unsettled_usd"]) == nusd(told["costs"]["unsettled_high_usd"])
    return _sums(told["costs"]) + Figures({f"flow {rung['tier']}": nusd(rung["cost_usd"]) for rung in told["flow"]})


def trails(shell: Shell) -> Figures:
    """`router trail export`: every reply with what its checks asked."""
    figures = Figures()
    for task in map(json.loads, _said(shell, "trail", "export").splitlines()):
        for tier, replies in task["replies"].items():
            for reply in replies:
                for took in (reply, *reply.get("consulted", {}).values()):
                    cost_nusd = nusd(took["cost_usd"])
                    figures.update({"settled": cost_nusd, "unsettled": nusd(took.get("doubt_usd", "0"))})
                    figures.update({f"policy {task['policy']}": cost_nusd})
                assert tier
    return figures


def metrics(http: httpx.Client) -> Figures:
    """`/metrics`."""
    told = Scraped(http.get("/metrics").text)
    figures = Figures()
    for labels, usd in told.dollars("router_cost_dollars_total").items():
        figures["settled"] += nusd(usd)
        figures.update({f"{name} {value}": nusd(usd) for name, value in zip(sorted(DIMENSIONS), labels, strict=True)})
    figures["audits"] = figures["reason audit"]
    figures["unsettled"] = sum(map(nusd, told.dollars("router_cost_unsettled_dollars").values()))
    figures["accepted_cost"] = sum(map(nusd, told.dollars("router_cost_accepted_dollars_total").values()))
    figures["waste"] = sum(map(nusd, told.dollars("router_cost_waste_dollars_total").values()))
    figures["top"] = sum(map(nusd, told.dollars("router_cost_always_top_dollars_total").values()))
    figures["cache"] = sum(map(nusd, told.dollars("router_cost_cache_saving_dollars_total").values()))
    figures["accepted"] = int(sum(told["router_results_accepted_total"].values()))
    return figures


def now_page(http: httpx.Client) -> Figures:
    """The figures of `/`, and its table of tiers."""
    page = http.get("/").text
    told = _figures(page)
    flow = {f"flow {tier}": amounts[0] for tier, amounts in _rows(page, "flow").items()}
    return Figures(
        {
            "accepted": int(told["Accepted, last 24 h"]),
            "settled": told["Spent, last 24 h"],
            "unsettled": told["In doubt"],
            "top": _saving(told) + told["Spent, last 24 h"],
            **flow,
        }
    )


def costs_page(http: httpx.Client) -> Figures:
    """The figures of `/costs`, and its tables by each dimension."""
    pages = {name: http.get("/costs", params={"by": name}).text for name in DIMENSIONS}
    told = _figures(pages["tier"])
    figures = Figures(
        accepted=told["Accepted results"],
        settled=told["Spent"],
        unsettled=told["In doubt"],
        waste=told["Waste"],
        audits=told["Audits"],
        cache=told["Saved by caches"],
        top=_saving(told) + told["Spent"],
        unjudged=sum(map(_amount, re.findall(r"(<data [^>]*>)[^<]*</data> of what was spent belongs", pages["tier"]))),
    )
    for name, page in pages.items():
        figures.update({f"{name} {group}": amounts[0] for group, amounts in _rows(page, "groups").items()})
    return figures


def _figures(page: str) -> dict[str, int]:
    """Big numbers by what stands above them: amounts as the page has them for programs, exactly."""
    found = re.findall(r"<dt>([^<]+)</dt><dd><span class=\"value\">(.*?)</span>", page)
    return {label: int(shown.replace(",", "")) if shown[0].isdigit() else _amount(shown) for label, shown in found}


def _saving(told: Mapping[str, int]) -> int:
    return told.get("Saved against always-top", 0) - told.get("Lost against always-top", 0)


def _rows(page: str, section: str) -> dict[str, list[int]]:
    """The exact amounts of the lines of a section's table, from the left."""
    (table,) = re.findall(rf'<section aria-labelledby="{section}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    lines = re.findall(r'<tr>\s*<th scope="row">([^<]+)</th>(.*?)</tr>', table, re.DOTALL)
    return {name: [nusd(exact) for exact in re.findall(r'<data value="([^"]+)"', cells)] for name, cells in lines}


def _amount(shown: str) -> int:
    exact = re.search(r'<data value="([^"]+)" title="\$\1">', shown)
    return nusd(exact[1]) if exact else 0


def _said(shell: Shell, *words: str) -> str:
    assert shell(*words) == 0, shell.err
    return shell.out


def _table(text: str) -> list[dict[str, str]]:
    return [*csv.DictReader(text.splitlines())]


def _sums(row: Mapping[str, Any]) -> Figures:
    """The figures of one row that has all of it."""
    return _in_all([row]) + Figures(top=nusd(row["always_top_usd"]))


def _in_all(rows: Iterable[Mapping[str, Any]]) -> Figures:
    named = {
        "settled": "cost_usd",
        "unsettled": "unsettled_high_usd",
        "accepted_cost": "accepted_usd",
        "waste": "waste_usd",
        "audits": "audits_usd",
        "unjudged": "unjudged_usd",
        "cache": "cache_saving_usd",
    }
    figures = Figures()
    for row in rows:
        figures.update({name: nusd(row[column]) for name, column in named.items()})
        figures.update(calls=int(row["calls"]), accepted=int(row["accepted"]))
    return figures


def _by(tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> Figures:
    figures = Figures()
    for name, rows in tables.items():
        for row in rows:
            figures[f"{name} {row[name]}"] += nusd(row["cost_usd"])
    return figures
