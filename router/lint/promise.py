"""Promises without evidence, and audits of nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..checks import Confidence
from ..policy import Policy
from ..problem import Code, Mistake
from .surroundings import Surroundings


def promise_doubts(policy: Policy, around: Surroundings) -> Iterator[Mistake]:
    """Doubts about a policy's promise, its certificate and its audits."""
    if policy.promise is not None:
        yield from _two_thresholds(policy)
        if policy.promised_tiers and around.tiers.keys() >= policy.tier_names:
            yield from _certificate(policy.bound_to(around.tiers))
        elif not policy.promised_tiers:
            said = (
                f"no tier stands below {policy.path[0]}, so the promise is about nothing; hold it against a later one"
            )
            yield Mistake(("promise", "against"), said, Code.IDLE_PROMISE)
    if policy.audit is not None:
        yield from _audit(policy)


def _two_thresholds(policy: Policy) -> Iterator[Mistake]:
    for index, check in enumerate(policy.checks):
        if not isinstance(check, Confidence) or check.severity == "warn":
            continue
        if any(check.applies_to(tier) for tier in policy.promised_tiers):
            said = "the promise chooses a threshold from evidence; this one, chosen by eye, sends further replies up"
            yield Mistake(("checks", index, "at_least"), said, Code.IDLE_PROMISE)


def _certificate(policy: Policy) -> Iterator[Mistake]:
    known, calibrate = policy.certificate, f"`router calibrate {policy.policy}`"
    goes_on = f"nothing of {' and '.join(policy.promised_tiers)} is accepted, every task goes on"
    if known is None:
        said = f"there is no certificate beside this file: until {calibrate} writes one, {goes_on}"
        yield Mistake(("promise",), said, Code.UNCERTIFIED)
    elif changes := known.outdated(policy.promise, policy.basis):
        said = f"the certificate is outdated ({'; '.join(changes)}): until {calibrate} renews it, {goes_on}"
        yield Mistake(("promise",), said, Code.UNCERTIFIED)
    else:
        for tier in policy.promised_tiers:
            level = known.levels.get(tier)
            if level is None or level.threshold is None:
                said = f"no threshold could be certified for {tier}, so none of its replies is accepted; give it more"
                yield Mistake(("promise",), f"{said} evidence, or drop the tier", Code.UNCERTIFIED)


def _audit(policy: Policy) -> Iterator[Mistake]:
    audit = policy.audit
    if audit is None:
        return
    if audit.rate == 0:
        yield Mistake(("audit", "rate"), "at a rate of 0 nothing is ever audited", Code.IDLE_AUDIT)
    if audit.against == policy.path[0]:
        said = f"{audit.against} is the first tier: no reply of a tier below it can be audited; name a larger one"
        yield Mistake(("audit", "against"), said, Code.IDLE_AUDIT)
