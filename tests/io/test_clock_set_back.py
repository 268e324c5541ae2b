"""A server's clock that is set back: what went by the later time does not hold up what comes after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from router.call import Health
from router.io.embedded import EmbeddedServer
from router.ports import Rates
from router.refusal import Refusal
from tests.builders import RATES, a_kept, a_settlement, an_intent
from tests.io.test_scripts import SETTLED, Desk, a_desk

JUMP_S = 600
SLOW = replace(RATES, requests_per_minute=30)


@pytest.fixture
async def desk(server: EmbeddedServer, prefix: str) -> AsyncIterator[Desk]:
    async with a_desk(server.url, prefix) as made:
        yield made


async def ask(desk: Desk, name: str, *, rates: Rates = RATES) -> Refusal | None:
    """Ask for room for one more call; None where it was given."""
    claim = await desk.held(f"t-{name}")
    intent = an_intent(f"c-{name}", task=f"t-{name}")
    asked = await desk.store.reserve(claim, intent, rates=rates, limit_nusd=10**9, open_for_ms=40_000)
    return asked if isinstance(asked, Refusal) else None


async def answer(desk: Desk, name: str, health: Health) -> None:
    intent = an_intent(f"c-{name}", task=f"t-{name}")
    told = {"health": health, "deployment": f"mini/{RATES.deployments[0].name}"}
    settlement = a_settlement(SETTLED).model_copy(update=told)
    await desk.store.resolve(intent, settlement, a_kept(intent, settlement))


async def test_rates_go_on(desk: Desk) -> None:
    """A rate that was used up before the clock was set back has room again, and is kept from then on."""
    before = [await ask(desk, f"before-{i}", rates=SLOW) for i in range(5)]
    assert [refusal.limit for refusal in before if refusal] == ["rate"] * sum(map(bool, before))
    assert before[-1] is not None

    desk.clock.advance(-JUMP_S)

    after = [await ask(desk, f"after-{i}", rates=SLOW) for i in range(5)]
    assert after[0] is None
    assert after[-1] is not None
    assert after[-1].until_ms - desk.clock() < JUMP_S * 1000


@pytest.mark.parametrize(("health", "times", "limit"), [(Health.THROTTLED, 1, "rate"), (Health.BROKEN, 5, "rate")])
async def test_a_place_that_was_left_alone_is_asked_again(desk: Desk, health: Health, times: int, limit: str) -> None:
    """A deployment that wanted rest, or was broken, before the clock was set back is not shunned until then."""
    for i in range(times):
        assert await ask(desk, f"before-{i}") is None
        await answer(desk, f"before-{i}", health)
    refused = await ask(desk, "refused")
    assert refused is not None
    assert refused.limit == limit

    desk.clock.advance(-JUMP_S)

    assert await ask(desk, "after") is None
