"""A folder of policies with what lies beside them."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from router.errors import PolicyInvalid
from router.io.folder import located, namesake, read_book, read_budgets_for, read_policy, survey
from router.problem import Code, Mistake, Problem
from tests.gang import POLICIES

TODAY = date(2026, 11, 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(POLICIES, tmp_path / "policies"))


def test_budgets_stand_beside_the_policies(folder: Path) -> None:
    """Without such a file nothing is said about budgets; an empty one says that there are none."""
    assert read_book(folder, folder / "tiers.yaml", today=TODAY).budgets is None

    (folder / "budgets.yaml").write_text("budgets:\n  - {scope: global, usd: 0.5, per: day}\n")
    (budget,) = read_book(folder, folder / "tiers.yaml", today=TODAY).budgets or ()
    assert (budget.scope, budget.usd, budget.on_exceeded) == ("global", Decimal("0.5"), "refuse")

    (folder / "budgets.yaml").write_text("budgets: []\n")
    assert read_book(folder, folder / "tiers.yaml", today=TODAY).budgets == ()


def test_a_budget_of_nobody_is_told(folder: Path) -> None:
    """A misspelt name would limit nothing, so it is a mistake with a suggestion, beside every other one."""
    (folder / "budgets.yaml").write_text(
        "budgets:\n"
        "  - {scope: policy:receipt, usd: 1, per: day}\n"
        "  - {scope: tier:minni, usd: 1, per: day}\n"
        "  - {scope: tenant:whoever, usd: 1, per: day}\n"
    )

    with pytest.raises(PolicyInvalid) as invalid:
        read_book(folder, folder / "tiers.yaml", today=TODAY)

    told = [line for line in str(invalid.value).splitlines() if "budgets.yaml" in line]
    assert [line.partition("budgets.yaml:")[2] for line in told] == [
        "2:6: there is no policy 'receipt'; did you mean 'receipts'?",
        "3:6: there is no tier 'minni'; did you mean 'mini'?",
    ]


def test_a_file_of_budgets_is_held_against_a_folder(folder: Path, tmp_path: Path) -> None:
    """Policies go by their names and their files' names, broken ones too; without tiers those are not looked at."""
    (folder / "receipts.yaml").rename(folder / "bills.yaml")
    (folder / "intents.yaml").write_text("policy: 5\n")
    file = tmp_path / "limits.yaml"
    names = ("policy:receipts", "policy:bills", "policy:intents", "tier:mini", "tier:*", "global")
    file.write_text("budgets:\n" + "".join(f'  - {{scope: "{name}", usd: 1, per: day}}\n' for name in names))
    assert [budget.scope for budget in read_budgets_for(folder, folder / "tiers.yaml", file)] == list(names)

    file.write_text("budgets:\n  - {scope: tier:minni, usd: 1, per: day}\n")
    assert len(read_budgets_for(folder, folder / "none.yaml", file)) == 1
    with pytest.raises(PolicyInvalid, match="did you mean 'mini'"):
        read_budgets_for(folder, folder / "tiers.yaml", file)


def test_a_broken_file_of_budgets_hides_nothing_else(folder: Path) -> None:
    """The mistakes of all files are told at once."""
    (folder / "budgets.yaml").write_text("budgets:\n  - {scope: global, usd: -1, per: day}\n")
    (folder / "prices.yaml").write_text("prices: 5\n")

    with pytest.raises(PolicyInvalid) as invalid:
        read_book(folder, folder / "tiers.yaml", today=TODAY)

    assert "budgets.yaml:2:21: budgets.0.usd" in str(invalid.value)
    assert "prices.yaml:1:1" in str(invalid.value)


