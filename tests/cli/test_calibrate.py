"""`router calibrate`: from evidence to a certificate beside the policy, or a sentence about what is lacking."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from router.asking import World
from router.budget import Budget
from router.calibration.outcome import Outcome
from router.calibration.report import Candidate
from router.certificate import Certificate
from router.cli.calibrate.evidence import Evidence
from router.cli.calibrate.told import lines
from router.engine import Engine
from router.io.folder import read_book
from router.io.redis_store import RedisStore
from router.policy import Policy
from router.recorded.recording import Recording
from router.testing import FunctionLLM
from tests.builders import GOOD, PRICES, TIERS, a_policy, a_submission
from tests.calibration.logs import a_log, a_recording, at_cost
from tests.cli.colours import SHIPPED
from tests.cli.desk import CliDesk
from tests.cli.test_shadow import at_work
from tests.shell import Shell

COLOURS = """\
policy: colours
prompt: {system: Name the colour., user: "{{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}}}
output: {labels: [red, blue]}
tiers: [mini, large]
promise: {kind: accepted_error, at_most: 0.1}
"""
RECEIPTS = """\
policy: receipts
prompt: {system: Read the receipt., user: "{{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}}}
output: {schema: receipt.json}
tiers: [mini, small, large]
promise: {kind: disagreement, at_most: 0.1}
"""


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Commands that need no server."""
    return Shell(capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tiers.yaml", "prices.yaml"):
        shutil.copy(SHIPPED / name, tmp_path)
    (tmp_path / "colours.yaml").write_text(COLOURS)
    return tmp_path


def written(folder: Path, log: list[Any], name: str = "log.jsonl") -> str:
    file = folder / name
    file.write_text("".join(f"{each.model_dump_json(exclude_unset=True)}\n" for each in log))
    return str(file)


def certificate(folder: Path) -> Certificate:
    return Certificate.model_validate_json((folder / "colours.certificate.json").read_text())


def promising(folder: Path, promise: str) -> str:
    file = folder / "colours.yaml"
    file.write_text(COLOURS.replace("{kind: accepted_error, at_most: 0.1}", promise))
    return str(file)


def test_writes_a_certificate_that_the_policy_goes_by(shell: Shell, folder: Path) -> None:
    """With enough labels the file stands beside the policy, is shown as a diff, and holds for what is read next."""
    policy = str(folder / "colours.yaml")

    assert shell("calibrate", policy, "--log", written(folder, a_log(600))) == 0

    assert "colours: at most 10.00% of what is accepted below large is wrong, with 90% confidence" in shell.out
    assert "600 tasks, 600 of them known; " in shell.out
    assert re.search(
        r"mini: \d+ of \d+ replies that pass its checks are right \(\d\d\.\d%\); trust: AUROC 0\.", shell.out
    )
    assert "calibration error 0." in shell.out
    assert "taken at its mean" not in shell.out
    assert "certified: replies from trust 0." in shell.out
    assert f"+++ {folder / 'colours.certificate.json'}" in shell.out
    assert '+  "policy": "colours",' in shell.out
    read = read_book(folder, folder / "tiers.yaml", today=certificate(folder).made, files=[Path(policy)])
    assert read.policies["colours"].certified == certificate(folder)
    assert shell("calibrate", policy, "--check") == 0
    assert "holds" in shell.out


def test_says_where_costs_count(shell: Shell, folder: Path) -> None:
    """Where what large costs varies from input to input, the threshold is told as that of a usual one."""
    policy = str(folder / "colours.yaml")
    log = [at_cost(recording, words=1 + number * number % 23) for number, recording in enumerate(a_log(600))]

    assert shell("calibrate", policy, "--log", written(folder, log)) == 0

    assert " on where large costs what is usual (less where it costs more, more where it costs less), " in shell.out
    assert '+      "thrift": {' in shell.out
    thrift = certificate(folder).levels["mini"].thrift
    assert thrift is not None
    assert thrift.features["input_length"].weight > 0.3


def test_more_evidence_is_a_small_diff(shell: Shell, folder: Path) -> None:
    """A second calibration shows only the lines that change."""
    policy = str(folder / "colours.yaml")
    shell("calibrate", policy, "--log", written(folder, a_log(600)))
    shell("calibrate", policy, "--log", written(folder, a_log(600)))
    assert "@@" not in shell.out

    assert shell("calibrate", policy, "--log", written(folder, a_log(700))) == 0
    assert '-    "sha256": ' in shell.out and '+    "sha256": ' in shell.out
    assert "prompt" not in shell.out.partition("@@")[2]


def test_what_cannot_be_certified_leaves_the_file_as_it_is(shell: Shell, folder: Path) -> None:
    """Too little evidence never loosens nor drops what holds: exit 1, and how many labels are needed."""
    policy = str(folder / "colours.yaml")
    shell("calibrate", policy, "--log", written(folder, a_log(600)))
    before = (folder / "colours.certificate.json").read_text()

    assert shell("calibrate", policy, "--log", written(folder, a_log(15))) == 1
    assert "nothing can be certified yet: about " in shell.out
    assert "there are 15" in shell.out
    assert "colours.certificate.json stays as it is" in shell.out
    assert (folder / "colours.certificate.json").read_text() == before


def test_a_promise_that_is_not_kept_is_told(shell: Shell, folder: Path) -> None:
    """Where every reply is wrong, no number of labels is told, because none would do."""
    wrong = [each.model_copy(update={"expected": "green"}) for each in a_log(200)]

    assert shell("calibrate", str(folder / "colours.yaml"), "--log", written(folder, wrong)) == 1
    assert "nothing can be certified: at no threshold does the rate look like less than 10.00%" in shell.out
    assert not (folder / "colours.certificate.json").exists()


def test_a_dry_run_writes_nothing(shell: Shell, folder: Path) -> None:
    """The diff is shown, the file is not there."""
    log = written(folder, a_log(600))

    assert shell("calibrate", str(folder / "colours.yaml"), "--log", log, "--dry-run") == 0
    assert '+  "policy": "colours",' in shell.out
    assert not (folder / "colours.certificate.json").exists()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("Name the colour.", "Name the color.", "the prompt has changed"),
        ("[red, blue]", "[red, blue, green]", "the output's schema has changed"),
        (
            "tiers: [mini, large]",
            "tiers: [mini, large]\nchecks: [{check: length, at_most: 9}]",
            "the checks have changed",
        ),
        ("at_most: 0.1", "at_most: 0.2", "the promise is another one"),
    ],
)
def test_check_names_what_has_changed(shell: Shell, folder: Path, before: str, after: str, said: str) -> None:
    """A certificate for something else does not hold: exit 1 with what is different."""
    shell("calibrate", str(folder / "colours.yaml"), "--log", written(folder, a_log(600)))
    (folder / "colours.yaml").write_text(COLOURS.replace(before, after))

    assert shell("calibrate", str(folder / "colours.yaml"), "--check") == 1
    assert shell.out.splitlines() == ["colours: nothing is certified for this version:", f"  {said}"]


def test_check_sees_another_model(shell: Shell, folder: Path) -> None:
    """The models that answer are a part of what was certified; programs get a list."""
    shell("calibrate", str(folder / "colours.yaml"), "--log", written(folder, a_log(600)))
    tiers = folder / "tiers.yaml"
    tiers.write_text(tiers.read_text().replace("model: openai/gpt-4o-mini", "model: openai/gpt-5.4-mini"))

    told = shell.json("calibrate", str(folder / "colours.yaml"), "--check", "--json")
    assert told["holds"] is False
    (change,) = told["changes"]
    assert change.startswith("tier mini answers with openai/gpt-5.4-mini")


def test_check_without_a_certificate_says_what_to_do(shell: Shell, folder: Path) -> None:
    """Nothing was certified yet: exit 1 with the command that does."""
    policy = folder / "colours.yaml"

    assert shell("calibrate", str(policy), "--check") == 1
    assert f"there is no colours.certificate.json; run `router calibrate {policy}`" in shell.out


def test_labels_are_joined_with_the_traffic(shell: Shell, folder: Path) -> None:
    """Labels that come apart count by id; those of unknown tasks are told."""
    log = a_log(600)
    labels = [{"id": r.id, "expected": r.expected} for r in log] + [{"id": "gone", "expected": "red"}]
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
    plain = written(folder, a_log(600, labelled=False))

    words = ("calibrate", str(folder / "colours.yaml"), "--log", plain, "--labels", str(folder / "labels.jsonl"))
    assert shell(*words) == 0

    assert "1 label is of a task that is not in the traffic" in shell.out
    assert certificate(folder).evidence.labels == "review"


def test_a_log_may_come_as_labels(shell: Shell, folder: Path) -> None:
    """Recorded traffic that says itself what was right is both."""
    assert shell("calibrate", str(folder / "colours.yaml"), "--labels", written(folder, a_log(600))) == 0
    assert certificate(folder).evidence.labels == "expected"


def test_a_shadow_run_needs_no_labels(shell: Shell, folder: Path) -> None:
    """What the top tier answers to the same tasks is enough for regret and disagreement."""
    policy = promising(folder, "{kind: regret, at_most: 0.15}")

    assert shell("calibrate", policy, "--log", written(folder, a_log(400, labelled=False)), "--shadow", "large") == 0
    assert "at most 15.00% accepted although wrong where large is right" in shell.out
    assert certificate(folder).evidence.labels == "shadow"
    assert re.search(r"replies that pass its checks are the same as large's \(\d", shell.out)
    assert "are right" not in shell.out


def test_live_traffic_counts_as_it_was_drawn(shell: Shell, folder: Path) -> None:
    """Tasks that went up by themselves are thinned to the share of accepted ones that was audited, and that is told."""
    policy = promising(folder, "{kind: disagreement, at_most: 0.2}")
    log = [r.model_copy(update={"status": "succeeded", "tier": "mini"}) for r in a_log(400)]
    log[100:300] = [r.model_copy(update={"replies": {"mini": r.replies["mini"]}}) for r in log[100:300]]
    log[300:] = [r.model_copy(update={"tier": "large"}) for r in log[300:]]

    shell("calibrate", policy, "--log", written(folder, log), "--shadow", "large")

    assert "100 of 300 accepted tasks were shown to large" in shell.out
    assert "tasks that went up to large, so that all count alike" in shell.out


def live(tasks: int, *, audited: int, up: int) -> list[Recording]:
    """Labelled traffic as it comes: most was accepted at mini, of which some was audited, and some went up."""
    log = [r.model_copy(update={"status": "succeeded", "tier": "mini"}) for r in a_log(tasks)]
    log[audited : tasks - up] = [without_large(r) for r in log[audited : tasks - up]]
    return [*log[: tasks - up], *(r.model_copy(update={"tier": "large"}) for r in log[tasks - up :])]


def without_large(recording: Recording) -> Recording:
    return recording.model_copy(update={"replies": {"mini": recording.replies["mini"]}})


def test_costs_count_for_tasks_that_the_top_tier_never_saw(shell: Shell, folder: Path) -> None:
    """Where few tasks have its reply its mean counts for the others, as is told; where none has, it is unknown."""
    policy = str(folder / "colours.yaml")

    assert shell("calibrate", policy, "--log", written(folder, live(600, audited=0, up=60))) == 0
    assert "large's cost is known of 60 of 600 tasks; the others are taken at its mean" in shell.out
    loosest = next(line for line in shell.out.splitlines() if "  100.0%  " in line)
    assert loosest.endswith("  5.0%")

    told = shell.json("calibrate", policy, "--log", written(folder, [without_large(r) for r in a_log(600)]), "--json")
    assert told["costs_known"] == {"mini": 600, "large": 0}
    assert {each["cost_share"] for each in told["candidates"]} == {None}


def test_regret_by_labels_counts_live_traffic_as_it_was_drawn(shell: Shell, folder: Path) -> None:
    """Labels on all tasks do not make those that went up stand for the others: they are thinned to what was audited."""
    policy = promising(folder, "{kind: regret, at_most: 0.15}")
    told = shell.json("calibrate", policy, "--log", written(folder, live(800, audited=200, up=400)), "--json")

    shown, thinned = told["notes"]
    assert shown == "200 of 400 accepted tasks have a label and were shown to large"
    assert thinned == f"left out {600 - told['labelled']} tasks that went up to large, so that all count alike"
    assert 370 < told["labelled"] < 430
    assert told["unasked"] == 200


def test_regret_by_labels_needs_an_audit(shell: Shell, folder: Path) -> None:
    """Without one the accepted tasks are unknown however many labels there are, and what to do is told."""
    policy = promising(folder, "{kind: regret, at_most: 0.15}")

    assert shell("calibrate", policy, "--log", written(folder, live(100, audited=0, up=50))) == 2
    assert "none of 50 tasks accepted below large has a label of what was `expected` and a reply of large" in shell.err
    assert "set `audit: {rate: 0.02, against: large}`, or ask it with --ask N" in shell.err


def test_labels_of_accepted_tasks_alone_do_not_do(shell: Shell, folder: Path) -> None:
    """Regret is about all tasks: where nobody labelled one that went up, some of both are asked for."""
    policy = promising(folder, "{kind: regret, at_most: 0.15}")
    log = live(100, audited=50, up=50)
    labels = [{"id": r.id, "expected": r.expected} for r in log[:50]]
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
    plain = [Recording.model_validate_json(r.model_dump_json(exclude_unset=True, exclude={"expected"})) for r in log]

    words = ("calibrate", policy, "--log", written(folder, plain), "--labels", str(folder / "labels.jsonl"))
    assert shell(*words) == 2
    assert "none of 50 tasks that went up to large has a label" in shell.err
    assert "label some of both" in shell.err


@pytest.mark.parametrize(
    ("tasks", "shadowed", "said"),
    [
        (60, True, "tasks with a reply of large would do, there are 10; 50 more tasks lack only that reply: --ask 49"),
        (900, False, "tasks with a label and a reply of large would do, there are 10; 890 more tasks lack only that"),
        (10, True, "tasks with a reply of large would do, there are 10\n"),
    ],
)
def test_what_is_lacking_is_what_is_asked_for(
    shell: Shell, folder: Path, tasks: int, shadowed: bool, said: str
) -> None:
    """Where replies of the top tier are missing, not labels, they are counted, with the command that asks for them."""
    policy = promising(folder, "{kind: regret, at_most: 0.05}")
    log = [r if n < 10 else without_large(r) for n, r in enumerate(a_log(tasks))]

    assert shell("calibrate", policy, "--log", written(folder, log), *(["--shadow", "large"] if shadowed else [])) == 1
    assert said in shell.out


def test_programs_get_every_figure(shell: Shell, folder: Path) -> None:
    """As JSON: what was used, the candidates, the reliability, and where the certificate is."""
    told = shell.json("calibrate", str(folder / "colours.yaml"), "--log", written(folder, a_log(600)), "--json")

    assert (told["policy"], told["tasks"], told["labelled"]) == ("colours", 600, 600)
    assert told["fitted"] + told["certified_on"] == 600
    assert told["certificate"] == str(folder / "colours.certificate.json")
    assert told["threshold"] in [each["threshold"] for each in told["candidates"]]
    assert sum(each["count"] for each in told["reliability"]["mini"]) == told["certified_on"]
    kept = certificate(folder).levels["mini"].bins
    assert told["reliability"]["mini"] == [{"count": b.count, "trust": b.trust, "right": b.share} for b in kept]
    assert 0.5 < told["figures"]["mini.auroc"] <= 1


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_draws_a_picture(shell: Shell, folder: Path, suffix: str, begins: bytes) -> None:
    """Reliability and risk as a file of the kind that its name says."""
    picture = folder / f"trust.{suffix}"

    words = ("calibrate", str(folder / "colours.yaml"), "--log", written(folder, a_log(300)), "--plot", str(picture))
    assert shell(*words) == 0
    assert picture.read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("promise", "words", "said"),
    [
        ("{kind: regret, at_most: 0.1}", ["--shadow", "mini"], "the promise is held against 'large'; give that one"),
        ("{kind: accepted_error, at_most: 0.1}", ["--shadow", "large"], "accepted_error needs labels"),
        ("{kind: disagreement, at_most: 0.1}", ["--labels", "x"], "leave --labels out, or promise another kind"),
        ("{kind: accepted_error, at_most: 0.1}", ["--ask", "5"], "accepted_error needs labels alone"),
        (
            "{kind: regret, at_most: 0.1}",
            ["--ask", "5", "--dry-run"],
            "--ask spends money and --dry-run is to leave no",
        ),
        ("{kind: regret, at_most: 0.1}", ["--plot", "x.pdf"], "expected a file that ends with .png or .svg"),
        ("{kind: regret, at_most: 0.1, against: mini}", [], "there is no tier below mini"),
    ],
)
def test_what_makes_no_sense_is_wrong_use(
    shell: Shell, folder: Path, promise: str, words: list[str], said: str
) -> None:
    """Options that contradict the promise are refused with what to do instead."""
    assert shell("calibrate", promising(folder, promise), "--log", written(folder, a_log(5)), *words) == 2
    assert said in shell.err


