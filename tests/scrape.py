"""Metrics as a scraper reads them, and the rules of names and texts that `promtool check metrics` goes by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from router.metrics import Snapshot, families

_NO_BASE_UNITS = {
    *("milliseconds", "microseconds", "nanoseconds", "minutes", "hours", "days", "weeks", "kilobytes", "megabytes"),
    *("gigabytes", "bits", "percent", "percents", "cents", "grams", "celsiusdegrees"),
}
_ABBREVIATED = {"s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "m", "h", "d"}
_KINDS = {"counter", "gauge", "histogram", "summary"}


class Scraped:
    """The samples of a scrape by name and labels."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families
            for sample in family.samples
        }

    def __getitem__(self, name: str) -> dict[tuple[str, ...], float]:
        """The values of a metric by the values of its labels, in the order of the labels' names."""
        return {
            tuple(value for _, value in labels): number
            for (named, labels), number in self.samples.items()
            if named == name
        }

    def one(self, name: str) -> float:
        """The value of a metric without labels."""
        return self[name][()]

    def dollars(self, name: str) -> dict[tuple[str, ...], str]:
        """The same as exact amounts: what stands there, rounded to a nano-dollar."""
        return {labels: exact(number) for labels, number in self[name].items()}


def exact(dollars: float) -> str:
    """A double of dollars as the amount that it stands for: its shortest decimal, rounded to nine places."""
    return f"{Decimal(repr(dollars)):.9f}"


def scraped(snapshot: Snapshot) -> Scraped:
    return Scraped(encoded(families(snapshot)))


def encoded(told: Iterable[Metric]) -> str:
    registry = CollectorRegistry()
    registry.collect = lambda: iter(list(told))  # type: ignore[method-assign]
    return generate_latest(registry).decode()


def complaints(text: str) -> Iterator[str]:
    """What `promtool check metrics` would say (prometheus/client_golang, promlint), and doubled series."""
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        words = set(name.split("_"))
        yield from (f"{name}: {said}" for said in _said_of_words(name, words, family))
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        yield from (f"{name}: label {label}" for label in labels if not re.fullmatch(r"[a-z][a-z_]*", label))
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        yield from (f"{name}: twice {one}" for one in set(series) if series.count(one) > 1)


def _said_of_words(name: str, words: set[str], family: Metric) -> Iterator[str]:
    if not family.documentation.strip().endswith("."):
        yield "no help text that is a sentence"
    if not re.fullmatch(r"router_[a-z_]+", name):
        yield "not of ours, or not in snake case"
    if family.type != "counter" and name.endswith("_total"):
        yield "ends in _total and is no counter"
    if family.type not in ("histogram", "summary") and name.endswith(("_bucket", "_count", "_sum")):
        yield "ends as a histogram's samples do"
    if found := words & (_NO_BASE_UNITS | _ABBREVIATED):
        yield f"is not in base units: {found}"
    if found := words & _KINDS:
        yield f"names its kind: {found}"
