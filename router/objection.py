"""Why a policy cannot do what a caller wishes: said when the task is submitted, and again when it is worked on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from .call import Named
from .jsontext import DEPTH_MAX, NotJson, canonical, is_deeper, parse
from .output import Kind
from .schema.validator import check_schema
from .wishes import Wishes

SCHEMA_BYTES_MAX: Final = 65_536
"""How large one schema of a caller may be: it is compiled for its task alone."""
WISHES_BYTES_MAX: Final = 262_144
"""How large all wishes of a caller may be together, as JSON: they are stored with every task."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Objection:
    """What stands against a wish: `parameter` is how OpenAI's chat completions call it, or `tier`."""

    parameter: str
    reason: str

    def __str__(self) -> str:
        return f"{self.parameter}: {self.reason}"


def objection(
    wishes: Wishes, *, policy: str, output: Kind, tiers: Sequence[str], text_checks: Sequence[str]
) -> Objection | None:
    """
    The first thing that keeps a policy from doing what is wished; None where it can.

    *tiers* are its path, *text_checks* the names of its checks that can judge nothing but a free text: where there are
    any, the text keeps its form.
    """
    found = _objections(wishes, f"policy {policy!r}", output, tiers, text_checks)
    return next((Objection(parameter, reason) for parameter, reason in found), None)


def _objections(
    wishes: Wishes, policy: str, output: Kind, tiers: Sequence[str], text_checks: Sequence[str]
) -> Iterator[tuple[str, str]]:
    if wishes.tier is not None and wishes.tier not in tiers:
        yield "tier", f"{policy} has no tier {wishes.tier!r}; it climbs {', '.join(tiers)}"
    if wishes.parameters.top_logprobs is not None and not wishes.logprobs:
        yield "top_logprobs", "needs logprobs: true"
    if wishes.logprobs and output == "tools":
        yield "logprobs", f"{policy} answers with a function call, which has no log-probabilities; leave it out"
    yield from _of_the_form(wishes, policy, output)
    yield from _of_the_calls(wishes, policy, output)
    if text_checks:
        yield from _of_the_checks(wishes, policy, output, text_checks)
    yield from _of_the_schemas(wishes)


def _of_the_form(wishes: Wishes, policy: str, output: Kind) -> Iterator[tuple[str, str]]:
    formed = wishes.response_schema is not None or wishes.json_object
    if formed and output == "tools":
        yield "response_format", f"{policy} answers with a function call, not with a text; leave it out"
    if wishes.response_schema is not None and wishes.json_object:
        yield "response_format", "json_schema and json_object are both asked for; json_schema says more"


def _of_the_calls(wishes: Wishes, policy: str, output: Kind) -> Iterator[tuple[str, str]]:
    names = [tool.name for tool in wishes.tools]
    if names and output != "text":
        yield "tools", f"{policy} has an output of its own ({output}); ask a policy that answers with text"
    if twice := next((name for name in names if names.count(name) > 1), None):
        yield "tools", f"{twice!r} is there twice; give each function its own name"
    if isinstance(wishes.tool_choice, Named) and wishes.tool_choice.name not in names:
        yield "tool_choice", f"there is no function {wishes.tool_choice.name!r} among the tools"
    if wishes.tool_choice == "required" and not names:
        yield "tool_choice", "needs tools"
    if wishes.parallel_tool_calls is not None and not names:
        yield "parallel_tool_calls", "needs tools"


def _of_the_checks(wishes: Wishes, policy: str, output: Kind, text_checks: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What a check would have found in the text it could miss in JSON or in calls: nothing passes it unseen."""
    if output != "text":
        return
    why = f"{policy} checks its text ({', '.join(text_checks)}), which it could not in another form; leave it out"
    if wishes.response_schema is not None or wishes.json_object:
        yield "response_format", why
    if wishes.tools:
        yield "tools", why


def _of_the_schemas(wishes: Wishes) -> Iterator[tuple[str, str]]:
    given = [("tools", tool.name, tool.parameters) for tool in wishes.tools]
    if (asked := wishes.response_schema) is not None:
        given.insert(0, ("response_format", asked.name, asked.body))
        if not _NAME.fullmatch(asked.name):
            yield "response_format", f"the name {asked.name!r:.80} has more than 64 letters, digits, _ and -, or others"
    for parameter, name, schema in given:
        if problem := _problem(_text(schema)):
            yield parameter, f"the schema of {name} is refused: {problem}"
    if (size := len(_text(wishes.told))) > WISHES_BYTES_MAX:
        parameter = given[0][0] if given else "stop"
        yield parameter, f"all wishes have {size:,} bytes, the limit is {WISHES_BYTES_MAX:,}"


def _text(schema: dict[str, Any]) -> bytes:
    """The schema as compact JSON; empty where it is nested too deep, or not JSON."""
    try:
        return b"" if is_deeper(schema, DEPTH_MAX) else canonical(schema).encode()
    except NotJson:
        return b""


@lru_cache(maxsize=64)
def _problem(text: bytes) -> str | None:
    """What forbids the use of a schema, in a sentence."""
    if not text:
        return f"it is not JSON, or nested deeper than {DEPTH_MAX}"
    if len(text) > SCHEMA_BYTES_MAX:
        return f"it has {len(text):,} bytes, the limit is {SCHEMA_BYTES_MAX:,}"
    problems = check_schema(parse(text.decode()))
    return str(problems[0]) if problems else None
