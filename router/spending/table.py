"""Costs as tables for spreadsheets and FinOps tools: rows of texts under named columns, and CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from ..values import iso
from .counters import HOUR_MS
from .report import DIMENSIONS, FROM, CostRow

FOCUS: Final = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_CachedInputTokens",
    "x_InputTokens",
    "x_OutputTokens",
    "x_Simulated",
    "x_UnsettledCostHigh",
)
"""
Columns of the FinOps Open Cost and Usage Specification 1.2: those that it demands, and those of its others that we can
fill; ours begin with `x_`, as it says. https://focus.finops.org/focus-specification/v1-2/
"""
FOCUS_BY: Final = tuple(name for name in DIMENSIONS if name != "verdict")
"""What its rows are split by: all that is known of what is billed."""


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Write rows as CSV with a line of names above (RFC 4180)."""
    text = _Text()
    writer = csv.DictWriter(text, fieldnames=columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return "".join(text)


class _Text(list[str]):
    """What is written, in pieces."""

    def write(self, piece: str) -> None:
        self.append(piece)


def costs_csv(rows: Sequence[CostRow], by: Sequence[str], *, bucketed: bool) -> str:
    """Rows of costs as CSV: where the bucket begins, dimensions, sums."""
    names = [*([FROM] if bucketed else []), *by]
    columns = [*names, *(name for name in CostRow(group={}).as_json())]
    return csv_of(columns, [row.as_json() for row in rows])


def focus_csv(rows: Sequence[CostRow], *, bucket_ms: int = HOUR_MS) -> str:
    """Rows of costs, grouped by time and `FOCUS_BY`, in FOCUS's columns; without those of attempts alone."""
    return csv_of(FOCUS, _focus_rows(rows, bucket_ms))


def _focus_rows(rows: Iterable[CostRow], bucket_ms: int) -> Iterator[dict[str, object]]:
    for row in rows:
        if row.calls or row.cost_nusd or row.doubt_nusd:
            yield _focus_row(row, bucket_ms)


def _focus_row(row: CostRow, bucket_ms: int) -> dict[str, object]:
    group, told = row.group, row.as_json()
    begins = datetime.fromisoformat(group[FROM])
    month = begins.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    provider, _, model = group["model"].partition("/")
    tokens = row.sums["input"] + row.sums["output"]
    cost = told["cost_usd"]
    return {
        **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost),
        **dict.fromkeys(("ProviderName", "PublisherName", "InvoiceIssuerName"), provider),
        "BillingAccountId": provider,
        "BillingAccountName": provider,
        "BillingCurrency": "USD",
        "BillingPeriodStart": _second(month),
        "BillingPeriodEnd": _second(_next_month(month)),
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": f"{group['model']}, asked by tier {group['tier']} for policy {group['policy']}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _second(begins),
        "ChargePeriodEnd": _second(datetime.fromisoformat(iso(int(begins.timestamp()) * 1000 + bucket_ms))),
        **dict.fromkeys(("ConsumedQuantity", "PricingQuantity"), tokens),
        **dict.fromkeys(("ConsumedUnit", "PricingUnit"), "Tokens"),
        "ResourceId": group["model"],
        "ResourceName": model or provider,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Model inference",
        "ServiceSubcategory": "Generative AI",
        "SubAccountId": group["tenant"],
        "SubAccountName": group["tenant"],
        "Tags": json.dumps({name: group[name] for name in ("lane", "policy", "reason", "tier", "version")}),
        "x_CachedInputTokens": row.sums["cached"],
        "x_InputTokens": row.sums["input"],
        "x_OutputTokens": row.sums["output"],
        "x_Simulated": row.simulated,
        "x_UnsettledCostHigh": told["doubt_usd"],
    }


def _cell(value: object) -> object:
    """
    A text that a spreadsheet would take for a formula gets an apostrophe in front: names come from callers and files.

    Source: OWASP, "CSV Injection". Numbers are left as they are.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
