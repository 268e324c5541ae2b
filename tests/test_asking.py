"""One attempt in the making, and what it does with answers that a crash left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from router.asking import Asking, World
from router.call import Answer, Call
from router.decision import Ask
from router.memory import MemoryStore
from router.ports import Kept
from router.testing import FunctionLLM
from router.trail import Attempt, Purpose
from tests.builders import (
    BROKEN,
    GOOD,
    PRICES,
    TIERS,
    a_kept,
    a_policy,
    a_reply,
    a_settlement,
    a_submission,
    an_intent,
)
from tests.conftest import Clock

YES = a_reply({"right": "yes", "mistake": ""}, sure=None)
NO = a_reply({"right": "no", "mistake": "the total is wrong"}, sure=None)
JUDGED = a_policy(checks=[{"check": "judge", "tier": "large", "question": "Right?"}])


def kept(position: int, answer: Answer, *, tier: str = "mini", purpose: Purpose = "answer") -> Kept:
    intent = an_intent(f"kept-{position}", position=position, tier=tier, purpose=purpose)
    return a_kept(intent, a_settlement(), answer)


async def attempt(clock: Clock, llm: FunctionLLM, answers: Mapping[int, Kept]) -> Attempt:
    """The first attempt of a task at mini, judged by large, by a shift that found *answers* at its claim."""
    store = MemoryStore(clock_ms=clock)
    await store.submit([a_submission(policy=JUDGED.digest)])
    (claim,) = await store.claim({"mini": 1}, at_most=1, token="a")
    world = World(tiers=TIERS, prices=PRICES, llm=llm, store=store, clock_ms=clock)
    found = replace(claim, kept=answers)
    asking = Asking(world, Ask("mini", "first"), policy=JUDGED, claim=found, trail=(), kept=found.kept)
    return await asking.attempt()


def by_tier(mini: Answer, large: Answer) -> FunctionLLM:
    def answer(call: Call) -> Answer:
        return mini if call.tier == "mini" else large

    return FunctionLLM(answer)


async def test_asks_the_tier_and_then_the_judge(clock: Clock) -> None:
    """Without anything kept, both calls are made and stand in the attempt in their order."""
    llm = by_tier(GOOD, YES)

    made = await attempt(clock, llm, {})

    assert [call.tier for call in llm.calls] == ["mini", "large"]
    assert [spent.purpose for spent in made.calls] == ["answer", "judge"]
    assert made.verdict.outcome == "pass"


async def test_what_was_paid_for_is_not_bought_again(clock: Clock) -> None:
    """Answers kept from before a crash are judged as if they had just come, with the costs booked then."""
    llm = by_tier(BROKEN, NO)

    made = await attempt(clock, llm, {0: kept(0, GOOD), 1: kept(1, YES, tier="large", purpose="judge")})

    assert llm.calls == []
    assert made.verdict.outcome == "pass"
    assert [spent.call for spent in made.calls] == ["kept-0", "kept-1"]


async def test_goes_on_where_the_crash_was(clock: Clock) -> None:
    """With only the first answer kept, only the judge is asked."""
    llm = by_tier(BROKEN, NO)

    made = await attempt(clock, llm, {0: kept(0, GOOD)})

    assert [call.tier for call in llm.calls] == ["large"]
    assert made.verdict.outcome == "unsure"


async def test_an_answer_of_another_tier_is_not_passed_off_as_this_ones(clock: Clock) -> None:
    """What a tier answered that the task has left since then is asked anew here."""
    llm = by_tier(GOOD, YES)

    made = await attempt(clock, llm, {0: kept(0, BROKEN, tier="small")})

    assert [call.tier for call in llm.calls] == ["mini", "large"]
    assert made.verdict.outcome == "pass"


async def test_a_judges_word_is_never_put_to_another_answer(clock: Clock) -> None:
    """Once an answer is asked for anew, nothing that was kept about the old one counts."""
    llm = by_tier(GOOD, NO)
    answers = {0: kept(0, GOOD, tier="small"), 1: kept(1, YES, tier="large", purpose="judge")}

    made = await attempt(clock, llm, answers)

    assert [call.tier for call in llm.calls] == ["mini", "large"]
    assert made.verdict.outcome == "unsure"
