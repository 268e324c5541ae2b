"""What a check saw when it judged a reply: worked out again from the reply whenever somebody wants to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .arithmetic import stated_steps
from .call import FinishReason
from .cel.expression import ExpressionError
from .cel.parts import Part, parts
from .certificate import Level
from .checks import (
    Agreement,
    Check,
    Confidence,
    Grounding,
    Judge,
    Length,
    Pattern,
    Refusal,
    Rule,
    Schema,
    Steps,
    Subject,
)
from .checks.base import MISSING, scalars, texts_at, value_at
from .checks.sameness import compared, differing
from .grounds import Grounds
from .policy import Policy
from .signals import SIGNALS, signals, tag
from .task import Audited
from .values import Json
from .verdict import Finding, Verdict

_WHOLE = "output"
"""How the whole output is called where a check looks at no field of it."""

_NAME_MAX = 100
"""A rule up to that length stands for itself."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that a check looked at: what it is called, its value, and what the check made of it."""

    what: str
    value: Json = None
    note: str = ""


def seen(check: Check, subject: Subject, sample: Json = MISSING) -> tuple[Seen, ...]:
    """The values that a check saw in a reply; *sample* is the second one, where it is known."""
    return tuple(_seen(check, subject, sample))


def weighed(policy: Policy, subject: Subject, verdict: Verdict, findings: Sequence[Finding]) -> tuple[Seen, ...]:
    """The signals that the promise's trust was made of by the checks' *findings*, and what it was held against."""
    level = policy.certified.levels.get(subject.tier) if policy.certified is not None else None
    if level is None or verdict.trust is None:
        return ()
    told = signals(policy.all_checks, subject, findings)
    used = [Seen(name, _rounded(told.get(name)), SIGNALS.get(name, "")) for name in level.trust.features]
    kind = tag(subject) if level.trust.tags else None
    tagged = [Seen("tag", kind, "" if kind in level.trust.tags else "not in the evidence")] if level.trust.tags else []
    return (*used, *tagged, *_held(level, verdict.trust, told, policy.held_against or ""))


def _held(level: Level, trust: float, told: Mapping[str, float], against: str) -> Iterator[Seen]:
    """The trust, and what it counts as where costs count, too."""
    needed = "nothing is certified" if level.threshold is None else f"accepted from {level.threshold:z.3f} on"
    if level.thrift is None:
        yield Seen("trust", _rounded(trust), needed)
        return
    yield Seen("trust", _rounded(trust))
    yield Seen(
        f"cost of {against}",
        _rounded(level.thrift.of_usual(told)),
        "expected here, as a multiple of the usual",
    )
    yield Seen("counts as", _rounded(level.score(trust, told)), needed)


def audited(subject: Subject, accepted: Audited) -> tuple[Seen, ...]:
    """Where the reply of an audit and the output that it audits say the same, field by field."""
    fields = compared(subject.types.output)
    return tuple(_beside(subject.output, accepted.output, fields, called=f"accepted at {accepted.tier}"))


def _seen(check: Check, subject: Subject, sample: Json) -> Iterator[Seen]:
    match check:
        case Refusal():
            yield from _ended(subject)
        case Schema():
            if subject.reading.raw is not None:
                yield Seen("reply", subject.reading.raw)
        case Rule():
            yield from _ruled(check, subject)
        case Pattern() | Length():
            yield from _read(check, subject)
        case Grounding():
            yield from _grounded(check, subject)
        case Confidence():
            yield from _sure(check, subject)
        case Steps():
            yield from _computed(check, subject)
        case Agreement():
            yield from _again(check, subject, sample)
        case Judge():
            yield Seen("asked", check.tier)


def _ended(subject: Subject) -> Iterator[Seen]:
    if subject.reading.refusal is not None:
        yield Seen("refusal", subject.reading.refusal)
    elif subject.reading.finish_reason is not FinishReason.STOP:
        yield Seen("finish_reason", subject.reading.finish_reason.value)


