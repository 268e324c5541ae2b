"""Read a folder of policies, with its tiers and prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ..cost import PriceBook
from ..errors import PolicyInvalid
from ..policy import Policy
from ..policyfile import parse_policy, parse_prices, parse_tiers, unpriced
from ..problem import Place, Problem, closest
from ..tier import Tier

NOT_POLICIES = frozenset({"tiers.yaml", "prices.yaml", "budgets.yaml", "tiers.local.yaml"})


@dataclass(frozen=True, slots=True)
class Book:
    """Everything a worker goes by: policies by name, tiers by name, prices."""

    policies: Mapping[str, Policy]
    tiers: Mapping[str, Tier]
    prices: PriceBook


def policy_files(folder: Path) -> list[Path]:
    """The policies of a folder: its YAML files but for those that hold something else."""
    return sorted(p for p in folder.glob("*.yaml") if p.name not in NOT_POLICIES)


def read_policy(path: Path) -> Policy:
    """Raises: PolicyInvalid."""
    return parse_policy(_read(path), str(path), lambda name: Path(name).read_text(encoding="utf-8"))


def read_tiers(path: Path) -> dict[str, Tier]:
    """Raises: PolicyInvalid."""
    return parse_tiers(_read(path), str(path))


def read_prices(path: Path) -> PriceBook:
    """Raises: PolicyInvalid."""
    return parse_prices(_read(path), str(path))


def read_book(folder: Path, tiers_file: Path, *, today: date) -> Book:
    """Read all of it. Raises: PolicyInvalid, with the mistakes of every file."""
    problems: list[object] = []
    policies: dict[str, Policy] = {}
    for path in policy_files(folder):
        try:
            policy = read_policy(path)
        except PolicyInvalid as why:
            problems += why.problems
            continue
        if policy.policy in policies:
            problems.append(_at_top(path, f"policy {policy.policy!r} is defined twice; rename one"))
        policies[policy.policy] = policy
    tiers: dict[str, Tier] = {}
    prices = PriceBook(prices={})
    try:
        tiers, prices = read_tiers(tiers_file), read_prices(folder / "prices.yaml")
    except PolicyInvalid as why:
        problems += why.problems
    problems += [_at_top(tiers_file, said) for said in unpriced(tiers, prices, today)] if prices.prices else []
    problems += _unknown_tiers(folder, policies, tiers) if tiers else []
    if problems:
        raise PolicyInvalid(problems)
    return Book(policies, tiers, prices)


def _unknown_tiers(folder: Path, policies: Mapping[str, Policy], tiers: Mapping[str, Tier]) -> list[Problem]:
    found = []
    for policy in policies.values():
        for name in sorted(policy.tier_names - set(tiers)):
            near = closest(name, tiers)
            said = f"policy {policy.policy}: the tiers file has no tier {name!r}" + (f"; did you mean {near!r}?" if near else "")
            found.append(_at_top(folder / f"{policy.policy}.yaml", said))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as why:
        raise PolicyInvalid([_at_top(path, f"cannot be read: {why.strerror}")]) from None
    except UnicodeDecodeError:
        raise PolicyInvalid([_at_top(path, "is not UTF-8 text")]) from None


def _at_top(path: Path, message: str) -> Problem:
    return Problem(str(path), Place(1, 1), message)
