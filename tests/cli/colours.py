"""A small policy with its cases, and `router policy` run in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.cli import main

SHIPPED = Path(__file__).parents[2] / "policies"

POLICY = """\
policy: colours
prompt: {system: Name the colour., user: "{{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}, required: [text], additionalProperties: false}}
output: {labels: [red, blue]}
tiers: [mini, large]
checks:
  - {check: confidence, at_least: 0.8, tiers: [mini]}
"""
CASES = """\
policy: colours
cases:
  - name: a clear colour stays
    input: {text: sky}
    replies: {mini: {output: blue, confidence: 0.9}}
    expect: {status: succeeded, tier: mini}
  - name: a doubtful one climbs
    input: {text: plum}
    replies: {mini: {output: red, confidence: 0.6}, large: {output: blue}}
    expect: {status: succeeded, tier: large, failed: [confidence]}
"""


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    """The exit code of a command, and what it printed."""
    with pytest.raises(SystemExit) as end:
        main(["policy", *map(str, words)])
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out + printed.err
