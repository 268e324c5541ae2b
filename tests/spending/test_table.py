"""Costs as CSV, and in the columns of FinOps FOCUS."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from router.cost import usd
from router.spending.counters import HOUR_MS, counted
from router.spending.report import costs, total
from router.spending.table import FOCUS, FOCUS_BY, costs_csv, csv_of, focus_csv
from tests.spending.test_report import CLIMBED, STAYED, asked

MANDATORY = """
    BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory
    ChargeClass ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuerName
    ListCost PricingQuantity PricingUnit ProviderName PublisherName ServiceCategory ServiceName
"""
"""What FOCUS 1.2 demands of every dataset."""
LINES = [*CLIMBED, *STAYED]


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_a_row_of_csv_is_a_row_of_json() -> None:
    """The same names and amounts, in columns that do not depend on the rows."""
    rows = costs(counted(LINES), ["tier", "policy"])

    found = read(costs_csv(rows, ["tier", "policy"], bucketed=False))

    assert [row["cost_usd"] for row in found] == [row.as_json()["cost_usd"] for row in rows]
    assert list(found[0])[:3] == ["tier", "policy", "calls"]
    assert (found[0]["simulated"], found[0]["always_top_usd"]) == ("false", "")
    assert costs_csv([], ["tier"], bucketed=True).startswith("from,tier,calls,")


def test_every_column_that_focus_demands_is_there() -> None:
    """In alphabetical order, ours behind them with the prefix that it demands of strangers."""
    own = [name for name in FOCUS if name.startswith("x_")]

    assert set(FOCUS) >= set(MANDATORY.split())
    assert list(FOCUS) == sorted(set(FOCUS) - set(own)) + own


def test_focus_tells_what_was_billed_by_whom_and_to_whom() -> None:
    """A charge of an hour: the model's provider bills, the tenant is the account below."""
    rows = costs(counted(STAYED), FOCUS_BY, bucket_ms=HOUR_MS)

    (row,) = read(focus_csv(rows))

    assert (row["BilledCost"], row["EffectiveCost"], row["BillingCurrency"]) == ("0.000000120", "0.000000120", "USD")
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z")
    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == ("2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z")
    assert (row["ProviderName"], row["ResourceId"], row["SubAccountId"]) == ("openai", "openai/mini", "acme")
    assert (row["ConsumedQuantity"], row["ConsumedUnit"], row["ChargeCategory"]) == ("1100", "Tokens", "Usage")


def test_focus_comes_to_what_was_spent() -> None:
    """Its rows have every nano-dollar once, and a December ends in January."""
    december = asked("c9", "mini", 7, task="t9", at_ms=1_797_700_000_000)
    rows = costs(counted([*LINES, *december]), FOCUS_BY, bucket_ms=HOUR_MS)

    found = read(focus_csv(rows))

    assert usd(total(rows).cost_nusd) == str(sum(Decimal(row["BilledCost"]) for row in found))
    assert {row["BillingPeriodEnd"] for row in found} == {"2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"}


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@SUM(A1)", "\tx", "\rx", "-2+3", '=HYPERLINK("http://x")'])
def test_no_cell_is_a_formula(name: str) -> None:
    """What a caller or a file named so that a spreadsheet would compute it is text there, in both forms."""
    lines = [line.model_copy(update={"tenant": name}) for line in STAYED]
    rows = costs(counted(lines), FOCUS_BY, bucket_ms=HOUR_MS)

    (plain,) = csv.DictReader(io.StringIO(costs_csv(rows, ["tenant"], bucketed=False), newline=""))
    (focus,) = csv.DictReader(io.StringIO(focus_csv(rows), newline=""))

    assert (plain["tenant"], focus["SubAccountId"]) == (f"'{name}", f"'{name}")


def test_numbers_and_common_names_are_left_as_they_are() -> None:
    """Amounts below nothing stay amounts, and what only holds such a character is no formula."""
    rows = [{"a": "-0.000000120", "b": -5, "c": "openai/gpt-4o-mini", "d": "a=b"}]

    assert csv_of(["a", "b", "c", "d"], rows).splitlines()[1] == "-0.000000120,-5,openai/gpt-4o-mini,a=b"
