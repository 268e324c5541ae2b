"""What shifts and sweeps ask of the store, as commands. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_never

from ...auditing import audit_of
from ...budget import Budget
from ...call import Deployment
from ...cost import NUSD_PER_USD
from ...decision import Accept, Ask, DeadLetter, Decision, Expire, Reject, Review, Wait
from ...errors import FormatTooNew, UnknownPolicy
from ...formats import FORMAT, of_policy
from ...ledger import Intent, Settlement
from ...policy import Policy
from ...ports import Claim, Kept, Rates, Swept, attempt_entry
from ...refusal import Refusal, broken, budget_held, lost_lease, over_budget, over_cost, too_fast
from ...submission import Card
from ...task import Task, TaskState
from ...trail import Attempt
from ..ledger_lines import attempt_words, intent_words, settlement_words
from ..packing import pack, unpack
from ..packing_kept import pack_kept, unpack_kept
from ..redis_link import Command
from .producer import CARD, packed_attempt, submission_words, task_of, trail_of
from .scripted import Scripted, as_pairs, as_text


@dataclass(frozen=True, slots=True)
class Unread:
    """A task that was claimed, and why it cannot be read here; `policy` is the digest of its version."""

    task_id: str
    policy: str
    tier: str
    token: str
    why: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """
    What a claim brought, at `now_ms` by the server's clock; `opens_ms` is when a gate opens that held ready tasks back.
    """

    now_ms: int
    opens_ms: int | None
    claims: list[Claim]
    unread: list[Unread]


class ShiftCommands(Scripted):
    """Policies, leases, money and moves. `reads` is the highest format of stored values that this process reads."""

    def __init__(
        self,
        *,
        prefix: str = "r:",
        lease_ms: int = 30_000,
        clock_ms: Callable[[], int] | None = None,
        reads: int = FORMAT,
    ) -> None:
        super().__init__(prefix=prefix, clock_ms=clock_ms)
        self._lease_ms = lease_ms
        self._reads = reads

    def publish(self, policies: Sequence[Policy]) -> Command[None]:
        words: list[str | bytes | int] = [len(policies)]
        for policy in policies:
            text = pack(policy.text, of_policy(policy))
            words += [policy.policy, policy.digest, text, CARD.dump_json(_card(policy))]
        return self._script("publish", words, lambda _: None)

    def policy(self, digest: str) -> Command[Policy]:
        """A published version. Its reading raises: UnknownPolicy, FormatTooNew."""

        def parse(reply: bytes | None) -> Policy:
            if reply is None:
                raise UnknownPolicy(f"no policy with digest {digest} was published; publish its folder again")
            return Policy.model_validate_json(unpack(reply, f"policy version {digest}", reads=self._reads))

        return Command(("GET", self.keys.policy(digest)), parse)

    def wake_parked(self) -> Command[int]:
        """Let tasks that a budget parked try again, some at a time; replies with how many are still to be woken."""
        return self._script("budgets", [0, _WOKEN_MAX], int)

    def publish_budgets(self, budgets: Sequence[Budget]) -> Command[int]:
        """Replies as `wake_parked`, which does the rest."""
        by_scope: dict[str, list[str]] = {}
        for budget in budgets:
            by_scope.setdefault(budget.scope, []).append(f"{budget.per} {budget.limit_nusd} {budget.on_exceeded}")
        words: list[str | bytes | int] = [1, _WOKEN_MAX]
        for scope, texts in by_scope.items():
            words += [scope, ";".join(texts)]
        return self._script("budgets", words, int)

    def budgets(self) -> Command[list[Budget]]:
        """The budgets that are published."""
        return Command(("HGETALL", self.keys.budgets), _budgets)

    def claim(
        self, tiers: Mapping[str, int], *, at_most: int, token: str, alone: bool, rates: Mapping[str, Rates]
    ) -> Command[Claimed]:
        words: list[str | bytes | int] = [token, at_most, self._lease_ms, int(alone)]
        for tier, concurrency in tiers.items():
            known = rates.get(tier, _NO_RATES)
            words += [tier, concurrency, *_per_minute(known), len(known.deployments), *_place_words(known)]
        return self._script("claim", words, lambda reply: _claimed(reply, token, self._reads))

    def renew(self, claims: Sequence[Claim]) -> Command[frozenset[str]]:
        words: list[str | bytes | int] = [self._lease_ms]
        for claim in claims:
            words += [claim.task.id, claim.token]
        return self._script("renew", words, lambda reply: frozenset(map(as_text, reply)))

    def reserve(
        self, claim: Claim, intent: Intent, *, rates: Rates, limit_nusd: int, open_for_ms: int
    ) -> Command[Deployment | Refusal]:
        words: list[str | bytes | int] = [
            intent.call,
            intent.task,
            claim.token,
            intent.reserved_nusd,
            open_for_ms,
            limit_nusd,
            intent.attempt,
            intent.position,
            intent_words(intent),
            intent.tokens,
            *_per_minute(rates),
            *_place_words(rates),
        ]
        return self._script(
            "reserve", words, lambda reply: _granted(reply, claim.task, intent, rates, limit_nusd=limit_nusd)
        )

    def resolve(self, intent: Intent, settlement: Settlement, kept: Kept) -> Command[None]:
        words: list[str | bytes | int] = [
            intent.call,
            settlement.kind,
            settlement.cost_nusd,
            settlement_words(settlement),
            pack_kept(kept),
            intent.task,
            intent.attempt,
            intent.position,
            intent.reserved_nusd,
            intent_words(intent),
            settlement.deployment,
            settlement.health,
            settlement.retry_after_ms,
        ]
        return self._script("resolve", words, lambda _: None)

    def finish(self, claim: Claim, policy: Policy, attempt: Attempt | None, decision: Decision) -> Command[bool]:
        move, argument, reason = _carried_out(claim, policy, attempt, decision)
        last = attempt or next(reversed(claim.trail), None)
        number = attempt.number if attempt else 0
        packed = packed_attempt(attempt) if attempt else b""
        info = attempt_words(attempt_entry(claim, policy, attempt, decision)) if attempt else b""
        words: list[str | bytes | int] = [claim.task.id, claim.token, number, packed, info, move, argument, reason]
        words += [f"audit:{policy.policy}" if claim.task.audits else policy.policy, last.brief if last else reason]
        if (audit := audit_of(policy, claim.task, decision)) is not None:
            words += submission_words(audit)
        return self._script("finish", words, lambda reply: as_text(reply) != "stale")

    def release(self, claim: Claim) -> Command[bool]:
        return self._script("release", [claim.task.id, claim.token], lambda reply: as_text(reply) == "ok")

    def leave(self, task_id: str, token: str, why: str) -> Command[bool]:
        """Give a task back for a while that this process cannot read."""
        return self._script("leave", [task_id, token, why], lambda reply: as_text(reply) == "ok")

    def sweep(self, *, at_most: int) -> Command[Swept]:
        return self._script("sweep", [at_most, self._lease_ms // 2, _CRASHES_MAX], lambda r: Swept(*map(int, r)))

    def abandon(self, shift: str, tiers: Iterable[str]) -> Command[int]:
        """Take back what a dead shift had; replies with the number of tasks."""
        return self._script("abandon", [shift, _CRASHES_MAX, *tiers], int)


def _card(policy: Policy) -> Card:
    return Card(
        policy=policy.policy,
        digest=policy.digest,
        tier=policy.tiers[0].tier,
        input_schema=policy.input.json_schema,
        images=policy.images,
        input_bytes=policy.limits.input_bytes,
        image_bytes=policy.limits.image_bytes,
        deadline_s=policy.limits.deadline_s,
        keep_s=policy.keep_s,
        tiers=policy.path,
        output=policy.output.kind,
        output_schema=policy.output.value_schema,
        conversation=policy.conversation,
        text_checks=policy.text_checks,
        description=policy.description,
        format=of_policy(policy),
    )


def _claimed(reply: Sequence[Any], token: str, reads: int) -> Claimed:
    now_ms, opens_ms, *tasks = reply
    found = Claimed(int(now_ms), int(opens_ms) or None, [], [])
    for task in tasks:
        match _claim(task, token, reads):
            case Claim() as claim:
                found.claims.append(claim)
            case unread:
                found.unread.append(unread)
    return found


def _claim(reply: Sequence[Any], token: str, reads: int) -> Claim | Unread:
    task_id, tier, fields, packed_input, trail, kept = reply
    texts = [as_text(field) for field in fields[:5]]
    try:
        return Claim(
            task=task_of(as_text(task_id), texts, packed_input, reads=reads),
            trail=trail_of(trail, reads=reads),
            tier=as_text(tier),
            token=token,
            kept={int(position): unpack_kept(packed, reads=reads) for position, packed in as_pairs(kept).items()},
        )
    except FormatTooNew as why:
        return Unread(as_text(task_id), texts[1], as_text(tier), token, str(why))


def _budgets(reply: Any) -> list[Budget]:
    found = []
    for scope, texts in as_pairs(reply).items():
        if scope == _PUBLISHED:
            continue
        for text in as_text(texts).split(";"):
            per, limit, action = text.split(" ")
            limit_usd = Decimal(limit) / NUSD_PER_USD
            found.append(Budget.model_validate({"scope": scope, "usd": limit_usd, "per": per, "on_exceeded": action}))
    return found


_PUBLISHED = "@"
"""The field that tells when budgets were published, among those of scopes."""
_WOKEN_MAX = 500
_CRASHES_MAX = 3
"""Crashes of a task that ran alone, after which it is dead."""
_NO_RATES = Rates(())


def _per_minute(rates: Rates | Deployment) -> tuple[int, int]:
    return rates.requests_per_minute or 0, rates.tokens_per_minute or 0


def _place_words(rates: Rates) -> list[str | int]:
    return [word for place in rates.deployments for word in (place.name, *_per_minute(place))]


def _granted(
    reply: Sequence[bytes], task: Task, intent: Intent, rates: Rates, *, limit_nusd: int
) -> Deployment | Refusal:
    word, *told = map(as_text, reply)
    match word:
        case "ok":
            return next((p for p in rates.deployments if p.name == told[0]), rates.deployments[0])
        case "cost":
            return over_cost(int(told[0]), asked_nusd=intent.reserved_nusd, limit_nusd=limit_nusd)
        case "budget":
            scope, per, limit, used, until = told
            return over_budget(
                scope,
                per,
                asked_nusd=intent.reserved_nusd,
                limit_nusd=int(limit),
                used_nusd=int(used),
                until_ms=int(until) or None,
                deadline_ms=task.deadline_ms,
            )
        case "held":
            scope, per, limit, spent, held, kept, until, pause = told
            return budget_held(
                scope,
                per,
                asked_nusd=intent.reserved_nusd,
                limit_nusd=int(limit),
                spent_nusd=int(spent),
                held_nusd=int(held),
                stands_back=kept == "1",
                until_ms=int(until),
                pause_ms=int(pause),
            )
        case "rate":
            return too_fast(intent.tier, int(told[0]))
        case "breaker":
            return broken(intent.tier, int(told[0]))
        case _:
            return lost_lease(told[0])


def _carried_out(
    claim: Claim, policy: Policy, attempt: Attempt | None, decision: Decision
) -> tuple[str, str | int, str]:
    """The script's move, its argument, and the reason told in the event."""
    match decision:
        case Ask(tier=tier):
            return "same" if tier == claim.tier else "tier", tier, attempt.told if attempt else "does not fit"
        case Wait(until_ms=until_ms, reason=reason, parked=parked):
            return "park" if parked else "later", until_ms, reason
        case Review(reason=reason):
            return "review", int(policy.limits.wait_at_most_s * 1000), reason
        case Accept():
            return "end", TaskState.SUCCEEDED, ""
        case Reject(reason=reason):
            return "end", TaskState.REJECTED, reason
        case DeadLetter(reason=reason):
            return "end", TaskState.DEAD, reason
        case Expire(reason=reason):
            return "end", TaskState.EXPIRED, reason
        case never:
            assert_never(never)
