"""Results of cases as JUnit XML, in the form that continuous integration reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree as ET

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 admits in no form, not even escaped."""


@dataclass(frozen=True, slots=True)
class JUnitCase:
    """One case; *failure* is a sentence and a text, None where it passed."""

    name: str
    line: int
    seconds: float
    failure: tuple[str, str] | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JUnitSuite:
    """The cases of one file."""

    name: str
    file: str
    cases: Sequence[JUnitCase]
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        return sum(case.failure is not None for case in self.cases)

    @property
    def seconds(self) -> float:
        return sum(case.seconds for case in self.cases)


def junit(name: str, suites: Sequence[JUnitSuite]) -> str:
    """Write the document; characters that XML does not admit are spelled out as `\\x1b`."""
    root = ET.Element("testsuites", _counts(name, suites))
    for suite in suites:
        element = ET.SubElement(root, "testsuite", {**_counts(suite.name, [suite]), "file": _xml(suite.file)})
        _add_properties(element, suite.properties)
        for case in suite.cases:
            _add_case(element, suite, case)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _counts(name: str, suites: Sequence[JUnitSuite]) -> dict[str, str]:
    return {
        "name": _xml(name),
        "tests": str(sum(len(suite.cases) for suite in suites)),
        "failures": str(sum(suite.failures for suite in suites)),
        "errors": "0",
        "skipped": "0",
        "time": f"{sum(suite.seconds for suite in suites):.3f}",
    }


def _add_case(parent: ET.Element, suite: JUnitSuite, case: JUnitCase) -> None:
    place = {"classname": _xml(suite.name), "name": _xml(case.name), "file": _xml(suite.file), "line": str(case.line)}
    element = ET.SubElement(parent, "testcase", {**place, "time": f"{case.seconds:.3f}"})
    _add_properties(element, case.properties)
    if case.failure is not None:
        message, text = case.failure
        ET.SubElement(element, "failure", {"message": _xml(message), "type": "difference"}).text = _xml(text)


def _add_properties(parent: ET.Element, properties: Mapping[str, str]) -> None:
    if properties:
        held = ET.SubElement(parent, "properties")
        for name, value in properties.items():
            ET.SubElement(held, "property", {"name": _xml(name), "value": _xml(value)})


def _xml(text: str) -> str:
    return _NOT_XML.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
