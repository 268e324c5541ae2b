"""Recorded traffic judged again: trails a second on one core, of a policy with a schema, two rules and confidence."""

from __future__ import annotations

import gc
import json
import sys
import time

from router.recorded.recording import Recording, parse_recordings
from router.recorded.replay import replay
from tests.builders import TEXT_INPUT, a_policy

TRAILS = 10_000
ROUNDS = 5
TARGET = 10_000

RECEIPT = {
    "type": "object",
    "properties": {
        "merchant": {"type": ["string", "null"]},
        "total": {"type": "number"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
                "required": ["name", "price"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["merchant", "total", "items"],
    "additionalProperties": False,
}
POLICY = a_policy(
    input={"schema": TEXT_INPUT},
    output={"schema": RECEIPT},
    tiers=["mini", "large"],
    checks=[
        {"check": "schema"},
        {
            "check": "rule",
            "id": "adds_up",
            "expression": "math.abs(output.items.map(i, i.price).sum() - output.total) < 0.06",
        },
        {"check": "rule", "id": "named", "expression": "output.merchant != null", "severity": "unsure"},
        {"check": "confidence", "at_least": 0.3, "tiers": ["mini"]},
    ],
)


def line(number: int) -> str:
    """A task whose reply of mini is as sure as its number says: three of ten are escalated."""
    sure = (number % 10) / 10 + 0.05
    items = [{"name": "coffee", "price": 10.0}, {"name": "milk", "price": 2.5}]
    reply = {
        "output": {"merchant": f"ACME {number}", "total": 12.5, "items": items},
        "confidence": {"merchant": sure, "total": 0.99, "items.0.price": 0.99, "items.1.price": 0.98},
        "latency_ms": 640,
    }
    told = {
        "id": f"t{number}",
        "input": {"text": "ACME coffee 10.00 milk 2.50 total 12.50 " * 12},
        "replies": {"mini": reply | {"cost_usd": "0.000210000"}, "large": reply | {"cost_usd": "0.003500000"}},
    }
    return json.dumps(told)


def parsed() -> tuple[list[Recording], float]:
    """The trails, and how many were read in a second."""
    lines = [line(number) for number in range(TRAILS)]
    started = time.process_time()
    recordings = [read for read in parse_recordings(lines, "log.jsonl") if isinstance(read, Recording)]
    return recordings, TRAILS / (time.process_time() - started)


def judged(recordings: list[Recording]) -> tuple[float, float]:
    """Trails and attempts judged in a second of CPU, in the best of some rounds."""
    best, attempts = 0.0, 0
    for _ in range(ROUNDS):
        started = time.process_time()
        attempts = sum(len(replay(POLICY, recording).trail) for recording in recordings)
        best = max(best, TRAILS / (time.process_time() - started))
    return best, best * attempts / TRAILS


def main() -> None:
    recordings, read = parsed()
    gc.disable()  # as the commands do
    trails, attempts = judged(recordings)
    print(f"judged again {trails:,.0f} trails a second a core ({attempts:,.0f} attempts; target {TARGET:,})")
    print(f"read {read:,.0f} trails a second a core")


if __name__ == "__main__":
    sys.exit(main())
