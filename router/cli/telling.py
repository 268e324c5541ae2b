"""A story on a screen, as text and as JSON: what was asked, answered, found, decided and spent, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from io import StringIO
from itertools import groupby
from typing import Any, assert_never

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..because import LeftOut
from ..call import Failure
from ..cost import usd
from ..reading import Reading
from ..refusal import Refusal
from ..ruling import REVIEW
from ..seen import Seen
from ..story import Step, Story, Told
from ..values import Json
from .printing import dollars, printable
from .taskview import unsaid

WIDTH = 100
"""Columns of a story that no screen limits."""

_VALUE_MAX = 240
_STYLES = {"pass": "green", "unsure": "yellow", "fail": "red", "warn": "yellow"}
_INDENT = 3


def story_text(story: Story, *, prompts: bool = False, quiet: bool = False, width: int = WIDTH) -> str:
    """A story without colours, for files and reports."""
    screen = Console(file=StringIO(), width=width, highlight=False, color_system=None)
    print_steps(screen, story, prompts=prompts, quiet=quiet)
    file = screen.file
    assert isinstance(file, StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def print_steps(screen: Console, story: Story, *, prompts: bool = False, quiet: bool = False) -> None:
    """
    Print every attempt of a story, and the end. *prompts* shows what was asked word for word, *quiet* leaves out what
    passed.
    """
    if story.outdated:
        screen.print(_text("the certificate is not gone by: " + "; ".join(story.outdated), style="yellow"))
    for number, step in enumerate(story.steps):
        if number:
            screen.print()
        _print_step(screen, step, prompts=prompts, quiet=quiet)
    reason = story.record.reason
    if reason and not (story.steps and reason in story.steps[-1].why):
        screen.print(_text(f"{story.record.state.value}: {reason}"))


def _text(said: str, style: str = "") -> Text:
    return Text(printable(said), style=style)


def _print_step(screen: Console, step: Step, *, prompts: bool, quiet: bool) -> None:
    attempt = step.attempt
    head = _text(f"{attempt.number}. {attempt.tier}", style="bold")
    model = f" {step.model}" if step.model else ""
    screen.print(head.append(printable(f" ({attempt.why}){model}: {step.because}"), style="not bold"))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=_INDENT - 1)
    grid.add_column(width=7, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in _rows(step, prompts=prompts, quiet=quiet):
        grid.add_row("", _text(label, style=_STYLES.get(label, "")), text)
    screen.print(grid)


def _rows(step: Step, *, prompts: bool, quiet: bool) -> Iterator[tuple[str, RenderableType]]:
    for tier in step.passed_by:
        yield "without", _text(f"{tier.name}: {tier.why}")
    yield from _asked(step, whole=prompts)
    yield _answered(step)
    for told in step.told:
        yield from _found(told, quiet=quiet)
    if quiet and (passed := [told.finding.check for told in step.told if told.finding.outcome == "pass"]):
        yield "pass", _text(", ".join(passed))
    for why, checks in groupby(step.not_run, key=lambda check: check.why):
        yield "not run", _text(f"{', '.join(check.name for check in checks)} ({why})")
    yield "spent", _text(_spent(step))
    yield "then", _text(_then(step))


def _asked(step: Step, *, whole: bool) -> Iterator[tuple[str, RenderableType]]:
    if step.attempt.ruling is not None:
        yield "by", _text(step.attempt.ruling.by)
        return
    if not whole:
        sizes = (f"{message['role']} {len(text_of(message)):,}" for message in step.messages)
        yield "asked", _text(f"{', '.join(sizes)} characters" if step.messages else "nothing could be written")
        return
    for message in step.messages:
        yield message["role"][:7], _text(text_of(message).rstrip("\n"))


def _answered(step: Step) -> tuple[str, Text]:
    match step.attempt.answer:
        case Reading() as reading:
            said = spelled(reading.output) if reading.output is not None else reading.raw
            return "replied", _text(said or reading.refusal or unsaid(step.attempt, reading))
        case Failure(kind=kind, message=message):
            return "failed", _text(f"{kind.value}: {message}", style="red")
        case Refusal(limit=limit, message=message):
            return "refused", _text(f"{limit}: {message}", style="red")
        case never:
            assert_never(never)


def _found(told: Told, *, quiet: bool) -> Iterator[tuple[str, RenderableType]]:
    finding = told.finding
    passed = finding.outcome == "pass"
    if quiet and passed:
        return
    grade = "warn" if finding.warn else finding.outcome.value
    reason = printable(f": {finding.reason}") if finding.reason else ""
    yield grade, _text(finding.check, style="bold").append(reason, style="not bold")
    for value in told.seen:
        yield "", Padding(_text(_seen(value), style="dim"), (0, 0, 0, 2))


def _seen(seen: Seen) -> str:
    value = f"{seen.what} = {shortened(spelled(seen.value))}" if seen.value is not None or not seen.note else seen.what
    return f"{value}  {seen.note}" if seen.note else value


def _spent(step: Step) -> str:
    attempt = step.attempt
    calls = len(attempt.calls)
    if not calls:
        return "nothing, no call was made"
    told = [dollars(attempt.cost_nusd)]
    if doubt := sum(call.doubt_nusd for call in attempt.calls):
        told.append(f"up to {dollars(doubt)} in doubt")
    if usage := attempt.usage:
        cached = f" ({usage.cached_input_tokens:,} cached)" if usage.cached_input_tokens else ""
        told.append(f"{usage.input_tokens:,}{cached} + {usage.output_tokens:,} tokens")
    days = sorted({call.price_since for call in attempt.calls if call.price_since})
    told += [f"price of {', '.join(days)}"] if days else []
    others = [f"{call.purpose} by {call.tier} {dollars(call.cost_nusd)}" for call in attempt.calls[1:]]
    told += [f"with {', '.join(others)}"] if others else []
    took_ms = attempt.ended_ms - attempt.started_ms
    return "; ".join((*told, *([f"{took_ms / 1000:.2f} s"] if took_ms else [])))


def _then(step: Step) -> str:
    made = step.move or "not decided yet"
    to = f" to {step.to}" if step.to not in (None, step.attempt.tier, REVIEW) else ""
    return f"{made}{to}: {step.why}" if step.why else f"{made}{to}"


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, and what it calls; images are only named."""
    content = message.get("content") or []
    told = [content] if isinstance(content, str) else [_part(part) for part in content]
    called = (call.get("function", {}) for call in message.get("tool_calls") or ())
    return "\n".join((*told, *(f"{each.get('name')}({each.get('arguments')})" for each in called)))


