"""Runs the local models: `python -m router.local --policies policies --port 0 --bill bill.jsonl`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from pathlib import Path

from aiohttp import web

from .billing import Bill, RequestLog
from .lessons import LessonError, lessons_in
from .school import School
from .server import application

_LEAVE_OPEN_CALLS_AFTER_S = 0.5


def main() -> int:
    """Teaches the models, serves until SIGTERM or Ctrl-C, and returns the exit code."""
    arguments = _arguments()
    try:
        school = _teach(arguments.policies)
    except LessonError as why:
        print(why, file=sys.stderr)
        return 1
    asyncio.run(_serve(school, arguments))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m router.local", description=__doc__)
    parser.add_argument("--policies", type=Path, required=True, help="folder whose examples train the models")
    parser.add_argument("--bill", type=Path, required=True, help="file the bill is appended to, one JSON line per call")
    parser.add_argument("--requests", type=Path, help="file that gets one JSON line per request, billed or not")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--ready-file", type=Path, help="gets the URL when the server is ready")
    return parser.parse_args()


def _teach(policies: Path) -> School:
    """Teaches the models without pauses for garbage: what is made stays, and a third of the time is saved."""
    gc.disable()
    school = School.teaching(lessons_in(policies))
    gc.freeze()
    gc.enable()
    return school


async def _serve(school: School, arguments: argparse.Namespace) -> None:
    stop = _stop_signal()
    bill, requests = Bill(arguments.bill), RequestLog(arguments.requests)
    served = application(school, bill, requests)
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=_LEAVE_OPEN_CALLS_AFTER_S)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", arguments.port)
    await site.start()
    _announce(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", arguments.ready_file)
    await stop.wait()
    await runner.cleanup()
    bill.close()
    requests.close()


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _announce(url: str, ready_file: Path | None) -> None:
    """Puts the base URL into a file that appears whole, if asked, and prints it."""
    if ready_file is not None:
        draft = ready_file.with_name(f".{ready_file.name}.draft")
        draft.write_text(url + "\n", encoding="utf-8")
        draft.replace(ready_file)
    print(url, flush=True)


if __name__ == "__main__":
    sys.exit(main())
