"""The imperative shell: carry a claimed task forward until it leaves this shift."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from . import log
from .asking import Asking, World
from .decision import Accept, Ask, DeadLetter, Decision, decide
from .errors import FormatTooNew, TaskInvalid
from .policy import Policy
from .ports import Claim
from .refusal import Refusal
from .tailoring import Tailor
from .trail import Attempt


class Engine:
    """Carries tasks forward. One engine serves any number of claims at once; it holds no state of theirs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._policies: dict[str, asyncio.Task[Policy]] = {}
        self._tailor = Tailor()
        self._log = log.logger()

    async def carry(self, claim: Claim, *, stopping: Callable[[], bool] = lambda: False) -> None:
        """Run attempts at the claim's tier until the task is for somebody else: ended, elsewhere, later, or let go."""
        with log.about(task=claim.task.id, tenant=claim.task.tenant, tier=claim.tier):
            try:
                published = await self._policy(claim.task.policy)
            except FormatTooNew as why:
                await self._world.store.leave(claim, str(why))
                return
            with log.about(policy=published.policy):
                await self._carry(published, claim, stopping)

    async def _carry(self, published: Policy, claim: Claim, stopping: Callable[[], bool]) -> None:
        try:
            policy = self._tailor(published, claim.task.wishes)
        except TaskInvalid as why:
            await self._finish(published, claim, None, DeadLetter(str(why)))
            return
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
            if not isinstance(decision, Accept):
                attempt = attempt.without_logprobs
            if isinstance(attempt.answer, Refusal) and attempt.answer.passing:
                await self._finish(policy, claim, None, decision, refusal=attempt.answer)
                return
            trail, kept = (*trail, attempt), {}
            if not await self._finish(policy, claim, attempt, decision):
                return

    async def _finish(
        self,
        policy: Policy,
        claim: Claim,
        attempt: Attempt | None,
        decision: Decision,
        refusal: Refusal | None = None,
    ) -> bool:
        held = await self._world.store.finish(claim, policy, attempt, decision)
        if attempt is not None or refusal is not None or held:
            self._tell(attempt, refusal, decision)
        if not held:
            self._log.warning("task.lost")
        return held

    def _tell(self, attempt: Attempt | None, refusal: Refusal | None, decision: Decision) -> None:
        """One line for each move."""
        following = {"next": type(decision).__name__.lower()}
        if isinstance(decision, Ask):
            following["to"] = decision.tier
        if attempt is not None:
            self._log.info(
                "attempt.ended",
                tier=attempt.tier,
                why=attempt.why,
                outcome=attempt.verdict.outcome if attempt.verdict else type(attempt.answer).__name__.lower(),
                reason=attempt.brief,
                cost_nusd=attempt.cost_nusd,
                **following,
            )
        elif refusal is not None:
            self._log.info("call.refused", limit=refusal.limit, reason=refusal.message, **following)
        else:
            self._log.info("task.moved", **following)

    async def _policy(self, digest: str) -> Policy:
        """The policy, fetched and compiled once, however many tasks ask for it at the same time."""
        fetching = self._policies.get(digest)
        if fetching is None or (fetching.done() and fetching.exception() is not None):
            fetching = self._policies[digest] = asyncio.create_task(self._fetch(digest))
        return await asyncio.shield(fetching)

    async def _fetch(self, digest: str) -> Policy:
        return (await self._world.store.policy(digest)).on(self._world.tiers)
