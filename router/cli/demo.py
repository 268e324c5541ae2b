"""`router demo`"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from ..app import load_book, require_keys
from ..audit import Audit
from ..client import Client
from ..cost import usd
from ..event import Moved, Stands
from ..io.folder import Book, read_tiers
from ..policy import Policy
from ..record import Record
from ..settings import Settings
from ..spending.counters import counted
from ..spending.report import CostRow, costs, total
from ..task import TaskState
from ..trail import Trail
from .house import House
from .ledger import check_books, read_bill, read_books
from .printing import SIMULATED, console, dollars, print_json, table

_LEFT_OUT = frozenset({"translate"})
_PATIENCE_S = 300.0
_TOLD_OF_EACH = 3
_REASONS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of the demo came to."""

    records: list[Record]
    rows: list[CostRow]
    always_top_nusd: int
    audit: Audit
    seconds: float

    @property
    def sound(self) -> bool:
        """Every task ended, and the books agree."""
        return all(record.state.terminal for record in self.records) and self.audit.agrees


@click.command(epilog="Example: router demo --tasks 60")
@click.option(
    "--tasks", default=200, show_default=True, type=click.IntRange(1, 100_000), help="How many tasks to send."
)
@click.option(
    "--provider",
    type=click.Choice(["local", "env"]),
    default="local",
    show_default=True,
    help="local: models of our own, no key; env: the models of tiers.yaml, with your keys, for money.",
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Worker processes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")
def command(tasks: int, provider: str, workers: int, as_json: bool) -> int:
    """Send the shipped policies' sample inputs the real way, watch them climb, and see what it cost."""
    settings = Settings.from_env()
    local = provider == "local"
    if not local:
        require_keys(settings, read_tiers(settings.tiers_file).values())
    if not samples(load_book(settings), 1):
        raise click.UsageError(
            f"the policies of {settings.policies} have no examples to send; use a folder that has some"
        )
    screen = Console(stderr=True, highlight=False) if as_json else console()
    screen.print("[bold]router demo[/]" + (f"\n{SIMULATED}" if local else ""))
    with tempfile.TemporaryDirectory(prefix="router-demo-") as folder:
        house = House(settings, directory=Path(folder), local=local, workers=workers, quiet=True)
        screen.print("starting an embedded server, " + ("the local models, " if local else "") + "workers ...")
        with house:
            house.wait_until_ready()
            outcome = _run(house, load_book(house.settings), tasks, screen, local=local)
    _tell(screen, outcome, local=local)
    if as_json:
        print_json(_as_json(outcome, local=local))
    return 0 if outcome.sound else 1


def samples(book: Book, count: int) -> list[tuple[Policy, dict[str, Any]]]:
    """*count* inputs of the shipped policies in turn: first those that the learners never saw."""
    queues = []
    for policy in book.policies.values():
        if policy.policy not in _LEFT_OUT:
            examples = sorted(policy.examples, key=lambda e: not e.held_out)
            queues.append([(policy, e.input) for e in examples if not any(e.input.get(i) for i in policy.images)])
    taken: list[tuple[Policy, dict[str, Any]]] = []
    turn = 0
    while len(taken) < count and any(queues):
        queue = queues[turn % len(queues)]
        if queue:
            taken.append(queue[(turn // len(queues)) % len(queue)])
        turn += 1
    return taken


def _run(house: House, book: Book, count: int, screen: Console, *, local: bool) -> Outcome:
    sent = samples(book, count)
    started = time.monotonic()
    with Client(house.settings.redis_url, prefix=house.settings.prefix) as client:
        policies = _submit(client, sent)
        screen.print(f"{len(policies)} tasks sent; watching them climb:\n")
        _watch(client, policies, screen)
        seconds = time.monotonic() - started
        records = [client.read(task_id) for task_id in policies]
    entries, _ = read_books(house.settings)
    bill = read_bill(house.bill_file) if local else None
    by_tier = {row.group["tier"]: row for row in costs(counted(entries), ["tier"])}
    rows = [by_tier[name] for name in book.tiers if name in by_tier]
    tops = sum(_at_the_top(book, record) for record in records)
    return Outcome(records, rows, tops, check_books(house.settings, bill), seconds)


def _submit(client: Client, sent: list[tuple[Policy, dict[str, Any]]]) -> dict[str, str]:
    """Send everything; returns the policy of each task by its id."""
    names = dict.fromkeys(policy.policy for policy, _ in sent)
    inputs = {name: [given for policy, given in sent if policy.policy == name] for name in names}
    return {handle.id: name for name in names for handle in client.submit_many(name, inputs[name])}


def _watch(client: Client, policies: Mapping[str, str], screen: Console) -> None:
    """Tell the climbs as they happen, a few of each policy, until all tasks (id -> policy) have ended."""
    waiting, climbs = set(policies), 0
    told: Counter[str] = Counter()
    end_s = time.monotonic() + _PATIENCE_S
    with screen.status("") as status:
        while waiting and time.monotonic() < end_s:
            for event in client.events(wait_s=0.2):
                if isinstance(event, Moved):
                    climbs += 1
                    policy = policies[event.task]
                    told[policy] += 1
                    if told[policy] <= _TOLD_OF_EACH:
                        line = _climb(policy, event, client.read(event.task).trail)
                        screen.print(line, no_wrap=True, overflow="ellipsis")
                elif isinstance(event, Stands) and event.state.terminal:
                    waiting.discard(event.task)
            status.update(f"{len(policies) - len(waiting)} of {len(policies)} ended, {climbs} climbs")
    untold = climbs - sum(min(count, _TOLD_OF_EACH) for count in told.values())
    if untold:
        screen.print(f"  ... and {untold} more climbs")


def _climb(policy: str, event: Moved, trail: Trail) -> Text:
    """One line, printed at once: the status line below erases what stands before it unfinished."""
    said = next((attempt.told for attempt in reversed(trail) if attempt.tier == event.left), event.reason)
    climb = f"{event.left:>5} -> {event.reached:<8}"
    return Text.assemble(f"  {policy:<10}  ", (climb, "cyan"), f" {_cut(said)}", overflow="ellipsis", no_wrap=True)


def _cut(reason: str) -> str:
    said = reason.partition(": ")[2] or reason
    return said if len(said) <= 80 else said[:77] + "..."


def _at_the_top(book: Book, record: Record) -> int:
    """What the task would have cost at its policy's top tier at once: the tokens of its first answer, at that price."""
    policy = next(p for p in book.policies.values() if p.digest == record.task.policy)
    top = book.tiers[policy.tiers[-1].tier]
    price = book.prices.price(top.priced_model, datetime.now(UTC).date())
    usage = next((call.usage for a in record.trail for call in a.calls if call.usage), None)
    return price.of(usage) if price and usage else 0


def _tell(screen: Console, outcome: Outcome, *, local: bool) -> None:
    mark = " (simulated)" if local else ""
    spent = total(outcome.rows)
    lines = [
        [r.group["tier"], f"{r.attempts}", f"{r.accepted}", f"{r.escalated}", dollars(r.cost_nusd)]
        for r in outcome.rows
    ]
    lines.append(["all", f"{spent.attempts}", f"{spent.accepted}", f"{spent.escalated}", dollars(spent.cost_nusd)])
    screen.print()
    screen.print(table(None, ["tier", "attempts", "accepted", "escalated", f"cost{mark}"], lines))
    states = Counter(record.state.value for record in outcome.records)
    screen.print(
        f"\n{len(outcome.records)} tasks in {outcome.seconds:.1f} s: "
        + ", ".join(f"{count} {state}" for state, count in states.most_common())
    )
    for line in unmet(_ends(outcome.records)):
        screen.print(f"  {line}", markup=False)
    if outcome.always_top_nusd:
        share = spent.cost_nusd / outcome.always_top_nusd
        screen.print(
            f"total {dollars(spent.cost_nusd)}, always the top tier {dollars(outcome.always_top_nusd)}: "
            f"{share:.0%} of it{mark}"
        )
    screen.print(_books(outcome.audit))


def _ends(records: list[Record]) -> Counter[str]:
    """How often tasks ended without a result, by the reason."""
    unmet = [r.reason or "" for r in records if r.state.terminal and r.state is not TaskState.SUCCEEDED]
    return Counter(reason.rpartition("; ")[2] for reason in unmet)


def unmet(ends: Counter[str]) -> Iterator[str]:
    """Say how often tasks ended without a result, by the most frequent reasons; of the others how many they are."""
    told = ends.most_common(_REASONS_TOLD)
    for reason, count in told:
        yield f"{count} dead or rejected: {_cut(reason)}"
    if more := ends.total() - sum(count for _, count in told):
        yield f"{more} more, for other reasons"


def _books(result: Audit) -> str:
    settled = usd(result.ledger.settled_nusd)
    if result.billed_nusd is None:
        return f"ledger ${settled}; its balances {'agree' if result.balanced else 'DIFFER'}"
    verdict = "equal to the nano-dollar" if result.agrees else "THEY DIFFER"
    return f"ledger ${settled}, the provider's own bill ${usd(result.billed_nusd)}: {verdict}"


def _as_json(outcome: Outcome, *, local: bool) -> dict[str, object]:
    states = Counter(record.state for record in outcome.records)
    spent = total(outcome.rows)
    billed = outcome.audit.billed_nusd
    return {
        "tasks": len(outcome.records),
        "succeeded": states[TaskState.SUCCEEDED],
        "dead": states[TaskState.DEAD],
        "rejected": states[TaskState.REJECTED],
        "escalated": sum(len({a.tier for a in record.trail}) > 1 for record in outcome.records),
        "attempts": spent.attempts,
        "tiers": {
            row.group["tier"]: {"attempts": row.attempts, "accepted": row.accepted, "cost_usd": usd(row.cost_nusd)}
            for row in outcome.rows
        },
        "cost_usd": usd(spent.cost_nusd),
        "billed_usd": None if billed is None else usd(billed),
        "always_top_usd": usd(outcome.always_top_nusd),
        "seconds": round(outcome.seconds, 3),
        "simulated": local,
        "ledger_agrees": outcome.audit.agrees,
    }
