"""`router policy explain`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ... import log
from ...cases.case import Case
from ...cost import usd
from ...decision import Ask
from ...errors import TaskInvalid
from ...io.folder import Book, cases_file, read_cases
from ...policy import Policy
from ...policyexplain import Explanation, Step
from ...policyexplain import explain as explained
from ...policytest import Played, play
from ...problem import closest
from ...schema.validator import Validator
from ...settings import Settings
from ..explained import print_lived, print_story
from ..printing import count, dollars, print_json
from ..task import read_input
from ..telling import steps_json, text_of
from .shelf import shelves, today


@click.command(
    name="explain",
    epilog="""Example: router policy explain intents --input '{"text": "Where is my parcel?"}'\n
    router policy explain receipts --case "do not add up"\n
    router policy explain --task 3f2c... (the whole id)""",
)
@click.argument("policy", required=False)
@click.option("--input", "given", help="What each tier would be asked: JSON, @FILE, or - for standard input.")
@click.option("--case", "wanted", help="Play the case with this name, or with this in its name, step by step.")
@click.option("--task", "task_id", help="Tell a task from its trail, by the version that it ran under.")
@click.option("--prompts", is_flag=True, help="With --case and --task: show what was asked, word for word.")
@click.option("--json", "as_json", is_flag=True)
def command(
    policy: str | None, *, given: str | None, wanted: str | None, task_id: str | None, prompts: bool, as_json: bool
) -> int:
    """Show what each tier would be asked, or why a case or a task went as it did. POLICY is a name or a file."""
    if sum(option is not None for option in (given, wanted, task_id)) != 1:
        raise click.UsageError("say what to explain: one of --input, --case and --task")
    log.configure("error")
    settings = Settings.from_env()
    if task_id is not None:
        if policy is not None:
            raise click.UsageError("a task is explained by the version that it ran under; leave POLICY out")
        print_lived(task_id, settings, prompts=prompts, as_json=as_json)
        return 0
    path, book = _opened(policy, settings)
    (known,) = book.policies.values()
    if wanted is not None:
        _explain_case(_case(path, known, wanted), known, book, prompts=prompts, as_json=as_json)
    elif given is not None:
        _explain_input(read_input(given), known, book, as_json=as_json)
    return 0


def _opened(policy: str | None, settings: Settings) -> tuple[Path, Book]:
    """The file of a policy, with what it goes by. Raises: click.UsageError, PolicyInvalid."""
    if policy is None:
        raise click.UsageError("say which policy: a name or a file")
    path = Path(policy) if policy.endswith(".yaml") else settings.policies / f"{policy}.yaml"
    if not path.is_file():
        raise click.UsageError(f"there is no policy file {path}; give a file, or a name in {settings.policies}")
    (shelf,) = shelves((path,), settings)
    return path, shelf.book()


def _case(path: Path, policy: Policy, wanted: str) -> Case:
    """The case of that name, or the only one with that in its name. Raises: click.UsageError, PolicyInvalid."""
    suite = read_cases(path, policy)
    cases = suite.cases if suite is not None else ()
    found = [case for case in cases if case.name == wanted] or [case for case in cases if wanted in case.name]
    if len(found) == 1:
        return found[0]
    if found:
        raise click.UsageError(f"{count(len(found), 'case')} have {wanted!r} in their names; say more of the name")
    near = closest(wanted, [case.name for case in cases])
    raise click.UsageError(
        f"no case in {cases_file(path)} has {wanted!r} in its name" + (f"; did you mean {near!r}?" if near else "")
    )


def _explain_case(case: Case, policy: Policy, book: Book, *, prompts: bool, as_json: bool) -> None:
    start_ms = int(datetime.now(UTC).timestamp() * 1000)
    played = asyncio.run(play(policy, case, tiers=book.tiers, prices=book.prices, start_ms=start_ms))
    if as_json:
        print_json(_played_data(played))
        return
    print_story(played.story, prompts=prompts)
    if not played.passed:
        click.echo("\n".join(("", "not as the case expects:", *map(str, played.differences))))


def _played_data(played: Played) -> dict[str, Any]:
    record = played.record
    return {
        "policy": played.policy.policy,
        "case": played.case.name,
        "input": record.task.input,
        "passed": played.passed,
        "status": record.state.value,
        "reason": record.reason,
        "output": record.output,
        "cost_usd": usd(record.cost_nusd),
        "steps": steps_json(played.story),
    }


def _explain_input(value: dict[str, Any], policy: Policy, book: Book, *, as_json: bool) -> None:
    """Raises: TaskInvalid."""
    if problem := Validator(policy.input.json_schema).problem(value):
        raise TaskInvalid(f"the input does not meet the schema of policy {policy.policy!r}: {problem}")
    explanation = explained(policy, value, tiers=book.tiers, prices=book.prices, day=today())
    if as_json:
        print_json(as_data(explanation))
    else:
        click.echo("\n".join(as_lines(explanation)))


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
        if step.promise:
            yield f"  promise: {step.promise}"
        if number and step.call.messages == explanation.steps[0].call.messages:
            yield f"  asked the same as {explanation.steps[0].rung.tier}" + _earlier(policy)
            continue
        for message in step.call.messages:
            yield f"  {message['role']}:"
            yield from (f"    {line}" for line in text_of(message).splitlines())


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
                "promise": step.promise,
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
    match policy.earlier:
        case "none":
            return ""
        case "findings":
            return ", and told what was found in the attempts before"
        case "attempts":
            return ", and shown the attempts before with what was found in them"
