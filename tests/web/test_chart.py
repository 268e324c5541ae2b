"""Charts as SVG."""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree as ET

import pytest

from router.web.chart import Bars, Measured, reliability, stacked

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "</svg><script>alert(1)</script>\u202e"


def drawn(markup: str) -> ET.Element:
    return ET.fromstring(markup)


def test_bars_tell_what_they_stand_for() -> None:
    """One bar for each value, as high as it is, with a text for who points at it."""
    chart = drawn(stacked(["a", "b"], [Bars([1, 2], ["one", "two"]), Bars([0, 4], ["none", "four"])], about="costs"))

    bars = [rect for rect in chart.iter(f"{SVG}rect") if "reactive" in rect.attrib.get("class", "")]
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert chart.attrib["aria-label"] == "costs"
    assert chart.attrib["role"] == "img"
    assert [title.text for title in chart.iter(f"{SVG}title")] == ["one", "two", "none", "four"]
    assert round(heights[1] / heights[0]) == 2
    assert round(heights[-1] / heights[0]) == 4


def test_nothing_in_a_chart_runs() -> None:
    """No script, no style, no event, no link to elsewhere; texts of others are texts."""
    for markup in (
        stacked([EVIL], [Bars([1.0], [EVIL])], about=EVIL),
        reliability([Measured(0.5, 0.2, (0.1, 0.4), EVIL)], about=EVIL),
    ):
        chart = drawn(markup)
        tags = {element.tag.removeprefix(SVG) for element in chart.iter()}
        attributes = {name for element in chart.iter() for name in element.attrib}

        assert tags <= {"svg", "g", "rect", "path", "text", "title", "circle"}
        assert not {name for name in attributes if name.startswith(("on", "style", "{"))}
        assert "<script" not in markup
        assert "\u202e" not in markup


def test_many_labels_leave_each_other_room() -> None:
    """Of a week's hours some ten are named."""
    labels = [f"hour {n}" for n in range(168)]
    chart = drawn(stacked(labels, [Bars([1.0] * 168, labels)], about="a week"))

    shown = [text.text for text in chart.iter(f"{SVG}text") if (text.text or "").startswith("hour")]
    assert 6 <= len(shown) <= 10


def test_nothing_can_be_drawn_too() -> None:
    """A time without costs is an empty picture, not an error."""
    assert drawn(stacked(["a"], [Bars([0.0], ["none"])], about="nothing")).attrib["class"] == "chart"


def test_what_was_seen_stands_over_what_was_expected() -> None:
    """Each dot as high as it is far where both are one, inside its interval, with a text for who points at it."""
    points = [Measured(0.6, 0.6, (0.4, 0.8), "as expected"), Measured(0.9, 0.75, (0.7, 0.9), "less")]
    chart = drawn(reliability(points, about="trust"))
    dots = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in chart.iter(f"{SVG}circle")]
    marks = {text.text for text in chart.iter(f"{SVG}text")}
    lines = [path.attrib["d"].split() for path in chart.iter(f"{SVG}path") if "reactive" in path.attrib["class"]]
    diagonal, *intervals = [[float(number) for number in re.findall(r"[\d.]+", " ".join(d))] for d in lines]

    assert [title.text for title in chart.iter(f"{SVG}title")] == ["as expected", "less"]
    assert {"0%", "50%", "99%", "100%"} <= marks
    assert on(diagonal, dots[0]) == pytest.approx(0, abs=0.01)
    assert on(diagonal, dots[1]) > 10
    for (x, y), (left, low, right, high) in zip(dots, intervals, strict=True):
        assert left == right == pytest.approx(x)
        assert high < y < low


def on(line: list[float], dot: tuple[float, float]) -> float:
    """How far below a line a dot lies, in units of the drawing."""
    x0, y0, x1, y1 = line
    return dot[1] - (y0 + (y1 - y0) * (dot[0] - x0) / (x1 - x0))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_certainty_can_be_drawn(share: float) -> None:
    """What is trusted fully or not at all, and was always or never so, stands in a corner."""
    chart = drawn(reliability([Measured(share, share, (share, share), "sure")], about="trust"))

    assert len(list(chart.iter(f"{SVG}circle"))) == 1


def test_importing_goes_on_as_before() -> None:
    """The library's own finder of modules, which knows no specs, stays in nobody's way."""
    assert [finder for finder in sys.meta_path if not hasattr(finder, "find_spec")] == []