def _ruled(rule: Rule, subject: Subject) -> Iterator[Seen]:
    """The values of `when` and, where it holds, of the expression."""
    told: list[Seen] = []
    if rule.when is not None:
        *told, last = _valued(rule.when, subject, "when")
        holds = last.value is True
        told.append(last if holds or last.note else replace(last, note="so the rule says nothing here"))
        if not holds:
            yield from told
            return
    yield from told
    yield from (value for value in _valued(rule.expression, subject, "expression") if value not in told)


def _valued(expression: str, subject: Subject, called: str) -> Iterator[Seen]:
    """The parts of an expression with their values; the whole comes last, under its name where it is long."""
    types = subject.types
    *found, whole = parts(
        expression, subject.activation, input_schema=types.input_schema, output_schema=types.output.value_schema
    )
    for part in found:
        if not isinstance(part.value, ExpressionError):
            yield Seen(part.text, part.value)
        elif _is_field(part):
            yield Seen(part.text, None, "is not there")
    name = whole.text if len(whole.text) <= _NAME_MAX else called
    failed = isinstance(whole.value, ExpressionError)
    yield Seen(name, None, str(whole.value)) if failed else Seen(name, whole.value)


def _is_field(part: Part) -> bool:
    """Fields that are not there were seen; what could not be made of them is a consequence."""
    return not any(sign in part.text for sign in "()<>=! ")


def _read(check: Pattern | Length, subject: Subject) -> Iterator[Seen]:
    texts = texts_at(subject, check.field)
    for text in texts:
        yield Seen(check.field or _WHOLE, text, f"{len(text):,} characters" if isinstance(check, Length) else "")
    if not texts:
        yield Seen(check.field or _WHOLE, None, "has no text")


def _grounded(check: Grounding, subject: Subject) -> Iterator[Seen]:
    if not subject.input_text.strip():
        yield Seen("input", None, "has no text to look in")
        return
    grounds = Grounds.of(subject.input_text)
    for field in check.fields:
        value = _or_none(value_at(subject.output, field))
        if value is None:
            yield Seen(field, None, "claims nothing")
        for path, scalar in scalars(value, field):
            if not isinstance(scalar, bool):
                yield Seen(path, scalar, "in the input" if grounds.hold(scalar) else "not in the input")


def _sure(check: Confidence, subject: Subject) -> Iterator[Seen]:
    for field in check.fields or subject.types.output.required_fields:
        level = subject.reading.confidence_in(field)
        if level is None:
            yield Seen(field, None, "no log-probabilities")
        else:
            yield Seen(field, _rounded(level), f"{'below' if level < check.at_least else 'at least'} {check.at_least}")


def _computed(check: Steps, subject: Subject) -> Iterator[Seen]:
    for text in texts_at(subject, check.field):
        for step in stated_steps(text):
            yield Seen(step.text, step.computed, "holds" if step.holds(check.tolerance) else "is what it comes to")


def _again(check: Agreement, subject: Subject, sample: Json) -> Iterator[Seen]:
    if sample is MISSING:
        yield Seen("second sample", None, "is not kept")
        return
    fields = check.fields or compared(subject.types.output)
    yield from _beside(subject.output, sample, fields, called="second sample")


def _beside(one: Json, other: Json, fields: Sequence[str], *, called: str) -> Iterator[Seen]:
    """Two outputs, field by field."""
    apart = differing(one, other, fields)
    for field in fields:
        name = field or _WHOLE
        yield Seen(name, _or_none(value_at(one, field)))
        yield Seen(f"{name}, {called}", _or_none(value_at(other, field)), "differs" if field in apart else "the same")


def _rounded(number: float | None) -> float | None:
    return round(number, 6) if number is not None else None


def _or_none(value: Json) -> Json:
    return None if value is MISSING else value
