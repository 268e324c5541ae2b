"""`router policy code`"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ...problem import Code, closest
from ...problemcodes import EXPLAINED
from ..printing import print_json


@click.command(name="code", epilog="Example: router policy code POL012")
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True)
def command(code: str | None, as_json: bool) -> int:
    """Explain a code that `lint` tells, with an example; without one, list them all."""
    chosen = [_known(code)] if code is not None else list(Code)
    if as_json:
        data = [_as_data(one) for one in chosen]
        print_json(data[0] if code is not None else data)
    elif code is None:
        for one in chosen:
            click.echo(f"{one}  {one.severity:7}  {EXPLAINED[one].title}")
    else:
        click.echo(f"{chosen[0]} ({chosen[0].severity}): {EXPLAINED[chosen[0]].title}\n\n{EXPLAINED[chosen[0]].text}")
    return 0


def _known(code: str) -> Code:
    try:
        return Code(code.upper())
    except ValueError:
        near = closest(code.upper(), list(Code))
        hint = f"did you mean {near}?" if near else "`router policy code` lists them"
        raise click.UsageError(f"there is no code {code}; {hint}") from None


def _as_data(code: Code) -> dict[str, Any]:
    return {"code": code.value, "severity": code.severity, **asdict(EXPLAINED[code])}
