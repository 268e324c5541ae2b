"""Values for tests: each builder hides what a test is not about."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

from router.call import Call, Failure, FailureKind, FinishReason, Reply, Token, Usage
from router.certificate import Certificate
from router.checks import Subject
from router.cost import Price, PriceBook
from router.ledger import EntryKind, Intent, Settlement
from router.policy import Policy
from router.ports import Kept, Rates
from router.promise import Promise
from router.reading import Reading
from router.submission import Submission
from router.task import Task
from router.tier import Tier
from router.trail import Attempt, Spent
from router.verdict import Finding, Outcome, Verdict

NOW_MS = 1_800_000_000_000
"""Some moment in January 2027."""

RECEIPT = {
    "type": "object",
    "properties": {"merchant": {"type": ["string", "null"]}, "total": {"type": "number"}},
    "required": ["merchant", "total"],
    "additionalProperties": False,
}
TEXT_INPUT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def a_policy(**changes: Any) -> Policy:
    """A receipts policy over three tiers whose only own check is confidence."""
    settings: dict[str, Any] = {
        "policy": "receipts",
        "prompt": {"system": "Read the receipt.", "user": "{{ text }}"},
        "input": {"schema": TEXT_INPUT},
        "output": {"schema": RECEIPT},
        "tiers": ["mini", "small", "large"],
        "checks": [{"check": "confidence", "at_least": 0.8}],
        "limits": {"attempts": 8, "deadline_s": 600, "cost_usd": 1},
    }
    return Policy.model_validate(settings | changes).on(TIERS)


def a_chat(**changes: Any) -> Policy:
    """A conversation's policy over three tiers, with no checks of its own."""
    settings = {"policy": "chat", "output": {"text": {}}, "tiers": ["mini", "small", "large"]}
    return Policy.model_validate(settings | changes).on(TIERS)


def a_tier(name: str, **changes: Any) -> Tier:
    return Tier.model_validate({"name": name, "model": f"openai/{name}-model", "context_tokens": 100_000} | changes)


TIERS = {name: a_tier(name) for name in ("mini", "small", "large")}


def a_price(**changes: Any) -> Price:
    rates = {"input": Decimal("0.15"), "cached_input": Decimal("0.075"), "output": Decimal("0.60")}
    return Price.model_validate({"from": "2024-07-18", "source": "a test", **rates, **changes})


RATES = Rates(TIERS["mini"].places)
PLACE = RATES.deployments[0]

PRICES = PriceBook(prices={tier.model: (a_price(),) for tier in TIERS.values()})


def a_task(id: str = "t1", **changes: Any) -> Task:
    settings = {
        "id": id,
        "policy": a_policy().digest,
        "input": {"text": "ACME total 12.50"},
        "created_ms": NOW_MS,
        "deadline_ms": NOW_MS + 600_000,
    }
    return Task.model_validate(settings | changes)


def a_submission(task_id: str = "t1", **changes: Any) -> Submission:
    settings: dict[str, Any] = {
        "task_id": task_id,
        "policy": a_policy().digest,
        "tier": "mini",
        "input": {"text": "ACME total 12.50"},
        "deadline_s": 600.0,
        "keep_s": 3600,
        "fingerprint": "body",
    }
    return Submission(**(settings | changes))


def a_reply(output: Any = None, *, sure: float | None = 0.99, **changes: Any) -> Reply:
    """A reply whose text is *output* as JSON, every token with the probability *sure* (None: no log-probabilities)."""
    value = {"merchant": "ACME", "total": 12.5} if output is None else output
    text = value if isinstance(value, str) else json.dumps(value)
    settings: dict[str, Any] = {
        "text": text,
        "tokens": tuple(tokens_of(text, sure)) if sure is not None else None,
        "usage": Usage(input_tokens=1000, output_tokens=100),
        "model": "a-model",
    }
    return Reply(**(settings | changes))


def tokens_of(text: str, sure: float) -> list[Token]:
    """Each run of letters and digits a token, each other character one."""
    pieces: list[str] = []
    for character in text:
        if pieces and character.isalnum() and pieces[-1][-1].isalnum():
            pieces[-1] += character
        else:
            pieces.append(character)
    return [Token(text=p, logprob=math.log(sure), size=len(p.encode())) for p in pieces]


def a_failure(kind: FailureKind = FailureKind.SERVER, **changes: Any) -> Failure:
    return Failure(**({"kind": kind, "message": f"a {kind}", "billed": "no"} | changes))


