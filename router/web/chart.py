"""Charts as SVG, drawn on the server: no script and no style of their own, colours are the style sheet's."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup
from pygal.style import Style

from .shown import visible

# pygal leaves a finder for plugins of maps behind, of before Python 3.4, over which other importers stumble.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

_SVG: Final = "http://www.w3.org/2000/svg"
_STYLE: Final = Style(font_family="inherit", label_font_size=11, major_label_font_size=11)
_PLAIN: Final = {
    "style": _STYLE,
    "js": (),
    "css": (),
    "show_legend": False,
    "margin": 2,
    "no_data_text": "",
    "include_x_axis": True,
    "show_minor_x_labels": False,
    "truncate_label": -1,
}
_MARKS: Final = (0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
"""Where reliability is read off: most replies are near 100 %."""
ET.register_namespace("", _SVG)


@dataclass(frozen=True, slots=True)
class Bars:
    """Values of one group, a text for each that shows when it is pointed at."""

    values: Sequence[float]
    told: Sequence[str]


def stacked(labels: Sequence[str], series: Sequence[Bars], *, about: str, unit: str = "${:,.6g}") -> Markup:
    """Bars over time, one upon another; about eight of the labels are shown."""
    chart = pygal.StackedBar(
        width=1000, height=260, value_formatter=unit.format, max_scale=5, spacing=24, margin_right=36, **_PLAIN
    )
    chart.x_labels = [visible(label) for label in labels]
    chart.x_labels_major = chart.x_labels[:: max(1, len(labels) // 8)]
    for bars in series:
        values = [{"value": v, "label": visible(t)} for v, t in zip(bars.values, bars.told, strict=True)]
        chart.add(None, values)
    return _markup(chart, about)


@dataclass(frozen=True, slots=True)
class Measured:
    """A share as it was expected and as it was seen, with the interval that it may lie in; a text for each."""

    expected: float
    seen: float
    interval: tuple[float, float]
    told: str


def reliability(points: Sequence[Measured], *, about: str) -> Markup:
    """What was seen over what was expected, in a square that widens towards 100 %; on the first line both are one."""
    chart = pygal.XY(
        width=380, height=330, xrange=(0, 1), range=(0, 1), dots_size=4, show_dots=False, margin_right=18, **_PLAIN
    )
    chart.x_labels = chart.y_labels = [{"value": _widened(mark), "label": f"{mark:.0%}"} for mark in _MARKS]
    chart.show_minor_x_labels = True
    chart.add(None, [(0.0, 0.0), (1.0, 1.0)])
    for point in points:
        at, (low, high) = _widened(point.expected), point.interval
        chart.add(None, [(at, _widened(low)), (at, _widened(high))])
    dots = [{"value": (_widened(p.expected), _widened(p.seen)), "label": visible(p.told)} for p in points]
    chart.add(None, dots, stroke=False, show_dots=True)
    return _markup(chart, about)


def _widened(share: float) -> float:
    """Where a share is drawn: the closer to 1, the wider."""
    return 1 - math.sqrt(max(0.0, 1 - share))


def _markup(chart: Any, about: str) -> Markup:
    """The drawing alone, for a page whose policy forbids what else the library writes."""
    root = ET.fromstring(chart.render(is_unicode=True, disable_xml_declaration=True))
    for child in [*root]:
        if child.tag in (f"{{{_SVG}}}defs", f"{{{_SVG}}}title"):
            root.remove(child)
    _tell(root)
    view = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"viewBox": view, "class": "chart", "role": "img", "aria-label": visible(about)})
    return Markup(ET.tostring(root, encoding="unicode"))  # a serialised tree: its texts are escaped


def _tell(element: ET.Element) -> None:
    """What the library keeps for its own script becomes what browsers show by themselves."""
    for child in [*element]:
        kind = child.attrib.get("class", "")
        if child.tag == f"{{{_SVG}}}desc":
            element.remove(child)
            if kind == "label":
                ET.SubElement(element, f"{{{_SVG}}}title").text = child.text
        elif child.tag == f"{{{_SVG}}}title" or kind in ("tooltip", "plot text-overlay"):
            element.remove(child)
        else:
            child.attrib.pop("id", None)
            child.attrib.pop("style", None)
            _tell(child)
