"""A provider's bill, in the forms that are read, and what is said of others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from router.bill import DAY_S, BilledCall, CallBill, DayBill, bill_since, parse_bill
from router.errors import BillInvalid

DAY = 20_000
START_S = DAY * 86_400

CSV_HEADER = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,"
    "user_id,api_key_id,project_id,organization_id,project_name,organization_name,user_email,api_source"
)


def a_line(**row: Any) -> str:
    return json.dumps({"call_id": "c1", "amount_nusd": 400} | row)


def a_bucket(*results: Any, start_s: int = START_S) -> dict[str, Any]:
    return {"object": "bucket", "start_time": start_s, "end_time": start_s + 86_400, "results": list(results)}


def a_result(value: Any, currency: str = "usd") -> dict[str, Any]:
    amount = {"value": value, "currency": currency}
    return {"object": "organization.costs.result", "amount": amount, "line_item": "gpt-4o-mini, input"}


def a_page(*buckets: Any, has_more: bool = False) -> str:
    return json.dumps({"object": "page", "data": list(buckets), "has_more": has_more, "next_page": None}, indent=1)


def a_row(start_s: int, value: str, currency: str = "usd") -> str:
    return f"{start_s},{start_s + 86_400},,,{value},{currency},,,,,,,org-1,,An org,,"


def test_reads_calls() -> None:
    """A line for each charge: what one call was charged adds up, and model and time are taken where they stand."""
    first = a_line(model="gpt-4o-mini", at="2026-11-20T12:00:00+00:00", input_tokens=7)
    bill = parse_bill("\n".join([first, "", a_line(call_id="c2", amount_nusd=0), a_line(amount_nusd=30)]), "bill")

    assert bill == CallBill({"c1": BilledCall(430, "gpt-4o-mini", 1_795_176_000_000), "c2": BilledCall(0)})


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_nothing_was_charged(text: str) -> None:
    """An empty bill is a bill."""
    assert parse_bill(text, "bill") == CallBill({})


def test_one_call_is_a_bill_too() -> None:
    """A file of one line is not mistaken for another form."""
    assert parse_bill(a_line(), "bill") == CallBill({"c1": BilledCall(400)})


def test_reads_the_costs_of_days() -> None:
    """OpenAI's answer is summed by day, with amounts as numbers or as text; a day without costs stands for 0."""
    page = a_page(
        a_bucket(a_result(0.06), a_result("0.003835980000000000000000000000"), a_result(1e-9)),
        a_bucket(start_s=START_S + 86_400),
    )

    assert parse_bill(page, "costs.json") == DayBill({DAY: 63_835_981, DAY + 1: 0})


def test_many_small_amounts_add_up_exactly() -> None:
    """Sums of decimals, not of binary fractions: a tenth ten times is one."""
    assert parse_bill(a_page(a_bucket(*[a_result(0.1)] * 10)), "costs.json") == DayBill({DAY: 10**9})


def test_reads_the_export_of_the_dashboard() -> None:
    """The CSV form gives the same days; a row without an amount is a day without costs."""
    rows = [CSV_HEADER, a_row(START_S - 86_400, "", ""), a_row(START_S, "0.06"), a_row(START_S, "0.00383598")]

    assert parse_bill("\ufeff" + "\n".join(rows) + "\n", "costs.csv") == DayBill({DAY - 1: 0, DAY: 63_835_980})


WRONG = {
    "no JSON": ("MIT License", r'bill:1: expected \{"call_id": ..., "amount_nusd": ...\}, or OpenAI.*got .MIT License'),
    "second line": (a_line() + "\n{}", "bill:2: expected .*call_id"),
    "a list": ("[1]", "bill: expected .*data"),
    "no amount": (json.dumps({"call_id": "c1"}), "bill:1: expected .*amount_nusd"),
    "a fraction": (a_line(amount_nusd=0.5), "bill:1: expected .*an amount_nusd that is a whole number"),
    "true": (a_line(amount_nusd=True), "bill:1: expected .*an amount_nusd that is a whole number"),
    "no name": (a_line(call_id=""), "bill:1: expected a call_id that is text"),
    "a time without zone": (a_line(at="2026-11-20T12:00:00"), "bill:1: expected .*says no time zone"),
    "another page": (a_page(has_more=True), "bill: expected all days on one page, but it says has_more"),
    "a usage page": (a_page({"start_time": START_S, "result": []}), r"bill: data\[0\]: expected a bucket"),
    "no amount in a result": (
        a_page(a_bucket({"input_tokens": 5})),
        r"bill: data\[0\].results\[0\]: expected an amount",
    ),
    "other money": (a_page(a_bucket(a_result(1, "eur"))), r"results\[0\]: expected amounts in usd, got 'eur'"),
    "no number": (a_page(a_bucket(a_result("much"))), r"results\[0\]: expected an amount in dollars, got 'much'"),
    "endless": (a_page(a_bucket(a_result("NaN"))), r"results\[0\]: expected an amount in dollars, got 'NaN'"),
    "an hour": (a_page(a_bucket(start_s=START_S + 3600)), r"data\[0\]: expected days that begin at midnight UTC"),
    "no time": (a_page({"results": []}), r"data\[0\]: expected a start_time in Unix seconds, got None"),
    "no columns": ("start_time,cost\n", "bill:1: expected the columns .* amount_value, amount_currency is missing"),
    "a row of other money": (
        f"{CSV_HEADER}\n{a_row(START_S, '1', 'eur')}",
        "bill:2: expected amounts in usd, got 'eur'",
    ),
    "a row of words": (f"{CSV_HEADER}\n{a_row(START_S, 'much')}", "bill:2: expected an amount in dollars"),
}


@pytest.mark.parametrize("name", WRONG)
def test_says_what_was_expected(name: str) -> None:
    """What is not understood is refused as a whole, with its place and what should stand there."""
    text, sentence = WRONG[name]

    with pytest.raises(BillInvalid, match=sentence):
        parse_bill(text, "bill")


def test_of_a_bill_only_what_the_ledger_knows_all_of_is_compared() -> None:
    """Calls that it has, and those of later days; whatever may have been forgotten is left out, midnight included."""
    day_ms = DAY_S * 1000
    calls = {name: BilledCall(1, at_ms=at) for name, at in {"old": 5, "day": 10, "late": 11}.items()}
    timed = {name: replace(billed, at_ms=(billed.at_ms or 0) * day_ms) for name, billed in calls.items()}
    bill = CallBill({**timed, "timeless": BilledCall(1), "known": BilledCall(1)})

    assert bill_since(bill, 10, {"known"}) == CallBill({"late": timed["late"], "known": BilledCall(1)})
    assert bill_since(DayBill({9: 1, 10: 2, 11: 3}), 10, ()) == DayBill({11: 3})
