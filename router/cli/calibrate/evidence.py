"""Where a calibration's evidence comes from: a log or the tasks that are kept, with labels or a larger tier's word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import click

from ...calibration.fair import Fair, asked_alike, fair
from ...calibration.labels import Label, joined, parse_labels
from ...client import Client
from ...errors import LogInvalid
from ...jsontext import NotJson, parse
from ...policy import Policy
from ...problem import Problem
from ...recorded.recording import Recording
from ...recorded.traffic import labelled, newest
from ...settings import Settings
from ...task import TaskState
from ..policy.traffic import read_traffic
from ..printing import count
from ..shadow import unasked
from ..trail import WISHED, ended_tasks
from .asking import Asked, asked
from .lacking import at_worst, blind, thinned, unanswered, unlabelled, unshown

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
    """
    Recordings that may count, where their truth comes from, and what to tell of those left out.

    `asked` says what came of `--ask`; `unasked` tasks would count, too, if the promise's tier were asked about them:
    None where its replies are no evidence.
    """

    recordings: tuple[Recording, ...]
    labels: Literal["expected", "review", "shadow", "graded"]
    notes: tuple[str, ...]
    asked: Asked | None = None
    unasked: int | None = None


def gathered(policy: Policy, sources: Sources, settings: Settings) -> Evidence:
    """Raises: LogInvalid, UnknownPolicy, StoreUnavailable, click.UsageError."""
    assert policy.promise is not None
    _require_sense(policy, sources)
    everything = _recordings(policy, sources, settings)
    recordings = asked_alike(policy, everything)
    if not recordings:
        raise LogInvalid("all of the traffic was asked other words, or other models; what is needed is this version's")
    if sources.shadow is not None or policy.promise.kind == "disagreement":
        found = _paired(policy, Evidence(recordings, "shadow", ()), sources, settings)
    elif policy.promise.kind == "regret":
        found = _paired(policy, _labelled(policy, sources, recordings), sources, settings)
    else:
        found = _even(policy, _labelled(policy, sources, recordings))
    others = len(everything) - len(recordings)
    told = (f"left out {count(others, 'task')} that other words or models were asked",) if others else ()
    return replace(found, notes=(*told, *found.notes))


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
    if sources.ask is not None and kind == "accepted_error":
        raise click.UsageError(f"accepted_error needs labels alone, not what {top} answers; leave --ask out")


def _recordings(policy: Policy, sources: Sources, settings: Settings) -> tuple[Recording, ...]:
    log = sources.log
    if log is None and sources.labels is not None and _is_log(Path(sources.labels)):
        log = sources.labels
    if log is not None:
        return read_traffic(log, [policy], skip_bad=sources.skip_bad, tier_map=sources.tier_map)
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        others: list[str] = []
        kept = newest(tuple(ended_tasks(client, settings, others=others, policy=policy.policy)))
    if others:
        click.echo(f"{count(len(others), 'task')} left out: {WISHED}", err=True)
    if not kept:
        raise LogInvalid(f"no ended task of {policy.policy} is kept; give recorded traffic with --log FILE")
    return kept


def _paired(policy: Policy, evidence: Evidence, sources: Sources, settings: Settings) -> Evidence:
    """
    Those of which the promise's tier has replied, drawn alike; of the others some are asked first, if that is wished.

    Raises: LogInvalid, UnknownPolicy, StoreUnavailable.
    """
    top, shadowed = policy.held_against, evidence.labels == "shadow"
    assert top is not None

    def known(recording: Recording) -> bool:
        return shadowed or _judges(recording, top)

    judged = tuple(each for each in evidence.recordings if shadowed or "expected" in each.model_fields_set)
    run, recordings, found = None, evidence.recordings, fair(policy, evidence.recordings, known)
    if not shadowed and (lacking := unlabelled(found, top, fair(policy, judged, shown=False))):
        raise LogInvalid("\n".join(lacking))
    if sources.ask is not None:
        run = asked(policy, judged, sources.ask, top, settings=settings)
        judged, recordings = run.joined(judged), run.joined(recordings)
        found = fair(policy, recordings, known)
    if lacking := unshown(found, top, run, shadowed=shadowed):
        raise LogInvalid("\n".join(lacking))
    _require_a_version(found, top)
    paired = tuple(each for each in found.recordings if top in each.replies and known(each))
    if not paired:
        raise LogInvalid(unanswered(top, run, shadowed=shadowed))
    return replace(
        evidence,
        recordings=_compared(found.recordings, top) if shadowed else found.recordings,
        notes=(*evidence.notes, *_said(found, top, shadowed=shadowed)),
        asked=run,
        unasked=len(unasked(judged, top)),
    )


def _compared(recordings: Sequence[Recording], top: str) -> tuple[Recording, ...]:
    """Those that *top* replied to, and reviews, which count at their worst without it."""
    return tuple(each for each in recordings if top in each.replies or each.status == TaskState.REVIEW)


def _even(policy: Policy, evidence: Evidence) -> Evidence:
    """Those with labels of what every tier below replied, drawn alike. Raises: LogInvalid."""
    top = policy.held_against
    found = fair(policy, evidence.recordings, lambda each: _judges_all(each, policy.promised_tiers), shown=False)
    if lacking := unlabelled(found, top or ""):
        raise LogInvalid("\n".join(lacking))
    _require_a_version(found, top or "")
    left_out = sum(group.thinned for group in (found.accepted, found.climbed, found.reviewed))
    note = (f"left out {count(left_out, 'labelled task')}, so that accepted ones and others count alike",)
    notes = (*(note if left_out else ()), *at_worst(found, top or ""), *blind(found, top or ""))
    return replace(evidence, recordings=found.recordings, notes=(*evidence.notes, *notes))


def _require_a_version(found: Fair, top: str) -> None:
    """Raises: LogInvalid, where each version lacks another kind."""
    if found.blind and not found.recordings:
        raise LogInvalid("\n".join((*blind(found, top), "label some of each kind of one version with --labels FILE")))


def _judges_all(recording: Recording, tiers: Sequence[str]) -> bool:
    return all(_judges(recording, tier) for tier in tiers if tier in recording.replies)


def _judges(recording: Recording, tier: str) -> bool:
    """True where what was right is known of what *tier* replied, too."""
    graded = any(reply.correct is not None for reply in recording.replies.get(tier, ()))
    return graded or "expected" in recording.model_fields_set


def _said(found: Fair, top: str, *, shadowed: bool) -> Iterator[str]:
    accepted, climbed = found.accepted, found.climbed
    had = f"were shown to {top}" if shadowed else f"have a label and were shown to {top}"
    if accepted.tasks:
        yield f"{accepted.known:,} of {count(accepted.tasks, 'accepted task')} {had}"
    if climbed.known < climbed.tasks:
        yield f"{climbed.known:,} of {count(climbed.tasks, 'task')} that went up to {top} have a label"
    if (reviewed := found.reviewed).tasks:
        yield f"{reviewed.known:,} of {count(reviewed.tasks, 'task')} that a person resolved {had}"
    yield from thinned(found, top)
    yield from at_worst(found, top)
    yield from blind(found, top)


def _labelled(policy: Policy, sources: Sources, recordings: Sequence[Recording]) -> Evidence:
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
