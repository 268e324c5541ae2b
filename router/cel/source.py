"""The text of a rule: its size, what could grow in it without bounds, and sums with their types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from .environment import SUM_OF_DOUBLES, SUM_OF_INTS
from .problem import ExpressionProblem, problem_at

SOURCE_BYTES_MAX: Final = 4096
_CODE: Final = re.compile(
    r"//[^\n]*"
    r"|[bB]?[rR][bB]?(?:'''(?s:.*?)'''|\"\"\"(?s:.*?)\"\"\"|'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?:'''(?s:(?:[^\\]|\\.)*?)'''|\"\"\"(?s:(?:[^\\]|\\.)*?)\"\"\")"
    r"|(?P<text>'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
    r"|(?<=\.)\s*(?P<sum>sum)(?=\s*\()"
    r"|(?<=\.)\s*(?P<method>[A-Za-z]\w*)(?=\s*\()"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<number>0[xX][0-9a-fA-F]+[uU]?|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?[uU]?)"
    r"|(?P<sign>[-+*/%!<>=&|?:.,()\[\]{}])"
)
"""The tokens of CEL, as far as the questions below need them."""


def tokens(source: str) -> list[re.Match[str]]:
    """Cut a rule into its tokens: groups `text`, `sum`, `method`, `name`, `number` and `sign` say of which kind."""
    return list(_CODE.finditer(source))


def unclosed(source: str) -> int | None:
    """Find the last bracket that is opened and never closed: its offset in the text."""
    opened: list[int] = []
    for token in tokens(source):
        match token["sign"]:
            case "(" | "[" | "{":
                opened.append(token.start())
            case ")" | "]" | "}" if opened:
                opened.pop()
    return opened[-1] if opened else None


def size_problems(source: str) -> list[ExpressionProblem]:
    """Refuse a text that is too long, or none."""
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        return [ExpressionProblem(1, 1, "the expression holds a lone surrogate")]
    if size > SOURCE_BYTES_MAX:
        return [ExpressionProblem(1, 1, f"the expression has {size:,} bytes, the limit is {SOURCE_BYTES_MAX:,}")]
    return []


def copies(source: str) -> bool:
    """Tell whether a rule makes new lists: map, filter and sum take time by the square of their length."""
    return any(token["method"] in ("map", "filter") or token["sum"] for token in tokens(source))


def growth_problems(source: str, checker: Any, checked: Any) -> Iterator[ExpressionProblem]:
    """Refuse what makes ever longer texts and lists; CEL's budget counts iterations, not bytes."""
    found = tokens(source)
    for index, token in enumerate(found):
        match token["method"]:
            case "join" | "format" as name:
                yield problem_at(source, token.start("method"), f"{name}() is not available in rules")
            case "replace" if not _shortens(found[index + 2 : index + 5]):
                message = "replace() takes two literals, the second no longer than the first"
                yield problem_at(source, token.start("method"), message)
    joining: set[int] = set()  # one map() that joins texts grows them by a factor, each further one multiplies it
    for plus, innermost in _pluses_in_map(found):
        if innermost not in joining and _joins_texts(source, plus, checker, checked):
            joining.add(innermost)
            if len(joining) > 1:
                yield problem_at(source, plus, "only one map() of a rule may join texts or lists with +")


def _shortens(arguments: list[re.Match[str]]) -> bool:
    old, _, new = ((token["text"] or "")[1:-1] for token in arguments) if len(arguments) == 3 else ("", "", "")
    at_least = len(re.sub(r"\\(?:x..|u.{4}|U.{8}|[0-7]{3}|.)", "-", old))
    return at_least > 0 and at_least >= len(new) and bool(arguments[2]["text"])


def _joins_texts(source: str, plus: int, checker: Any, checked: Any) -> bool:
    """Tell whether a `+` is, or might be, that of texts or lists: those know no `-`, and list `add_string` if open."""
    try:
        subtracted = checker.compile(f"{source[:plus]}-{source[plus + 1 :]}")
    except RuntimeError:
        return True
    return bool(subtracted.serialize().count(b"add_string") < checked.serialize().count(b"add_string"))


def _pluses_in_map(tokens: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """The places of `+` inside the brackets of a `.map(...)`, each with the place of the innermost such bracket."""
    brackets: list[int] = []  # for each open bracket, the innermost map() it is or stands in; -1 for none
    after_map = False
    for token in tokens:
        around = brackets[-1] if brackets else -1
        match token["sign"]:
            case "(" | "[" | "{":
                brackets.append(token.start() if after_map else around)
            case ")" | "]" | "}" if brackets:
                brackets.pop()
            case "+" if around >= 0:
                yield token.start(), around
        after_map = token["method"] == "map"


def with_typed_sums(source: str, checker: Any) -> str:
    """
    Write `.map(n, n).sumOfInts()`, or `sumOfDoubles`, for each `.sum()`.

    The runtime cannot tell 0 from 0.0 for an empty list, so the checker decides, one `sum` at a time (from the right,
    so that earlier offsets stay true).  The `map` lets the elements count against the budget of 10,000 iterations.
    """
    for start, end in reversed([token.span("sum") for token in _CODE.finditer(source) if token["sum"]]):
        ints, doubles = (f"{source[:start]}map(n, n).{name}{source[end:]}" for name in (SUM_OF_INTS, SUM_OF_DOUBLES))
        source = ints if _compiles(checker, ints) else doubles
    return source


def _compiles(checker: Any, source: str) -> bool:
    try:
        checker.compile(source)
    except RuntimeError:
        return False
    return True
