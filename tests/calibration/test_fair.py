"""Which tasks of live traffic may count."""

from __future__ import annotations

from typing import Any

from router.calibration.fair import Blind, Group, asked_alike, fair, gone_past
from router.recorded.recording import Recording
from router.recorded.traffic import newest
from router.tier import Tier
from tests.builders import TIERS, a_policy
from tests.calibration.logs import TIERS as LOGGED
from tests.calibration.logs import a_promising_policy, a_recording

POLICY = a_promising_policy(promise={"kind": "disagreement", "at_most": 0.1})
MINI = {"mini": {"output": "red"}}


def accepted(number: int, *, audited: bool) -> Recording:
    more: dict[str, Any] = {} if audited else {"replies": MINI}
    return a_recording(number, status="succeeded", tier="mini", **more)


def escalated(number: int) -> Recording:
    return a_recording(number, status="succeeded", tier="large")


def test_what_went_up_is_thinned_to_the_share_that_was_audited() -> None:
    """Audited tasks stand for one in ten of those accepted, so one in ten of the others is kept beside them."""
    live = [accepted(n, audited=n % 10 == 0) for n in range(1000)] + [escalated(n) for n in range(1000, 3000)]
    found = fair(POLICY, live)

    kept = {recording.id for recording in found.recordings}
    assert found.accepted == Group(tasks=1000, known=100, kept=100)
    assert {f"t{n}" for n in range(0, 1000, 10)} <= kept
    assert found.climbed == Group(tasks=2000, known=2000, kept=len(kept) - 100)
    assert 150 < found.climbed.kept < 250
    assert found.climbed.thinned == 2000 - found.climbed.kept


def test_what_is_known_more_often_is_thinned_to_what_is_known_less() -> None:
    """With labels on half of the audited tasks and on one in fifty of those that went up, both count one in fifty."""
    live = [accepted(n, audited=n % 10 == 0) for n in range(2000)] + [escalated(n) for n in range(2000, 4000)]
    labelled = {*(f"t{n}" for n in range(0, 2000, 20)), *(f"t{n}" for n in range(2000, 4000, 50))}
    found = fair(POLICY, live, lambda recording: recording.id in labelled)

    assert (found.accepted.known, found.climbed.known) == (100, 40)
    assert found.climbed.thinned == 0
    assert 25 < found.accepted.kept < 55
    assert {recording.id for recording in found.recordings} <= labelled


def test_what_went_up_and_is_not_known_at_all_leaves_nothing() -> None:
    """Labels of accepted tasks alone do not stand for those that went up."""
    live = [accepted(1, audited=True), escalated(2)]
    found = fair(POLICY, live, lambda recording: recording.tier == "mini")

    assert found.recordings == ()
    assert (found.accepted, found.climbed) == (Group(1, 1, 0), Group(1, 0, 0))


def test_what_ended_elsewhere_is_neither() -> None:
    """A task that expired below the promise's tier was neither accepted nor shown to it: it does not count."""
    lost = a_recording(3, status="expired", tier="mini", replies=MINI)
    found = fair(POLICY, [accepted(1, audited=True), escalated(2), lost])

    assert [recording.id for recording in found.recordings] == ["t1", "t2"]
    assert (found.accepted, found.climbed) == (Group(1, 1, 1), Group(1, 1, 1))


def test_recordings_made_for_comparison_all_count() -> None:
    """Without a status nobody chose what is there."""
    found = fair(POLICY, [a_recording(n) for n in range(50)])

    assert len(found.recordings) == 50
    assert (found.accepted, found.climbed) == (Group(), Group())


def test_without_an_audit_nothing_live_counts() -> None:
    """What went up by itself says nothing of what is accepted."""
    found = fair(POLICY, [accepted(1, audited=False), escalated(2), a_recording(3)])

    assert [recording.id for recording in found.recordings] == ["t3"]
    assert (found.accepted, found.climbed) == (Group(1, 0, 0), Group(1, 1, 0))


