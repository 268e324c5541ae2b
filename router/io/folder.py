"""Read a folder of policies, with its tiers and prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

from ..budget import Budget
from ..cases.case import Suite, parse_cases
from ..cost import PriceBook
from ..errors import PolicyInvalid
from ..jsontext import Path as Where
from ..policy import Policy
from ..policyfile.parse import parse_budgets, parse_policy, parse_prices, parse_tiers, unpriced
from ..policyfile.yamlfile import read_yaml
from ..problem import Code, Mistake, Place, Problem, closest
from ..tier import Tier
from ..values import Json

T = TypeVar("T")

NOT_POLICIES = frozenset({"tiers.yaml", "prices.yaml", "budgets.yaml", "tiers.local.yaml"})


@dataclass(frozen=True, slots=True)
class Book:
    """Everything a worker goes by: policies by name, tiers by name, prices; budgets, None where no file says any."""

    policies: Mapping[str, Policy]
    tiers: Mapping[str, Tier]
    prices: PriceBook
    budgets: tuple[Budget, ...] | None = None


def policy_files(folder: Path) -> list[Path]:
    """The policies of a folder: its YAML files but for those that hold something else."""
    return sorted(p for p in folder.glob("*.yaml") if p.name not in NOT_POLICIES)


def read_policy(path: Path) -> Policy:
    """Raises: PolicyInvalid."""
    return parse_policy(_read(path), str(path), _named)


def _named(name: str) -> str:
    """The text of a file that a policy names. Raises: OSError, UnicodeError."""
    if "\0" in name:
        raise FileNotFoundError(name)
    return Path(name).read_text(encoding="utf-8")


def cases_file(policy_file: Path) -> Path:
    """Where the cases of a policy stand."""
    return policy_file.parent / "tests" / policy_file.name


def read_cases(policy_file: Path, policy: Policy) -> Suite | None:
    """The cases beside a policy; None where it has none. Raises: PolicyInvalid."""
    path = cases_file(policy_file)
    return parse_cases(_read(path), str(path), policy) if path.exists() else None


def read_tiers(path: Path) -> dict[str, Tier]:
    """Raises: PolicyInvalid."""
    return parse_tiers(_read(path), str(path))


def read_prices(path: Path) -> PriceBook:
    """Raises: PolicyInvalid."""
    return parse_prices(_read(path), str(path))


def budgets_file(folder: Path) -> Path:
    return folder / "budgets.yaml"


def prices_file(folder: Path) -> Path:
    return folder / "prices.yaml"


def read_budgets_for(folder: Path, tiers_file: Path, file: Path) -> tuple[Budget, ...]:
    """The budgets of a *file*; every policy and tier that they name must be there. Raises: PolicyInvalid."""
    tiers = read_tiers(tiers_file) if tiers_file.exists() else {}
    budgets, problems = _known_budgets(file, tiers, {*_policy_names(folder)})
    if budgets is None or problems:
        raise PolicyInvalid(problems)
    return budgets


def _policy_names(folder: Path) -> Iterator[str]:
    """The names of a folder's policies, and of their files, whose policies may be broken."""
    for path in policy_files(folder):
        yield path.stem
        with suppress(PolicyInvalid):
            yield read_policy(path).policy


@dataclass(frozen=True, slots=True)
class Survey:
    """
    What of a folder could be read, and everything that is wrong with the rest: one broken file hides no other.

    `policies` are by their files, and not yet bound to their tiers.
    """

    policies: Mapping[Path, Policy]
    tiers: Mapping[str, Tier]
    prices: PriceBook
    budgets: tuple[Budget, ...] | None
    problems: Sequence[object]


def survey(
    folder: Path, tiers_file: Path, *, today: date, files: Sequence[Path] | None = None, budgets: bool = True
) -> Survey:
    """Read all of a folder, or of its policies *files* alone, with or without its *budgets*."""
    problems: list[object] = []
    paths = policy_files(folder) if files is None else files
    of_tiers: list[object] = []
    tiers = _tried(partial(read_tiers, tiers_file), of_tiers) or {}
    read = ((path, _tried(partial(read_policy, path), problems)) for path in paths)
    policies = {path: policy for path, policy in read if policy is not None}
    problems = [*_without_misspelt(problems, tiers), *_named_twice(policies), *of_tiers]
    prices = _tried(partial(read_prices, prices_file(folder)), problems)
    limits: tuple[Budget, ...] | None = None
    if budgets:
        names = {*(policy.policy for policy in policies.values()), *(path.stem for path in policy_files(folder))}
        limits, found = _budgets_of(folder, tiers, names)
        problems += found
    if prices is not None:
        problems += located(tiers_file, unpriced(tiers, prices, today))
    for path in paths if tiers else ():
        problems += _unknown_tiers(path, tiers)
    return Survey(policies, tiers, prices or PriceBook(prices={}), limits, problems)


def read_book(
    folder: Path, tiers_file: Path, *, today: date, files: Sequence[Path] | None = None, budgets: bool = True
) -> Book:
    """
    Read all of it, or of its policies *files* alone, with or without its *budgets*.

    Raises: PolicyInvalid, with the mistakes of every file.
    """
    found = survey(folder, tiers_file, today=today, files=files, budgets=budgets)
    if found.problems:
        raise PolicyInvalid(found.problems)
    policies = {policy.policy: policy.bound_to(found.tiers) for policy in found.policies.values()}
    return Book(policies, found.tiers, found.prices, found.budgets)


