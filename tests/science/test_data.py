"""Public data as recorded traffic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router.calibration.labels import Label, parse_labels
from router.calibration.sample import sampled
from router.recorded.recording import Recording, parse_recordings
from tests.science.__main__ import main
from tests.science.data import DATA, SOURCES, UNASKED

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"there is no {DATA}")

RIGHT = {"triviaqa": (0.902, 0.960), "mmlu": (0.747, 0.829), "bfcl": (0.827, 0.858), "routellm": (0.638, 0.857)}
"""Shares of right replies of the small and the large model, as their sources say."""
LINES = {"ner": 400, "sroie": 298, "clinc150": 3100}


@pytest.mark.parametrize("task", SOURCES)
def test_every_line_is_a_recording(task: str) -> None:
    """What is converted is what `--log` reads, line by line, with an id of its own."""
    read = list(parse_recordings(SOURCES[task].lines(), task))

    assert all(isinstance(each, Recording) for each in read)
    assert (
        len({each.id for each in read if isinstance(each, Recording)})
        == len(read)
        == sum(1 for _ in SOURCES[task].rows())
    )
    assert len(read) >= LINES.get(task, 300)


@pytest.mark.parametrize("task", RIGHT)
def test_grades_are_those_of_the_source(task: str) -> None:
    """Nothing is graded anew: the shares of right replies are the known ones."""
    recordings = SOURCES[task].recordings()
    shares = [sum(bool(r.replies[tier][0].correct) for r in recordings) / len(recordings) for tier in ("mini", "large")]

    assert shares == pytest.approx(RIGHT[task], abs=0.001)


def test_replies_are_judged_by_the_policy_of_their_task() -> None:
    """Function calls pass their schema, some are warned of by rules, and the second sample agrees with most."""
    policy = SOURCES["bfcl"].bound(promise={"kind": "accepted_error", "at_most": 0.1})
    seen = [sampled(policy, r, shadow=False).seen["mini"] for r in SOURCES["bfcl"].recordings()]

    assert all(each.passed for each in seen)
    assert sum(each.signals["agreement"] == 1.0 for each in seen) / len(seen) == pytest.approx(0.76, abs=0.03)
    assert 0.05 < sum(each.signals["rules"] > 0 for each in seen) / len(seen) < 0.3
    assert all(each.cost_nusd for each in seen)


def test_every_file_of_the_data_can_be_converted() -> None:
    """None of the data lies there for nothing."""
    files = {each["file"] for each in json.loads((DATA / "MANIFEST.json").read_text(encoding="utf-8"))}

    assert {source.file for source in SOURCES.values()} == files


def test_entities_are_judged_by_what_is_right_and_by_a_second_sample() -> None:
    """Of each text one reply stands against the other of the same model; a framework that had none failed."""
    source = SOURCES["ner"]
    policy = source.bound(promise={"kind": "accepted_error", "at_most": 0.1})
    recordings = source.recordings()
    replies = [each.replies["mini"][0] for each in recordings]
    right = [each.correct(reply, policy.output) for each, reply in zip(recordings, replies, strict=True)]
    seen = [sampled(policy, each, shadow=False).seen["mini"].signals.get("agreement") for each in recordings]
    agreed = [each for each, agreement in zip(right, seen, strict=True) if agreement == 1.0]

    assert {each.metadata["framework"] for each in recordings} >= {"VanillaOpenAIFramework", "MarvinFramework"}
    assert sum(reply.failure is not None for reply in replies) == 1
    assert right.count(True) / len(right) == pytest.approx(0.205, abs=0.005)
    assert agreed.count(True) / len(agreed) == pytest.approx(0.32, abs=0.01)


@pytest.mark.parametrize("task", UNASKED)
def test_labelled_inputs_become_tasks_and_their_labels(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody answered is submitted first; the ids that come of it make the file of labels, in their order."""
    assert main(["convert", task, "--inputs"]) == 0
    inputs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (tmp_path / "ids").write_text("t1\nt2\n")
    assert main(["convert", task, "--labels", str(tmp_path / "ids")]) == 0
    labels = list(parse_labels(capsys.readouterr().out.splitlines(), "labels"))
    recordings = SOURCES[task].recordings()

    assert inputs == [each.input for each in recordings]
    assert labels == [Label(id=f"t{n}", expected=recordings[n - 1].expected) for n in (1, 2)]


def test_labels_of_what_was_answered_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log with grades needs none."""
    (tmp_path / "ids").write_text("t1\n")

    assert main(["convert", "bfcl", "--labels", str(tmp_path / "ids")]) == 2
    assert "there are labels of clinc150, sroie" in capsys.readouterr().err


def test_more_ids_than_inputs_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are ids of something else, and every label would be wrong."""
    (tmp_path / "ids").write_text("t\n" * 299)

    assert main(["convert", "sroie", "--labels", str(tmp_path / "ids")]) == 2
    assert "299 ids, but sroie has 298 inputs" in capsys.readouterr().err
