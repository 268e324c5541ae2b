"""Judge a reply: the checks of the policy, then its promise."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import MappingProxyType

from .call import Failure
from .certificate import Level, broken_ties
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
    trust = level.trust(told, tag(subject))
    score = level.score(trust, told)
    if level.accepts(broken_ties(score, subject.task.id)):
        finding = Finding(check=PROMISE, outcome=Outcome.PASS)
    elif level.threshold is None:
        finding = _unsure(f"trust {trust:z.3f}, but no threshold could be certified for this tier")
    else:
        counted = f" counts as {score:z.3f}, because {_dearness(policy, level, told)}, and" if score != trust else ""
        finding = _unsure(f"trust {trust:z.3f}{counted} is below the certified {level.threshold:z.3f}")
    return _with(verdict, broken_ties(trust, subject.task.id), finding)


def _dearness(policy: Policy, level: Level, told: Mapping[str, float]) -> str:
    times = level.thrift.of_usual(told) if level.thrift is not None else 1.0
    return f"{policy.held_against} costs {times:.2f} times its usual here"


def _unsure(reason: str) -> Finding:
    return Finding(check=PROMISE, outcome=Outcome.UNSURE, reason=reason)


def _with(verdict: Verdict, trust: float | None, finding: Finding) -> Verdict:
    return combine((*verdict.findings, finding)).model_copy(update={"trust": trust})
