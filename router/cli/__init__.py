"""The command line. Each command's module is loaded when it is called, so that `router --help` is quick."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from ..errors import RouterError
from .lazy import Lazy

_COMMANDS = {
    "demo": ("demo", "See tasks climb on a server, workers and models of its own; needs no key."),
    "up": ("up", "Run everything on a laptop: embedded server, workers and HTTP."),
    "api": ("api", "Serve HTTP, for production."),
    "worker": ("worker", "Run workers, for production."),
    "policy": ("policy", "Check, test and publish policies."),
    "calibrate": ("calibrate", "Learn from evidence what can be accepted, and certify a promise."),
    "task": ("task", "Submit, show, list, cancel and erase tasks."),
    "trail": ("trail", "Write ended tasks down as recorded traffic."),
    "dead": ("dead", "List, show, redrive and drop dead letters."),
    "review": ("review", "List, show and resolve tasks that wait for a person."),
    "key": ("key", "API keys of the HTTP service: create, list, rotate and revoke them."),
    "webhook": ("webhook", "Deliveries of webhooks and the secrets that sign them."),
    "top": ("top", "What happens now: queues, workers, money, alarms."),
    "cost": ("cost", "What was spent, from the ledger."),
    "doctor": ("doctor", "See whether everything is set up well and does well, and what to do."),
    "budget": ("budget", "Spending limits, and how much of each is left."),
    "audit": ("audit", "Hold the ledger against its balances and a provider's bill."),
}


class _Commands(Lazy):
    package = __name__
    table = _COMMANDS


@click.group(cls=_Commands, epilog="Example: router demo --tasks 60")
@click.version_option(package_name="router", prog_name="router")
def root() -> None:
    """Tiered routing and escalation for language-model work."""


def main(argv: list[str] | None = None) -> None:
    """Run a command; errors of ours become one sentence and an exit code."""
    try:
        code: Any = root.main(args=argv, prog_name="router", standalone_mode=False)
    except click.ClickException as why:
        why.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except RouterError as why:
        print(f"router: {why}", file=sys.stderr)
        sys.exit(why.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
