"""What CEL complains about, in the words of the author of a rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from .descriptors import PACKAGE
from .problem import ExpressionProblem, problem_at
from .shape import Object, Objects
from .source import unclosed
from .words import FUNCTIONS

_ISSUE: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_NO_OVERLOAD: Final = re.compile(r"found no matching overload for '(.+)' applied to '\((.*)\)'")
_COMPARED_WITH_NULL: Final = re.compile(
    r"found no matching overload for '_[!=]=_' applied to "
    r"'\((?:(?:list|map)\(.*\), null_type|null_type, (?:list|map)\(.*\))\)'"
)
_UNDEFINED: Final = re.compile(r"undefined field '(.+)' not found in struct '(.+)'")
_UNDECLARED: Final = re.compile(r"undeclared reference to '(.+)' \(in")
_NOT_A_RANGE: Final = re.compile(r"expression of type '(.+)' cannot be the range of a comprehension")
_NO_FIELDS: Final = re.compile(r"expression of type '(.+)' cannot be the operand of a select operation")


def complaints(source: str, said: str, objects: Objects) -> list[ExpressionProblem]:
    """Take CEL's message about a rule apart; there is always something to say."""
    issues = _issues(said)
    if "recursion" in said or any(line < 1 for line, _, _ in issues):
        message = "the expression is nested deeper than 32 (long chains of + or . count too): split the rule in two"
        return [ExpressionProblem(1, 1, message)]
    if not source.strip():
        return [ExpressionProblem(1, 1, "the expression is empty")]
    return _told(source, issues, objects) or [ExpressionProblem(1, 1, said)]


def complaints_beside_null(source: str, said: str, objects: Objects) -> list[ExpressionProblem]:
    """Take the message of a checker apart that takes no list for null: comparing one with null is no mistake."""
    issues = [issue for issue in _issues(said) if not _COMPARED_WITH_NULL.match(issue[2])]
    return _told(source, issues, objects)


def _issues(said: str) -> list[tuple[int, int, str]]:
    """Take CEL's message apart: line, column and text of each complaint."""
    return [(int(line), int(column), text) for line, column, text in _ISSUE.findall(said)]


def _told(source: str, issues: list[tuple[int, int, str]], objects: Objects) -> list[ExpressionProblem]:
    # After the first syntax error the parser guesses; after an unknown name the checker repeats itself.
    issues = [issue for issue in issues if issue[2].startswith("Syntax error")][:1] or issues
    told = [issue for issue in issues if "*error*" not in issue[2] and "to 'math' (in" not in issue[2]]
    found = [_Issue(source, line, column, text, objects).problem() for line, column, text in told or issues]
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Issue:
    """One complaint of CEL's checker, to be said in the author's words."""

    source: str
    line: int
    column: int
    text: str
    objects: Objects

    def problem(self) -> ExpressionProblem:
        for pattern, explain in (
            (_UNDEFINED, self._undefined),
            (_UNDECLARED, self._undeclared),
            (_NO_OVERLOAD, self._no_overload),
            (_NOT_A_RANGE, self._not_a_range),
            (_NO_FIELDS, self._no_fields),
        ):
            if found := pattern.match(self.text):
                return explain(*found.groups())
        return self._syntax() if self.text.startswith("Syntax error") else self._at(self.column, self.text)

    def _at(self, column: int, message: str, meant: str | None = None) -> ExpressionProblem:
        after_dot = self._code[column - 1 : column] == "."  # CEL's place for a field
        return ExpressionProblem(self.line, column + after_dot, message, meant)

    @property
    def _code(self) -> str:
        lines = self.source.split("\n")
        return lines[self.line - 1] if self.line <= len(lines) else ""

    def _undefined(self, field: str, message: str) -> ExpressionProblem:
        described = self.objects.get(message.removeprefix(f"{PACKAGE}."), Object("the value", {}))
        column = self._code.find(field, self.column - 1) + 1 or self.column
        meant = _closest(field, described.fields)
        known = "" if meant else f", only {', '.join(list(described.fields)[:12])}"
        return self._at(column, f"{described.place} has no field {field!r}{known}", meant)

    def _undeclared(self, name: str) -> ExpressionProblem:
        root = name.partition(".")[0]
        column = self._code.rfind(root, 0, self.column - 1 + len(root)) + 1 or self.column
        if name == root and self._code[column - 1 + len(name) :].lstrip().startswith("("):
            return self._at(column, f"there is no function {name!r}", _closest(name, FUNCTIONS))
        tops = [top for top in self.objects.values() if "." not in top.place and root in top.fields]
        meant = f"{tops[-1].place}.{root}" if tops else _closest(root, ("input", "output", "math"))
        bare = meant is None and name == root and self._code[column - 1 + len(name) :][:1] != "."
        return self._at(column, f"there is no {root!r}" + (f"; a text wants quotes: {root!r}" if bare else ""), meant)

    def _no_overload(self, function: str, types: str) -> ExpressionProblem:
        operator, given = _operator(function), _split_types(types)
        column = self._code.rfind(operator, 0, self.column) + 1 if operator.isalnum() else self.column
        message = f"{operator!r} does not take {_listed(given)}"
        kinds = {one.removeprefix("wrapper(").removesuffix(")") for one in given}
        if kinds == {"int", "double"} and operator in _ARITHMETIC:
            literal = self._literal_beside(operator)
            return self._at(column, message if literal else f"{message}: convert one, double(...)", literal)
        hint = _overload_hint(operator, kinds)
        return self._at(column or self.column, f"{message}: {hint}" if hint else message)

    def _literal_beside(self, operator: str) -> str | None:
        """The integer literal on either side of an operator, as a double."""
        after = re.match(r"\s*(-?\d+)(?![\d.eExu])", self._code[self.column - 1 + len(operator) :])
        before = re.search(r"(?<![\w.])(-?\d+)\s*$", self._code[: self.column - 1])
        literal = after or before
        return f"{literal[1]}.0" if literal else None

    def _not_a_range(self, kind: str) -> ExpressionProblem:
        return self._at(self.column, f"{type_name(kind)} has no elements to go through")

    def _no_fields(self, kind: str) -> ExpressionProblem:
        return self._at(self.column, f"{type_name(kind)} has no fields")

    def _syntax(self) -> ExpressionProblem:
        rest = self._code[self.column - 1 :]
        if not rest.split():
            return self._ended()
        hint = next((f": {hint}" for start, hint in _SYNTAX_HINTS if rest.startswith(start)), "")
        return self._at(self.column, f"cannot be read at {rest.split()[0]!r}{hint}")

    def _ended(self) -> ExpressionProblem:
        """The rule ends too early: at the bracket that is left open, else behind its last word."""
        if (bracket := unclosed(self.source)) is not None:
            return problem_at(self.source, bracket, f"this {self.source[bracket]!r} is never closed")
        return problem_at(self.source, len(self.source.rstrip()), "cannot be read at the end")


