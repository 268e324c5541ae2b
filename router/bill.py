"""
A provider's bill, read strictly: either call by call, or as sums of days.

Call by call: JSON lines with `call_id` and `amount_nusd` (nano-dollars), perhaps `model` and `at` (ISO 8601); lines of
one call add up. Days: what OpenAI's `GET /v1/organization/costs` answers, or the CSV that its dashboard exports.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, NoReturn, TypeAlias

from .cost import NUSD_PER_USD
from .errors import BillInvalid

DAY_S = 86_400
_CSV_COLUMNS = ("start_time", "amount_value", "amount_currency")
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class BilledCall:
    """What one call was charged, for which model (None: not told), and when (Unix ms; None: not told)."""

    amount_nusd: int
    model: str | None = None
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CallBill:
    """Charges by call id."""

    calls: Mapping[str, BilledCall]

    def __bool__(self) -> bool:
        return bool(self.calls)

    def __len__(self) -> int:
        return len(self.calls)

    @property
    def amounts(self) -> dict[str, int]:
        return {call: billed.amount_nusd for call, billed in self.calls.items()}


@dataclass(frozen=True, slots=True)
class DayBill:
    """Charges by day (since 1970, UTC), in nano-dollars; days that it does not cover are not in it."""

    days: Mapping[int, int]

    def __bool__(self) -> bool:
        return bool(self.days)

    def __len__(self) -> int:
        return len(self.days)


Bill: TypeAlias = CallBill | DayBill


def bill_since(bill: Bill, day: int, known: Collection[str]) -> Bill:
    """
    The part of a bill that a ledger can be held against which has all calls of *day* and later: the days after it, or
    the calls that are *known* there or were made later. A call around midnight may be billed on either day.

    Other calls, and those that do not say when they were made, may be such as the ledger has forgotten.
    """
    if isinstance(bill, DayBill):
        return DayBill({at: amount for at, amount in bill.days.items() if at > day})
    from_ms = (day + 1) * DAY_S * 1000
    recent = {c: b for c, b in bill.calls.items() if c in known or (b.at_ms is not None and b.at_ms >= from_ms)}
    return CallBill(recent)


def parse_bill(text: str, name: str) -> Bill:
    """Read a bill; *name* is told in errors. Raises: BillInvalid."""
    if text.lstrip("\ufeff").startswith(_CSV_COLUMNS[0]):
        return _days_of_csv(text.lstrip("\ufeff"), name)
    try:
        whole = json.loads(text, parse_float=Decimal)
    except ValueError:
        return _calls(text, name)
    return _calls(text, name) if isinstance(whole, dict) and "call_id" in whole else _days_of_page(whole, name)


def _calls(text: str, name: str) -> CallBill:
    calls: dict[str, BilledCall] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            call, billed = _call(line, f"{name}:{number}")
            known = calls.get(call, replace(billed, amount_nusd=0))
            calls[call] = replace(known, amount_nusd=known.amount_nusd + billed.amount_nusd)
    return CallBill(calls)


def _call(line: str, place: str) -> tuple[str, BilledCall]:
    try:
        row = json.loads(line)
        call, amount, model, at = row["call_id"], row["amount_nusd"], row.get("model"), row.get("at")
        at_ms = None if at is None else _ms(at)
    except (ValueError, KeyError, TypeError, AttributeError) as why:
        _refuse(
            place,
            f'{{"call_id": ..., "amount_nusd": ...}}, or OpenAI\'s costs as JSON or CSV, got {_cut(line)} ({why})',
        )
    if not (isinstance(call, str) and call and isinstance(amount, int) and not isinstance(amount, bool)):
        _refuse(place, f"a call_id that is text and an amount_nusd that is a whole number, got {_cut(line)}")
    return call, BilledCall(amount, model if isinstance(model, str) and model else None, at_ms)


def _ms(at: Any) -> int:
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError(f"{at!r} says no time zone")
    return int(moment.timestamp() * 1000)


def _days_of_page(page: Any, name: str) -> DayBill:
    """An answer of the costs endpoint: buckets of a day, each with results that have an amount."""
    if not isinstance(page, dict) or not isinstance(page.get("data"), list):
        _refuse(name, '{"data": [{"start_time": ..., "results": [{"amount": {"value": ..., "currency": "usd"}}]}]}')
    if page.get("has_more"):
        _refuse(name, "all days on one page, but it says has_more; ask with a larger limit, or join the pages' data")
    charges: list[tuple[int, Decimal]] = []
    for number, bucket in enumerate(page["data"]):
        place = f"{name}: data[{number}]"
        if not isinstance(bucket, dict) or not isinstance(bucket.get("results"), list):
            _refuse(place, "a bucket with start_time and a list of results")
        day = _day(bucket.get("start_time"), place)
        charges.append((day, Decimal(0)))
        charges += [(day, _result_usd(result, f"{place}.results[{i}]")) for i, result in enumerate(bucket["results"])]
    return _days(charges)


def _result_usd(result: Any, place: str) -> Decimal:
    amount = result.get("amount") if isinstance(result, dict) else None
    if not isinstance(amount, dict) or "value" not in amount:
        _refuse(place, 'an amount such as {"value": 0.06, "currency": "usd"}')
    return _usd(amount["value"], amount.get("currency"), place)


def _days_of_csv(text: str, name: str) -> DayBill:
    """The dashboard's export: a row for each charge, and one without an amount for a day without any."""
    rows = csv.DictReader(text.splitlines(keepends=True))
    if missing := [column for column in _CSV_COLUMNS if column not in (rows.fieldnames or ())]:
        _refuse(f"{name}:1", f"the columns {', '.join(_CSV_COLUMNS)}; {', '.join(missing)} is missing")
    charges = []
    for row in rows:
        place = f"{name}:{rows.line_num}"
        day = _day(row["start_time"], place)
        charges.append(
            (day, _usd(row["amount_value"], row["amount_currency"], place) if row["amount_value"] else Decimal(0))
        )
    return _days(charges)


def _day(start_time: Any, place: str) -> int:
    try:
        start_s = int(str(start_time))
    except ValueError:
        _refuse(place, f"a start_time in Unix seconds, got {_cut(start_time)}")
    if start_s % DAY_S:
        _refuse(
            place, f"days that begin at midnight UTC, but start_time is {start_s}; export with a bucket width of 1d"
        )
    return start_s // DAY_S


def _usd(value: Any, currency: Any, place: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        _refuse(place, f"an amount in dollars, got {_cut(value)}")
    if str(currency).lower() != "usd":
        _refuse(place, f"amounts in usd, got {_cut(currency)}")
    return amount


def _days(charges: Iterable[tuple[int, Decimal]]) -> DayBill:
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for day, amount in charges:
        sums[day] += amount
    return DayBill(
        {day: int((usd * NUSD_PER_USD).to_integral_value(ROUND_HALF_EVEN)) for day, usd in sorted(sums.items())}
    )


def _refuse(place: str, expected: str) -> NoReturn:
    raise BillInvalid(f"{place}: expected {expected}")


def _cut(value: Any) -> str:
    return repr(value if len(str(value)) <= _SHOWN else str(value)[:_SHOWN])
