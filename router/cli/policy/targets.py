"""What `lint` is to look at: policies of a folder, or single files of another kind with their folder around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ...io.folder import NOT_POLICIES, policy_files
from ...settings import Settings
from .shelf import Shelf, shelves

_CASES = "tests"


@dataclass(frozen=True, slots=True)
class Target:
    """A shelf to look at; only what is wrong in the files *only* is told, where such are given."""

    shelf: Shelf
    only: frozenset[Path] = frozenset()


def targets(paths: Sequence[Path], settings: Settings) -> list[Target]:
    """What is meant by some paths. Raises: click.UsageError."""
    others = [path for path in paths if _is_other(path, settings)]
    policies = [path for path in paths if path not in others]
    plain = [Target(shelf) for shelf in shelves(policies, settings)] if policies or not others else []
    return plain + [_around(path, settings) for path in others]


def policies_of(paths: Sequence[Path]) -> tuple[Path, ...]:
    """What is to be played: a file of cases means its policy, their folder all policies. Raises: click.UsageError."""
    return tuple(map(_policy_of, paths))


def _policy_of(path: Path) -> Path:
    if not _holds_cases(path):
        return path
    meant = path.parent if path.is_dir() else path.parent.parent / path.name
    if not meant.exists():
        raise click.UsageError(f"there is no policy file {meant} that the cases of {path} could be for")
    return meant


def _holds_cases(path: Path) -> bool:
    if path.is_dir():
        return path.name == _CASES and not (path / "tiers.yaml").exists()
    return path.parent.name == _CASES and not (path.parent / "tiers.yaml").exists()


def _is_other(path: Path, settings: Settings) -> bool:
    return _holds_cases(path) or path.name in NOT_POLICIES or path == settings.tiers


def _around(path: Path, settings: Settings) -> Target:
    """The whole folder that a file of tiers, prices, budgets or cases belongs to."""
    if path.is_dir():
        folder, only = path.parent, frozenset(path.glob("*.yaml"))
    elif _holds_cases(path):
        folder, only = path.parent.parent, frozenset((path, path.parent.parent / path.name))
    else:
        folder, only = settings.policies if path == settings.tiers else path.parent, frozenset((path,))
    tiers = path if path.name.startswith("tiers") or path == settings.tiers else settings.tiers
    return Target(Shelf(folder, tiers or folder / "tiers.yaml", tuple(policy_files(folder)), whole=True), only)
