"""The policies that a command is about: some of one folder, with the tiers and prices that they go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import click

from ...io.folder import NOT_POLICIES, Book, policy_files, read_book
from ...settings import Settings

PATHS = click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))


@dataclass(frozen=True, slots=True)
class Shelf:
    """Some policies of one folder, with the tiers and prices that they go by, and its budgets if it is *whole*."""

    folder: Path
    tiers_file: Path
    files: tuple[Path, ...]
    whole: bool

    def book(self) -> Book:
        """Raises: PolicyInvalid."""
        return read_book(self.folder, self.tiers_file, today=today(), files=self.files, budgets=self.whole)


def shelves(paths: Sequence[Path], settings: Settings) -> list[Shelf]:
    """What is meant by some paths, folder by folder. Raises: click.UsageError."""
    files: dict[Path, list[Path]] = {}
    whole: set[Path] = set()
    if not paths and not settings.policies.is_dir():
        raise click.UsageError(f"there is no folder {settings.policies}; give a PATH, or set ROUTER_POLICIES")
    for path in paths or (settings.policies,):
        if path.is_dir():
            whole.add(path)
            files.setdefault(path, []).extend(policy_files(path))
        elif path.name in NOT_POLICIES or path == settings.tiers:
            raise click.UsageError(f"{path} holds no policy; give a policy's file, or a folder of policies")
        else:
            files.setdefault(path.parent, []).append(path)
    for folder, found in files.items():
        if not found:
            raise click.UsageError(f"{folder} holds no policies; give a folder of policies, or a policy's file")
    return [
        Shelf(folder, settings.tiers or folder / "tiers.yaml", tuple(dict.fromkeys(found)), folder in whole)
        for folder, found in files.items()
    ]


def today() -> date:
    return datetime.now(UTC).date()
