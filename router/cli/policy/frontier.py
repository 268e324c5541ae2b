"""The frontier of cost against quality, drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ...recorded.backtest import Backtest, Point

_COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
"""Okabe and Ito's, which colour-blind people can tell apart."""

_MARKS: Final = {"policy": ("D", "#d55e00"), "oracle": ("*", "#009e73")}
_ALWAYS: Final = ("v", "^", "s", "P", "X", "<", ">", "p", "h", "8")
_GREY: Final = "#444444"


def draw(found: Backtest, file: Path, *, title: str, quality: str) -> None:
    """Write a picture of all ways to *file*, whose suffix says its form."""
    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for colour, (name, points) in zip(_COLOURS, _curves(found), strict=False):
        _curve(axes, name, points, colour)
    _line(axes, found)
    for mark, point in zip(_ALWAYS, found.of_kind("always"), strict=False):
        _mark(axes, point, mark, _GREY)
    for point in (*found.of_kind("oracle"), *found.of_kind("policy")):
        _mark(axes, point, *_MARKS[point.kind])
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(f"cost, as a share of always asking {found.top}")
    axes.set_ylabel(f"tasks with an accepted output that is {quality}")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(alpha=0.25)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "router"}):  # texts as texts, and the same file each time
        figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix == ".svg" else None)


def _curves(found: Backtest) -> Iterator[tuple[str, list[Point]]]:
    for name, points in groupby(found.of_kind("threshold"), key=lambda point: point.name):
        yield name, sorted(points, key=lambda point: point.of_top.value or 0.0)


def _curve(axes: Any, name: str, points: Sequence[Point], colour: str) -> None:
    x, y = _places(points)
    axes.fill_between(x, [p.right.low for p in points], [p.right.high for p in points], color=colour, alpha=0.12, lw=0)
    axes.plot(x, y, "o-", color=colour, markersize=3.5, linewidth=1.2, label=f"other thresholds: {name}")


def _line(axes: Any, found: Backtest) -> None:
    """Dealing tasks out by lot gets everything between the cheapest tier and the top."""
    ends = [
        point for point in found.of_kind("always") if point.name in (f"always {found.cheapest}", f"always {found.top}")
    ]
    axes.plot(*_places(ends), "--", color="#888888", linewidth=1, label="random mix")


def _mark(axes: Any, point: Point, mark: str, colour: str) -> None:
    (x,), (y,) = _places([point])
    axes.errorbar(
        x,
        y,
        xerr=[[max(0.0, x - point.of_top.low)], [max(0.0, point.of_top.high - x)]],
        yerr=[[max(0.0, y - point.right.low)], [max(0.0, point.right.high - y)]],
        fmt=mark,
        color=colour,
        markersize=11 if mark == "*" else 7,
        capsize=3,
        linewidth=1.2,
        label=point.name,
        zorder=5,
    )


def _places(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [point.of_top.value or 0.0 for point in points], [point.right.value or 0.0 for point in points]
