"""Every query of deploy/: where it stands, what it asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import promql_parser
import yaml

from tests.deploy.tools import DEPLOY

DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
_VARIABLES = {"$__rate_interval": "10s", "$__range": "30s", "$__interval": "10s", "$tier": ".*"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query, and where it stands."""

    place: str
    text: str

    def __str__(self) -> str:
        return self.place


@dataclass(frozen=True, slots=True)
class Asked:
    """A selector in a query: a name, and what it wants of labels: (label, operator, value)."""

    name: str
    wants: tuple[tuple[str, str, str], ...]


def rules(kind: str) -> list[dict[str, Any]]:
    """The rules of a file, `recording` or `alerts`, in order."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / f"{kind}.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def records() -> list[Query]:
    return [Query(f"{rule['record']} of recording.yaml", rule["expr"]) for rule in rules("recording")]


def alerts() -> list[Query]:
    return [Query(f"{rule['alert']} of alerts.yaml", rule["expr"]) for rule in rules("alerts")]


def scalers() -> list[Query]:
    """What KEDA asks."""
    files = sorted((DEPLOY / "kubernetes" / "components" / "keda").glob("[!k]*.yaml"))
    told = [(path, yaml.safe_load(path.read_text())) for path in files]
    return [
        Query(f"{trigger['name']} of {path.name}", trigger["metadata"]["query"])
        for path, scaled in told
        for trigger in scaled["spec"]["triggers"]
    ]


def panels() -> list[Query]:
    """What dashboards ask, with Grafana's variables filled in."""
    return [
        Query(f"{panel['title']} of {path.name}", filled(target["expr"]))
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", [])
    ]


def marks() -> list[Query]:
    """What dashboards ask to mark moments in their charts."""
    return [
        Query(f"{mark['name']} of {path.name}", filled(mark["expr"]))
        for path in DASHBOARDS
        for mark in json.loads(path.read_text())["annotations"]["list"]
    ]


def filled(text: str) -> str:
    for name, value in _VARIABLES.items():
        text = text.replace(name, value)
    return text


@cache
def asked(text: str) -> tuple[Asked, ...]:
    """The selectors of a query. Raises: ValueError where it is no PromQL."""
    found: list[Asked] = []

    def note(node: Any) -> None:
        selector = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(selector, promql_parser.VectorSelector):
            wants = ((one.name, str(one.op).rpartition(".")[2], one.value) for one in selector.matchers.matchers)
            found.append(Asked(selector.name, tuple(wants)))

    promql_parser.walk(promql_parser.parse(text), note)
    return tuple(dict.fromkeys(found))


def grouped_by(text: str) -> Iterator[tuple[str, set[str]]]:
    """Labels by which parts of a query are summed up, each with the names in that part."""
    found: list[tuple[str, set[str]]] = []

    def note(node: Any) -> None:
        by = getattr(node, "modifier", None)
        if isinstance(node, promql_parser.AggregateExpr) and by and by.type == promql_parser.AggModifierType.By:
            names = {one.name for one in asked(str(node.expr))}
            found.extend((label, names) for label in by.labels)

    promql_parser.walk(promql_parser.parse(text), note)
    return iter(found)


def sources() -> Mapping[str, str]:
    """The recorded series that are one family's, seen once: record -> name of the family's samples."""
    return {
        rule["record"]: asked(rule["expr"])[0].name
        for rule in rules("recording")
        if rule["expr"].startswith("max without (instance, pod) (")
    }
