"""`python -m tests.science`: the promises of `router calibrate` on public data; `convert NAME` writes a task's log."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .bench import measured, table
from .data import DATA, SOURCES, UNASKED


def main(words: list[str] | None = None, *, data: Path = DATA) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.science", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    convert = commands.add_parser("convert", help="write recorded traffic to standard output")
    convert.add_argument("task", choices=sorted(SOURCES))
    only = convert.add_mutually_exclusive_group()
    only.add_argument("--inputs", action="store_true", help="the inputs alone, for `router task submit --inputs`")
    said = (
        "what is right of tasks that were submitted so, for `router calibrate --labels`; IDS holds their ids in order"
    )
    only.add_argument("--labels", metavar="IDS", type=Path, help=said)
    bench = commands.add_parser("bench", help="measure (the default)")
    for each in (parser, bench):
        each.add_argument("--runs", type=int, default=1000, help="calibrations a cell")
        each.add_argument("--json", type=Path, help="write the figures there, too")
    given = parser.parse_args(words)
    if not data.is_dir():
        print(f"there is no {data}: the data does not come with the repository", file=sys.stderr)
        return 2
    if given.command == "convert":
        return _convert(given)
    figures = measured(given.runs)
    print(table(figures))
    if given.json is not None:
        given.json.write_text(json.dumps([figure.as_json() for figure in figures], indent=2) + "\n", encoding="utf-8")
    return 0


def _convert(given: argparse.Namespace) -> int:
    source = SOURCES[given.task]
    if given.labels is not None:
        return _label(given.task, given.labels)
    for line in source.inputs() if given.inputs else source.lines():
        print(line)
    return 0


def _label(task: str, file: Path) -> int:
    if task not in UNASKED:
        known = ", ".join(UNASKED)
        print(f"{task} holds replies, and says which are right; there are labels of {known}", file=sys.stderr)
        return 2
    try:
        ids = file.read_text(encoding="utf-8").split()
    except OSError as why:
        print(f"{file} cannot be read: {why.strerror}", file=sys.stderr)
        return 2
    labels = list(SOURCES[task].labels(ids))
    if len(labels) < len(ids):
        print(f"{file} has {len(ids):,} ids, but {task} has {len(labels):,} inputs", file=sys.stderr)
        return 2
    print("\n".join(labels))
    return 0


if __name__ == "__main__":
    sys.exit(main())
