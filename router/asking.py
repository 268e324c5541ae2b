"""Ask a tier once: compose the call, reserve its cost, send it, book it, judge the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, assert_never
from uuid import uuid4

from . import log
from .auditing import look_again
from .call import Answer, Call, Deployment, Failure, FailureKind, Reply
from .checks import Consultation, Question, SecondSample, Subject
from .compose import compose, consultation, consulted, second_sample
from .cost import Price, PriceBook, input_tokens_at_most, tokens_about
from .decision import Ask, failing
from .judging import judge
from .ledger import EntryKind, Intent, Settlement
from .output import Output
from .policy import Policy
from .ports import LLM, Claim, Kept, Rates, Store
from .reading import Reading, read
from .refusal import Refusal
from .template import PromptInvalid
from .tier import Tier, Tiers
from .trail import Attempt, Purpose, Spent, Trail
from .verdict import Verdict

_SETTLING_MS = 15_000
"""How long after its time-out a call may be booked by its own shift before a sweep calls its outcome unknown."""

_TIMEOUT_LEAST_S = 0.05


@dataclass(frozen=True, slots=True)
class World:
    """What carrying a task needs from outside."""

    tiers: Tiers
    prices: PriceBook
    llm: LLM
    store: Store
    clock_ms: Callable[[], int]


class Asking:
    """One attempt in the making. Answers that a crash left behind (`kept`) are judged, not bought again."""

    def __init__(
        self, world: World, ask: Ask, *, policy: Policy, claim: Claim, trail: Trail, kept: Mapping[int, Kept]
    ) -> None:
        self._world = world
        self._ask = ask
        self._policy = policy
        self._claim = claim
        self._trail = trail
        self._kept = kept
        self._calls: list[Spent] = []

    async def attempt(self) -> Attempt:
        """Make the call, then those that the checks want, each booked by itself."""
        started_ms = self._world.clock_ms()
        tier = self._policy.tier(self._ask.tier, self._world.tiers)
        assert tier is not None, "shifts claim tasks of their own tiers alone"
        answer, verdict = await self._answer(tier)
        return Attempt(
            number=self._number,
            tier=tier.name,
            why=self._ask.why,
            answer=answer,
            verdict=verdict,
            calls=tuple(self._calls),
            started_ms=started_ms,
            ended_ms=self._world.clock_ms(),
        )

    async def _answer(self, tier: Tier) -> tuple[Reading | Failure | Refusal, Verdict | None]:
        try:
            call = compose(
                self._policy,
                self._claim.task,
                self._trail,
                self._ask,
                tier,
                call_id=_new_id(),
                timeout_s=self._timeout_s(tier),
            )
        except PromptInvalid as why:
            message = f"the prompt cannot be written for this input: {why}"
            return Failure(kind=FailureKind.BAD_REQUEST, message=message, billed="no"), None
        answer = await self._complete(call, tier, "answer")
        if not isinstance(answer, Reply):
            return answer, None
        reading = read(self._policy.output, answer)
        verdict = await self._judge(call, tier, reading)
        return self._with_logprobs(reading, answer), verdict

    def _with_logprobs(self, reading: Reading, reply: Reply) -> Reading:
        wishes = self._claim.task.wishes
        if wishes is None or not wishes.logprobs or self._claim.task.audits is not None:
            return reading
        return reading.model_copy(update={"logprobs": reply.logprobs})

    @property
    def _number(self) -> int:
        return len(self._trail) + 1

    async def _judge(self, call: Call, tier: Tier, reading: Reading) -> Verdict:
        """Drive the checks, asking the models that they want asked."""
        subject = Subject(task=self._claim.task, reading=reading, types=self._policy.types, tier=tier.name)
        audited = self._claim.task.audits
        examination = judge(self._policy, subject) if audited is None else look_again(self._policy, subject, audited)
        try:
            question = next(examination)
            while True:
                question = examination.send(await self._inquire(call, tier, question))
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict

    async def _inquire(self, call: Call, tier: Tier, question: Question) -> Reading | Failure:
        match question:
            case SecondSample(temperature=temperature):
                again = second_sample(call, call_id=_new_id(), timeout_s=self._timeout_s(tier), temperature=temperature)
                return await self._read(again, tier, "sample", self._policy.output)
            case Consultation(tier=name):
                expert = self._policy.tier(name, self._world.tiers)
                if expert is None:
                    return Failure(kind=FailureKind.INTERNAL, message=f"there is no tier {name}", billed="no")
                asked = consultation(question, expert, call_id=_new_id(), timeout_s=self._timeout_s(expert))
                return await self._read(asked, expert, "judge", consulted(question))
            case never:
                assert_never(never)

    async def _read(self, call: Call, tier: Tier, purpose: Purpose, output: Output) -> Reading | Failure:
        match await self._complete(call, tier, purpose):
            case Reply() as reply:
                return read(output, reply)
            case Failure() as failure:
                return failure
            case Refusal(message=message):
                return Failure(kind=FailureKind.INTERNAL, message=message, billed="no")
            case never:
                assert_never(never)

    async def _complete(self, call: Call, tier: Tier, purpose: Purpose) -> Answer | Refusal:
        """Write the money down, send, book what came; or take the answer that was paid for before a crash."""
        kept = self._kept.get(len(self._calls))
        if kept is not None and (kept.spent.tier, kept.spent.purpose) == (tier.name, purpose):
            self._calls.append(kept.spent)
            return kept.answer
        self._kept = {}  # what was kept for later calls is about another answer than the one asked for now
        price = self._price(tier)
        if price is None:
            log.logger().error("price.unknown", model=tier.priced_model, tier=tier.name)
            return _without_price(tier)
        intent = self._intent(call, tier, price, purpose)
        granted = await self._world.store.reserve(
            self._claim,
            intent,
            rates=self._rates(tier),
            limit_nusd=self._policy.limits.cost_nusd,
            open_for_ms=int(call.timeout_s * 1000) + _SETTLING_MS,
        )
        if isinstance(granted, Refusal):
            return granted
        answer = await self._world.llm.complete(call.model_copy(update={"deployment": granted}))
        await self._book(intent, price, granted, answer)
        return answer

    def _rates(self, tier: Tier) -> Rates:
        """A tier's rates; where it failed just now, the deployments that failed least come first."""
        failed = [attempt.deployment for attempt in failing(self._trail, tier.name)]
        if not failed:
            return tier_rates(tier)
        places = sorted(tier.places, key=lambda place: failed.count(place.name))
        return replace(tier_rates(tier), deployments=tuple(places))

    async def _book(self, intent: Intent, price: Price, place: Deployment, answer: Answer) -> None:
        settlement = _settlement(intent, price, place, answer)
        if settlement.cost_nusd > intent.reserved_nusd:
            log.logger().error("call.overrun", call=intent.call, model=intent.model, cost_nusd=settlement.cost_nusd)
        spent = Spent(
            call=intent.call,
            purpose=intent.purpose,
            tier=intent.tier,
            model=intent.model,
            deployment=place.name,
            cost_nusd=settlement.cost_nusd,
            doubt_nusd=intent.reserved_nusd if settlement.kind is EntryKind.UNSETTLED else 0,
            price_since=intent.price_since,
            usage=settlement.usage,
            latency_ms=settlement.latency_ms,
        )
        self._calls.append(spent)
        await self._world.store.resolve(intent, settlement, Kept(answer, spent))

    def _intent(self, call: Call, tier: Tier, price: Price, purpose: Purpose) -> Intent:
        input_tokens = input_tokens_at_most(call, image_tokens_max=tier.image_tokens_max)
        return Intent(
            call=call.id,
            task=self._claim.task.id,
            attempt=self._number,
            position=len(self._calls),
            purpose=purpose,
            why=self._ask.why,
            tier=tier.name,
            model=tier.model,
            policy=self._policy.policy,
            version=self._claim.task.policy,
            tenant=self._claim.task.tenant,
            price_since=price.since,
            simulated=tier.simulated,
            reserved_nusd=price.worst(input_tokens=input_tokens, output_tokens=call.max_output_tokens),
            tokens=tokens_about(input_tokens, call.max_output_tokens),
        )

    def _price(self, tier: Tier) -> Price | None:
        day = datetime.fromtimestamp(self._world.clock_ms() / 1000, UTC).date()
        return self._world.prices.price(tier.priced_model, day)

    def _timeout_s(self, tier: Tier) -> float:
        left_s = (self._claim.task.deadline_ms - self._world.clock_ms()) / 1000
        return max(_TIMEOUT_LEAST_S, min(tier.timeout_s, left_s))


