"""`router policy diff`"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ...policydiff import Change, changes
from ...recorded.recording import Recording
from ...recorded.replay import replay
from ...recorded.replaycost import dearest
from ...recorded.traffic import graded, without_findings
from ...settings import Settings
from ..garbage import nothing_collected
from ..printing import print_json
from .compared import MOVED_SHOWN, comparison_json, told
from .traffic import read_traffic, reading_options, science
from .versions import Version, uncertified, version

if TYPE_CHECKING:
    from ...recorded.comparing import Comparison


@click.command(name="diff", epilog="Example: router policy diff receipts policies/receipts.yaml --log log.jsonl")
@click.argument("old")
@click.argument("new")
@click.option(
    "--log", "--on", "log", metavar="FILE", help="Recorded traffic: JSON lines, .gz, or - for standard input."
)
@click.option("--all", "every", is_flag=True, help=f"List all changed tasks, not only {MOVED_SHOWN}.")
@reading_options
@click.option("--json", "as_json", is_flag=True)
def command(
    old: str, new: str, *, log: str | None, every: bool, skip_bad: bool, tier_map: tuple[str, ...], as_json: bool
) -> int:
    """
    Say what changes from OLD to NEW, and on recorded traffic what would be decided otherwise, at what cost.

    OLD and NEW are policy files, names of published policies, or digests of published versions. No model is asked:
    recorded replies are judged again under both. Exit 0 whether or not anything changes.
    """
    settings = Settings.from_env()
    before, after = version(old, settings), version(new, settings)
    found = changes(before.policy, after.policy)
    traffic = None
    if log is not None:
        recordings = read_traffic(log, (before.policy, after.policy), skip_bad=skip_bad, tier_map=tier_map)
        with science("policy diff --log"), nothing_collected():
            traffic = _traffic(before, after, found, recordings)
    if as_json:
        print_json(_as_json(before, after, found, traffic))
    else:
        click.echo("\n".join(_lines(before, after, found, traffic, log or "", every=every)))
    return 0


@dataclass(frozen=True, slots=True)
class _Traffic:
    """The comparison; `by` is the tier whose output counts as right where there are no labels."""

    comparison: Comparison
    by: str | None


def _traffic(old: Version, new: Version, found: Sequence[Change], recordings: Sequence[Recording]) -> _Traffic:
    from ...recorded.comparing import compare  # noqa: PLC0415  # numpy, which a plain comparison of files does not need

    known = graded(recordings, new.policy.output, new.policy.path[-1])
    changed = {change.part.removeprefix("check ") for change in found if change.part.startswith("check ")}
    log, most = known.recordings, dearest(known.recordings)
    before = [replay(old.policy, each, prices=old.prices, dearest=most) for each in log]
    after = [replay(new.policy, without_findings(each, changed), prices=new.prices, dearest=most) for each in log]
    return _Traffic(compare(before, after), known.by)


def _lines(
    old: Version, new: Version, found: Sequence[Change], traffic: _Traffic | None, file: str, *, every: bool
) -> Iterator[str]:
    yield f"{old} -> {new}"
    yield from (f"  {line}" for change in found for line in str(change).splitlines())
    if not found:
        yield "  nothing changes"
    lacking = [f"{each}: {said}" for each in (old, new) if (said := uncertified(each.policy)) is not None]
    yield from dict.fromkeys(lacking)
    if traffic is not None:
        yield ""
        yield from told(traffic.comparison, found, file, by=traffic.by, every=every)


def _as_json(old: Version, new: Version, found: Sequence[Change], traffic: _Traffic | None) -> dict[str, Any]:
    return {
        "old": {"policy": old.policy.policy, "digest": old.policy.digest},
        "new": {"policy": new.policy.policy, "digest": new.policy.digest},
        "changes": [
            {"part": c.part, "how": c.how, "what": c.what, "old": c.old, "new": c.new, "said": str(c)} for c in found
        ],
        "traffic": comparison_json(traffic.comparison, by=traffic.by) if traffic is not None else None,
    }
