"""Settings from the environment; a name that is not known is an error, not a surprise later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .destination import Allowed
from .errors import SettingsInvalid
from .fault import Fault, read_faults
from .problem import closest

_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Where things are. `ROUTER_REDIS_URL`, `ROUTER_POLICIES` (folder), `ROUTER_TIERS` (file; default `tiers.yaml` in that
    folder), `ROUTER_PREFIX` (of our keys in Redis), `ROUTER_LOG` (level), `ROUTER_STATE_DIR` (data of the embedded
    server), `ROUTER_WORKER_TIERS` (served here, with commas; default all), `ROUTER_WORKER_CONCURRENCY` (calls in flight
    of one worker process), `ROUTER_WORKER_LEASE_S` (how long a task waits for a worker that is gone),
    `ROUTER_WAIT_MAX_S` (the longest foretold wait for which the HTTP service takes a task in),
    `ROUTER_LEDGER_DAYS` and `ROUTER_LEDGER_LINES` (how long, and how many, lines of the ledger are kept for audits once
    they are counted), `ROUTER_WEBHOOK_ALLOW` (hosts and networks that webhooks are sent to although they are not
    public), `ROUTER_FAULT` (tests only: where shifts are to be struck, as in `fault.py`:
    `point:probability:signal:seed`, several with commas).
    """

    redis_url: str = "redis://localhost:6379/0"
    policies: Path = Path("policies")
    tiers: Path | None = None
    prefix: str = "r:"
    log: str = "info"
    state_dir: Path = Path.home() / ".local" / "state" / "router"
    worker_tiers: str = ""
    worker_concurrency: str = "200"
    worker_lease_s: str = "30"
    wait_max_s: str = "3600"
    ledger_days: str = "40"
    ledger_lines: str = "10000000"
    webhook_allow: str = ""
    fault: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Raises: SettingsInvalid, naming every variable that is wrong."""
        given = {n: v for n, v in (os.environ if environ is None else environ).items() if n.startswith(_OURS)}
        mistakes = [_unknown(name) for name in given if name not in _READ]
        values = {_READ[name]: value for name, value in given.items() if name in _READ and value}
        if values.get("log", "info") not in _LEVELS:
            mistakes.append(f"ROUTER_LOG is {values['log']!r}, expected one of {', '.join(_LEVELS)}")
        if mistake := _wrong_address(values.get("redis_url", "redis://")):
            mistakes.append(f"ROUTER_REDIS_URL {mistake}")
        for name in ("worker_concurrency", "worker_lease_s", "wait_max_s", "ledger_days", "ledger_lines"):
            if not values.get(name, "1").isdecimal() or int(values.get(name, "1")) == 0:
                mistakes.append(f"ROUTER_{name.upper()} must be a whole number from 1 on")
        try:
            read_faults(values.get("fault", ""))
        except ValueError as why:
            mistakes.append(f"ROUTER_FAULT: {why}")
        try:
            Allowed.read(values.get("webhook_allow", ""))
        except ValueError as why:
            mistakes.append(f"ROUTER_WEBHOOK_ALLOW: {why}")
        if mistakes:
            raise SettingsInvalid("; ".join(mistakes))
        given_paths = [name for name in ("policies", "tiers", "state_dir") if name in values]
        paths = {name: Path(values.pop(name)).expanduser() for name in given_paths}
        return cls(**values, **paths)  # type: ignore[arg-type]

    @property
    def tiers_file(self) -> Path:
        return self.tiers or self.policies / "tiers.yaml"

    @property
    def tiers_served(self) -> tuple[str, ...]:
        """The tiers that workers started with these settings serve; empty for all."""
        return tuple(name.strip() for name in self.worker_tiers.split(",") if name.strip())

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What shifts are to be struck by; none in production."""
        return read_faults(self.fault)

    @property
    def group(self) -> str:
        """Workers that serve the same tiers are of one group."""
        return "+".join(sorted(self.tiers_served)) or "all"

    def environment(self) -> dict[str, str]:
        """The variables that give a process started from here the same settings."""
        values = {name: getattr(self, field) for name, field in _READ.items()}
        return {name: str(value) for name, value in values.items() if value is not None}


_OURS = "ROUTER_"
_READ = {
    "ROUTER_REDIS_URL": "redis_url",
    "ROUTER_POLICIES": "policies",
    "ROUTER_TIERS": "tiers",
    "ROUTER_PREFIX": "prefix",
    "ROUTER_LOG": "log",
    "ROUTER_STATE_DIR": "state_dir",
    "ROUTER_WORKER_TIERS": "worker_tiers",
    "ROUTER_WORKER_CONCURRENCY": "worker_concurrency",
    "ROUTER_WORKER_LEASE_S": "worker_lease_s",
    "ROUTER_WAIT_MAX_S": "wait_max_s",
    "ROUTER_LEDGER_DAYS": "ledger_days",
    "ROUTER_LEDGER_LINES": "ledger_lines",
    "ROUTER_WEBHOOK_ALLOW": "webhook_allow",
    "ROUTER_FAULT": "fault",
}


def _unknown(name: str) -> str:
    """They all begin alike: what follows tells whether one was meant."""
    near = closest(name.removeprefix(_OURS), [known.removeprefix(_OURS) for known in _READ])
    return f"{name} is no setting of ours" + (f"; did you mean {_OURS}{near}?" if near else "")


def _wrong_address(url: str) -> str | None:
    """What is wrong with the address of a Redis, without a word of it: any part may be a piece of a password."""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        return "must begin with redis://, rediss:// or unix://"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "has no port that is a number; write redis://:PASSWORD@HOST:6379/0, with %2F for a / in the password"
    database = parts.path.strip("/") if parts.scheme != "unix" else ""
    named = parse_qs(parts.query).get("db", [])
    if not all(number.isdecimal() for number in (database or "0", *named)):
        return "must end with the number of a database, as in redis://localhost:6379/0"
    return None
