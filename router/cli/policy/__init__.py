"""`router policy`"""

from __future__ import annotations

import click

from ..lazy import Lazy

_COMMANDS = {
    "lint": ("lint", "Report every mistake at its place."),
    "code": ("code", "Explain a code that lint tells."),
    "test": ("test", "Play the cases beside the policies."),
    "explain": ("explain", "Show what each tier would be asked, and how its reply is checked."),
    "diff": ("diff", "Say what changes between two versions, in words and on recorded traffic."),
    "backtest": ("backtest", "Hold a policy against cost and quality on recorded traffic."),
    "publish": ("publish", "Make versions the current ones."),
    "audits": ("audits", "Show how often accepted outputs differ from a larger tier's."),
    "schema": ("schema", "Print the JSON Schema of policy files, for editors."),
}


class _Commands(Lazy):
    package = __name__
    table = _COMMANDS


@click.group(name="policy", cls=_Commands, epilog="Example: router policy lint policies")
def command() -> None:
    """Check, test, explain and publish policies. PATH is a folder or a policy's file; without one: ROUTER_POLICIES."""
