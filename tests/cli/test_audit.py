"""`router audit`: the books mended by a bill, and what is told of what cannot be mended."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from router.app import load_pricing
from router.cli.ledger import check_books, read_books, reconcile
from router.io.commands.cost import CostCommands
from router.io.redis_link import Link, connect
from router.io.redis_store import RedisStore
from router.ledger import Balance, EntryKind
from tests.builders import RATES, a_kept, a_settlement, an_intent
from tests.cli.desk import CliDesk
from tests.shell import Shell

SETTLED, VOID, UNSETTLED = EntryKind.SETTLED, EntryKind.VOID, EntryKind.UNSETTLED
DAY_S = 86_400


@pytest.fixture
def books(desk: CliDesk) -> CliDesk:
    """A settled call of 400, a void one, and two of unknown outcome bounded by 1000 each."""
    desk.book("settled", SETTLED, 400)
    desk.book("void", VOID)
    desk.book("unknown", UNSETTLED)
    desk.book("doubtful", UNSETTLED)
    return desk


def a_bill(folder: Path, **calls: int) -> Path:
    path = folder / "bill.jsonl"
    path.write_text(
        "".join(json.dumps({"call_id": c, "amount_nusd": a, "model": "m"}) + "\n" for c, a in calls.items())
    )
    return path


def test_a_bill_settles_what_was_unsettled(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """What was billed is booked and told, what is still unknown stays bounded, and all agrees."""
    bill = a_bill(tmp_path, settled=400, unknown=300)

    assert shell("audit", "--bill", str(bill)) == 0
    assert "1 call of unknown outcome booked, $0.000000300: unknown" in shell.out
    assert shell.out.splitlines()[-1].strip() == "agrees"
    assert books.run(lambda store: store.balance()) == Balance(settled_nusd=700, unsettled_nusd=1000, calls=4)


def test_says_what_a_bill_lacks_and_which_option_settles_it(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """An operator who was sent here by the doctor comes out of doubt: what is missing is counted, with what to do."""
    bill = a_bill(tmp_path, settled=400, unknown=300)

    assert shell("audit", "--bill", str(bill)) == 0
    lines = [line.strip() for line in shell.out.splitlines()]
    at = lines.index("1 call of unknown outcome, at most $0.000001000, not on the bill: doubtful")
    assert lines[at + 1].startswith("-> where the bill has all calls of their time, --complete books them")
    told = shell.json("audit", "--bill", str(bill), "--json")
    assert told["lacking"] == {"calls": ["doubtful"], "at_most_usd": "0.000001000", "billed_usd": "0.000000000"}

    assert shell("audit", "--bill", str(bill), "--complete", "--dry-run") == 0
    assert "not on the bill" not in shell.out
    assert shell("audit", "--bill", str(bill), "--complete") == 0
    assert shell("audit", "--bill", str(bill)) == 0
    assert "not on the bill" not in shell.out


def test_says_that_calls_are_under_way(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """Where bill and ledger differ by calls that have not ended, it is that what is said."""

    async def begin(store: RedisStore) -> None:
        (claim,) = await store.claim({"mini": 10}, at_most=1, token="one")
        intent = an_intent("open", task=claim.task.id, reserved_nusd=1_000)
        await store.reserve(claim, intent, rates=RATES, limit_nusd=10**9, open_for_ms=40_000)

    books.submit("t9")
    books.run(begin)
    words = ("audit", "--dry-run", "--bill", str(a_bill(tmp_path, settled=400, unknown=300, doubtful=0, open=700)))

    assert shell(*words) == 0
    said = "1 call under way, at most $0.000001000, of which the bill has $0.000000700"
    assert f"{said}: what they cost is settled when they end" in shell.out
    assert shell.json(*words, "--json")["running"]["calls"] == ["open"]


def test_a_bill_books_what_the_ledger_forgot(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """Calls that only the bill knows are booked where somebody says that they are ours, and told with their amounts."""
    told = shell.json("audit", "--yes", "--bill", str(a_bill(tmp_path, settled=400, lost=70)), "--json")

    assert (told["agrees"], told["unbooked"], told["settled_usd"]) == (True, [], "0.000000470")
    assert told["mended"] == [
        {"call": "lost", "task": "-", "kind": "settled", "amount_usd": "0.000000070", "bound_usd": None}
    ]


def test_calls_that_may_be_others_are_not_booked(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """A wrong bill would spoil the books for ever: without --yes what the ledger does not know is only told."""
    bill = a_bill(tmp_path, settled=400, unknown=300, lost=70)

    assert shell("audit", "--bill", str(bill)) == 1
    assert [line.strip() for line in shell.out.splitlines()[-5:]] == [
        "1 call of unknown outcome booked, $0.000000300: unknown",
        "1 call billed, but not in the ledger",
        "lost: billed $0.000000070",
        "-> if they are this router's, book them with --yes (what is booked stays); else take them out of the bill",
        "DOES NOT AGREE",
    ]
    assert books.run(lambda store: store.balance()) == Balance(settled_nusd=700, unsettled_nusd=1000, calls=4)


def test_repeated_it_books_nothing_more(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """The same bill again leaves the ledger as it is."""
    words = (
        "audit",
        "--complete",
        "--yes",
        "--bill",
        str(a_bill(tmp_path, settled=400, unknown=300, lost=70)),
        "--json",
    )
    assert len(shell.json(*words)["mended"]) == 3
    lines = read_books(books.settings)

    assert shell.json(*words)["mended"] == []
    assert read_books(books.settings) == lines


def test_a_dry_run_only_looks(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """It says of each call once what would become of it, books nothing, and what is missing still makes it a no."""
    before = read_books(books.settings)

    words = ("audit", "--dry-run", "--bill", str(a_bill(tmp_path, settled=400, unknown=1_300, lost=70)))
    assert shell(*words, "--yes") == 1
    assert "1 call of unknown outcome would be booked, $0.000001300: unknown" in shell.out
    assert "1 call that the ledger did not know would be booked, $0.000000070: lost" in shell.out
    assert "billed, but" not in shell.out
    assert "billed above" not in shell.out
    assert shell(*words) == 1
    assert "1 call billed, but not in the ledger\n            lost: billed $0.000000070\n" in shell.out
    assert read_books(books.settings) == before


def test_a_complete_bill_frees_what_it_lacks(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """Calls of unknown outcome that were not billed were not charged, if the bill has all."""
    bill = a_bill(tmp_path, settled=400, unknown=300)

    assert shell("audit", "--complete", "--bill", str(bill)) == 0
    assert "1 call of unknown outcome, as not charged, booked, $0.000000000: doubtful" in shell.out
    assert books.run(lambda store: store.balance()) == Balance(settled_nusd=700, calls=4)


def test_a_charge_above_its_bound_is_booked_with_its_overrun(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """The bill is the truth, and what it took above the worst case is shown."""
    told = shell.json("audit", "--bill", str(a_bill(tmp_path, settled=400, unknown=1_700)), "--json")

    assert (told["agrees"], told["beyond"], told["overrun_usd"]) == (True, [], "0.000000700")


def test_contradictions_are_told_and_left(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """What was settled at another amount, or as free, is not changed: somebody has to look."""
    before = read_books(books.settings)

    assert shell("audit", "--bill", str(a_bill(tmp_path, settled=401, void=5))) == 1
    lines = [line.strip() for line in shell.out.splitlines()]
    at = lines.index("1 call settled at another amount than billed")
    assert lines[at + 1] == "settled (task t1): settled $0.000000400, billed $0.000000401"
    assert lines[at + 2].startswith("-> what is settled stays: compare prices.yaml")
    at = lines.index("1 call billed, but free in the ledger")
    assert lines[at + 1] == "void (task t1): booked as free, billed $0.000000005"
    assert lines[at + 2].startswith("-> what is booked stays")
    assert lines[-1] == "DOES NOT AGREE"
    assert read_books(books.settings) == before


def test_what_was_not_billed_is_told_with_its_amount(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """What is settled and not on the bill is named for people and for programs."""
    bill = a_bill(tmp_path, unknown=300)

    assert shell("audit", "--bill", str(bill)) == 1
    assert "settled (task t1): settled $0.000000400, not billed" in shell.out
    assert shell.json("audit", "--bill", str(bill), "--json")["contrasts"] == [
        {"call": "settled", "task": "t1", "kind": "settled", "booked_usd": "0.000000400", "billed_usd": None}
    ]


def test_a_long_list_of_contradictions_is_cut(shell: Shell, books: CliDesk, tmp_path: Path) -> None:
    """Ten calls are shown, the rest counted."""
    bill = a_bill(tmp_path, settled=400, **{f"lost{number}": 1 for number in range(12)})

    assert shell("audit", "--bill", str(bill)) == 1
    assert "12 calls billed, but not in the ledger" in shell.out
    assert shell.out.count("billed $0.000000001") == 10
    assert "and 2 more: --json has them all" in shell.out


def test_balances_that_were_tampered_with_are_told(shell: Shell, books: CliDesk, raw: redis.Redis) -> None:
    """One nano-dollar in the balance of one scope is enough."""
    assert shell("audit") == 0
    (name,) = raw.keys(f"{books.settings.prefix}bal:tenant:default:*")
    raw.hincrby(name, "settled", 1)

    assert shell("audit") == 1
    assert f"balances  DIFFER: {name.decode().removeprefix(f'{books.settings.prefix}bal:')}" in shell.out
    assert shell.json("audit", "--json")["balances_agree"] is False


def test_books_that_are_being_written_agree(books: CliDesk) -> None:
    """While others book, what is read at different moments is not taken for a difference."""

    async def book(store: RedisStore) -> None:
        for number in range(120):
            intent = an_intent(f"c{number}", tenant=f"tenant-{number % 7}")
            for settlement in (a_settlement(UNSETTLED), a_settlement(SETTLED, number)):
                await store.resolve(intent, settlement, a_kept(intent, settlement))

    with ThreadPoolExecutor(1) as others:
        booking = others.submit(books.run, book)
        audits = [check_books(books.settings)]
        while not booking.done():
            audits.append(check_books(books.settings))
        booking.result()

    assert [told for told in audits if not told.agrees] == []
    assert check_books(books.settings).ledger.calls == 124


def test_a_function_does_the_same(books: CliDesk, tmp_path: Path) -> None:
    """`reconcile` is the command without its screen."""
    bill = a_bill(tmp_path, settled=400, unknown=300, lost=70)

    assert not reconcile(books.settings, bill, dry_run=True).agrees
    result = reconcile(books.settings, bill)

    assert result.agrees
    assert sorted(booking.intent.call for booking in result.mended) == ["lost", "unknown"]
    assert result.billed_nusd == 770


# a bill of days


def a_page(folder: Path, raw: redis.Redis, billed_nusd: int) -> Path:
    """OpenAI's costs of today, by the server's clock."""
    start_s = raw.time()[0] // DAY_S * DAY_S
    amount: dict[str, Any] = {"value": f"{billed_nusd / 10**9:.9f}", "currency": "usd"}
    result = {"object": "organization.costs.result", "amount": amount, "line_item": "gpt-4o-mini, input"}
    path = folder / "costs.json"
    path.write_text(json.dumps({"object": "page", "data": [{"start_time": start_s, "results": [result]}]}))
    return path


BILLED = {399: 1, 400: 0, 2_400: 0, 2_401: 1}
"""Nano-dollars of the day, and what the command says to it."""


@pytest.mark.parametrize("billed_nusd", BILLED)
def test_a_day_is_held_against_its_bounds(
    shell: Shell, books: CliDesk, raw: redis.Redis, tmp_path: Path, billed_nusd: int
) -> None:
    """A bill of days books nothing; it agrees when it lies between what is settled and what is in doubt."""
    before, code = read_books(books.settings), BILLED[billed_nusd]

    assert shell("audit", "--bill", str(a_page(tmp_path, raw, billed_nusd))) == code
    assert f"{'NOT ' if code else ''}between $0.000000400 and $0.000002400\n" in shell.out
    assert ("something else spends at this provider" in shell.out) == (billed_nusd > 2_400)
    assert ("may not have the whole day yet" in shell.out) == (billed_nusd < 400)
    assert read_books(books.settings) == before


def test_a_day_s_sums_are_there_for_programs(shell: Shell, books: CliDesk, raw: redis.Redis, tmp_path: Path) -> None:
    """Each day with its bounds, as decimal strings in dollars."""
    told = shell.json("audit", "--bill", str(a_page(tmp_path, raw, 500)), "--json")

    (day,) = told["days"]
    assert (day["billed_usd"], day["least_usd"], day["most_usd"], day["fits"]) == (
        "0.000000500",
        "0.000000400",
        "0.000002400",
        True,
    )
    assert told["billed_usd"] == "0.000000500"


def test_simulated_calls_are_not_held_against_a_bill(
    shell: Shell, desk: CliDesk, raw: redis.Redis, tmp_path: Path
) -> None:
    """A ledger of stand-ins has nothing to compare, and says so."""
    desk.book("stand-in", SETTLED, 400, simulated=True)

    assert shell("audit", "--bill", str(a_page(tmp_path, raw, 400))) == 1
    assert "and $0.000000000; the ledger's simulated calls of that day are not compared" in shell.out


def test_only_a_bill_of_calls_can_be_complete(shell: Shell, raw: redis.Redis, tmp_path: Path) -> None:
    """Sums of days do not say which call was not charged."""
    assert shell("audit", "--complete", "--bill", str(a_page(tmp_path, raw, 0))) == 2
    assert "only a bill of all calls can tell which were not charged" in shell.err


@pytest.mark.parametrize("option", ["--complete", "--dry-run", "--yes"])
def test_options_of_a_bill_need_a_bill(shell: Shell, option: str) -> None:
    """Without a bill there is nothing to book."""
    assert shell("audit", option) == 2
    assert "go with --bill FILE" in shell.err


@pytest.mark.parametrize("text", ["", "\n", '{"data": []}'])
def test_a_bill_of_nothing_is_refused(shell: Shell, books: CliDesk, tmp_path: Path, text: str) -> None:
    """An empty file is hardly what a provider charged."""
    (tmp_path / "bill").write_text(text)

    assert shell("audit", "--complete", "--bill", str(tmp_path / "bill")) == 2
    assert "bill holds no call and no day" in shell.err
    assert check_books(books.settings).ledger.unsettled_nusd == 2_000


def test_a_bill_that_is_none_is_refused(shell: Shell, tmp_path: Path) -> None:
    """A file of bytes is no bill, and nothing is booked."""
    (tmp_path / "bill").write_bytes(b"\xff\xfe\x00")

    assert shell("audit", "--bill", str(tmp_path / "bill")) == 2
    assert "cannot be read as text" in shell.err


def test_what_was_cut_is_neither_compared_nor_booked_again(
    shell: Shell, books: CliDesk, raw: redis.Redis, tmp_path: Path
) -> None:
    """A ledger without its beginning agrees from the next day on; a bill of calls that it forgot books none of them."""
    commands, prefix = CostCommands(prefix=books.settings.prefix), books.settings.prefix
    with closing(Link(connect(books.settings.redis_url), prefix=prefix)) as link:
        link.carry_out(commands.count(load_pricing(books.settings)))
        assert link.run(commands.trim(keep_days=40, lines_max=1)).cut == 7
    raw.delete(f"{prefix}c:settled")  # as a day later

    told = shell.json("audit", "--yes", "--bill", str(a_bill(tmp_path, settled=400, forgotten=70)), "--json")

    assert (told["agrees"], told["calls"], told["left_out"], told["mended"]) == (True, 0, 2, [])
    assert books.run(lambda store: store.balance()).settled_nusd == 400
    assert shell("audit") == 0
    assert "earlier lines were cut; their sums are in `router cost`" in shell.out