def test_a_policy_without_a_promise_is_wrong_use(shell: Shell, folder: Path) -> None:
    """There is nothing to certify, and an example of a promise is told."""
    (folder / "colours.yaml").write_text(COLOURS.replace("promise: {kind: accepted_error, at_most: 0.1}\n", ""))

    assert shell("calibrate", str(folder / "colours.yaml")) == 2
    assert "policy colours promises nothing; say what is to be held, such as promise: {kind: regret" in shell.err


def test_a_policy_that_is_not_there_is_wrong_use(shell: Shell, folder: Path) -> None:
    """The file that was looked for is named."""
    assert shell("calibrate", str(folder / "colors.yaml")) == 2
    assert f"there is no policy file {folder / 'colors.yaml'}" in shell.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "labels.jsonl cannot be read: No such file or directory"),
        ("", "labels.jsonl holds no labels"),
        ('{"id": "t1"}', "labels.jsonl:1:1: the line: say what was `expected`, or what was `correct`"),
        ('{"id": "other", "expected": "red"}', "has no label of a task in the traffic; its ids are like 'other'"),
    ],
)
def test_labels_that_do_not_help_are_told(shell: Shell, folder: Path, text: str | None, said: str) -> None:
    """A file of labels that is missing, empty, wrong or of other tasks is a sentence, not a certificate."""
    labels = folder / "labels.jsonl"
    if text is not None:
        labels.write_text(text)

    words = ("calibrate", str(folder / "colours.yaml"), "--log", written(folder, a_log(5)), "--labels", str(labels))
    assert shell(*words) == 2
    assert said in shell.err