def test_tiers_that_live_tasks_went_past_are_told() -> None:
    """A tier asked only where another was doubted has no fair sample; what it cannot take is another thing."""
    policy = a_promising_policy(tiers=("mini", "small", "large"))
    short = policy.on({**LOGGED, "small": Tier(name="small", model="openai/small-model", context_tokens=100)})
    log = [accepted(1, audited=True), accepted(2, audited=False)]

    assert gone_past(policy, log) == {"small"}
    assert gone_past(short, [r.model_copy(update={"input": {"text": "sky " * 999}}) for r in log]) == frozenset()
    assert gone_past(policy, [a_recording(3)]) == frozenset()
    assert gone_past(POLICY, log) == frozenset()


def test_a_task_counts_once() -> None:
    """Of lines with the same id the last one counts: twice the same task is no two."""
    first, again = a_recording(1, expected="red"), a_recording(1, expected="blue")

    assert newest([first, a_recording(2), again]) == (again, a_recording(2))


def test_other_words_and_other_models_are_no_evidence() -> None:
    """What another prompt was asked is left out whole, of another model its replies; what says nothing counts."""
    policy = a_policy().bound_to(TIERS)

    def told(question: str | None, model: str | None) -> Recording:
        replies = {"mini": {"output": {}, "model": model}, "large": {"output": {}}}
        return Recording.model_validate({"id": "t1", "input": {}, "question": question, "replies": replies})

    def left(question: str | None, model: str | None) -> list[list[str]]:
        return [list(kept.replies) for kept in asked_alike(policy, [told(question, model)])]

    assert left(policy.question, TIERS["mini"].model) == [["mini", "large"]]
    assert left(None, None) == [["mini", "large"]]
    assert left("another", None) == []
    assert left(None, "openai/another") == [["large"]]


def test_versions_are_thinned_apart() -> None:
    """Each version has its own threshold and audit rate: within each, accepted and climbed tasks count alike."""

    def version(name: str, start: int, rate: int) -> list[Recording]:
        told = [accepted(n, audited=n % rate == 0) for n in range(start, start + 1000)]
        told += [escalated(n) for n in range(start + 1000, start + 2000)]
        return [recording.model_copy(update={"version": name}) for recording in told]

    found = fair(POLICY, [*version("strict", 0, 1), *version("loose", 10_000, 20), *version("blind", 20_000, 10**9)])

    kept = [(r.version, r.tier) for r in found.recordings]
    assert kept.count(("strict", "mini")) == kept.count(("strict", "large")) == 1000
    assert kept.count(("loose", "mini")) == 50
    assert 25 < kept.count(("loose", "large")) < 80
    assert not any(name == "blind" for name, tier in kept if tier == "large")


def test_labels_are_thinned_without_a_word_of_the_top_tier() -> None:
    """Where labels alone tell, a reply of the top tier is not asked for; those that nobody labelled are left out."""
    live = [accepted(n, audited=False) for n in range(100)] + [escalated(n) for n in range(100, 200)]

    found = fair(POLICY, live, lambda recording: int(recording.id[1:]) % 2 == 0, shown=False)

    assert (found.accepted.known, found.climbed.known) == (50, 50)
    assert len(found.recordings) == 100


def reviewed(number: int, **changes: Any) -> Recording:
    return a_recording(number, status="review", tier="large", **changes)


def test_what_a_person_resolved_is_a_kind_of_its_own() -> None:
    """Reviews all have a label, the others one in ten: taken as they are, the hard tasks would count tenfold."""
    live = [escalated(n) for n in range(1000)] + [reviewed(n) for n in range(1000, 1500)]
    found = fair(POLICY, live, lambda recording: recording.status == "review" or int(recording.id[1:]) % 10 == 0)

    assert (found.climbed.tasks, found.climbed.known, found.climbed.kept) == (1000, 100, 100)
    assert (found.reviewed.tasks, found.reviewed.known) == (500, 500)
    assert 30 < found.reviewed.kept < 75
    assert len(found.recordings) == 100 + found.reviewed.kept


def test_reviews_alone_leave_nothing() -> None:
    """Where nobody knows anything of the others, the labels of reviews stand for no traffic."""
    found = fair(POLICY, [escalated(1), reviewed(2)], lambda recording: recording.status == "review")

    assert found.recordings == ()
    assert (found.climbed, found.reviewed) == (Group(1, 0, 0), Group(1, 1, 0))


