"""Problems for programs: our own JSON, SARIF for code scanning, and annotations of GitHub workflows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ...problem import Code, Problem
from ...problemcodes import EXPLAINED, Explanation

_SARIF_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_json(problems: Sequence[Problem]) -> str:
    """A list of `{file, line, column, code, severity, message, suggestion}`."""
    return json.dumps([problem_data(problem) for problem in problems], ensure_ascii=False)


def as_sarif(problems: Sequence[Problem]) -> str:
    """One run of SARIF 2.1.0 (OASIS) with what GitHub's code scanning asks for: rules, and a region for each result."""
    codes = list(Code)
    driver = {
        "name": "router policy lint",
        "semanticVersion": version("router"),
        "rules": [_rule(code, EXPLAINED[code]) for code in codes],
    }
    results = [_result(problem, codes.index(problem.code)) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False)


def as_github(problems: Sequence[Problem]) -> str:
    """Workflow commands, a line each, escaped as GitHub's toolkit does it (actions/toolkit, core/src/command.ts)."""
    return "\n".join(_annotation(problem) for problem in problems)


FORMATS: Final[Mapping[str, Callable[[Sequence[Problem]], str]]] = {
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}


def as_text(problem: Problem) -> str:
    """For people: the problem with its code, the line and a caret."""
    first, *rest = str(problem).split("\n")
    place = f"{problem.file}:{problem.place.line}:{problem.place.column}: "
    kind = "warning: " if problem.code.severity == "warning" else ""
    return "\n".join((f"{place}{kind}{first.removeprefix(place)} [{problem.code}]", *rest))


def problem_data(problem: Problem) -> dict[str, Any]:
    """For programs: `{file, line, column, code, severity, message, suggestion}`."""
    return {
        "file": problem.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "code": problem.code.value,
        "severity": problem.code.severity,
        "message": problem.message,
        "suggestion": problem.suggestion,
    }


def _rule(code: Code, explained: Explanation) -> dict[str, Any]:
    return {
        "id": code.value,
        "name": code.name.title().replace("_", ""),
        "shortDescription": {"text": explained.title},
        "fullDescription": {"text": f"{explained.meaning} {explained.why}"},
        "help": {"text": explained.text, "markdown": _markdown(explained)},
        "defaultConfiguration": {"level": code.severity},
    }


def _markdown(explained: Explanation) -> str:
    wrong, right = (f"```yaml\n{yaml}\n```" for yaml in (explained.wrong, explained.right))
    return f"{explained.meaning}\n\n{explained.why}\n\nInstead of\n{wrong}\nwrite\n{right}"


def _result(problem: Problem, index: int) -> dict[str, Any]:
    place = {"startLine": problem.place.line, "startColumn": problem.place.column}
    location = {"artifactLocation": {"uri": _uri(problem.file), "uriBaseId": "%SRCROOT%"}, "region": place}
    return {
        "ruleId": problem.code.value,
        "ruleIndex": index,
        "level": problem.code.severity,
        "message": {"text": _sentence(problem)},
        "locations": [{"physicalLocation": location}],
    }


def _uri(file: str) -> str:
    """Relative to where the command runs, which in a workflow is the top of the repository."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _sentence(problem: Problem) -> str:
    return f"{problem.message}; did you mean {problem.suggestion!r}?" if problem.suggestion else problem.message


def _annotation(problem: Problem) -> str:
    told = {
        "file": problem.file,
        "line": str(problem.place.line),
        "col": str(problem.place.column),
        "title": f"{problem.code} {EXPLAINED[problem.code].title}",
    }
    properties = ",".join(f"{name}={_escaped_property(value)}" for name, value in told.items())
    return f"::{problem.code.severity} {properties}::{_escaped(_sentence(problem))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