def _overload_hint(operator: str, kinds: set[str]) -> str | None:
    if operator in ("==", "!=") and "null_type" in kinds:
        return "the schema never allows null here, has(...) tells whether a field is there"
    if operator == "in" and kinds == {"string"}:
        return "write whole.contains(part)"
    if operator in ("==", "!=") and all(kind.startswith(f"{PACKAGE}.") for kind in kinds):
        return "compare their fields"
    if operator == "[]" and any(kind.startswith(f"{PACKAGE}.") for kind in kinds):
        return "write a dot and the field's name"
    return None


_ARITHMETIC: Final = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=")
_SYNTAX_HINTS: Final = (
    ("=", "compare with =="),
    ("and", "write &&"),
    ("or", "write ||"),
    ("not", "write !"),
    (">", "unequal is written !="),
    ('"', "the text does not end, or has an unknown escape"),
    ("'", "the text does not end, or has an unknown escape"),
    ("`", "write object['name'] for names with special characters"),
)


def _closest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(word, list(known), n=1)), None)


def _split_types(types: str) -> list[str]:
    """Split 'double, list(int), map(string, dyn)' at its outer commas."""
    return re.findall(r"[^,(\s]+(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?", types)


def type_name(kind: str) -> str:
    """Spell CEL's name of a type for people: `nullable double`, `list(object)`."""
    kind = re.sub(rf"\b{PACKAGE}\.\w+", "object", kind)
    kind = re.sub(r"wrapper\((\w+)\)", r"nullable \1", kind)
    return kind.replace("null_type", "null").replace("dyn", "any").replace("int64", "int")


def _operator(function: str) -> str:
    """Spell CEL's internal names as written: `_==_`, `@in`, `_[_]`, `_?_:_`."""
    return {"_[_]": "[]", "_?_:_": "? :"}.get(function, function.removeprefix("@").strip("_"))


def _listed(types: list[str]) -> str:
    names = [type_name(one) for one in types]
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"


_REASONS: Final = (
    (re.compile(r'not found in map : (?:"(.*)"|(.*))', re.DOTALL), "there is no {0!r} here; guard it with has(...)"),
    (re.compile(r"Applying SELECT to non-message type"), "a field was asked of something that is no object (null?)"),
    (re.compile(r"<iter_range>"), "something that is no list and no object has no elements to go through"),
    (re.compile(r"<jump_condition>|found : _(&&|\|\|)_$"), "a condition is neither true nor false"),
    (re.compile(r"Index error: index=(-?\d+) size=(\d+)"), "there is no element {0} in a list of {1}"),
    (re.compile(r"Iteration budget exceeded"), "it loops more than 10,000 times"),
    (re.compile(r"Integer value .* out of range for", re.DOTALL), "an integer is outside 64 bits"),
    (re.compile(r"Non-CEL value type", re.DOTALL), "a value is not of JSON"),
    (re.compile(r"construction from null"), "a text holds a lone surrogate"),
    (re.compile(r"bad_alloc"), "it needs too much memory"),
)
_NO_MATCH: Final = re.compile(r"No matching overloads found : (?:\((.*?)\)\.)?([\w.@<>=!+*/%\[\]-]+)(?:\((.*)\))?$")


def evaluation_sentence(said: Any) -> str:
    """Say why there is no answer; *said* is CEL's message, or a value that is not true or false."""
    if not isinstance(said, str):
        return f"its value is {said!r:.80}, not true or false"
    for pattern, sentence in _REASONS:
        if found := pattern.search(said):
            return sentence.format(*(group for group in found.groups() if group is not None))
    if found := _NO_MATCH.search(said):
        types = ", ".join(filter(None, (found[1], found[3])))
        return f"{_operator(found[2])!r} does not take {_listed(_split_types(types)) or 'these types'}"
    return re.sub(r"^[A-Z_]+: ", "", said)[:200]
