"""Tasks shown to a tier for a calibration: which, what came of it, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from ...certificate import lot
from ...client import Client
from ...cost import usd
from ...policy import Policy
from ...recorded.recording import Recording
from ...settings import Settings
from ..printing import count, dollars, printable
from ..shadow import Sent, Shown, shadow, unasked

ANSWER_S = 600.0
"""How long to wait without any news."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking *tier* about some tasks."""

    tier: str
    shown: tuple[Shown, ...] = ()

    def joined(self, recordings: Iterable[Recording]) -> tuple[Recording, ...]:
        """The recordings, with what was answered."""
        answered = {one.recording.id: one.recording for one in self.shown}
        return tuple(answered.get(recording.id, recording) for recording in recordings)

    def as_json(self) -> dict[str, Any]:
        ends = Counter(one.end for one in self.shown)
        return {
            "tier": self.tier,
            "tasks": len(self.shown),
            "asked_before": sum(one.before for one in self.shown),
            "cost_usd": usd(sum(one.cost_nusd for one in self.shown)),
            **{end: ends[end] for end in ("answered", "refused", "late")},
        }

    def __str__(self) -> str:
        if not self.shown:
            return f"no task was asked of {self.tier}: all that count have its reply"
        what = f"{count(len(self.shown), 'task')} asked of {self.tier}"
        paid = f"{dollars(sum(one.cost_nusd for one in self.shown))}, booked as audits"
        return f"{what}, {paid}{self._before()}{self._failed()}"

    def _before(self) -> str:
        before = sum(one.before for one in self.shown)
        return f" ({before:,} had been asked before and cost nothing again)" if before else ""

    def _failed(self) -> str:
        reasons = Counter(one.reason for one in self.shown if one.end == "refused")
        late = sum(one.end == "late" for one in self.shown)
        told = []
        if reasons:
            told.append(f"{reasons.total():,} refused: {printable(reasons.most_common(1)[0][0])}")
        if late:
            told.append(f"{late:,} not answered in {ANSWER_S:.0f} s: the same command will use what comes later")
        return "".join(f"; {each}" for each in told)


def asked(policy: Policy, recordings: Sequence[Recording], number: int, against: str, *, settings: Settings) -> Asked:
    """
    Ask *against* about so many of those that lack its reply, wait for the answers, and say at once what it cost.

    The draw is each task's own lot: more tasks, or a greater number, ask those again that were asked before, at no new
    cost. Raises: UnknownPolicy, Backlogged, StoreUnavailable.
    """
    drawn = sorted(unasked(recordings, against), key=lambda recording: lot(f"ask:{recording.id}"))[:number]
    run = _shown(policy, drawn, against, settings) if drawn else Asked(against)
    click.echo(str(run), err=True)
    return run


def _shown(policy: Policy, drawn: Sequence[Recording], against: str, settings: Settings) -> Asked:
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        return collected(shadow(client, policy, drawn, against, timeout_s=ANSWER_S), against)


def collected(events: Iterable[Sent | Shown], against: str) -> Asked:
    """Wait for the end of *events*; where somebody breaks that off, say what will be booked all the same."""
    sent, shown = 0, []
    try:
        for event in events:
            match event:
                case Sent(tasks=tasks):
                    sent += tasks
                case Shown():
                    shown.append(event)
    except KeyboardInterrupt:
        click.echo(
            f"\n{count(sent, 'task')} sent to {against} so far: the workers go on, their calls are booked as audits,"
            " and the same command will use the answers",
            err=True,
        )
        raise
    return Asked(against, tuple(shown))
