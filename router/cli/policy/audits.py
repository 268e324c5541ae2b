"""`router policy audits`"""

from __future__ import annotations

import time
from typing import Any

import click

from ...auditreport import Audits, audits
from ...client import Client
from ...cost import usd
from ...settings import Settings
from ..cost import seconds
from ..ledger import read_books
from ..listing import require_policy
from ..printing import console, dollars, print_json, table

_COLUMNS = ["audits", "differ", "share", "95 % interval", "no evidence", "cost"]


@click.command(name="audits", epilog="Example: router policy audits receipts --since 7d")
@click.argument("policy", required=False)
@click.option("--since", help="How far back, such as 24h, 7d; default: all that is kept, 40 days.")
@click.option("--json", "as_json", is_flag=True)
def command(policy: str | None, since: str | None, as_json: bool) -> int:
    """
    Show how often accepted outputs differ from what a larger tier answers, by policy and version.

    A policy with `audit: {rate: 0.02, against: large}` has that share of its accepted outputs asked again. differ: the
    larger tier answered otherwise; where it is right, what was accepted is wrong. interval: Wilson's, of the share
    among all accepted outputs. no evidence: attempts without a reply (also where a budget had no room), or with one
    that failed the policy's own checks. What `calibrate --ask` asked compares nothing, and is not counted here.
    """
    since_ms = 0 if since is None else int((time.time() - seconds(since)) * 1000)
    entries, _ = read_books(Settings.from_env())
    found = [row for row in audits(entries, since_ms=since_ms) if policy in (None, row.policy)]
    if as_json:
        print_json([_as_json(row) for row in found])
    elif policy is not None and not found:
        with Client.from_env() as client:
            require_policy(client, policy)
        click.echo(f"no audits of {policy} yet")
    elif found:
        console().print(table(None, ["policy", "version", *_COLUMNS], [_cells(row) for row in found], texts=2))
    else:
        click.echo("no audits yet; a policy asks for them with `audit: {rate: 0.02, against: TIER}`")
    return 0


def _as_json(row: Audits) -> dict[str, Any]:
    low, high = row.differing.interval
    return {
        "policy": row.policy,
        "version": row.version,
        "audits": row.differing.of,
        "differ": row.differing.count,
        "share": row.differing.share,
        "interval": [low, high],
        "no_evidence": row.given_up,
        "cost_usd": usd(row.cost_nusd),
    }


def _cells(row: Audits) -> list[str]:
    seen, (low, high) = row.differing, row.differing.interval
    share = "-" if seen.share is None else f"{seen.share:.1%}"
    counts = [f"{seen.of:,}", f"{seen.count:,}", share, f"{low:.1%} to {high:.1%}", f"{row.given_up:,}"]
    return [row.policy, row.version, *counts, dollars(row.cost_nusd)]
