"""What an author waits for: lint of a policy of 900 lines, from the shell."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7
LINES = 900
SHIPPED = Path(__file__).parents[2] / "policies"

HEAD = """\
policy: long
description: A policy as long as they get.
prompt:
  system: |
{prompt}
  user: "{{{{ text }}}}"
input:
  schema:
    type: object
    properties: {{text: {{type: string}}}}
    required: [text]
    additionalProperties: false
output:
  schema:
    type: object
    additionalProperties: false
    required: [{names}]
    properties:
{fields}
tiers: [mini, {{tier: small, attempts: 2}}, large]
moves: {{fail: repair, unsure: escalate}}
checks:
{checks}
examples:
{examples}
"""
RULE = """\
  - check: rule
    id: rule_{n}
    when: output.amount_{n} != null
    expression: |
      output.amount_{n} > 0.0 && output.amount_{n} < 1000.0
        || input.text.contains("{n}") && output.kind_{n} in ["a", "b"]
    message: Amount {n} must be positive.
    severity: unsure
"""
PATTERN = """\
  - check: pattern
    id: pattern_{n}
    field: kind_{n}
    matches: "^([a-b]|{n})$"
    severity: unsure
"""
FIELD = """\
      amount_{n}:
        type: [number, "null"]
        description: What is to be paid, part {n}.
      kind_{n}:
        type: string
        enum: [a, b, c]
"""


def long_policy() -> str:
    """A policy of 900 lines: a long prompt, a schema of 40 fields, 30 rules, 20 patterns, examples."""
    fields = range(20)
    output = ", ".join(f"amount_{n}: {n}, kind_{n}: a" for n in fields)
    example = f"  - input: {{text: a}}\n    output:\n      {{{output}}}\n"
    policy = HEAD.format(
        prompt="\n".join(f"    Line {n} of what the model is told." for n in range(150)),
        names=", ".join(f"amount_{n}, kind_{n}" for n in fields),
        fields="".join(FIELD.format(n=n) for n in fields).rstrip(),
        checks="".join([RULE.format(n=n) for n in fields] + [PATTERN.format(n=n) for n in fields]).rstrip(),
        examples="",
    ).rstrip("\n")
    missing = LINES - policy.count("\n") - 1
    return f"{policy}\n{example * (missing // 3)}"


def seconds(*words: str) -> float:
    took = []
    for _ in range(RUNS):
        started = time.perf_counter()
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        took.append(time.perf_counter() - started)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
    return statistics.median(took)


def main() -> None:
    router = (sys.executable, "-m", "router.cli")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("tiers.yaml", "prices.yaml"):
            shutil.copy(SHIPPED / file, folder)
        path = folder / "long.yaml"
        path.write_text(long_policy(), encoding="utf-8")
        lines = path.read_text("utf-8").count("\n")
        took = seconds(*router, "policy", "lint", str(path))
        bare, shown = seconds(sys.executable, "-c", "pass"), seconds(*router, "--help")
    print(
        f"router policy lint of {lines} lines: {took:.3f} s from the shell, {took / shown:.1f} times `router --help`; "
        f"a bare interpreter takes {bare:.3f} s"
    )


if __name__ == "__main__":
    main()
