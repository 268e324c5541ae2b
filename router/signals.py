"""What speaks for or against a reply, as numbers: the raw material of trust."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from .arithmetic import Step, stated_steps
from .checks import Agreement, Check, Confidence, Judge, Subject
from .checks.base import scalars, value_at
from .grounds import Grounds, amounts
from .values import Json
from .verdict import Finding, Outcome

SIGNALS: Final[Mapping[str, str]] = {
    "confidence": "log-odds of the least probable required field",
    "agreement": "share of the values that a second sample gives too (checks: agreement)",
    "judge": "1 where another model sees no mistake, 0 where it does (checks: judge)",
    "rules": "how many other checks found something, warnings included",
    "grounding": "share of the output's values that stand in the input, or that a stated step computes",
    "steps_wrong": "log(1 + stated sums that do not come to what is said)",
    "concluded": "1 where the last number of a text is one that a stated step computes, else 0",
    "coverage": "share of the input's numbers that the output has",
    "values": "log(1 + values in the output); for a text: stated sums",
    "length": "log(1 + characters of the output's values)",
    "input_length": "log(1 + characters of the input's texts)",
    "confidence_mean": "log-odds of the mean probability of the required fields",
}
"""Every signal by name, those that tell most first: a fit takes the first eight that vary."""

_TOLERANCE = 0.005
"""How far a stated sum may be off, relative: answers round."""

_EDGE = 1e-9
"""Probabilities are kept this far from 0 and 1, where log-odds have no end."""

_VALUE_MAX = 120
"""Characters up to which a string is a value that may stand in the input; a longer one is an explanation."""

_TEXT_MAX = 2_000
"""Characters at the end of a text that are searched for numbers and sums: a sum takes 35 us, and a signal is cheap."""


def signals(checks: Sequence[Check], subject: Subject, findings: Sequence[Finding]) -> dict[str, float]:
    """The signals of one reply by name, after its *checks* found *findings*; what does not apply is left out."""
    found = dict(_told(checks, findings))
    found |= _sureness(subject)
    output = subject.output
    found["length"] = math.log1p(_size(output))
    found["input_length"] = math.log1p(len(subject.input_text))
    kind = subject.types.output.kind
    if kind == "text" and isinstance(output, str):
        found |= _of_text(output[-_TEXT_MAX:], subject.input_text)
    elif kind in ("schema", "tools"):
        found |= _of_values(output if kind == "schema" else value_at(output, "arguments"), subject.input_text)
    return found


def tag(subject: Subject) -> str | None:
    """The kind of the task: `tag` of its metadata, else the label or the function that was answered."""
    given = subject.task.metadata.get("tag")
    if isinstance(given, str):
        return given
    output: Json = subject.output
    if subject.types.output.kind == "labels" and isinstance(output, str):
        return output
    if subject.types.output.kind == "tools" and isinstance(output, dict):
        return str(output.get("name"))
    return None


def _told(checks: Sequence[Check], findings: Sequence[Finding]) -> Iterator[tuple[str, float]]:
    """What the checks found; confidence is a signal of its own, and finer."""
    kinds = {check.name: check for check in checks}
    others = 0
    for finding in findings:
        match kinds.get(finding.check):
            case Agreement():
                yield "agreement", float(finding.outcome is Outcome.PASS) if finding.share is None else finding.share
            case Judge():
                yield "judge", float(finding.outcome is Outcome.PASS)
            case Confidence():
                pass
            case _:
                others += finding.outcome is not Outcome.PASS
    yield "rules", float(others)


def _sureness(subject: Subject) -> dict[str, float]:
    fields = subject.types.output.required_fields if subject.reading.confidence else ()
    levels = [p for field in fields if (p := subject.reading.confidence_in(field)) is not None]
    if not levels:
        return {}
    return {"confidence": logit(min(levels)), "confidence_mean": logit(sum(levels) / len(levels))}


def _of_text(text: str, source: str) -> dict[str, float]:
    """How a text reasons with numbers; nothing where it has none."""
    steps = list(stated_steps(text))
    numbers = list(amounts(text))
    if not numbers:
        return {}
    computed = {_decimal(step) for step in steps}
    grounds = Grounds.of(source)
    known = sum(1 for number in numbers if not computed.isdisjoint(number) or grounds.hold_amount(number))
    told = {
        "values": math.log1p(len(steps)),
        "steps_wrong": math.log1p(sum(not step.holds(_TOLERANCE) for step in steps)),
        "grounding": known / len(numbers),
        "concluded": float(not computed.isdisjoint(numbers[-1])),
    }
    return told | _coverage(grounds, frozenset().union(*numbers))


def _coverage(grounds: Grounds, used: frozenset[Decimal]) -> dict[str, float]:
    given = grounds.amounts
    return {"coverage": sum(not used.isdisjoint(number) for number in given) / len(given)} if given else {}


def _decimal(step: Step) -> Decimal:
    """What a step comes to, as its text would write it."""
    return abs(Decimal(repr(round(step.computed, 6)))).normalize()


def _of_values(output: Json, source: str) -> dict[str, float]:
    """How much of an object stands in the input; flags are nowhere to be found, and left out."""
    values = [value for _, value in scalars(output, "") if not isinstance(value, bool)]
    told = {"values": math.log1p(len(values))}
    short = [value for value in values if len(str(value)) <= _VALUE_MAX]
    if short and source.strip():
        grounds = Grounds.of(source)
        told["grounding"] = sum(grounds.hold(value) for value in short) / len(short)
        said = "\n".join(map(str, short))
        told |= _coverage(grounds, frozenset().union(*amounts(said)))
    long = "\n".join(str(value) for value in values if len(str(value)) > _VALUE_MAX)[-_TEXT_MAX:]
    if long:
        told["steps_wrong"] = math.log1p(sum(not step.holds(_TOLERANCE) for step in stated_steps(long)))
    return told


def _size(output: Json) -> int:
    return sum(len(str(value)) for _, value in scalars(output, ""))


def logit(p: float) -> float:
    """Log-odds, kept finite."""
    bounded = min(1 - _EDGE, max(_EDGE, p))
    return math.log(bounded / (1 - bounded))
