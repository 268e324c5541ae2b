"""A calibration from recordings to a certificate."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from router.calibration.fair import fair
from router.calibration.learning import learn
from router.calibration.outcome import Outcome, calibrate, digest_of, sides
from router.calibration.sample import sampled
from router.calibration.table import table
from router.certificate import Certificate
from router.cost import PriceBook
from router.policy import Policy
from router.recorded.recording import Recording
from router.recorded.replay import replay
from tests.calibration.logs import TIERS, a_log, a_promising_policy, a_recording, at_cost

TODAY = date(2026, 11, 20)
LOG = a_log(800)


def outcome(policy: Policy, log: list[Recording], labels: Any = "expected") -> Outcome:
    return calibrate(policy, log, labels=labels, prices=PriceBook(prices={}), today=TODAY)


def certified(policy: Policy, log: list[Recording], labels: Any = "expected") -> Certificate:
    made = outcome(policy, log, labels).certificate
    assert made is not None
    return made


def test_a_certificate_says_what_it_is_made_of() -> None:
    """Promise, basis, evidence, levels, usual costs and figures: all of it from the recordings."""
    policy = a_promising_policy()
    made = certified(policy, LOG)

    assert (made.policy, made.made, made.promise, made.basis) == ("colours", TODAY, policy.promise, policy.basis)
    assert made.evidence.sha256 == digest_of(LOG)
    assert made.evidence.fitted + made.evidence.certified == 800
    assert made.usual["mini"].cost_nusd == 10_000
    assert made.usual["large"].latency_ms == 400
    assert 0.5 < made.report["accepted_share"] < 1
    assert made.report["loss_bound"] <= 0.1
    assert made.outdated(policy.promise, policy.basis) == ()


def test_costs_are_those_of_all_tasks() -> None:
    """Where few tasks were shown to the top tier its mean counts for the others: the share is that of the whole log."""
    policy = a_promising_policy()
    few = [r.model_copy(update={"replies": {"mini": r.replies["mini"]}}) if n % 10 else r for n, r in enumerate(LOG)]
    found, whole = outcome(policy, few), outcome(policy, LOG)

    assert (found.priced, whole.priced) == ({"mini": 800, "large": 80}, {"mini": 800, "large": 800})
    assert [each.cost_share for each in found.candidates] == pytest.approx(
        [0.05 + 1 - each.accepted_share for each in found.candidates]
    )
    assert found.candidates[-1].cost_share == pytest.approx(0.05)
    assert found.certificate is not None and whole.certificate is not None
    assert found.certificate.usual == whole.certificate.usual
    assert found.certificate.report["cost_share"] == pytest.approx(
        1.05 - found.certificate.report["accepted_share"], abs=1e-4
    )


def test_without_any_reply_of_the_top_the_cost_is_unknown() -> None:
    """No share is made up where nothing is known of what the top tier costs."""
    found = outcome(a_promising_policy(), [r.model_copy(update={"replies": {"mini": r.replies["mini"]}}) for r in LOG])

    assert found.priced["large"] == 0
    assert {each.cost_share for each in found.candidates} == {None}
    assert found.certificate is not None
    assert "cost_share" not in found.certificate.report
    assert "large" not in found.certificate.usual


def test_the_same_evidence_gives_the_same_certificate() -> None:
    """Whatever the order of the lines, nothing in it is left to chance."""
    policy = a_promising_policy()

    assert certified(policy, LOG) == certified(policy, LOG[::-1])


def test_what_is_certified_is_what_runs() -> None:
    """Replayed under the policy with its certificate, exactly the certified share is accepted below."""
    policy = a_promising_policy()
    found = outcome(policy, LOG)
    assert found.certificate is not None
    running = policy.model_validate(
        policy.model_dump(by_alias=True) | {"certificate": found.certificate.model_dump()}
    ).on(TIERS)

    ended = [replay(running, recording) for recording in LOG]
    below = [each for each in ended if each.tier == "mini"]
    level = found.certificate.levels["mini"]

    assert len(below) == round(level.accepted_share * 800)
    assert sum(each.wrong.high for each in below) / len(below) < 0.1
    assert {each.tier for each in ended} == {"mini", "large"}


@pytest.mark.parametrize("kind", ["accepted_error", "regret"])
def test_what_is_certified_runs_to_the_last_task_where_costs_count(kind: str) -> None:
    """Inputs of any length, at costs that go with it: what the arrays accepted is what replay accepts, one by one."""
    policy = a_promising_policy(promise={"kind": kind, "at_most": 0.1 if kind == "accepted_error" else 0.05})
    log = [at_cost(recording, words=1 + number * number % 23) for number, recording in enumerate(LOG)]
    made = certified(policy, log)
    running = policy.model_validate(policy.model_dump(by_alias=True) | {"certificate": made.model_dump()}).on(TIERS)

    evidence = table([sampled(policy, recording, shadow=False) for recording in log], ["mini"])
    learnt = learn(evidence, made.promise, sides(evidence.ids, digest_of(log)))

    assert made.levels["mini"].thrift is not None
    assert [replay(running, recording).tier == "large" for recording in log] == learnt.accepted(evidence).tolist()


def test_too_few_labels_say_how_many_are_needed() -> None:
    """Thirty labels certify no tenth; the number that would do is told, and certifies when it is there."""
    policy = a_promising_policy(promise={"kind": "accepted_error", "at_most": 0.05})
    found = outcome(policy, a_log(40))

    assert found.certificate is None
    assert found.needed is not None
    assert 40 < found.needed < 1000
    assert outcome(policy, a_log(3 * found.needed)).certificate is not None


def test_a_promise_out_of_reach_is_told() -> None:
    """Where every reply is wrong, no number of labels certifies."""
    wrong = [r.model_copy(update={"expected": "green"}) for r in a_log(300)]
    found = outcome(a_promising_policy(), wrong)

    assert (found.certificate, found.needed) == (None, None)


@pytest.mark.parametrize(
    "log", [[], [r.model_copy(update={"replies": {"large": r.replies["large"]}}) for r in a_log(5)]]
)
def test_no_evidence_at_all_is_no_surprise(log: list[Recording]) -> None:
    """Without a task, or without a reply below the top, nothing is certified and the tier is named."""
    found = outcome(a_promising_policy(), log)

    assert found.certificate is None
    assert found.left_out == ("mini",)
    assert found.candidates == ()


def test_a_tier_with_too_few_replies_accepts_nothing() -> None:
    """Its level has no threshold, and the others are certified without it."""
    policy = a_promising_policy(tiers=("mini", "small", "large"))
    made = certified(policy, LOG)

    assert made.levels["small"].threshold is None
    assert made.levels["mini"].threshold is not None


def test_a_tier_that_live_tasks_went_past_drops_none_of_them() -> None:
    """
    Tasks done below a tier lack its reply; were they left out, what is accepted there would be certified unseen.

    Here mini is wrong in all of the four tenths that it did alone: no threshold that accepts them is certified.
    """
    policy = a_promising_policy(tiers=("mini", "small", "large"), promise={"kind": "disagreement", "at_most": 0.1})
    sure = {"output": "blue", "confidence": 0.99, "cost_usd": "0.00001"}
    up = {"status": "succeeded", "tier": "large", "replies": {"mini": sure, "small": sure, "large": sure}}
    wrong = {"mini": sure, "large": sure | {"output": "red"}}
    log = [a_recording(n, **up) for n in range(600)]
    log += [a_recording(n, status="succeeded", tier="mini", replies=wrong) for n in range(600, 1000)]
    found = outcome(policy, log, "shadow")

    assert (found.tasks, found.left_out) == (1000, ("small",))
    assert found.candidates[-1].losses == pytest.approx(0.4 * found.certifying, rel=0.1)
    assert found.certified is None or found.certified.accepted_share < 0.3


def test_several_tiers_share_the_threshold_and_know_their_chances() -> None:
    """Each lower tier has its trust; how likely the next accepts what this one did not is learnt, too."""
    policy = a_promising_policy(tiers=("mini", "small", "large"))
    made = certified(policy, a_log(900, tiers=("mini", "small", "large")))

    assert made.levels["mini"].threshold == made.levels["small"].threshold
    assert set(made.levels["mini"].later) == {"small"}
    assert made.levels["small"].later == {}
    assert 0.2 < made.levels["mini"].later["small"](0.5) < 0.99


def test_a_shadow_run_needs_no_labels() -> None:
    """What the top answers is the truth: another output is a disagreement."""
    policy = a_promising_policy(promise={"kind": "disagreement", "at_most": 0.15})
    made = certified(policy, a_log(600, labelled=False), "shadow")

    assert made.evidence.labels == "shadow"
    assert made.report["loss_bound"] <= 0.15


def test_other_evidence_is_divided_afresh() -> None:
    """Which tasks teach depends on all of the evidence: no task is tied to one side for ever."""
    ids = [f"t{n}" for n in range(1000)]

    one, other = sides(ids, "a"), sides(ids, "b")
    assert (one == sides(ids, "a")).all()
    assert ((one < 0.5) != (other < 0.5)).mean() == pytest.approx(0.5, abs=0.07)
    assert one.mean() == pytest.approx(0.5, abs=0.04)


def test_checks_count_as_at_run_time() -> None:
    """A check of the policy that doubts a reply keeps it from being accepted in the evidence, too."""
    strict = a_promising_policy(checks=[{"check": "confidence", "at_least": 0.95, "tiers": ["mini"]}])
    found = outcome(strict, LOG)
    doubted = sum(not sampled(strict, recording, shadow=False).seen["mini"].passed for recording in LOG)

    assert found.certificate is not None
    assert doubted > 100
    assert found.certificate.levels["mini"].accepted_share <= 1 - doubted / 800


def test_what_was_seen_of_trust_stands_in_the_certificate() -> None:
    """Every certifying reply that passed its checks counts in one group; a tier without evidence has none."""
    policy = a_promising_policy(tiers=("mini", "small", "large"))
    found = outcome(policy, LOG)

    assert found.certificate is not None
    mini, small = (found.certificate.levels[tier] for tier in ("mini", "small"))
    assert mini.bins == found.reliability["mini"]
    assert sum(each.count for each in mini.bins) == found.certifying
    assert sum(each.right for each in mini.bins) / found.certifying == pytest.approx(
        found.figures["mini.right"], abs=1e-4
    )
    assert len(mini.bins) == 8
    assert small.bins == ()


@pytest.mark.parametrize("kind", ["accepted_error", "regret"])
def test_what_people_only_reject_is_no_less_a_loss(kind: str) -> None:
    """Where reviews have a label only if mini is right, the others are no fewer losses than all labels would show."""
    policy = a_promising_policy(promise={"kind": kind, "at_most": 0.1})
    reviews = [r.model_copy(update={"status": "review" if n % 3 else "succeeded"}) for n, r in enumerate(LOG)]
    live = [r.model_copy(update={"tier": "large"}) for r in reviews]
    rejects = {r.id for r in live if r.status == "review" and r.replies["mini"][0].output != r.expected}
    told = [r if r.id not in rejects else _without_a_label(r) for r in live]
    found = fair(policy, told, lambda each: each.id not in rejects, shown=kind == "regret")

    some, every = outcome(policy, list(found.recordings)), outcome(policy, live)

    assert (some.tasks, some.labelled, every.labelled) == (800, 800 - len(rejects), 800)
    assert len(rejects) > 50
    loosest, true = some.candidates[-1], every.candidates[-1]
    assert loosest.accepted_share == true.accepted_share == 1.0
    assert loosest.losses / loosest.of >= true.losses / true.of - 0.02
    assert some.certificate is not None
    assert sum(group.count for group in some.reliability["mini"]) <= some.certifying - len(rejects) // 2


def _without_a_label(recording: Recording) -> Recording:
    return Recording.model_validate_json(recording.model_dump_json(exclude_unset=True, exclude={"expected"}))
