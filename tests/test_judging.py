"""A reply is judged by the checks, then held to the policy's promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from router.call import Call, Reply
from router.certificate import Certificate
from router.checks import Subject
from router.judging import judge
from router.policy import Policy
from router.ports import Store
from router.promise import PROMISE
from router.task import TaskState
from router.verdict import Outcome, Verdict
from tests.builders import BROKEN, GOOD, THRIFT, a_certificate, a_policy, a_promise, a_reply, a_subject
from tests.carrying import House, by_tier
from tests.conftest import Clock

SURE, DOUBTFUL = 0.99, 0.4


def promising(certificate: Certificate | None = None, **changes: Any) -> Policy:
    """A policy with a promise and no other check than those that all have."""
    settings: dict[str, Any] = {"checks": [], "promise": a_promise().model_dump()} | changes
    policy = a_policy(**settings)
    if certificate is None:
        return policy
    certificate = certificate.model_copy(update={"basis": policy.basis, "promise": policy.promise})
    return a_policy(**settings, certificate=certificate.model_dump())


def verdict(policy: Policy, *, sure: float | None, tier: str = "mini", output: Any = None) -> Verdict:
    level = None if sure is None else {"merchant": sure, "total": sure}
    given = {"merchant": "ACME", "total": 12.5} if output is None else output
    return _judged(policy, a_subject(given, policy=policy, tier=tier, confidence=level))


def _judged(policy: Policy, subject: Subject) -> Verdict:
    try:
        next(judge(policy, subject))
    except StopIteration as end:
        found: Verdict = end.value
        return found
    raise AssertionError("nothing has to be asked here")


def said(found: Verdict) -> str:
    return next((finding.reason for finding in found.findings if finding.check == PROMISE), "")


def test_a_trusted_reply_passes() -> None:
    """From the certified threshold on a reply is accepted, and the verdict carries how far it is trusted."""
    found = verdict(promising(a_certificate()), sure=SURE)

    assert found.outcome is Outcome.PASS
    assert found.trust == pytest.approx(0.99, abs=0.001)


def test_a_doubtful_reply_is_unsure() -> None:
    """Below the threshold a reply is ambiguous, and the finding says both numbers."""
    found = verdict(promising(a_certificate()), sure=DOUBTFUL)

    assert (found.outcome, said(found)) == (Outcome.UNSURE, "trust 0.400 is below the certified 0.900")


def test_without_evidence_nothing_is_accepted() -> None:
    """A promise without a certificate accepts nothing below the tier it is held against, and says what to do."""
    found = verdict(promising(), sure=SURE)

    assert (found.outcome, said(found)) == (
        Outcome.UNSURE,
        "nothing is certified for this tier; run `router calibrate`",
    )


def test_an_outdated_certificate_is_none() -> None:
    """A certificate holds for the prompt it was made with: after a change nothing is loosened."""
    policy = promising(a_certificate())
    changed = policy.model_copy(update={"prompt": policy.prompt.model_copy(update={"system": "Read it well."})})
    changed = Policy.model_validate(changed.model_dump(by_alias=True))

    assert policy.certified is not None
    assert (changed.certified, verdict(changed, sure=SURE).outcome) == (None, Outcome.UNSURE)


def test_a_level_without_a_threshold_accepts_nothing() -> None:
    """Where the evidence certified no threshold, trust is told, and the reply goes up."""
    found = verdict(promising(a_certificate(threshold=None)), sure=SURE)

    assert (found.outcome, "no threshold could be certified" in said(found)) == (Outcome.UNSURE, True)


@pytest.mark.parametrize("tier", ["large"])
def test_the_top_tier_is_no_part_of_the_promise(tier: str) -> None:
    """What the promise is held against is accepted by the checks alone."""
    found = verdict(promising(a_certificate()), sure=DOUBTFUL, tier=tier)

    assert (found.outcome, found.trust) == (Outcome.PASS, None)


def test_a_failed_check_stands_above_trust() -> None:
    """A reply that fails a check has failed, however much it would be trusted."""
    found = verdict(promising(a_certificate()), sure=SURE, output={"merchant": "ACME"})

    assert (found.outcome, found.trust) == (Outcome.FAIL, None)


def test_equal_trusts_do_not_stand_or_fall_together() -> None:
    """Ties are broken by a chance of the task's own, the same each time."""
    policy = promising(a_certificate())
    subjects = [a_subject({"merchant": "A", "total": 1}, policy=policy, confidence={"total": 0.8}) for _ in range(2)]
    other = Subject(
        task=subjects[0].task.model_copy(update={"id": "t2"}),
        reading=subjects[0].reading,
        types=policy.types,
        tier="mini",
    )

    one, again, another = (_judged(policy, subject).trust for subject in (*subjects, other))
    assert one == again
    assert one != another
    assert one == pytest.approx(another, abs=1e-8)


def asked(policy: Policy, text: str, sure: float) -> Verdict:
    confidence = {"merchant": sure, "total": sure}
    read = {"merchant": "ACME", "total": 1}
    return _judged(policy, a_subject(read, policy=policy, input={"text": text}, confidence=confidence))