def _tried(read: Callable[[], T], problems: list[object]) -> T | None:
    """What could be read, or None and its problems told."""
    try:
        return read()
    except PolicyInvalid as why:
        problems += why.problems
        return None


def _named_twice(policies: Mapping[Path, Policy]) -> Iterator[Problem]:
    """Told at the file that is not called like its policy."""
    owners: dict[str, Path] = {}
    for path in sorted(policies, key=lambda path: path.stem != policies[path].policy):
        name = policies[path].policy
        if name in owners:
            said = f"policy {name!r} is in {owners[name]} too; give one of them another name"
            yield from located(path, [Mistake(("policy",), said, Code.WRONG_VALUE)])
        owners.setdefault(name, path)


def namesake(path: Path, policy: Policy) -> Path | None:
    """The file beside a policy's that is called like it, and says that it is this policy, too."""
    other = path.with_name(f"{policy.policy}{path.suffix}")
    if other == path or not other.is_file():
        return None
    with suppress(PolicyInvalid):
        data = read_yaml(_read(other), str(other)).data
        return other if isinstance(data, dict) and data.get("policy") == policy.policy else None
    return None


def located(path: Path, mistakes: Sequence[Mistake]) -> list[Problem]:
    """*mistakes* of a YAML file that was read before, at their places in it."""
    if not mistakes:
        return []
    document = read_yaml(_read(path), str(path))
    return [document.mistake(m) for m in mistakes]


def _budgets_of(
    folder: Path, tiers: Mapping[str, Tier], policies: Set[str]
) -> tuple[tuple[Budget, ...] | None, list[object]]:
    path = budgets_file(folder)
    return _known_budgets(path, tiers, policies) if path.exists() else (None, [])


def _known_budgets(
    path: Path, tiers: Mapping[str, Tier], policies: Set[str]
) -> tuple[tuple[Budget, ...] | None, list[object]]:
    """The budgets of a file, and what is wrong with them: a name that is misspelt would limit nothing."""
    try:
        text = _read(path)  # once: it may be a pipe
        budgets = parse_budgets(text, str(path))
    except PolicyInvalid as why:
        return None, list(why.problems)
    known = {"tier": tiers.keys(), "policy": policies, "audit": policies}
    problems: list[object] = []
    document = read_yaml(text, str(path))
    for index, budget in enumerate(budgets):
        kind, _, name = budget.scope.partition(":")
        if kind in known and known[kind] and name != "*" and name not in known[kind]:
            near = closest(name, known[kind])
            said = f"there is no {kind} {name!r}"
            problems.append(document.problem(("budgets", index, "scope"), said, suggestion=near))
    return budgets, problems


def _unknown_tiers(path: Path, tiers: Mapping[str, Tier]) -> list[Problem]:
    """The tiers that a policy's file names and the tiers file has not, whatever else is wrong with the policy."""
    try:
        document = read_yaml(_read(path), str(path))
    except PolicyInvalid:
        return []
    known = ", ".join(tiers)
    return [
        document.problem(
            where,
            f"the tiers file has no tier {name!r}, it has {known}",
            suggestion=closest(name, tiers),
            code=Code.UNKNOWN_TIER,
        )
        for where, name in _tiers_named(document.data)
        if name not in tiers
    ]


def _without_misspelt(problems: Sequence[object], tiers: Mapping[str, Tier]) -> Iterator[object]:
    """A policy's own misspelt tier is no tier that anybody means; who names the one that was meant is right."""
    for problem in problems:
        if (
            not isinstance(problem, Problem)
            or problem.code is not Code.UNKNOWN_TIER
            or not tiers
            or problem.suggestion in tiers
        ):
            yield problem
        elif not _is_meant(problem, tiers):
            yield replace(problem, suggestion=None)


def _is_meant(problem: Problem, tiers: Mapping[str, Tier]) -> bool:
    """Whether the tier that a policy is said to lack is the one that it misspells, which is told at its rung."""
    meant = closest(problem.suggestion or "", tiers)
    return meant is not None and problem.message.startswith(f"{meant} is no tier")


def _tiers_named(data: Json) -> Iterator[tuple[Where, str]]:
    """Where a policy's data names tiers: its rungs, the judges among its checks, and who audits."""
    audit = data.get("audit") if isinstance(data, dict) else None
    if isinstance(audit, dict) and isinstance(audit.get("against"), str):
        yield ("audit", "against"), audit["against"]
    for section in ("tiers", "checks"):
        entries = data.get(section) if isinstance(data, dict) else None
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and isinstance(entry.get("tier"), str):
                yield (section, number, "tier"), entry["tier"]
            elif section == "tiers" and isinstance(entry, str):
                yield (section, number), entry


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as why:
        raise PolicyInvalid([_at_top(path, f"cannot be read: {why.strerror}", Code.UNREADABLE_FILE)]) from None
    except UnicodeDecodeError:
        raise PolicyInvalid([_at_top(path, "is not UTF-8 text", Code.UNREADABLE_FILE)]) from None


def _at_top(path: Path, message: str, code: Code = Code.WRONG_VALUE) -> Problem:
    return Problem(str(path), Place(1, 1), message, code=code)
