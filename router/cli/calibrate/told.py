"""What came of a calibration, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...policy import Policy
from ...promise import Promise
from ..policy.traffic import aligned
from ..printing import count
from .evidence import Evidence

if TYPE_CHECKING:
    from ...calibration.outcome import Outcome
    from ...calibration.report import Candidate

_ABOUT = {
    "regret": "accepted although wrong where {top} is right",
    "disagreement": "accepted with another output than that of {top}",
    "accepted_error": "of what is accepted below {top} is wrong",
}


def lines(policy: Policy, evidence: Evidence, outcome: Outcome) -> Iterator[str]:
    """For people: what was promised, what the evidence is, how good trust is, and what each threshold would do."""
    promise = policy.promise
    assert promise is not None
    yield f"{policy.policy}: {_promised(policy, promise)}"
    used = f"{outcome.fitted:,} taught trust, {outcome.certifying:,} certified"
    yield f"{count(outcome.tasks, 'task')}, {outcome.labelled:,} of them known; {used}"
    yield from evidence.notes
    yield from (
        f"{tier}: left out, because fewer than half of the tasks have its reply, or some were done without asking it"
        for tier in outcome.left_out
    )
    yield from _quality(outcome, counted(policy, evidence))
    if outcome.candidates:
        yield ""
        yield from aligned([_HEAD, *(_row(each, outcome) for each in outcome.candidates)])
        yield from _costs(outcome)
        yield ""
    yield _said(promise, outcome, evidence, policy.held_against or "")


def _promised(policy: Policy, promise: Promise) -> str:
    about = _ABOUT[promise.kind].format(top=policy.held_against)
    return f"at most {promise.at_most:.2%} {about}, with {promise.confidence:.0%} confidence"


def counted(policy: Policy, evidence: Evidence) -> str:
    """What replies are that count as right in this evidence."""
    return f"the same as {policy.held_against}'s" if evidence.labels == "shadow" else "right"


def _quality(outcome: Outcome, said: str) -> Iterator[str]:
    for tier, found in outcome.reliability.items():
        told = {name.removeprefix(f"{tier}."): value for name, value in outcome.figures.items()}
        if found:
            right, replies = sum(each.right for each in found), sum(each.count for each in found)
            ranked = f"AUROC {told['auroc']:.3f}, " if "auroc" in told else ""
            yield (
                f"{tier}: {right:,} of {replies:,} replies that pass its checks are {said} ({told['right']:.1%});"
                f" trust: {ranked}calibration error {told['calibration_error']:.3f}"
            )


def _costs(outcome: Outcome) -> Iterator[str]:
    for tier, known in outcome.priced.items():
        if not known:
            yield f"no cost of {tier} is known, so that what a threshold costs is not known either"
        elif known < outcome.tasks:
            of = f"{known:,} of {count(outcome.tasks, 'task')}"
            yield f"{tier}'s cost is known of {of}; the others are taken at its mean"


_HEAD = ("", "threshold", "accepted", "losses", "of", "rate", "alone at most", "cost of always-top")


def _row(each: Candidate, outcome: Outcome) -> tuple[str, ...]:
    return (
        "->" if each == outcome.certified else "",
        f"{each.threshold:z.4f}",
        f"{each.accepted_share:.1%}",
        str(each.losses),
        str(each.of),
        f"{each.losses / each.of:.2%}" if each.of else "",
        f"{each.bound:.2%}",
        f"{each.cost_share:.1%}" if each.cost_share is not None else "unknown",
    )


def _said(promise: Promise, outcome: Outcome, evidence: Evidence, top: str) -> str:
    if (chosen := outcome.certified) is not None:
        at = f", at {chosen.cost_share:.1%} of the cost of always-top" if chosen.cost_share is not None else ""
        from_on = f"replies from trust {chosen.threshold:z.4f} on{_by_cost(outcome, top)}"
        return f"certified: {from_on}, {chosen.accepted_share:.1%} of the tasks{at}"
    if outcome.needed is None:
        return f"nothing can be certified: at no threshold does the rate look like less than {promise.at_most:.2%}"
    return f"nothing can be certified yet: {_wanted(outcome, outcome.needed, evidence, top)}"


def _by_cost(outcome: Outcome, top: str) -> str:
    levels = outcome.certificate.levels.values() if outcome.certificate is not None else ()
    if all(level.thrift is None for level in levels):
        return ""
    return f" where {top} costs what is usual (less where it costs more, more where it costs less)"


def _wanted(outcome: Outcome, needed: int, evidence: Evidence, top: str) -> str:
    """How much evidence would do, of which kind, and how to come by it."""
    if evidence.unasked is None:
        return f"about {needed:,} labels would do, there are {outcome.labelled:,}"
    what = f"tasks with a reply of {top}" if evidence.labels == "shadow" else f"tasks with a label and a reply of {top}"
    there = f"about {needed:,} {what} would do, there are {outcome.labelled:,}"
    more = min(needed - outcome.labelled, evidence.unasked)
    before = len(evidence.asked.shown) if evidence.asked is not None else 0
    lacking = f"{count(evidence.unasked, 'more task')} lack{'s' if evidence.unasked == 1 else ''} only that reply"
    return f"{there}; {lacking}: --ask {before + more}" if more > 0 else there


def as_json(policy: Policy, evidence: Evidence, outcome: Outcome, written: Path | None) -> dict[str, Any]:
    promise = policy.promise
    assert promise is not None
    return {
        "policy": policy.policy,
        "promise": promise.model_dump(),
        "labels": evidence.labels,
        "tasks": outcome.tasks,
        "labelled": outcome.labelled,
        "fitted": outcome.fitted,
        "certified_on": outcome.certifying,
        "needed": outcome.needed,
        "asked": evidence.asked.as_json() if evidence.asked is not None else None,
        "unasked": evidence.unasked,
        "notes": list(evidence.notes),
        "left_out": list(outcome.left_out),
        "threshold": outcome.certified.threshold if outcome.certified is not None else None,
        "figures": dict(outcome.figures),
        "costs_known": dict(outcome.priced),
        "candidates": [
            {
                "threshold": each.threshold,
                "accepted_share": each.accepted_share,
                "losses": each.losses,
                "of": each.of,
                "bound": each.bound,
                "cost_share": each.cost_share,
            }
            for each in outcome.candidates
        ],
        "reliability": {
            tier: [{"count": each.count, "trust": each.trust, "right": each.share} for each in found]
            for tier, found in outcome.reliability.items()
        },
        "certificate": str(written) if written is not None else None,
    }