def an_attempt(number: int = 1, tier: str = "mini", outcome: Outcome | None = Outcome.PASS, **changes: Any) -> Attempt:
    """An attempt whose answer was judged *outcome*; None makes it a failure."""
    settings: dict[str, Any] = {
        "number": number,
        "tier": tier,
        "why": "first",
        "answer": Reading(output={"merchant": "ACME", "total": 12.5}) if outcome else a_failure(),
        "verdict": a_verdict(outcome) if outcome else None,
        "started_ms": NOW_MS,
        "ended_ms": NOW_MS,
    }
    return Attempt(**(settings | changes))


def a_verdict(outcome: Outcome) -> Verdict:
    return Verdict(outcome=outcome, findings=(Finding(check="confidence", outcome=outcome, reason="so it seems"),))


def a_promise(**changes: Any) -> Promise:
    return Promise.model_validate({"kind": "regret", "at_most": 0.05, "against": "large"} | changes)


THRIFT = {"features": {"input_length": {"mean": math.log(17), "weight": 1.0}}}
"""The larger tier costs what is usual for 16 characters of input, twice that for 33, less than a third for 4."""


def a_certificate(
    *, threshold: float | None = 0.9, later: Any = None, thrift: Any = None, bins: Any = (), **changes: Any
) -> Certificate:
    """A certificate that trusts replies of mini as far as the model itself does, and accepts from *threshold* on."""
    trust = {"intercept": 0.0, "features": {"confidence": {"weight": 2.0, "scale": 2.0}}}

    settings: dict[str, Any] = {
        "policy": "receipts",
        "made": "2026-11-20",
        "promise": a_promise().model_dump(),
        "basis": {
            **{"policy": "receipts", "path": [], "output_tokens": 1024},
            **{"prompt": "", "output": "", "checks": "", "models": {}},
        },
        "evidence": {"sha256": "0" * 64, "labels": "expected", "fitted": 100, "certified": 300},
        "levels": {
            "mini": {"trust": trust, "thrift": thrift, "threshold": threshold, "later": later or {}, "bins": bins}
        },
    }
    return Certificate.model_validate(settings | changes)


def a_certified_policy(*, certificate: Any = None, **changes: Any) -> Policy:
    """A policy with a promise and a certificate that holds for it."""
    promised = a_policy(promise=a_promise().model_dump(), **changes).bound_to(TIERS)
    made = a_certificate(basis=promised.basis.model_dump(), **(certificate or {}))
    return a_policy(promise=a_promise().model_dump(), certificate=made.model_dump(mode="json"), **changes).bound_to(
        TIERS
    )


def a_subject(
    output: Any = None, *, policy: Policy | None = None, input: Any = None, tier: str = "mini", **reading: Any
) -> Subject:
    """A reading of *output* under examination, by the schemas of *policy*."""
    task = a_task(input={"text": "ACME total 12.50"} if input is None else input)
    types = (policy or a_policy()).types
    return Subject(task=task, reading=Reading(output=output, **reading), types=types, tier=tier)


def a_call(**changes: Any) -> Call:
    settings: dict[str, Any] = {
        "id": "c1",
        "tier": "mini",
        "deployment": TIERS["mini"].places[0],
        "messages": ({"role": "user", "content": "hello"},),
        "max_output_tokens": 100,
        "timeout_s": 30.0,
    }
    return Call(**(settings | changes))


def an_intent(call: str = "c1", **changes: Any) -> Intent:
    settings: dict[str, Any] = {
        "call": call,
        "task": "t1",
        "attempt": 1,
        "position": 0,
        "purpose": "answer",
        "why": "first",
        "tier": "mini",
        "model": TIERS["mini"].model,
        "policy": "receipts",
        "tenant": "default",
        "price_since": "2024-07-18",
        "reserved_nusd": 1000,
    }
    return Intent(**(settings | changes))


def a_settlement(kind: EntryKind = EntryKind.SETTLED, cost_nusd: int = 400) -> Settlement:
    if kind is not EntryKind.SETTLED:
        return Settlement(kind=kind, latency_ms=70)
    usage = Usage(input_tokens=1000, cached_input_tokens=200, output_tokens=100)
    return Settlement(kind=kind, cost_nusd=cost_nusd, usage=usage, latency_ms=70)


def a_kept(intent: Intent, settlement: Settlement, answer: Reply | Failure | None = None) -> Kept:
    spent = Spent(
        call=intent.call,
        purpose=intent.purpose,
        tier=intent.tier,
        model=intent.model,
        cost_nusd=settlement.cost_nusd,
        doubt_nusd=intent.reserved_nusd if settlement.kind is EntryKind.UNSETTLED else 0,
        usage=settlement.usage,
        latency_ms=settlement.latency_ms,
    )
    return Kept(answer or a_reply(request_id=intent.call), spent)


GOOD = a_reply()
DOUBTFUL = a_reply(sure=0.5)
BROKEN = a_reply("{")
CUT_OFF = a_reply('{"merchant": "AC', finish_reason=FinishReason.LENGTH)
