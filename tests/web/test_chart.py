"""Charts as SVG."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from router.web.chart import Bars, curves, stacked

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
        curves([[(0, 0), (1, 1)], [(0, 0), (0.5, 0.2), (1, 1)]], about=EVIL),
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
