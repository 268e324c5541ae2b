"""Of which kinds of tasks nothing is known, so that the others do not stand for all, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from ...calibration.fair import Fair, Group
from ..printing import count
from .asking import Asked

_Kind: TypeAlias = Literal["climbed", "accepted", "reviewed"]

_KINDS: Final[tuple[_Kind, ...]] = ("climbed", "accepted", "reviewed")

_LABEL: Final = "a label of what was `expected`"

_HINTS: Final = {
    "climbed": "; `correct` of a task says nothing of the replies before its last",
    "accepted": "",
    "reviewed": "; what a person rejected has none by itself",
}


def unlabelled(found: Fair, top: str, labels: Fair | None = None) -> list[str]:
    """
    A sentence for each kind of tasks of which none has a label.

    Where a reply of *top* is needed, too, *labels* counts what has a label, with that reply or without.
    """
    return [
        _unlabelled(found, kind, top, "a label" if labels is None and kind == "accepted" else _LABEL)
        for kind in _missing(found)
        if labels is None or _bare(labels, kind)
    ]


def unshown(found: Fair, top: str, run: Asked | None, *, shadowed: bool) -> list[str]:
    """A sentence for each kind of tasks of which none has a reply of *top*, although *run* asked it or nobody has."""
    return [_unshown(found, kind, top, run, shadowed=shadowed) for kind in _missing(found)]


def unanswered(top: str, run: Asked | None, *, shadowed: bool) -> str:
    """Why there is no reply of *top* at all, and what to do."""
    return f"no task {_what(top, shadowed=shadowed)}{_what_to_do(top, run, shadowed=shadowed)}"


def thinned(found: Fair, top: str) -> Iterator[str]:
    """A note for each kind of tasks of which some are left out."""
    for kind in _KINDS:
        if left_out := _of(found, kind).thinned:
            yield f"left out {count(left_out, 'task')} {_name(kind, top)}, so that all count alike"


def at_worst(found: Fair, top: str) -> Iterator[str]:
    """A note where something counts that nobody knows."""
    if number := found.reviewed.at_worst:
        counted = f"{count(number, 'task')} {_name('reviewed', top)} count{'s' if number == 1 else ''} as wrong"
        yield f"{counted} wherever accepted, because nobody knows better"


def blind(found: Fair, top: str) -> Iterator[str]:
    """A note for each version that is left out."""
    for each in found.blind:
        kinds = " and ".join(_name(kind, top) for kind in _KINDS if kind in each.ends)
        version = f"version {each.version[:12]}" if each.version is not None else "no version"
        yield f"left out {count(each.tasks, 'task')} of {version}: nothing is known of those {kinds}"


def _missing(found: Fair) -> list[_Kind]:
    return [kind for kind in _KINDS if kind in found.lacking]


def _bare(labels: Fair, kind: _Kind) -> bool:
    """What went up has the reply, so that it can lack nothing but the label."""
    return kind == "climbed" or not _of(labels, kind).tasks


def _of(found: Fair, kind: _Kind) -> Group:
    return {"climbed": found.climbed, "accepted": found.accepted, "reviewed": found.reviewed}[kind]


def _name(kind: _Kind, top: str) -> str:
    return {
        "climbed": f"that went up to {top}",
        "accepted": f"accepted below {top}",
        "reviewed": "that a person resolved",
    }[kind]


def _unlabelled(found: Fair, kind: _Kind, top: str, label: str) -> str:
    kinds = sum(_of(found, each).tasks > 0 for each in _KINDS)
    some = {1: "some", 2: "some of both"}.get(kinds, "some of each")
    lack = f"{_none(found, kind, top)} has {label}{_others(found, kind, top)}"
    return f"{lack}; label {some} with --labels FILE{_HINTS[kind]}"


def _unshown(found: Fair, kind: _Kind, top: str, run: Asked | None, *, shadowed: bool) -> str:
    none = f"{_none(found, kind, top)} {_what(top, shadowed=shadowed)}{_others(found, kind, top)}"
    audit = f"; set `audit: {{rate: 0.02, against: {top}}}`, or" if kind == "accepted" and run is None else ""
    return f"{none}{audit}{_what_to_do(top, run, shadowed=shadowed).removeprefix(';' if audit else '')}"


def _none(found: Fair, kind: _Kind, top: str) -> str:
    return f"none of {count(_of(found, kind).tasks, 'task')} {_name(kind, top)}"


def _others(found: Fair, kind: _Kind, top: str) -> str:
    """That those of which something is known are no sample of these."""
    said = top if kind == "reviewed" else "it"
    known = [f"those {_name(other, said)}" for other in _KINDS if other != kind and _of(found, other).known]
    return f", and {' and '.join(known)} do not stand for them" if known else ""


def _what(top: str, *, shadowed: bool) -> str:
    return f"has a reply of {top}" if shadowed else f"has {_LABEL} and a reply of {top}"


def _what_to_do(top: str, run: Asked | None, *, shadowed: bool) -> str:
    if run is not None:
        return ", although it was asked: see above why"
    return f"; ask it with --shadow {top} --ask N" if shadowed else "; ask it with --ask N"
