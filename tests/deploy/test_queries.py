"""Every query of rules, dashboards and scalers asks for what the real service tells."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.conftest import Running
from tests.deploy.queries import alerts, asked, grouped_by, marks, panels, records, rules, scalers, sources

OWN = ("router_http_", "router_build_info", "router_store_reachable")
"""What each process tells of itself alone."""
DERIVED = {rule["record"] for rule in rules("recording")} - set(sources())
OF_PROMETHEUS = {"up": {"job", "instance"}}
ADDED = {"job", "instance", "pod"}
FROM_EVENTS = {"status", "reason", "outcome", "per", "scope"}
"""Labels whose values depend on what has happened, or was set."""
RARE = {("router_workers", "silent")}
"""Values that are told when there is one."""
EVERY = [*records(), *alerts(), *scalers(), *panels(), *marks()]
USED = [*alerts(), *scalers(), *panels(), *marks()]


@cache
def told(exposition: str) -> dict[str, dict[str, set[str]]]:
    """The samples of an exposition: name -> label -> its values; a family that has none yet is there without labels."""
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(exposition):
        if not family.samples:
            found[family.name + ("_total" if family.type == "counter" else "")] = defaultdict(set)
        for sample in family.samples:
            labels = found.setdefault(sample.name, defaultdict(set))
            for name, value in sample.labels.items():
                labels[name].add(value)
    return found


@pytest.fixture(scope="module")
def samples(service: Running) -> dict[str, dict[str, set[str]]]:
    """What the real service tells after some tasks."""
    return told(service.exposition())


def labels_of(name: str, samples: dict[str, dict[str, set[str]]]) -> set[str]:
    """The labels of a name that rules do not compute. Of money that nobody has lost yet they are those of costs."""
    if name in OF_PROMETHEUS:
        return OF_PROMETHEUS[name]
    return {*(samples[sources().get(name, name)] or samples["router_cost_dollars_total"]), *ADDED}


def test_every_query_can_be_read():
    """Each query is PromQL, and asks for something."""
    assert len(EVERY) > 100
    assert [query.place for query in EVERY if not asked(query.text)] == []


def test_every_query_asks_for_what_there_is(samples):
    """Each name in a query is a sample that the service tells, or a record of ours."""
    known = {*samples, *OF_PROMETHEUS, *DERIVED, *sources()}

    assert [(query.place, one.name) for query in EVERY for one in asked(query.text) if one.name not in known] == []


def test_every_query_selects_by_labels_that_there_are(samples):
    """Each label by which a query selects is one of what it asks for."""
    wanted = [
        (query.place, one.name, label) for query in EVERY for one in asked(query.text) for label, _, _ in one.wants
    ]

    assert [
        (place, name, label)
        for place, name, label in wanted
        if name not in DERIVED and label not in labels_of(name, samples)
    ] == []


def test_every_query_sums_by_labels_that_there_are(samples):
    """Each label by which a part of a query is summed up is one of what that part asks for."""
    sums = [(query.place, label, names) for query in EVERY for label, names in grouped_by(query.text)]

    assert [
        (place, label)
        for place, label, names in sums
        if not names & DERIVED and not any(label in labels_of(name, samples) for name in names)
    ] == []


def test_every_query_wants_values_that_are_told(samples):
    """A value that a query wants of a label with few fixed ones is one that the service tells."""
    wanted = [
        (query.place, sources().get(one.name, one.name), label, value)
        for query in EVERY
        for one in asked(query.text)
        for label, operator, value in one.wants
        if operator == "Equal" and label not in FROM_EVENTS and one.name not in {*DERIVED, *OF_PROMETHEUS}
    ]

    assert [
        (place, value)
        for place, name, label, value in wanted
        if value not in samples[name][label] and (name, value) not in RARE
    ] == []


def test_no_fact_is_counted_once_for_each_process():
    """What every process of the HTTP service tells alike is asked for by its record, which has it once."""
    raw = [(query.place, one.name) for query in USED for one in asked(query.text) if one.name.startswith("router_")]

    assert [(place, name) for place, name in raw if not name.startswith(OWN)] == []


def test_every_fact_has_its_record(samples):
    """Each sample of the whole service is recorded once, under its own name with a colon."""
    whole = {name for name in samples if name.startswith("router_") and not name.startswith(OWN)}

    assert sources() == {name.replace("router_", "router:", 1): name for name in whole}


def test_what_was_counted_is_recorded_as_a_counter():
    """Counters are held at their highest of the last minutes: they never fall when a process goes."""
    held = {rule["record"] for rule in rules("recording") if "max_over_time" in rule["expr"]}

    assert held == {name for name in sources() if name.endswith(("_total", "_bucket", "_count", "_sum"))}
