"""What people wait for: a producer's import, the command line's help."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 7


def seconds(*words: str) -> float:
    took = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def main() -> None:
    bare = seconds("-c", "pass")
    print(
        f"import router: {seconds('-c', 'import router') - bare:.3f} s over a bare interpreter; "
        f"its Client: {seconds('-c', 'from router import Client') - bare:.3f} s (target 0.3 s)"
    )
    print(f"router --help: {seconds('-m', 'router.cli', '--help') - bare:.3f} s (target 0.3 s)")


if __name__ == "__main__":
    main()