def _part(part: Mapping[str, Any]) -> str:
    return "(an image)" if "image_url" in part else str(part.get("text") or part.get("refusal") or "")


def spelled(value: Json) -> str:
    """A value as JSON, with numbers as people write them: what a float cannot hold is not shown."""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Json) -> Json:
    match value:
        case float():
            return round(value, 9)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


def shortened(text: str) -> str:
    """Its beginning, where it is long."""
    return text if len(text) <= _VALUE_MAX else f"{text[:_VALUE_MAX]} ... ({len(text):,} characters)"


def steps_json(story: Story) -> list[dict[str, Any]]:
    """Every attempt with all that is known of it; money as decimal strings in dollars."""
    return [_step_json(step) for step in story.steps]


def _step_json(step: Step) -> dict[str, Any]:
    attempt = step.attempt
    verdict = attempt.verdict
    usage = attempt.usage
    return {
        "number": attempt.number,
        "tier": attempt.tier,
        "model": step.model,
        "why": attempt.why,
        "because": step.because,
        "passed_by": _left_out(step.passed_by),
        "messages": list(step.messages),
        "answer": attempt.answer.model_dump(mode="json", exclude_none=True),
        "findings": [_told_json(told) for told in step.told],
        "not_run": _left_out(step.not_run),
        "verdict": verdict.outcome.value if verdict is not None else None,
        "trust": verdict.trust if verdict is not None else None,
        "cost_usd": usd(attempt.cost_nusd),
        "doubt_usd": usd(sum(call.doubt_nusd for call in attempt.calls)),
        "price_since": sorted({call.price_since for call in attempt.calls if call.price_since}),
        "usage": usage.model_dump() if usage is not None else None,
        "seconds": (attempt.ended_ms - attempt.started_ms) / 1000,
        "move": step.move,
        "to": step.to,
        "moved_because": step.why,
    }


def _left_out(left_out: tuple[LeftOut, ...]) -> list[Mapping[str, str]]:
    return [{"name": one.name, "why": one.why} for one in left_out]


def _told_json(told: Told) -> dict[str, Any]:
    seen = [{"what": s.what, "value": s.value, "note": s.note} for s in told.seen]
    return {**told.finding.model_dump(mode="json"), "seen": seen}
