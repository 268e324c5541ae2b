"""A folder of policies with what lies beside them."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from router.errors import PolicyInvalid
from router.io.folder import read_book, read_budgets_for
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
