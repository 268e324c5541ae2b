"""What reviewers answer, as labels: from the queue of reviews over an exported log to a certificate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from router.api.app import create_app
from router.api.backend import open_backend
from router.asking import World
from router.call import Answer, Call
from router.certificate import Certificate
from router.client import Client
from router.engine import Engine
from router.io.redis_store import RedisStore
from router.testing import FunctionLLM
from tests.builders import PRICES, RECEIPT, TIERS, a_reply
from tests.cli.desk import CliDesk
from tests.shell import Shell

POLICY = """\
policy: bills
prompt: {system: Read the bill., user: "{{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}}}
output: {schema: bill.json}
tiers: [mini, large]
checks: [{check: confidence, at_least: 0.8, tiers: [large]}]
moves: {exhausted: review}
promise: PROMISE
"""
REGRET = "{kind: regret, at_most: 0.05}"
ERROR = "{kind: accepted_error, at_most: 0.2}"
RIGHT = {"merchant": "ACME", "total": 12.5}
WRONG = {"merchant": "ACME", "total": 1.0}


def answer(call: Call) -> Answer:
    """Blurred bills are read wrongly and without confidence by mini; the larger tier doubts them, too."""
    blurred = "blurred" in json.dumps(call.messages)
    if call.tier == "mini":
        return a_reply(WRONG if blurred else RIGHT, sure=0.6 if blurred else 0.99)
    return a_reply(RIGHT, sure=0.5 if blurred else 0.99)


class Office:
    """Bills come in, workers carry them, and people decide what is left to them."""

    def __init__(self, shell: Shell, desk: CliDesk, folder: Path) -> None:
        self.shell, self.desk, self.folder = shell, desk, folder
        self.policy, self.log = str(folder / "bills.yaml"), str(folder / "log.jsonl")

    def promise(self, promise: str) -> None:
        Path(self.policy).write_text(POLICY.replace("PROMISE", promise))
        assert self.shell("policy", "publish", self.policy) == 0

    def submit(self, clear: int, blurred: int) -> list[str]:
        """The ids of the blurred ones, which come to a person."""
        with Client(self.desk.settings.redis_url, prefix=self.desk.settings.prefix) as client:
            for number in range(clear):
                client.submit("bills", {"text": f"clear {number}"})
            ids = [client.submit("bills", {"text": f"blurred {number}"}).id for number in range(blurred)]
        self.desk.run(self._carry)
        return ids

    async def _carry(self, store: RedisStore) -> None:
        world = World(tiers=TIERS, prices=PRICES, llm=FunctionLLM(answer), store=store, clock_ms=store.now_ms)
        engine = Engine(world)
        while claims := await store.claim(dict.fromkeys(TIERS, 1000), at_most=100, token=uuid4().hex):
            for claim in claims:
                await engine.carry(claim)

    def accept(self, *ids: str) -> None:
        """At the command line, as the last attempt said."""
        for task_id in ids:
            assert self.shell("review", "resolve", task_id, "--accept", "--attempt", "2", "--by", "anna") == 0

    def decide(self, *ids: str, **decision: Any) -> None:
        """Over HTTP."""
        asyncio.run(self._decide(ids, decision))

    async def _decide(self, ids: tuple[str, ...], decision: dict[str, Any]) -> None:
        async with open_backend(self.desk.settings, insecure=True) as backend:
            transport = httpx.ASGITransport(create_app(backend))
            async with httpx.AsyncClient(transport=transport, base_url="http://router") as http:
                for task_id in ids:
                    answered = await http.post(f"/v1/review/{task_id}/resolve", json=decision)
                    assert answered.status_code == 200, answered.text

    def exported(self) -> list[dict[str, Any]]:
        assert self.shell("trail", "export", "--policy", "bills", "--output", self.log) == 0
        return [json.loads(line) for line in Path(self.log).read_text().splitlines()]

    def label(self, *ids: str, **label: Any) -> tuple[str, str]:
        """The words that give these tasks a label."""
        file = self.folder / "labels.jsonl"
        file.write_text("".join(json.dumps({"id": task_id, **label}) + "\n" for task_id in ids))
        return "--labels", str(file)

    def calibrate(self, *words: str) -> int:
        return self.shell("calibrate", self.policy, "--log", self.log, *words)

    def certificate(self) -> Certificate:
        return Certificate.model_validate_json((self.folder / "bills.certificate.json").read_text())


@pytest.fixture
def office(shell: Shell, desk: CliDesk, at_home: None, tmp_path: Path) -> Iterator[Office]:
    models = {name: {"model": tier.model, "context_tokens": tier.context_tokens} for name, tier in TIERS.items()}
    price = [{"from": "2024-07-18", "input": 0.15, "output": 0.6, "source": "a test"}]
    (tmp_path / "tiers.yaml").write_text(json.dumps({"tiers": models}))
    (tmp_path / "prices.yaml").write_text(json.dumps({"prices": {tier.model: price for tier in TIERS.values()}}))
    (tmp_path / "bill.json").write_text(json.dumps(RECEIPT))
    yield Office(shell, desk, tmp_path)


def test_what_a_person_accepted_is_written_down_as_expected(office: Office) -> None:
    """As it was or corrected, at the command line or over HTTP; what was rejected, or waits still, is no label."""
    office.promise(REGRET)
    accepted, corrected, rejected, _ = office.submit(clear=1, blurred=4)
    office.accept(accepted)
    office.decide(corrected, decision="accept", output=WRONG, by="ben")
    office.decide(rejected, decision="reject", reason="no bill")

    lines = {line["id"]: line for line in office.exported()}

    assert len(lines) == 4
    told = {task_id: (line["status"], line["tier"], line.get("expected")) for task_id, line in lines.items()}
    assert told[accepted] == ("review", "large", RIGHT)
    assert told[corrected] == ("review", "large", WRONG)
    assert told[rejected] == ("review", "large", None)
    assert "expected" not in lines[rejected]
    assert all(list(line["replies"]) == ["mini", "large"] for line in lines.values())


@pytest.mark.parametrize("promise", [REGRET, ERROR])
def test_reviewed_tasks_alone_do_not_stand_for_all(office: Office, promise: str) -> None:
    """They are the hard ones: where nobody labelled another task nothing is certified, and it is told what would do."""
    office.promise(promise)
    office.accept(*office.submit(clear=5, blurred=5))
    office.exported()

    assert office.calibrate() == 2
    assert "none of 5 tasks that went up to large has a label of what was `expected`" in office.shell.err
    assert "and those that a person resolved do not stand for them; label some of both" in office.shell.err
    assert not (office.folder / "bills.certificate.json").exists()


def test_reviews_count_beside_labels_of_the_others(office: Office) -> None:
    """With labels of tasks that no person saw, each review is a label: those tiers were wrong which said otherwise."""
    office.promise(REGRET)
    reviewed = office.submit(clear=60, blurred=20)
    office.accept(*reviewed)
    clear = [line["id"] for line in office.exported() if line["id"] not in reviewed]

    assert office.calibrate(*office.label(*clear, expected=RIGHT)) == 0

    assert "20 of 20 tasks that a person resolved have a label and were shown to large" in office.shell.out
    assert "80 tasks, 80 of them known" in office.shell.out
    level = office.certificate().levels["mini"]
    assert level.accepted_share == pytest.approx(0.75, abs=0.03)
    wrong = sum(each.count - each.right for each in level.bins)
    assert wrong / sum(each.count for each in level.bins) == pytest.approx(0.25, abs=0.1)


def test_reviews_are_thinned_to_the_share_of_the_others(office: Office) -> None:
    """Where one in three of the others has a label, all of the reviews would make the traffic look too hard."""
    office.promise(ERROR)
    reviewed = office.submit(clear=90, blurred=30)
    office.accept(*reviewed)
    clear = [line["id"] for line in office.exported() if line["id"] not in reviewed]

    office.calibrate(*office.label(*clear[:30], expected=RIGHT), "--json")

    told = json.loads(office.shell.out)
    (note,) = told["notes"]
    left = int(note.removeprefix("left out ").split()[0])
    assert 5 <= left <= 30
    assert told["labelled"] == 60 - left


@pytest.mark.parametrize("promise", [REGRET, ERROR])
def test_a_rejected_review_counts_at_its_worst(office: Office, promise: str) -> None:
    """One review that nobody labelled leaves all other evidence as it is, and it is told how it counts."""
    office.promise(promise)
    rejected, *accepted = office.submit(clear=60, blurred=2)
    office.accept(*accepted)
    office.decide(rejected, decision="reject", reason="no bill")
    clear = [line["id"] for line in office.exported() if line["id"] not in (rejected, *accepted)]

    assert office.calibrate(*office.label(*clear, expected=RIGHT)) == 0

    assert "62 tasks, 61 of them known" in office.shell.out
    assert "1 task that a person resolved counts as wrong wherever accepted, because nobody knows" in office.shell.out


def test_a_version_that_lacks_a_kind_is_named(office: Office) -> None:
    """The other one is calibrated with; where each lacks another kind nothing is certified, and both are named."""
    office.promise(REGRET)
    office.submit(clear=70, blurred=0)
    lines = office.exported()
    ids = [line["id"] for line in lines]
    for number, line in enumerate(lines):
        line["version"] = "f" * 64 if number < 5 else "a" * 64
    lines[0]["tier"] = lines[5]["tier"] = "mini"
    del lines[5]["replies"]["large"]

    Path(office.log).write_text("".join(json.dumps(line) + "\n" for line in lines[:5] + lines[6:]))
    assert office.calibrate(*office.label(ids[0], *ids[6:], expected=RIGHT)) == 0
    assert (
        "left out 5 tasks of version ffffffffffff: nothing is known of those that went up to large" in office.shell.out
    )
    assert "64 tasks, 64 of them known" in office.shell.out

    Path(office.log).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert office.calibrate(*office.label(ids[0], *ids[6:], expected=RIGHT)) == 2
    assert "of version ffffffffffff: nothing is known of those that went up to large" in office.shell.err
    assert "of version aaaaaaaaaaaa: nothing is known of those accepted below large" in office.shell.err


def test_accepted_tasks_need_labels_of_their_own(office: Office) -> None:
    """Once mini is trusted, reviews tell nothing of what it accepts: labels, and an audit, are asked for."""
    office.promise(REGRET)
    reviewed = office.submit(clear=50, blurred=14)
    office.accept(*reviewed)
    before = [line["id"] for line in office.exported()]
    assert office.calibrate(*office.label(*(set(before) - set(reviewed)), expected=RIGHT)) == 0
    office.promise(REGRET)
    again = office.submit(clear=10, blurred=5)
    office.accept(*again)
    lines = [line for line in office.exported() if line["id"] not in before]
    Path(office.log).write_text("".join(json.dumps(line) + "\n" for line in lines))
    accepted = [line["id"] for line in lines if line["tier"] == "mini"]
    clear = [line["id"] for line in lines if line["id"] not in again]

    assert set(accepted) <= set(clear)
    assert len(accepted) > 5
    assert office.calibrate() == 2
    assert (
        f"none of {len(accepted)} tasks accepted below large has a label of what was `expected`, and those that a "
        in (office.shell.err)
    )
    assert office.calibrate(*office.label(*clear, expected=RIGHT)) == 2
    assert "set `audit: {rate: 0.02, against: large}`, or ask it with --ask N" in office.shell.err


def test_what_is_rejected_can_be_labelled(office: Office) -> None:
    """Where people only reject, that is told; a word on each reply is a label."""
    office.promise(ERROR)
    reviewed = office.submit(clear=30, blurred=6)
    office.decide(*reviewed, decision="reject", reason="no bill")
    clear = [line["id"] for line in office.exported() if line["id"] not in reviewed]
    words = office.label(*clear, expected=RIGHT)

    assert office.calibrate(*words) == 2
    assert "none of 6 tasks that a person resolved has a label" in office.shell.err
    assert "what a person rejected has none by itself" in office.shell.err
    with Path(words[1]).open("a") as labels:
        for task_id in reviewed:
            labels.write(json.dumps({"id": task_id, "correct": {"mini": False, "large": False}}) + "\n")
    assert office.calibrate(*words) == 0
    assert "36 tasks, 36 of them known" in office.shell.out
