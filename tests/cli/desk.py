"""What commands are tried on: a prefix of its own in a real server, and a store that fills it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import uuid4

from router.app import open_store
from router.decision import Accept, Ask, DeadLetter, Decision
from router.io.redis_store import RedisStore
from router.ledger import EntryKind
from router.policy import Policy
from router.reading import Reading
from router.settings import Settings
from router.trail import Attempt
from router.verdict import Finding, Outcome, Verdict
from tests.builders import a_kept, a_policy, a_settlement, a_submission, an_attempt, an_intent

T = TypeVar("T")
POLICY = a_policy()
FAILED = an_attempt(1, "mini", Outcome.FAIL)
READ = {"merchant": "ACME", "total": 12.5}
DOUBTED = an_attempt(
    1,
    answer=Reading(output=READ, confidence={"merchant": 0.9, "total": 0.4}),
    verdict=Verdict(
        outcome=Outcome.UNSURE,
        findings=(
            Finding(check="refusal", outcome=Outcome.PASS),
            Finding(check="schema", outcome=Outcome.PASS),
            Finding(check="confidence", outcome=Outcome.UNSURE, reason="confidence 0.40 in total is below 0.8"),
        ),
    ),
)
DONE = an_attempt(2, "small", why="escalate")


class CliDesk:
    """Each step opens a store of its own, as commands do."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def run(self, work: Callable[[RedisStore], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with open_store(self.settings) as store:
                return await work(store)

        return asyncio.run(opened())

    def publish(self, *policies: Policy) -> None:
        self.run(lambda store: store.publish(policies))

    def submit(self, *task_ids: str, **changes: Any) -> None:
        self.run(lambda store: store.submit([a_submission(task_id, **changes) for task_id in task_ids]))

    def end(self, task_id: str, decision: Decision, *, attempt: Attempt = FAILED, **changes: Any) -> None:
        async def work(store: RedisStore) -> None:
            await store.submit([a_submission(task_id, **changes)])
            (claim,) = await store.claim({"mini": 100}, at_most=1, token=task_id)
            await store.finish(claim, POLICY, attempt, decision)

        self.run(work)

    def take(self, tier: str, attempt: Attempt, decision: Decision) -> None:
        """Make that attempt at the one task that waits for a tier."""

        async def work(store: RedisStore) -> None:
            (claim,) = await store.claim({tier: 100}, at_most=1, token=uuid4().hex)
            await store.finish(claim, POLICY, attempt, decision)

        self.run(work)

    def climbed(self, task_id: str, **changes: Any) -> str:
        """A task that mini was unsure of and small did; returns its id."""

        async def work(store: RedisStore) -> None:
            await store.submit([a_submission(task_id, **changes)])
            (claim,) = await store.claim({"mini": 100}, at_most=1, token=f"{task_id}-1")
            await store.finish(claim, POLICY, DOUBTED, Ask("small", "escalate"))
            (claim,) = await store.claim({"small": 100}, at_most=1, token=f"{task_id}-2")
            await store.finish(claim, POLICY, DONE, Accept(DONE))

        self.run(work)
        return task_id

    def end_ready(self, decision: Decision) -> str:
        """Decide so over the one task that is ready; returns its id."""

        async def work(store: RedisStore) -> str:
            (claim,) = await store.claim({"mini": 100}, at_most=1, token=uuid4().hex)
            await store.finish(claim, POLICY, FAILED, decision)
            return claim.task.id

        return self.run(work)

    def bury(self, *task_ids: str, reason: str = "no tier is left", **changes: Any) -> None:
        for task_id in task_ids:
            self.end(task_id, DeadLetter(reason), **changes)

    def book(self, call: str, kind: EntryKind, cost_nusd: int = 400, **changes: Any) -> None:
        """Book a call that nobody reserved: its reservation stands in the intent."""

        async def work(store: RedisStore) -> None:
            intent, settlement = an_intent(call, **changes), a_settlement(kind, cost_nusd)
            await store.resolve(intent, settlement, a_kept(intent, settlement))

        self.run(work)