@pytest.mark.parametrize(
    ("promise", "hint"),
    [
        ("{kind: accepted_error, at_most: 0.1}", "give --labels FILE"),
        ("{kind: regret, at_most: 0.1}", "--shadow large"),
    ],
)
def test_traffic_without_labels_says_what_is_lacking(shell: Shell, folder: Path, promise: str, hint: str) -> None:
    """Nobody says what was right; what would help depends on the promise."""
    plain = written(folder, a_log(5, labelled=False))

    assert shell("calibrate", promising(folder, promise), "--log", plain) == 2
    assert "nobody says of any task what was right" in shell.err
    assert hint in shell.err


def test_traffic_that_was_never_audited_says_so(shell: Shell, folder: Path) -> None:
    """Accepted tasks that the top tier never saw cannot be certified by those that went up to it."""
    policy = promising(folder, "{kind: disagreement, at_most: 0.1}")
    mini = a_recording(1, status="succeeded", tier="mini", replies={"mini": {"output": "red"}})
    up = a_recording(2, status="succeeded", tier="large")

    assert shell("calibrate", policy, "--log", written(folder, [mini, up])) == 2
    assert "none of 1 task accepted below large has a reply of large" in shell.err
    assert "audit: {rate: 0.02, against: large}" in shell.err


def test_pairs_come_from_the_tasks_that_are_kept(
    shell: Shell, folder: Path, desk: CliDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a log, ended tasks and their audits are the evidence: no file, no labels."""
    monkeypatch.setenv("ROUTER_REDIS_URL", desk.settings.redis_url)
    monkeypatch.setenv("ROUTER_PREFIX", desk.settings.prefix)
    policy = _builders_receipts(folder)
    assert shell("calibrate", policy, "--shadow", "large") == 2
    assert "no ended task of receipts is kept; give recorded traffic with --log FILE" in shell.err

    _ran(desk, folder, 40, system="Read the receipt.")
    _ran(desk, folder, 5, system="Read it otherwise.")

    assert shell("calibrate", policy, "--shadow", "large") == 0
    assert "40 of 40 accepted tasks were shown to large" in shell.out
    assert "left out 5 tasks that other words or models were asked" in shell.out
    assert (
        "small: left out, because fewer than half of the tasks have its reply, or some were done without asking"
        in shell.out
    )
    made = Certificate.model_validate_json((folder / "receipts.certificate.json").read_text())
    assert made.levels["small"].threshold is None
    assert made.levels["mini"].accepted_share == 1.0


def _builders_receipts(folder: Path) -> str:
    """The receipts of the builders as files, with a promise; returns the policy's file."""
    models = {name: {"model": tier.model, "context_tokens": tier.context_tokens} for name, tier in TIERS.items()}
    price = [{"from": "2024-07-18", "input": 0.15, "output": 0.6, "source": "a test"}]
    (folder / "tiers.yaml").write_text(json.dumps({"tiers": models}))
    (folder / "prices.yaml").write_text(json.dumps({"prices": {tier.model: price for tier in TIERS.values()}}))
    (folder / "receipt.json").write_text(json.dumps(a_policy().output.json_schema))
    (folder / "receipts.yaml").write_text(RECEIPTS)
    return str(folder / "receipts.yaml")


def _ran(desk: CliDesk, folder: Path, tasks: int, *, system: str) -> None:
    """Tasks that mini did when it was asked so, each audited by large."""
    book = read_book(folder, folder / "tiers.yaml", today=date.today(), files=[folder / "receipts.yaml"])
    settings = book.policies["receipts"].model_dump(by_alias=True, exclude={"promise", "certificate"})
    settings["prompt"] = settings["prompt"] | {"system": system}
    audited = Policy.model_validate(settings | {"audit": {"rate": 1.0, "against": "large"}})
    desk.publish(audited)

    async def work(store: RedisStore) -> None:
        llm = FunctionLLM(lambda call: GOOD)
        engine = Engine(World(tiers=TIERS, prices=PRICES, llm=llm, store=store, clock_ms=store.now_ms))
        await store.submit([a_submission(f"{audited.digest}-{n}", policy=audited.digest) for n in range(tasks)])
        for turn in range(2 * tasks):
            for claim in await store.claim(dict.fromkeys(TIERS, 100), at_most=100, token=f"turn-{turn}"):
                await engine.carry(claim)

    desk.run(work)


def test_workers_are_asked_where_nobody_has(
    shell: Shell, folder: Path, desk: CliDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --ask, workers show so many tasks of a log to the top tier, and what it answers is the evidence."""
    monkeypatch.setenv("ROUTER_REDIS_URL", desk.settings.redis_url)
    monkeypatch.setenv("ROUTER_PREFIX", desk.settings.prefix)
    policy = _builders_receipts(folder)
    replies = {"mini": {"output": {"merchant": "ACME", "total": 12.5}, "cost_usd": "0.0001"}}
    log = written(folder, [a_recording(n, expected=..., replies=replies, input={"text": f"{n}"}) for n in range(40)])
    words = ("calibrate", policy, "--log", log, "--shadow", "large")

    assert shell(*words) == 2
    assert "no task has a reply of large; ask it with --shadow large --ask N" in shell.err
    assert shell(*words, "--ask", "30") == 2
    assert "run `router policy publish` first" in shell.err
    assert shell("policy", "publish", policy) == 0
    with at_work(desk, *[GOOD] * 30):
        assert shell(*words, "--ask", "30") == 0
    assert "30 tasks, 30 of them known" in shell.out
    assert re.match(r"30 tasks asked of large, \$0\.\d{6}, booked as audits\n", shell.err)


def test_labelled_tasks_are_asked_about_too(
    shell: Shell, folder: Path, desk: CliDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For regret by labels, workers show labelled tasks alone to the top tier; programs get what came of it."""
    monkeypatch.setenv("ROUTER_REDIS_URL", desk.settings.redis_url)
    monkeypatch.setenv("ROUTER_PREFIX", desk.settings.prefix)
    policy = _builders_receipts(folder)
    Path(policy).write_text(RECEIPTS.replace("disagreement", "regret"))
    output = {"merchant": "ACME", "total": 12.5}
    replies = {"mini": {"output": output, "cost_usd": "0.0001"}}
    known = [a_recording(n, input={"text": f"{n}"}, expected=output, replies=replies) for n in range(40)]
    others = [a_recording(n, input={"text": f"{n}"}, expected=..., replies=replies) for n in range(40, 80)]
    assert shell("policy", "publish", policy) == 0

    with at_work(desk, *[GOOD] * 40):
        told = shell.json("calibrate", policy, "--log", written(folder, [*others, *known]), "--ask", "90", "--json")

    assert told["asked"] | {"cost_usd": None} == {
        "tier": "large",
        "tasks": 40,
        "asked_before": 0,
        "cost_usd": None,
        "answered": 40,
        "refused": 0,
        "late": 0,
    }
    assert (told["labels"], told["labelled"], told["unasked"]) == ("expected", 40, 0)
    assert told["certificate"] is not None


def test_a_refusal_is_told_with_its_reason(
    shell: Shell, folder: Path, desk: CliDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the budget of audits is spent, that is what is said, and not to ask again."""
    monkeypatch.setenv("ROUTER_REDIS_URL", desk.settings.redis_url)
    monkeypatch.setenv("ROUTER_PREFIX", desk.settings.prefix)
    policy = _builders_receipts(folder)
    replies = {"mini": {"output": {"merchant": "ACME", "total": 12.5}, "cost_usd": "0.0001"}}
    log = written(folder, [a_recording(n, expected=..., replies=replies, input={"text": f"{n}"}) for n in range(5)])
    assert shell("policy", "publish", policy) == 0
    desk.run(lambda store: store.publish_budgets([Budget(scope="audit:receipts", usd=Decimal("0.000001"), per="day")]))

    with at_work(desk):
        assert shell("calibrate", policy, "--log", log, "--shadow", "large", "--ask", "3") == 2

    asked, why = shell.err.splitlines()
    assert asked.startswith("3 tasks asked of large, $0.000000, booked as audits; 3 refused: no room in the budget of")
    assert why == "router: no task has a reply of large, although it was asked: see above why"


def test_a_threshold_that_is_nearly_nothing_has_no_sign() -> None:
    """Rounded to nothing it is nothing, above or below."""
    candidate = Candidate(threshold=-0.00001, accepted_share=1.0, losses=0, of=9, bound=0.2, cost_share=None)
    outcome = Outcome(None, (candidate,), candidate, {}, {}, 9, 9, 0, 9, None, (), {})
    policy = a_policy(promise={"kind": "regret", "at_most": 0.3})

    said = "\n".join(lines(policy, Evidence((), "expected", ()), outcome))

    assert re.search(r"->\s+0\.0000", said)
    assert "replies from trust 0.0000 on" in said
