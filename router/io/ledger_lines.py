"""How lines of the ledger are written in Redis: JSON arrays, whose order is told here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ..call import Usage
from ..errors import FormatTooNew
from ..ledger import Entry, EntryKind, Intent, Settlement
from ..verdict import Outcome
from .commands.scripted import as_pairs, as_text
from .packing import too_new

# intent:     tier, model, policy, tenant, purpose, why, price's day, simulated, attempt, version
# settlement: input, cached input, output, reasoning tokens (or null), latency ms
# attempt:    tier, model, policy, tenant, why, attempt, outcome, accepted, simulated, checks that found something,
#             cost, price's day, input, cached input, output, reasoning tokens (or null), latency ms, version,
#             "escalated" where it was, failure
# Lines of a first version did not say the version of the policy, those of a second not what follows it.
# Words are only ever added at the end, where older readers pass over them; what they would book wrongly without knowing
# of it gets a kind of its own, which they refuse.


_KINDS = frozenset(EntryKind)
_ESCALATED = "escalated"
_DAY_MS = 86_400_000
"""Lines of a first version did not say their day: it is that of their writing."""


def intent_words(intent: Intent) -> bytes:
    return _words(
        intent.tier,
        intent.model,
        intent.policy,
        intent.tenant,
        intent.purpose,
        intent.why,
        intent.price_since,
        int(intent.simulated),
        intent.attempt,
        intent.version,
    )


def settlement_words(settlement: Settlement) -> bytes:
    return _words(*_usage_words(settlement.usage), settlement.latency_ms)


def attempt_words(entry: Entry) -> bytes:
    return _words(
        entry.tier,
        entry.model,
        entry.policy,
        entry.tenant,
        entry.why,
        entry.attempt,
        entry.outcome,
        int(entry.accepted),
        int(entry.simulated),
        list(entry.checks),
        entry.amount_nusd,
        entry.price_since,
        *_usage_words(entry.usage),
        entry.latency_ms,
        entry.version,
        _ESCALATED if entry.escalated else "",
        entry.failure,
    )


def entry(reply: Any) -> tuple[str, Entry]:
    """One line as it comes from the stream, with its id there. Raises: FormatTooNew."""
    stream_id, fields = as_text(reply[0]), _fields(reply[1])
    if fields["k"] not in _KINDS:
        raise FormatTooNew(too_new(f"the ledger has a line of kind {fields['k']!r}, which this process does not know"))
    kind = EntryKind(fields["k"])
    at_ms = int(stream_id.partition("-")[0])
    info = orjson.loads(fields["i"])
    if kind is EntryKind.ATTEMPT:
        return stream_id, _attempt_entry(at_ms, fields, info)
    return stream_id, _call_entry(kind, at_ms, fields, info)


def _call_entry(kind: EntryKind, at_ms: int, fields: Mapping[str, str], info: list[Any]) -> Entry:
    tier, model, policy, tenant, purpose, why, price_since, simulated, attempt, *version = info
    reserving = kind is EntryKind.RESERVED
    *tokens, latency_ms = orjson.loads(fields["x"]) if fields["x"] and not reserving else (None,) * 5
    return Entry(
        kind=kind,
        at_ms=at_ms,
        task=fields["t"],
        attempt=attempt,
        tier=tier,
        policy=policy,
        version=version[0] if version else "",
        tenant=tenant,
        why=why,
        call=fields["c"],
        purpose=purpose,
        model=model,
        amount_nusd=int(fields["a"]),
        overrun_nusd=int(fields["o"]),
        day=int(fields["x"] or at_ms // _DAY_MS) if reserving else None,
        price_since=price_since,
        simulated=bool(simulated),
        usage=_usage(tokens),
        latency_ms=latency_ms or 0,
    )


def _attempt_entry(at_ms: int, fields: Mapping[str, str], info: list[Any]) -> Entry:
    tier, model, policy, tenant, why, attempt, outcome, accepted, simulated, checks, *sums = info
    cost_nusd, price_since, *rest = sums
    *tokens, latency_ms = rest[:5]
    version, escalated, failure = [*rest[5:], "", "", ""][:3]
    return Entry(
        kind=EntryKind.ATTEMPT,
        at_ms=at_ms,
        task=fields["t"],
        attempt=attempt,
        tier=tier,
        policy=policy,
        version=version,
        tenant=tenant,
        why=why,
        model=model,
        outcome=Outcome(outcome) if outcome else None,
        accepted=bool(accepted),
        escalated=escalated == _ESCALATED,
        failure=failure,
        simulated=bool(simulated),
        checks=tuple(checks),
        amount_nusd=cost_nusd,
        price_since=price_since,
        usage=_usage(tokens),
        latency_ms=latency_ms,
    )


def _usage_words(usage: Usage | None) -> tuple[int | None, ...]:
    if usage is None:
        return (None,) * 4
    return usage.input_tokens, usage.cached_input_tokens, usage.output_tokens, usage.reasoning_tokens


def _usage(tokens: Sequence[int | None]) -> Usage | None:
    read, cached, written, reasoning = tokens
    if read is None or cached is None or written is None or reasoning is None:
        return None
    return Usage(input_tokens=read, cached_input_tokens=cached, output_tokens=written, reasoning_tokens=reasoning)


def _fields(reply: Any) -> dict[str, str]:
    return {name: as_text(value) for name, value in as_pairs(reply).items()}


def _words(*words: Any) -> bytes:
    return orjson.dumps(words)
