"""How a family of metrics is made: its samples in order, its amounts exact, its labels few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from ..cost import NUSD_PER_USD
from ..timings import Timings

OTHER: Final = "other"
"""What names are called that are too many to have series of their own."""

Labels: TypeAlias = tuple[str, ...]
Series: TypeAlias = Mapping[Any, float]
"""Values by the values of their labels."""


def first(known: Iterable[str], found: Iterable[str], most: int) -> list[str]:
    """At most so many names: those in use, then those that were; the same at every scrape."""
    first = sorted(known)
    return [*first, *sorted(set(found) - set(first))][:most]


def bounded(names: Iterable[str]) -> Callable[[str], str]:
    """Make what gives these names as they are, and `OTHER` for every other one."""
    allowed = frozenset(names)
    return lambda name: name if name in allowed else OTHER


def plain(name: str, about: str, value: float) -> Metric:
    """A gauge without labels."""
    return gauge(name, about, (), {(): value})


def gauge(name: str, about: str, labels: Sequence[str], series: Series) -> Metric:
    """What may rise and fall."""
    family = GaugeMetricFamily(name, about, labels=labels)
    for values in sorted(series):
        family.add_metric(values, series[values])
    return family


def counter(name: str, about: str, labels: Sequence[str], series: Series) -> Metric:
    """What only grows; *name* ends in `_total`."""
    family = CounterMetricFamily(name, about, labels=labels)
    for values in sorted(series):
        family.add_metric(values, series[values])
    return family


def histogram(name: str, about: str, labels: Sequence[str], series: Mapping[Any, Timings]) -> Metric:
    """How long things took."""
    family = HistogramMetricFamily(name, about, labels=labels)
    for values in sorted(series):
        family.add_metric(values, buckets=series[values].cumulative(), sum_value=series[values].sum_s)
    return family


def summed(samples: Iterable[tuple[Labels, int]]) -> dict[Labels, float]:
    """Whole numbers are added before they become floats: nothing is rounded on the way."""
    sums: Counter[Labels] = Counter()
    for labels, number in samples:
        sums[labels] += number
    return {labels: float(number) for labels, number in sums.items()}


def dollars(samples: Iterable[tuple[Labels, int]]) -> dict[Labels, float]:
    """
    Nano-dollars summed, then as dollars. A double holds every nano-dollar up to 2**53 of them, nine million dollars:
    rounded to nine places it is the exact amount again.
    """
    sums: Counter[Labels] = Counter()
    for labels, nusd in samples:
        sums[labels] += nusd
    return {labels: nusd / NUSD_PER_USD for labels, nusd in sums.items()}


def merged(samples: Iterable[tuple[Labels, Timings]]) -> dict[Labels, Timings]:
    """Histograms of the same labels as one."""
    merged: dict[Labels, Timings] = {}
    for labels, timings in samples:
        merged[labels] = merged.get(labels, Timings()) + timings
    return merged
