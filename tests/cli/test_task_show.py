"""`router task show`: a task with its whole trail."""

from __future__ import annotations

import pytest

from router.decision import Accept, DeadLetter, Reject
from router.io.redis_store import RedisStore
from router.refusal import Refusal
from router.task import Audited
from router.verdict import Finding, Outcome, Verdict
from tests.builders import a_submission, an_attempt
from tests.cli.desk import POLICY, READ, CliDesk
from tests.shell import Shell

AUDITED = Audited(task="t0", tier="mini", output=READ, against="large")
SAME = Finding(check="audit", outcome=Outcome.PASS)
OTHER = Finding(check="audit", outcome=Outcome.FAIL, reason="the output accepted at mini differs in total", warn=True)


def an_audit(desk: CliDesk, finding: Finding | None) -> None:
    """A task t1 that audits t0, ended with that finding; without one it failed."""
    verdict = Verdict(outcome=Outcome.PASS, findings=(finding,)) if finding is not None else None
    attempt = an_attempt(1, "large", Outcome.PASS if finding else None, why="audit", verdict=verdict)

    async def work(store: RedisStore) -> None:
        await store.submit([a_submission("t1", tier="large", audits=AUDITED)])
        (claim,) = await store.claim({"large": 100}, at_most=1, token="audit")
        await store.finish(claim, POLICY, attempt, Accept(attempt) if finding else Reject("no reply"))

    desk.run(work)


def test_shows_every_finding_and_why_it_moved(shell: Shell, desk: CliDesk) -> None:
    """In brief: reply, confidence, what was found and what passed, cost, and what was done next."""
    assert shell("task", "show", desk.climbed("t1")) == 0

    lines = shell.out.splitlines()
    assert lines[0].startswith("t1  receipts  succeeded  tier small  $")
    assert "1. mini (first)  unsure  $0.000000  0.00 s" in lines
    assert "   sure    merchant 0.90, total 0.40" in lines
    assert "   confidence     unsure confidence 0.40 in total is below 0.8" in lines
    assert "   passed  refusal, schema" in lines
    assert "   then    escalate to small" in lines
    assert "   then    accept" in lines
    assert 'output  {"merchant": "ACME", "total": 12.5}' in lines


def test_explains_it_step_by_step_if_asked(shell: Shell, desk: CliDesk) -> None:
    """With --explain each check is shown with the values it saw, and JSON has the steps beside the trail."""
    task_id = desk.climbed("t1")

    assert shell("task", "show", task_id, "--explain") == 0
    assert "             total = 0.4  below 0.8" in shell.out
    assert "then    escalate to small: moves.unsure is escalate" in shell.out
    whole = shell.json("task", "show", task_id, "--explain", "--json")
    assert [step["tier"] for step in whole["steps"]] == [a["tier"] for a in whole["trail"]] == ["mini", "small"]


def test_prompts_belong_to_the_explanation(shell: Shell) -> None:
    """Alone they are wrong use."""
    assert shell("task", "show", "t1", "--prompts") == 2
    assert "--prompts goes with --explain" in shell.err


def test_a_limit_that_kept_a_call_back_is_shown(shell: Shell, desk: CliDesk) -> None:
    """The refusal stands where a reply would, and the reason under the head."""
    refused = an_attempt(1, outcome=None, answer=Refusal(limit="cost", message="the call might pass limits.cost_usd"))

    async def work(store: RedisStore) -> None:
        await store.submit([a_submission("t1")])
        (claim,) = await store.claim({"mini": 100}, at_most=1, token="t")
        await store.finish(claim, POLICY, refused, DeadLetter("it is too dear"))

    desk.run(work)

    assert shell("task", "show", "t1") == 0
    assert "it is too dear" in shell.out.splitlines()
    assert "   refused cost: the call might pass limits.cost_usd" in shell.out
    assert "   then    dead_letter" in shell.out


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (SAME, "audit of t0, accepted at mini: the same was answered"),
        (OTHER, "audit of t0, accepted at mini: the output accepted at mini differs in total"),
        (None, "audit of t0, accepted at mini: no evidence"),
    ],
)
def test_an_audit_says_what_it_found(shell: Shell, desk: CliDesk, finding: Finding | None, said: str) -> None:
    """The audited task, where it was accepted, and whether the larger tier answered the same."""
    an_audit(desk, finding)

    assert shell("task", "show", "t1") == 0
    assert said in shell.out.splitlines()
    assert shell.json("task", "show", "t1", "--json")["audits"] == AUDITED.model_dump(mode="json")


def test_an_audit_that_waits_has_found_nothing_yet(shell: Shell, desk: CliDesk) -> None:
    """Before it is done it says so."""
    desk.submit("t1", tier="large", audits=AUDITED)

    assert shell("task", "show", "t1") == 0
    assert "audit of t0, accepted at mini: not done yet" in shell.out.splitlines()