def test_a_survey_keeps_what_could_be_read(folder: Path) -> None:
    """One broken file of each kind takes nothing of the others away, and is told."""
    (folder / "receipts.yaml").write_text("policy: 5\n")
    (folder / "prices.yaml").write_text("prices: 5\n")
    (folder / "copy.yaml").write_text((folder / "intents.yaml").read_text("utf-8"))

    found = survey(folder, folder / "tiers.yaml", today=TODAY)

    assert {path.stem for path in found.policies} >= {"intents", "contacts", "copy"}
    assert "receipts" not in {path.stem for path in found.policies}
    assert list(found.tiers) == ["mini", "small", "large", "frontier"]
    assert found.prices.prices == {}
    said = [str(problem).splitlines()[0] for problem in found.problems]
    told = [one.rpartition("/")[2] for one in said]
    twice = f"policy 'intents' is in {folder / 'intents.yaml'} too; give one of them another name"
    assert f"{folder / 'copy.yaml'}:2:1: {twice}" in said
    assert any(one.startswith("prices.yaml:1:1: prices") for one in told)


def test_a_misspelt_tier_is_told_once(folder: Path) -> None:
    """At the path that misspells it: checks that name the tier rightly are right."""
    policy = folder / "moderation.yaml"
    policy.write_text(policy.read_text("utf-8").replace("  - small\n", "  - smoll\n"))

    found = survey(folder, folder / "tiers.yaml", today=TODAY, files=[policy])

    told = [problem for problem in found.problems if isinstance(problem, Problem)]
    assert {problem.code for problem in told} == {Code.UNKNOWN_TIER}
    assert [(problem.suggestion, "'smoll'" in problem.message) for problem in told] == [("small", True)]


def test_a_misspelt_tier_is_nobodys_suggestion(folder: Path) -> None:
    """A check that names no tier is not told to misspell it as the path of its policy does."""
    policy = folder / "moderation.yaml"
    misspelt = policy.read_text("utf-8").replace("  - small\n", "  - smoll\n").replace("[mini, small]", "[mini, smal]")
    policy.write_text(misspelt)

    found = survey(folder, folder / "tiers.yaml", today=TODAY, files=[policy])

    told = [problem for problem in found.problems if isinstance(problem, Problem)]
    assert {problem.code for problem in told} == {Code.UNKNOWN_TIER}
    assert [one.suggestion for one in told if one.message == "smal is no tier of this policy"] == [None, None]


def test_a_namesake_is_the_file_that_is_called_like_the_policy(folder: Path) -> None:
    """A copy under another name is still the old policy; a file of its own name has none beside it."""
    intents = (folder / "intents.yaml").read_text("utf-8")
    copy, other = folder / "copy.yaml", folder / "other.yaml"
    copy.write_text(intents)
    other.write_text(intents.replace("policy: intents", "policy: others"))

    assert namesake(copy, read_policy(copy)) == folder / "intents.yaml"
    assert namesake(folder / "intents.yaml", read_policy(folder / "intents.yaml")) is None
    assert namesake(other, read_policy(other)) is None


def test_a_mistake_is_located_in_its_file(folder: Path) -> None:
    """What was found in the data of a file is told at its place there."""
    (problem,) = located(folder / "tiers.yaml", [Mistake(("tiers", "mini", "model"), "wrong", Code.PARAMETER)])

    line = (folder / "tiers.yaml").read_text("utf-8").splitlines()[problem.place.line - 1]
    assert line == "    model: openai/gpt-4o-mini"
    assert (problem.place.column, problem.message, problem.code) == (5, "wrong", Code.PARAMETER)


@pytest.mark.parametrize("name", ['"\\0"', "nowhere.json", "/", '"x"'])
def test_a_file_that_cannot_be_is_told(folder: Path, name: str) -> None:
    """Whatever a policy names as a file, it is read or told as one that cannot be."""
    path = folder / "receipts.yaml"
    path.write_text(path.read_text("utf-8").replace("schemas/receipts.json", name))

    found = survey(folder, folder / "tiers.yaml", today=TODAY, files=[path])

    assert Code.UNREADABLE_FILE in {problem.code for problem in found.problems if isinstance(problem, Problem)}
