"""Judge a reply: the checks of the policy, then its promise."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import MappingProxyType

from .call import Failure
from .certificate import broken_ties
from .checks import Question, Subject, examine
from .policy import Policy
from .promise import PROMISE
from .reading import Reading
from .signals import signals, tag
from .verdict import Finding, Outcome, Verdict, combine


def judge(
    policy: Policy, subject: Subject, known: Mapping[str, Finding] = MappingProxyType({})
) -> Generator[Question, Reading | Failure, Verdict]:
    """
    Run the policy's checks on one reply, yielding what has to be asked of a model; then hold it to the promise.

    What is *known* of checks that ask a model, by their names, is not asked again.
    """
    verdict = yield from examine(policy.all_checks, subject, known)
    if policy.promise is None or subject.tier not in policy.promised_tiers or verdict.outcome is Outcome.FAIL:
        return verdict
    return _promised(policy, subject, verdict)


def _promised(policy: Policy, subject: Subject, verdict: Verdict) -> Verdict:
    certificate = policy.certified
    level = certificate.levels.get(subject.tier) if certificate is not None else None
    if level is None:
        return _with(verdict, None, _unsure("nothing is certified for this tier; run `router calibrate`"))
    told = signals(policy.all_checks, subject, verdict.findings)
    if lacking := level.trust.lacking(told):
        return _with(verdict, 0.0, _unsure(f"no {', '.join(lacking)}, which every reply of the evidence had"))
    trust = broken_ties(level.trust(told, tag(subject)), subject.task.id)
    if level.accepts(trust):
        return _with(verdict, trust, Finding(check=PROMISE, outcome=Outcome.PASS))
    if level.threshold is None:
        return _with(verdict, trust, _unsure(f"trust {trust:.3f}, but no threshold could be certified for this tier"))
    return _with(verdict, trust, _unsure(f"trust {trust:.3f} is below the certified {level.threshold:.3f}"))


def _unsure(reason: str) -> Finding:
    return Finding(check=PROMISE, outcome=Outcome.UNSURE, reason=reason)


def _with(verdict: Verdict, trust: float | None, finding: Finding) -> Verdict:
    return combine((*verdict.findings, finding)).model_copy(update={"trust": trust})