def test_what_was_reviewed_below_counts_though_the_top_tier_never_saw_it() -> None:
    """A looser threshold would have accepted it: without its reply it is unknown, not away."""
    found = fair(POLICY, [escalated(1), reviewed(2, replies=MINI)])

    assert found.reviewed == Group(tasks=1, known=0, kept=0)
    assert found.recordings == ()


def test_a_tier_that_a_review_went_past_is_told() -> None:
    """A person took the task from mini: what small would have said of such tasks nobody knows."""
    policy = a_promising_policy(tiers=("mini", "small", "large"))

    assert gone_past(policy, [reviewed(1, replies=MINI)]) == {"small"}


def of_version(name: str, *recordings: Recording) -> list[Recording]:
    return [recording.model_copy(update={"version": name}) for recording in recordings]


def has_a_label(recording: Recording) -> bool:
    return recording.expected is not None


def rejected(number: int) -> Recording:
    """A review that nobody said of what would have been right."""
    return reviewed(number, expected=...)


def test_one_review_without_a_label_costs_no_evidence() -> None:
    """It counts at its worst beside all that is known, whatever smaller version stands beside it."""
    many = [*(accepted(n, audited=True) for n in range(500)), *(escalated(n) for n in range(500, 1000)), rejected(1000)]
    few = [accepted(2000, audited=True), escalated(2001), reviewed(2002)]

    alone = fair(POLICY, many, has_a_label)
    both = fair(POLICY, [*of_version("a", *many), *of_version("b", *few)], has_a_label)

    assert (len(alone.recordings), alone.reviewed, alone.lacking) == (1001, Group(1, 0, 0, at_worst=1), ())
    assert (len(both.recordings), both.reviewed, both.blind) == (1004, Group(2, 1, 1, at_worst=1), ())
    assert (both.accepted, both.climbed) == (Group(501, 501, 501), Group(501, 501, 501))


def test_reviews_with_labels_do_not_stand_for_those_without() -> None:
    """Half of the reviews have a label by what was decided: all are drawn at the share of the others, blindly."""
    live = [escalated(n) for n in range(1000)] + [(reviewed if n % 2 else rejected)(n) for n in range(1000, 2000)]
    found = fair(POLICY, live, lambda recording: has_a_label(recording) and (int(recording.id[1:]) >= 400))

    assert found.climbed == Group(tasks=1000, known=600, kept=600)
    assert (found.reviewed.tasks, found.reviewed.known) == (1000, 500)
    assert 270 < found.reviewed.kept < 330
    assert 270 < found.reviewed.at_worst < 330
    assert len(found.recordings) == 600 + found.reviewed.kept + found.reviewed.at_worst


def test_many_reviews_of_which_nothing_is_known_leave_nothing() -> None:
    """One in twenty tasks may be at its worst without a word; of more, some label is asked for first."""
    few = fair(POLICY, [*map(escalated, range(95)), *map(rejected, range(95, 100))], has_a_label)
    many = fair(POLICY, [*map(escalated, range(94)), *map(rejected, range(94, 100))], has_a_label)

    assert (len(few.recordings), few.lacking) == (100, ())
    assert (len(many.recordings), many.lacking) == (0, ("reviewed",))


def test_a_version_of_which_a_kind_is_unknown_is_named() -> None:
    """It is left out whole, and the others count without it; where each lacks something, each is named."""
    seen = of_version("seen", accepted(1, audited=True), escalated(2))
    blind = of_version("blind", *(accepted(n, audited=False) for n in (3, 4)), escalated(5))
    other = of_version("other", accepted(6, audited=True), escalated(7).model_copy(update={"expected": None}))

    found = fair(POLICY, [*seen, *blind], has_a_label)
    nothing = fair(POLICY, [*blind, *other], has_a_label)

    assert ([r.id for r in found.recordings], found.lacking) == (["t1", "t2"], ())
    assert found.blind == (Blind("blind", 3, ("accepted",)),)
    assert (nothing.recordings, nothing.lacking) == ((), ())
    assert nothing.blind == (Blind("blind", 3, ("accepted",)), Blind("other", 2, ("climbed",)))
