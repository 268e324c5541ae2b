"""An engine over a store, worked by hand: whole tasks against models that are functions."""

from __future__ import annotations

from collections.abc import Callable

from router.asking import World
from router.call import Answer, Call
from router.engine import Engine
from router.ports import Store
from router.record import Record
from router.task import TaskState
from router.testing import FunctionLLM
from router.tier import Tiers
from tests.builders import PRICES, TIERS, a_policy, a_submission
from tests.conftest import Clock


class House:
    """An engine that serves every tier, and a sweep, worked by hand."""

    def __init__(self, store: Store, clock: Clock, answers: Callable[[Call], Answer], *, tiers: Tiers = TIERS) -> None:
        self.store, self.clock, self.llm = store, clock, FunctionLLM(answers)
        self.engine = Engine(World(tiers=tiers, prices=PRICES, llm=self.llm, store=store, clock_ms=clock))
        self._tiers = tiers
        self._tokens = 0

    async def submit(self, **changes: object) -> None:
        policy = changes.pop("policy", a_policy())
        await self.store.publish([policy])
        await self.store.submit([a_submission(policy=policy.digest, **changes)])

    async def settle(self, task_id: str = "t1") -> Record:
        """Claim and carry until the task has ended, moving the clock where it waits."""
        for _ in range(40):
            record = await self.store.read(task_id)
            if record.state.terminal or record.state is TaskState.REVIEW:
                return record
            self._tokens += 1
            claims = await self.store.claim(dict.fromkeys(self._tiers, 10), at_most=10, token=f"token-{self._tokens}")
            for claim in claims:
                await self.engine.carry(claim)
            if not claims:
                self.clock.advance(1)
                await self.store.sweep(at_most=100)
        raise AssertionError(f"not settled: {record}")


def by_tier(**answers: Answer) -> Callable[[Call], Answer]:
    return lambda call: answers[call.tier]
