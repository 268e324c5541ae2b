"""Where a calibration's evidence comes from: a log or the tasks that are kept, with labels or a larger tier's word."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import click

from ...calibration.fair import asked_alike, fair, newest
from ...calibration.labels import Label, joined, parse_labels
from ...client import Client
from ...errors import LogInvalid
from ...jsontext import NotJson, parse
from ...policy import Policy
from ...problem import Problem
from ...recording import Recording
from ...settings import Settings
from ...traffic import labelled
from ..policy.traffic import read_traffic
from ..printing import count
from ..shadow import shadow, unasked
from ..trail import ended_tasks

_ANSWER_S = 600.0
_TOLD_MAX = 10


@dataclass(frozen=True, slots=True)
class Sources:
    """What the command was told about its evidence."""

    log: str | None
    labels: str | None
    shadow: str | None
    ask: int | None
    skip_bad: bool
    tier_map: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Recordings that may count, where their truth comes from, and what to tell of those left out."""

    recordings: tuple[Recording, ...]
    labels: Literal["expected", "review", "shadow", "graded"]
    notes: tuple[str, ...]


def gathered(policy: Policy, sources: Sources, settings: Settings) -> Evidence:
    """Raises: LogInvalid, StoreUnavailable, click.UsageError."""
    assert policy.promise is not None
    _require_sense(policy, sources)
    everything = _recordings(policy, sources, settings)
    recordings = asked_alike(policy, everything)
    if not recordings:
        raise LogInvalid("all of the traffic was asked other words, or other models; what is needed is this version's")
    if sources.shadow is None and policy.promise.kind != "disagreement":
        found = _with_labels(policy, sources, recordings)
    else:
        if sources.ask is not None:
            recordings = _asked(policy, recordings, sources.ask, settings)
        found = _pairs(policy, recordings)
    if not (others := len(everything) - len(recordings)):
        return found
    return replace(
        found, notes=(f"left out {count(others, 'task')} that other words or models were asked", *found.notes)
    )


def _require_sense(policy: Policy, sources: Sources) -> None:
    assert policy.promise is not None
    top, kind = policy.held_against, policy.promise.kind
    if sources.shadow is not None and sources.shadow != top:
        raise click.UsageError(
            f"--shadow is {sources.shadow!r}, but the promise is held against {top!r}; give that one"
        )
    if sources.shadow is not None and kind == "accepted_error":
        raise click.UsageError("accepted_error needs labels: a shadow run tells regret or disagreement; give --labels")
    if sources.labels is not None and (sources.shadow is not None or kind == "disagreement"):
        raise click.UsageError(f"what {top} answers is taken as right: leave --labels out, or promise another kind")
    if sources.ask is not None and sources.shadow is None:
        raise click.UsageError("--ask goes with --shadow TIER: it says how many tasks that tier is asked about")


def _recordings(policy: Policy, sources: Sources, settings: Settings) -> tuple[Recording, ...]:
    log = sources.log
    if log is None and sources.labels is not None and _is_log(Path(sources.labels)):
        log = sources.labels
    if log is not None:
        return newest(read_traffic(log, [policy], skip_bad=sources.skip_bad, tier_map=sources.tier_map))
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        kept = newest(tuple(ended_tasks(client, settings, policy=policy.policy)))
    if not kept:
        raise LogInvalid(f"no ended task of {policy.policy} is kept; give recorded traffic with --log FILE")
    return kept


def _pairs(policy: Policy, recordings: Sequence[Recording]) -> Evidence:
    found, top = fair(policy, recordings), policy.held_against
    if found.accepted and not found.audited:
        raise LogInvalid(
            f"none of {count(found.accepted, 'task')} accepted below {top} was ever shown to it, and those that went"
            f" up to it do not stand for them; set `audit: {{rate: 0.02, against: {top}}}`, or ask it with"
            f" --shadow {top} --ask N"
        )
    notes = []
    if found.accepted:
        notes.append(f"{found.audited} of {count(found.accepted, 'accepted task')} were shown to {top}")
    if found.thinned:
        notes.append(f"left out {count(found.thinned, 'task')} that went up to {top}, so that all count alike")
    paired = tuple(recording for recording in found.recordings if top in recording.replies)
    if not paired:
        raise LogInvalid(f"no task has a reply of {top}; ask it with --shadow {top} --ask N")
    return Evidence(paired, "shadow", tuple(notes))


def _asked(policy: Policy, recordings: Sequence[Recording], number: int, settings: Settings) -> tuple[Recording, ...]:
    """With the tier's answers to some tasks more, drawn by lot. Raises: UnknownPolicy, StoreUnavailable."""
    top = policy.held_against
    assert top is not None
    lacking = unasked(recordings, top)
    drawn = random.Random(number).sample(lacking, min(number, len(lacking)))
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        answered = {r.id: r for r in shadow(client, policy, drawn, top, timeout_s=_ANSWER_S)}
    return tuple(answered.get(recording.id, recording) for recording in recordings)


def _with_labels(policy: Policy, sources: Sources, recordings: Sequence[Recording]) -> Evidence:
    if sources.labels is None or (sources.log is None and _is_log(Path(sources.labels))):
        return _known(policy, recordings)
    labels = _read_labels(Path(sources.labels))
    unknown = labels.keys() - {recording.id for recording in recordings}
    if len(unknown) == len(labels):
        raise LogInvalid(f"{sources.labels} has no label of a task in the traffic; its ids are like {min(unknown)!r}")
    notes = (_strangers(len(unknown)),) if unknown else ()
    told = _known(policy, joined(recordings, labels))
    return Evidence(told.recordings, "review", (*notes, *told.notes))


def _strangers(number: int) -> str:
    if number == 1:
        return "1 label is of a task that is not in the traffic"
    return f"{count(number, 'label')} are of tasks that are not in the traffic"


def _known(policy: Policy, recordings: Sequence[Recording]) -> Evidence:
    """Those of which is known what was right; the others teach the scale of the signals."""
    if not any(map(labelled, recordings)):
        hint = (
            "" if policy.promise and policy.promise.kind == "accepted_error" else f", or --shadow {policy.held_against}"
        )
        raise LogInvalid(f"nobody says of any task what was right; give --labels FILE{hint}")
    graded = any(r.correct is not None for each in recordings for replies in each.replies.values() for r in replies)
    return Evidence(tuple(recordings), "graded" if graded else "expected", ())


def _is_log(file: Path) -> bool:
    """True for recorded traffic that says itself what was right."""
    with suppress(OSError, UnicodeError, NotJson):
        with file.open(encoding="utf-8") as lines:
            first = parse(next((line for line in lines if line.strip()), "null"))
        return isinstance(first, dict) and "replies" in first
    return False


def _read_labels(file: Path) -> dict[str, Label]:
    """Raises: LogInvalid, with every mistake."""
    try:
        found = list(parse_labels(file.read_text(encoding="utf-8").splitlines(), str(file)))
    except (OSError, UnicodeError) as why:
        raise LogInvalid(f"{file} cannot be read: {getattr(why, 'strerror', None) or why}") from None
    problems = [each for each in found if isinstance(each, Problem)]
    if problems:
        raise LogInvalid("\n".join(map(str, problems[:_TOLD_MAX])))
    labels = {each.id: each for each in found if isinstance(each, Label)}
    if not labels:
        raise LogInvalid(f'{file} holds no labels; a line is {{"id": "...", "expected": ...}}')
    return labels
