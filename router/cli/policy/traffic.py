"""Recorded traffic for commands: the options that name it, and reading it with a word about what is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from ...errors import ExtraMissing, LogInvalid
from ...io.log_file import STANDARD_INPUT, read_log
from ...policy import Policy
from ...recorded.recording import Recording
from ...recorded.replayed import Missing
from ...recorded.traffic import newest, of_policies, renamed, tiers_of
from ..printing import count

F = TypeVar("F", bound=Callable[..., Any])


def reading_options(command: F) -> F:
    """How to read a log, handed on as `skip_bad` and `tier_map`."""
    for option in (
        click.option("--skip-bad", is_flag=True, help="Leave out lines that are no recordings."),
        click.option(
            "--tier-map",
            multiple=True,
            metavar="NAME=TIER",
            help="What the log calls a tier of the policy, such as gpt-4o-mini=mini; may be repeated.",
        ),
    ):
        command = option(command)
    return command


def read_traffic(
    file: str, policies: Sequence[Policy], *, skip_bad: bool, tier_map: Sequence[str]
) -> tuple[Recording, ...]:
    """The tasks of a log that are about these policies. Raises: LogInvalid, click.UsageError."""
    log = read_log(file, skip_bad=skip_bad)
    if log.skipped:
        lines = len({problem.place.line for problem in log.skipped})
        what = "is no recording" if lines == 1 else "are no recordings"
        click.echo(f"left out {count(lines, 'line')} of {file} that {what}", err=True)
    names = {policy.policy for policy in policies}
    told = of_policies(log.recordings, names)
    mine = renamed(told, _names(tier_map, said_file(file), tiers_of(told)))
    if len(mine) < len(log.recordings):
        others = len(log.recordings) - len(mine)
        click.echo(f"left out {count(others, 'task')} of {file} of other policies", err=True)
    _require_replies(file, mine, policies)
    once = newest(mine)
    if len(once) < len(mine):
        click.echo(
            f"left out {count(len(mine) - len(once), 'line')} of {said_file(file)} whose task comes again", err=True
        )
    return once


def _names(tier_map: Sequence[str], file: str, known: Sequence[str]) -> dict[str, str]:
    pairs = [word.rpartition("=") for word in tier_map]
    for word, (name, _, tier) in zip(tier_map, pairs, strict=True):
        if not name or not tier:
            raise click.UsageError(f"--tier-map is {word!r}, expected NAME=TIER, such as gpt-4o-mini=mini")
        if known and name not in known:
            raise click.UsageError(
                f"--tier-map is {word!r}, but {file} has no replies of {name}; it has some of {', '.join(known)}"
            )
    return {name: tier for name, _, tier in pairs}


def _require_replies(file: str, log: Sequence[Recording], policies: Sequence[Policy]) -> None:
    known = tiers_of(log)
    asked = dict.fromkeys(tier for policy in policies for tier in policy.path)
    if log and not set(known) & set(asked):
        raise LogInvalid(
            f"{file} has replies of {', '.join(known) or 'nobody'}, the policy asks {', '.join(asked)};"
            " say what the log calls them with --tier-map NAME=TIER"
        )
    if not log:
        names = " or ".join(dict.fromkeys(policy.policy for policy in policies))
        raise LogInvalid(f"{file} holds no task of policy {names}")


def said_missing(missing: Missing) -> str:
    """What the log lacks, for people: `no reply of large`."""
    match missing:
        case Missing(what="finding", tier=tier, check=check):
            return f"what check {check} found at {tier}"
        case Missing(what="cost", tier=tier, check=None):
            return f"the cost of a reply of {tier}"
        case Missing(what="cost", tier=tier, check=check):
            return f"the cost of what check {check} asked {tier}"
        case Missing(tier=tier):
            return f"a reply of {tier}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows in columns, as plain text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()


def said_file(file: str) -> str:
    """What a log is called in a sentence."""
    return "standard input" if file == STANDARD_INPUT else file


@contextmanager
def science(command: str) -> Iterator[None]:
    """Name the extra that is missing. Raises: ExtraMissing."""
    try:
        yield
    except ModuleNotFoundError as why:
        library = (why.name or str(why)).partition(".")[0]
        raise ExtraMissing(f"{command} needs {library}; install it with: pip install 'router[science]'") from None
