"""Recorded traffic made ready: whose tasks, which tiers, what is right."""

from __future__ import annotations

from typing import Any

from router.recorded.recording import Recording
from router.recorded.traffic import graded, newest, of_policies, renamed, tiers_of, without_findings
from tests.builders import a_policy

OUTPUT = a_policy(output={"labels": ["refund", "other"]}, checks=[]).output


def a_recording(**changes: Any) -> Recording:
    told = {"id": "t1", "input": {}, "replies": {"mini": {"output": "refund"}, "large": {"output": "other"}}}
    return Recording.model_validate(told | changes)


def test_takes_the_tasks_of_a_policy() -> None:
    """Tasks of other policies are left out; what names no policy counts as its own."""
    log = [a_recording(id="a", policy="intents"), a_recording(id="b", policy="receipts"), a_recording(id="c")]

    assert [recording.id for recording in of_policies(log, {"intents"})] == ["a", "c"]


def test_calls_tiers_as_the_policy_does() -> None:
    """What the log calls by a model's name stands under the tier; two that become one stand in order."""
    (other,) = renamed([a_recording(replies={"gpt-4o-mini": {"output": "refund"}})], {"gpt-4o-mini": "mini"})
    (both,) = renamed([a_recording()], {"large": "mini"})

    assert tiers_of([other]) == ("mini",)
    assert [reply.output for reply in both.replies["mini"]] == ["refund", "other"]


def test_labels_count_where_there_are_any() -> None:
    """One label or one grade in the whole log is enough: agreement is not mixed with it."""
    plain, labelled = a_recording(), a_recording(id="t2", expected="refund")
    by_grader = a_recording(id="t3", replies={"mini": {"output": "refund", "correct": True}})

    for log in ([plain, labelled], [plain, by_grader]):
        known = graded(log, OUTPUT, "large")
        assert (known.by, known.recordings) == (None, tuple(log))


def test_without_labels_the_top_tier_is_right() -> None:
    """What it replied last is expected; where it gave no output nobody knows."""
    silent = a_recording(id="t2", replies={"mini": {"output": "refund"}, "large": {"failure": "server"}})
    unread = a_recording(id="t3", replies={"mini": {"output": "refund"}, "large": {"text": "{"}})

    known = graded([a_recording(), silent, unread], OUTPUT, "large")

    assert known.by == "large"
    assert [r.correct(r.replies["mini"][0], OUTPUT) for r in known.recordings] == [False, None, None]
    assert known.recordings[0].correct(known.recordings[0].replies["large"][0], OUTPUT) is True


def test_forgets_what_other_checks_found() -> None:
    """A check that asks something else today found nothing yet; the findings of others stay."""
    found = [{"check": name, "outcome": "pass"} for name in ("judge", "agreement")]
    recording = a_recording(replies={"mini": {"output": "refund", "findings": found}})

    (reply,) = without_findings(recording, {"judge"}).replies["mini"]

    assert [finding.check for finding in reply.findings] == ["agreement"]
    assert without_findings(recording, {"confidence"}) is recording


def test_a_task_that_comes_twice_counts_once() -> None:
    """The last line of a task is what is known of it: read twice, it would pass for two tasks."""
    first, last = (Recording.model_validate({"id": "t1", "input": {"n": n}, "replies": {}}) for n in (1, 2))

    assert newest([first, last]) == (last,)
