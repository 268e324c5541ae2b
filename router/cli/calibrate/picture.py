"""How reliable trust is, and what each threshold costs and risks, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ...calibration.outcome import Outcome
from ...policy import Policy
from ...proportion import Proportion

_COLOURS: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
"""Okabe and Ito's, which colour-blind people can tell apart."""

_MARKS: Final = (0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
"""Where reliability is read off: its axes widen towards 100 %, where most replies are."""

_GREY: Final = "#444444"
_RED: Final = "#d55e00"


def draw(outcome: Outcome, policy: Policy, file: Path, *, counted: str) -> None:
    """Write a picture to *file*, whose suffix says its form; *counted* says what replies are that count as right."""
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _reliability(left, outcome, counted)
    _risk(right, outcome, policy)
    for axes in (left, right):
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(alpha=0.25)
        axes.legend(loc="best", fontsize=9, frameon=False)
    figure.suptitle(f"{policy.policy}: {outcome.certifying} tasks that certified", fontsize=11)
    figure.savefig(file, dpi=150)


def _reliability(axes: Any, outcome: Outcome, counted: str) -> None:
    """Each bin's share of right replies over its trust, with Wilson's 95 % interval."""
    axes.set_xscale("function", functions=(_widened, _narrowed))
    axes.set_yscale("function", functions=(_widened, _narrowed))
    axes.plot([0, 1], [0, 1], "--", color=_GREY, linewidth=1, label="as trusted")
    for colour, (tier, found) in zip(_COLOURS, outcome.reliability.items(), strict=False):
        shares = [Proportion(each.right, each.count) for each in found]
        x, y = [each.trust for each in found], [each.share for each in found]
        below = [at - share.interval[0] for at, share in zip(y, shares, strict=True)]
        above = [share.interval[1] - at for at, share in zip(y, shares, strict=True)]
        bars = [[max(0.0, value) for value in side] for side in (below, above)]
        axes.errorbar(x, y, yerr=bars, fmt="o-", color=colour, markersize=4, capsize=2, clip_on=False, label=tier)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=_MARKS, yticks=_MARKS)
    axes.set_xlabel("trust in a reply")
    axes.set_ylabel(f"replies that are {counted}")
    axes.set_title(f"Are they {counted} as often as they are trusted?", fontsize=10)


def _widened(share: Any) -> Any:
    """The closer to 1, the wider."""
    return 1 - np.sqrt(np.clip(1 - np.asarray(share), 0, None))


def _narrowed(place: Any) -> Any:
    return 1 - (1 - np.asarray(place)) ** 2


def _risk(axes: Any, outcome: Outcome, policy: Policy) -> None:
    promise = policy.promise
    assert promise is not None
    x = [each.accepted_share for each in outcome.candidates]
    axes.plot(x, [each.losses / max(1, each.of) for each in outcome.candidates], "o-", color=_COLOURS[0], label="seen")
    axes.plot(x, [each.bound for each in outcome.candidates], ":", color=_COLOURS[0], label="upper bound of each alone")
    axes.axhline(promise.at_most, color=_RED, linewidth=1, label=f"promised: at most {promise.at_most:.2%}")
    if outcome.certified is not None:
        axes.axvline(outcome.certified.accepted_share, color=_COLOURS[2], linewidth=1, label="certified")
    axes.set_xlabel(f"tasks accepted below {policy.held_against}")
    axes.set_ylabel(promise.kind.replace("_", " "))
    axes.set_title("What does each threshold risk?", fontsize=10)
