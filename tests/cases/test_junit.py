"""JUnit XML, as continuous integration reads it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from router.cases.junit import JUnitCase, JUnitSuite, junit

PASSED = JUnitCase("all is well", 3, 0.25, properties={"cost_usd": "0.000210000"})
FAILED = JUnitCase("a <doubtful> one", 7, 0.5, ("tier: expected mini", "tier: expected mini\n1. mini & co"))


def document(*suites: JUnitSuite) -> ET.Element:
    return ET.fromstring(junit("all", suites))


def test_suites_hold_cases_with_their_place() -> None:
    """Each case has class, name, file, line and time; failures have a message and a text."""
    root = document(JUnitSuite("receipts", "tests/receipts.yaml", [PASSED, FAILED], {"digest": "abc"}))

    first, second = root.iter("testcase")
    assert first.attrib == {
        "classname": "receipts",
        "name": "all is well",
        "file": "tests/receipts.yaml",
        "line": "3",
        "time": "0.250",
    }
    assert first.find("failure") is None
    failure = second.find("failure")
    assert failure is not None
    assert (failure.attrib["message"], failure.text) == ("tier: expected mini", "tier: expected mini\n1. mini & co")
    assert second.attrib["name"] == "a <doubtful> one"


def test_counts_and_times_are_summed() -> None:
    """The root counts all suites, each suite its own."""
    root = document(JUnitSuite("a", "a.yaml", [PASSED, FAILED]), JUnitSuite("b", "b.yaml", [PASSED]))

    counted = [(e.attrib["tests"], e.attrib["failures"], e.attrib["time"]) for e in (root, *root.iter("testsuite"))]
    assert counted == [("3", "1", "1.000"), ("2", "1", "0.750"), ("1", "0", "0.250")]
    assert (root.tag, root.attrib["errors"], root.attrib["skipped"]) == ("testsuites", "0", "0")


def test_properties_stand_where_they_belong() -> None:
    """A suite and a case have their own."""
    root = document(JUnitSuite("a", "a.yaml", [PASSED], {"coverage.gaps": "tier large"}))

    of_suite = root.find("testsuite/properties/property")
    of_case = root.find("testsuite/testcase/properties/property")
    assert of_suite is not None
    assert of_case is not None
    assert of_suite.attrib == {"name": "coverage.gaps", "value": "tier large"}
    assert of_case.attrib == {"name": "cost_usd", "value": "0.000210000"}


def test_characters_that_xml_does_not_admit_are_spelled_out() -> None:
    """Control characters and lone surrogates of a model's reply break no reader; line breaks and emoji stay."""
    case = JUnitCase("a\x00b\ud800", 1, 0.0, ("\x1b[31m", "tab\tline\n\U0001f600\x0b"))

    (found,) = document(JUnitSuite("s", "f", [case])).iter("testcase")

    failure = found.find("failure")
    assert failure is not None
    assert found.attrib["name"] == "a\\x00b\\ud800"
    assert failure.attrib["message"] == "\\x1b[31m"
    assert failure.text == "tab\tline\n\U0001f600\\x0b"
