"""`make bench`: every measurement in a process of its own, one after the other."""

from __future__ import annotations

import subprocess
import sys

MEASUREMENTS = {
    "CPU": "cpu",
    "throughput": "throughput",
    "tasks submitted a second": "submitting",
    "what the way adds to a call": "latency",
    "Redis and memory": "redis_use",
    "bytes in Redis of a finished task": "task_bytes",
    "trails judged again": "replay",
    "imports": "imports",
    "lint": "lint",
}


def main() -> int:
    code = 0
    for title, module in MEASUREMENTS.items():
        print(f"\n{title}", flush=True)
        code |= subprocess.run([sys.executable, "-m", f"tests.bench.{module}"], check=False).returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
