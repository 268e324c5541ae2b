"""`router policy explain`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ...cost import usd
from ...decision import Ask
from ...errors import TaskInvalid
from ...policy import Policy
from ...policyexplain import Explanation, Step
from ...policyexplain import explain as explained
from ...schema import Validator
from ...settings import Settings
from ..printing import count, dollars, print_json
from ..task import read_input
from .shelf import shelves, today


@click.command(
    name="explain", epilog="""Example: router policy explain intents --input '{"text": "Where is my parcel?"}'"""
)
@click.argument("policy")
@click.option("--input", "given", required=True, help="JSON, @FILE, or - for standard input.")
@click.option("--json", "as_json", is_flag=True)
def command(policy: str, given: str, as_json: bool) -> int:
    """Show what each tier would be asked and which checks its reply must pass. POLICY is a name or a file."""
    settings = Settings.from_env()
    path = Path(policy) if policy.endswith(".yaml") else settings.policies / f"{policy}.yaml"
    if not path.is_file():
        raise click.UsageError(f"there is no policy file {path}; give a file, or a name in {settings.policies}")
    (shelf,) = shelves((path,), settings)
    book = shelf.book()
    (known,) = book.policies.values()
    value = read_input(given)
    if problem := Validator(known.input.json_schema).problem(value):
        raise TaskInvalid(f"the input does not meet the schema of policy {known.policy!r}: {problem}")
    explanation = explained(known, value, tiers=book.tiers, prices=book.prices, day=today())
    if as_json:
        print_json(as_data(explanation))
    else:
        click.echo("\n".join(as_lines(explanation)))
    return 0


def as_lines(explanation: Explanation) -> Iterator[str]:
    """For people: the path from the bottom up; a prompt that is the same is not repeated."""
    policy, moves = explanation.policy, explanation.policy.moves
    yield f"{policy.policy} {policy.digest}: {policy.description}"
    yield f"first: {_first(explanation)}"
    yield "moves: " + ", ".join(f"{when}: {move}" for when, move in moves.model_dump().items())
    for number, step in enumerate(explanation.steps):
        yield ""
        yield f"{step.rung.tier} ({step.tier.model}): {count(step.rung.attempts, 'attempt')}" + _cost(step)
        if step.misfit:
            yield f"  left out: {step.misfit}"
        yield "  checks: " + ", ".join(f"{check.name} ({check.severity})" for check in step.checks)
        if number and step.call.messages == explanation.steps[0].call.messages:
            yield f"  asked the same as {explanation.steps[0].rung.tier}" + _earlier(policy)
            continue
        for message in step.call.messages:
            yield f"  {message['role']}:"
            yield from (f"    {line}" for line in _content(message["content"]).splitlines())


def as_data(explanation: Explanation) -> dict[str, Any]:
    """For programs: every tier with its whole prompt; money as decimal strings in dollars."""
    policy = explanation.policy
    return {
        "policy": policy.policy,
        "digest": policy.digest,
        "first": _first(explanation),
        "moves": policy.moves.model_dump(),
        "tiers": [
            {
                "tier": step.rung.tier,
                "model": step.tier.model,
                "attempts": step.rung.attempts,
                "left_out": step.misfit,
                "worst_usd": usd(step.worst_nusd) if step.worst_nusd is not None else None,
                "messages": list(step.call.messages),
                "output_schema": step.call.response_schema.body if step.call.response_schema else None,
                "functions": [tool["function"]["name"] for tool in step.call.tools],
                "checks": [{"id": c.name, "check": c.check, "severity": c.severity} for c in step.checks],
            }
            for step in explanation.steps
        ],
    }


def _first(explanation: Explanation) -> str:
    match explanation.first:
        case Ask(tier=tier):
            return f"ask {tier}"
        case end:
            return getattr(end, "reason", type(end).__name__.lower())


def _cost(step: Step) -> str:
    return f", at most {dollars(step.worst_nusd)} a call" if step.worst_nusd is not None else ", at an unknown price"


def _earlier(policy: Policy) -> str:
    match policy.prompt.earlier:
        case "none":
            return ""
        case "findings":
            return ", and told what was found in the attempts before"
        case "attempts":
            return ", and shown the attempts before with what was found in them"


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] if part["type"] == "text" else "(an image)" for part in content)
