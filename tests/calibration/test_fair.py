"""Which tasks of live traffic may count."""

from __future__ import annotations

from typing import Any

from router.calibration.fair import asked_alike, fair, newest
from router.recording import Recording
from tests.builders import TIERS, a_policy
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
    assert (found.accepted, found.audited) == (1000, 100)
    assert {f"t{n}" for n in range(0, 1000, 10)} <= kept
    assert 150 < len(kept) - 100 < 250
    assert found.thinned == 2000 - (len(kept) - 100)


def test_recordings_made_for_comparison_all_count() -> None:
    """Without a status nobody chose what is there."""
    found = fair(POLICY, [a_recording(n) for n in range(50)])

    assert len(found.recordings) == 50
    assert (found.accepted, found.thinned) == (0, 0)


def test_without_an_audit_nothing_live_counts() -> None:
    """What went up by itself says nothing of what is accepted."""
    found = fair(POLICY, [accepted(1, audited=False), escalated(2), a_recording(3)])

    assert [recording.id for recording in found.recordings] == ["t3"]
    assert (found.accepted, found.audited) == (1, 0)


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