def tier_rates(tier: Tier) -> Rates:
    """What the store has to know of a tier before a call goes there."""
    return Rates(tier.places, tier.requests_per_minute, tier.tokens_per_minute)


def _settlement(intent: Intent, price: Price, place: Deployment, answer: Answer) -> Settlement:
    """Settled where the provider told the usage, void where surely nothing was charged, else unknown."""
    told: dict[str, Any] = {
        "deployment": f"{intent.tier}/{place.name}",
        "health": answer.health,
        "latency_ms": answer.latency_ms,
    }
    match answer:
        case Reply(usage=usage) if usage is not None:
            return Settlement(kind=EntryKind.SETTLED, cost_nusd=price.of(usage), usage=usage, **told)
        case Failure(billed=billed, retry_after_s=retry_after_s):
            kind = EntryKind.VOID if billed == "no" else EntryKind.UNSETTLED
            return Settlement(kind=kind, retry_after_ms=int((retry_after_s or 0) * 1000), **told)
        case _:
            return Settlement(kind=EntryKind.UNSETTLED, **told)


def _without_price(tier: Tier) -> Failure:
    message = f"no price of {tier.priced_model} is in force, so it was not asked; add one to prices.yaml"
    return Failure(kind=FailureKind.INTERNAL, message=message, billed="no")


def _new_id() -> str:
    return uuid4().hex
