"""What must be true of a prompt: its template can be read, and names what the input has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ..policy import Policy
from ..problem import Code, Mistake, closest
from ..template import FILTERS, TESTS, PromptInvalid, check_template, unknown_variables
from .fields import Stray, names_of, stray
from .looks import Look, looks


def prompt_mistakes(policy: Policy) -> Iterator[Mistake]:
    """What of a prompt cannot be rendered, and what it names that the input does not have."""
    variables: list[str] = []
    prompt = policy.prompt
    if prompt is None:
        return
    try:
        variables = unknown_variables(prompt.user, ())
        check_template(prompt.user)
    except PromptInvalid as why:
        yield _template_mistake(prompt.user, why)
    fields = names_of(policy.input.json_schema)
    if fields is None:  # the schema leaves open what an input may hold
        return
    for name in variables:
        if name not in fields:
            said = f"the input has no field {name!r} for the template"
            place = _place_of_variable(prompt.user, name)
            yield Mistake(("prompt", "user"), said, Code.WRONG_PROMPT, closest(name, fields), *place)
    yield from _look_mistakes(policy, prompt.user)
    for index, name in enumerate(prompt.images):
        if name not in fields:
            said = f"the input has no field {name!r}"
            yield Mistake(("prompt", "images", index), said, Code.WRONG_PROMPT, closest(name, fields))


def _template_mistake(source: str, why: PromptInvalid) -> Mistake:
    """What a template's parser refuses, at the word that it names, else at the beginning of its line."""
    line = why.line or 1
    code = _line_of(source, line)
    word = named[1] if (named := re.search(r"'([^']+)'", str(why))) else ""
    at = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", code) if word else None
    column = at.start() + 1 if at else len(code) - len(code.lstrip()) + 1
    known = {"No filter": FILTERS, "No test": TESTS}.get(str(why).partition(" named ")[0], ())
    said = f"the template cannot be read: {str(why).removesuffix('.')}"
    return Mistake(("prompt", "user"), said, Code.WRONG_PROMPT, closest(word, known), line, column)


def _line_of(source: str, line: int) -> str:
    """A line of a template, counted from 1 as Jinja counts: a carriage return alone ends one too."""
    return re.split(r"\r\n|\r|\n", source)[line - 1]


def _place_of_variable(source: str, name: str) -> tuple[int, int]:
    """Line and column (from 1) where a template uses a variable first."""
    used = re.search(rf"{{[{{%](?:(?![%}}]}}).)*?(?<![\w.'\"]){re.escape(name)}\b", source, re.DOTALL)
    start = used.end() - len(name) if used else 0
    return source.count("\n", 0, start) + 1, start - source.rfind("\n", 0, start)


def _look_mistakes(policy: Policy, source: str) -> Iterator[Mistake]:
    for look in _looks(source):
        if look.is_method:
            above, last = look.said.rpartition(".")[::2]
            said = f"{look.said} is a method of objects, not a field; write {above}[{last!r}]"
            yield Mistake(("prompt", "user"), said, Code.WRONG_PROMPT, None, *place_of_look(source, look))
    for look, wrong in strays(policy):
        if wrong.sure:
            said = f"the input has no field {look.said!r} for the template"
            yield Mistake(("prompt", "user"), said, Code.WRONG_PROMPT, wrong.meant, *place_of_look(source, look))


def strays(policy: Policy) -> Iterator[tuple[Look, Stray]]:
    """Where a template looks into the input for what is not there, or hardly is; each place once."""
    for look in _looks(policy.prompt.user) if policy.prompt is not None else ():
        if not look.is_method and (wrong := stray(policy.input.json_schema, look.path)) is not None:
            yield look, wrong


def _looks(source: str) -> Iterable[Look]:
    """What a template looks at, each once; nothing where it cannot be read."""
    with suppress(PromptInvalid):
        return dict.fromkeys(looks(source))
    return ()


def place_of_look(source: str, look: Look) -> tuple[int, int]:
    """Line and column (from 1) of the last word of what a template looks at."""
    code = _line_of(source, look.line)
    word = re.search(rf"(?<=[.'\"]){re.escape(str(look.path[-1]))}\b", code)
    return look.line, word.start() + 1 if word else len(code) - len(code.lstrip()) + 1
