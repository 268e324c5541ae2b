"""The imperative shell: carry a claimed task forward until it leaves this shift."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from . import log
from .asking import Asking, World
from .decision import Ask, Decision, decide
from .policy import Policy
from .ports import Claim
from .refusal import Refusal
from .trail import Attempt


class Engine:
    """Carries tasks forward. One engine serves any number of claims at once; it holds no state of theirs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._policies: dict[str, asyncio.Task[Policy]] = {}
        self._log = log.logger()

    async def carry(self, claim: Claim, *, stopping: Callable[[], bool] = lambda: False) -> None:
        """Run attempts at the claim's tier until the task is for somebody else: ended, elsewhere, later, or let go."""
        policy = await self._policy(claim.task.policy)
        trail, kept = claim.trail, claim.kept
        decision = decide(policy, claim.task, trail, self._world.clock_ms())
        if not isinstance(decision, Ask) or decision.tier != claim.tier:
            await self._finish(policy, claim, None, decision)
            return
        while isinstance(decision, Ask) and decision.tier == claim.tier:
            if stopping():
                await self._world.store.release(claim)
                return
            attempt = await Asking(self._world, decision, policy=policy, claim=claim, trail=trail, kept=kept).attempt()
            decision = decide(policy, claim.task, (*trail, attempt), self._world.clock_ms())
            if isinstance(attempt.answer, Refusal) and attempt.answer.passing:
                refusal = attempt.answer
                self._log.info(
                    "call.refused",
                    task=claim.task.id,
                    tier=claim.tier,
                    limit=refusal.limit,
                    reason=refusal.message,
                )
                await self._finish(policy, claim, None, decision)
                return
            trail, kept = (*trail, attempt), {}
            if not await self._finish(policy, claim, attempt, decision):
                return

    async def _finish(self, policy: Policy, claim: Claim, attempt: Attempt | None, decision: Decision) -> bool:
        held = await self._world.store.finish(claim, policy, attempt, decision)
        if attempt is not None:
            self._log.info(
                "attempt.ended",
                task=claim.task.id,
                policy=policy.policy,
                tier=attempt.tier,
                why=attempt.why,
                outcome=attempt.verdict.outcome if attempt.verdict else type(attempt.answer).__name__.lower(),
                reason=attempt.brief,
                cost_nusd=attempt.cost_nusd,
                next=type(decision).__name__.lower(),
            )
        if not held:
            self._log.warning("task.lost", task=claim.task.id, tier=claim.tier)
        return held

    async def _policy(self, digest: str) -> Policy:
        """The policy, fetched and compiled once, however many tasks ask for it at the same time."""
        fetching = self._policies.get(digest)
        if fetching is None or (fetching.done() and fetching.exception() is not None):
            fetching = self._policies[digest] = asyncio.create_task(self._fetch(digest))
        return await asyncio.shield(fetching)

    async def _fetch(self, digest: str) -> Policy:
        return (await self._world.store.policy(digest)).on(self._world.tiers)
