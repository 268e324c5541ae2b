"""The check family: one file per kind."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, TypeAlias

from pydantic import Field

from ..call import Failure
from ..reading import Reading
from ..verdict import Finding, Outcome, Verdict, combine
from .agreement import Agreement as Agreement
from .base import Check as Check
from .base import Consultation as Consultation
from .base import Question as Question
from .base import SecondSample as SecondSample
from .confidence import Confidence as Confidence
from .grounding import Grounding as Grounding
from .judge import Judge as Judge
from .length import Length as Length
from .pattern import Pattern as Pattern
from .refusal import Refusal as Refusal
from .responseformat import ResponseFormat as ResponseFormat
from .rule import Rule as Rule
from .schema import Schema as Schema
from .steps import Steps as Steps
from .subject import Subject as Subject
from .subject import Types as Types

AnyCheck: TypeAlias = Annotated[
    Refusal | Schema | Rule | Pattern | Length | Grounding | Confidence | Steps | Agreement | Judge,
    Field(discriminator="check"),
]


def examine(
    checks: Sequence[Check], subject: Subject, known: Mapping[str, Finding] = MappingProxyType({})
) -> Generator[Question, Reading | Failure, Verdict]:
    """
    Run the checks in order and stop at the first failure: nobody pays a judge for a broken reply.

    *known* is what checks that ask a model found before, by their names: they do not ask again.
    """
    findings: tuple[Finding, ...] = ()
    for check in checks:
        if not check.applies_to(subject.tier):
            continue
        findings += (known[check.name] if check.name in known else (yield from check.examine(subject)),)
        if findings[-1].outcome is Outcome.FAIL and not findings[-1].warn:
            break
    return combine(findings)