def test_doubt_counts_less_where_more_is_saved() -> None:
    """By a certificate that knows costs, a dear input is accepted from less trust on and a cheap one from more."""
    policy = promising(a_certificate(thrift=THRIFT))

    dear, usual, cheap = (asked(policy, "x" * size, sure=0.85) for size in (33, 16, 4))
    doubted = asked(policy, "x" * 4, sure=0.95)

    assert [found.outcome for found in (dear, usual, cheap)] == [Outcome.PASS, Outcome.UNSURE, Outcome.UNSURE]
    assert [found.trust for found in (dear, usual, cheap)] == pytest.approx([0.85] * 3, abs=1e-8)
    assert doubted.outcome is Outcome.UNSURE
    assert said(doubted) == (
        "trust 0.950 counts as 0.848, because large costs 0.29 times its usual here, and is below the certified 0.900"
    )


def test_doubt_that_is_spared_is_told_as_trust() -> None:
    """Where costs change nothing, they are not spoken of."""
    policy = promising(a_certificate(thrift=THRIFT | {"spared": 0.2}))

    assert said(asked(policy, "x" * 33, sure=0.85)) == "trust 0.850 is below the certified 0.900"


def confident(sure: float) -> Reply:
    return a_reply(sure=sure)


def test_a_reply_without_the_evidences_signal_is_unsure() -> None:
    """Where a provider stops sending log-probabilities, nothing is accepted on the strength of the rest."""
    found = verdict(promising(a_certificate()), sure=None)

    assert (found.outcome, found.trust) == (Outcome.UNSURE, 0.0)
    assert said(found) == "no confidence, which every reply of the evidence had"


ANSWERS: dict[str, Callable[[Call], Reply]] = {
    "doubtful": by_tier(mini=confident(DOUBTFUL), small=confident(DOUBTFUL), large=GOOD),  # type: ignore[dict-item]
}


async def test_a_task_climbs_until_it_is_trusted(store: Store, clock: Clock) -> None:
    """Carried as it will be: doubtful below, accepted at the tier that the promise is held against."""
    house = House(store, clock, ANSWERS["doubtful"])
    await house.submit(policy=promising(a_certificate()))

    record = await house.settle()

    assert [(a.tier, a.passed) for a in record.trail] == [("mini", False), ("small", False), ("large", True)]
    assert [a.verdict.trust is not None for a in record.trail if a.verdict] == [True, False, False]


@pytest.mark.parametrize("move", ["accept", "repair", "retry"])
async def test_no_move_gets_round_the_promise(store: Store, clock: Clock, move: str) -> None:
    """Whatever the author wishes for doubtful replies, below the promised tier they go up."""
    house = House(store, clock, ANSWERS["doubtful"])
    await house.submit(policy=promising(a_certificate(), moves={"unsure": move}))

    assert (await house.settle()).tier == "large"


async def test_a_broken_reply_goes_up_not_back(store: Store, clock: Clock) -> None:
    """The evidence knows first replies alone, so a repaired one could not be accepted: none is asked for."""
    house = House(store, clock, by_tier(mini=BROKEN, small=BROKEN, large=GOOD))
    tiers = [{"tier": "mini", "attempts": 3}, "small", "large"]
    await house.submit(policy=promising(a_certificate(), moves={"fail": "repair"}, tiers=tiers))

    assert [a.tier for a in (await house.settle()).trail] == ["mini", "small", "large"]


async def test_a_tier_that_would_not_pay_is_skipped(store: Store, clock: Clock) -> None:
    """Where evidence says that the middle tier costs more than it saves, the doubtful task goes straight to the top."""
    usual = {"mini": {"cost_nusd": 10}, "small": {"cost_nusd": 900}, "large": {"cost_nusd": 1000}}
    house = House(store, clock, ANSWERS["doubtful"])
    await house.submit(policy=promising(a_certificate(usual=usual, later={"small": {"a": -3.0, "b": 0.0}})))

    record = await house.settle()

    assert (record.state, [a.tier for a in record.trail]) == (TaskState.SUCCEEDED, ["mini", "large"])


async def test_no_tier_is_skipped_where_accepted_errors_are_promised(store: Store, clock: Clock) -> None:
    """A skipped tier's right outputs would be missing in the share that was certified, so all are asked."""
    usual = {"mini": {"cost_nusd": 10}, "small": {"cost_nusd": 900}, "large": {"cost_nusd": 1000}}
    certificate = a_certificate(usual=usual, later={"small": {"a": -3.0, "b": 0.0}})
    house = House(store, clock, ANSWERS["doubtful"])
    await house.submit(policy=promising(certificate, promise=a_promise(kind="accepted_error").model_dump()))

    assert [a.tier for a in (await house.settle()).trail] == ["mini", "small", "large"]


@pytest.mark.parametrize("earlier", ["findings", "attempts"])
async def test_models_are_not_told_how_far_they_are_trusted(store: Store, clock: Clock, earlier: str) -> None:
    """What a larger model is asked does not depend on a threshold: the promise's finding is not shown to it."""
    house = House(store, clock, ANSWERS["doubtful"])
    prompt = {"system": "Read.", "user": "{{ text }}", "earlier": earlier}
    await house.submit(policy=promising(a_certificate(), prompt=prompt))

    await house.settle()

    assert len(house.llm.calls) == 3
    assert len({str(call.messages) for call in house.llm.calls}) == 1
