"""`python -m workers`: RQ workers, quarantine, sweep and webhooks, kept running until SIGTERM drains them."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType

from redis import Redis

from router import log
from router.app import load_book, open_store, require_keys, served
from router.errors import RouterError, StoreUnavailable
from router.io.commands.shift import ShiftCommands
from router.io.folder import Book
from router.io.parent import end_with, how
from router.io.redis_link import Link, connect
from router.io.redis_safety import require_safe
from router.settings import Settings

from .rq_worker import ShiftWorker, queue_name
from .sweep import sweep_forever
from .webhooks import deliver_forever

_STOPS = (signal.SIGTERM, signal.SIGINT)
_RESTART_PAUSE_S = 1.0
_LOOK_S = 0.2


@dataclass
class _Process:
    name: str
    run: Callable[[], None]
    pid: int = 0
    restart_at_s: float = 0.0


def main(argv: list[str] | None = None) -> int:
    """
    Parse the command line and supervise.

    Exit codes: 0 drained, 1 a policy is wrong, 2 a setting is wrong, 3 Redis cannot be reached or is full.
    """
    arguments = _arguments(argv)
    try:
        settings = _settings(arguments)
        log.configure(settings.log)
        book = load_book(settings)
        require_keys(settings, served(book, settings).values())
        if not arguments.unsafe:
            require_safe(settings.redis_url)
        return supervise(settings, book, workers=arguments.workers)
    except RouterError as why:
        print(f"router: {why}", file=sys.stderr)
        return why.exit_code


def supervise(settings: Settings, book: Book, *, workers: int) -> int:
    """Load litellm once, publish the folder, then keep the processes running until SIGTERM or SIGINT."""
    tiers = served(book, settings)
    os.environ |= settings.environment()
    from router.io.litellm_llm import warm  # noqa: PLC0415  # before the fork, so that every worker shares it

    warm()
    asyncio.run(_publish(settings, book))
    gc.collect()
    gc.freeze()  # what is loaded stays: the collector need not walk it, and forks go on sharing its pages
    log.logger().info("policies.published", policies=sorted(book.policies))
    return _Supervisor(_processes(settings, list(tiers), workers)).run()


def _processes(settings: Settings, tiers: list[str], workers: int) -> list[_Process]:
    shifts = [_Process(f"worker-{i}", lambda: _rq_worker(settings, tiers, alone=False)) for i in range(workers)]
    quarantine = _Process("quarantine", lambda: _rq_worker(settings, tiers, alone=True))
    sweep = _Process("sweep", lambda: sweep_forever(settings, tiers))
    return [*shifts, quarantine, sweep, _Process("webhooks", lambda: deliver_forever(settings))]


def _rq_worker(settings: Settings, tiers: list[str], *, alone: bool) -> None:
    connection = Redis.from_url(settings.redis_url)
    hand_over = partial(_hand_over, settings, tiers)
    worker = ShiftWorker(queue_name(settings, alone=alone), connection=connection, hand_over=hand_over)
    worker.work(logging_level="WARNING")


def _hand_over(settings: Settings, tiers: list[str], shift: str) -> None:
    """Take back what a dead shift had; where Redis is away its leases run out by themselves."""
    link = Link(connect(settings.redis_url), prefix=settings.prefix, pauses_s=(0,))
    try:
        taken = link.run(ShiftCommands(prefix=settings.prefix).abandon(shift, tiers))
        log.logger().warning("shift.died", shift=shift, tasks=taken)
    except StoreUnavailable as why:
        log.logger().warning("store.unreachable", shift=shift, reason=str(why))
    finally:
        link.close()


async def _publish(settings: Settings, book: Book) -> None:
    async with open_store(settings) as store:
        await store.publish(list(book.policies.values()))
        if book.budgets is not None:
            await store.publish_budgets(book.budgets)


class _Supervisor:
    """Forks the processes and starts again what ends unasked."""

    def __init__(self, processes: list[_Process]) -> None:
        self._processes = processes
        self._stopping = False

    def run(self) -> int:
        for signum in _STOPS:
            signal.signal(signum, self._stop)
        while not self._stopping:
            for process in self._processes:
                if not process.pid and time.monotonic() >= process.restart_at_s:
                    self._start(process)
            self._reap()
            time.sleep(_LOOK_S)
        return self._drain()

    def _stop(self, _signum: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _start(self, process: _Process) -> None:
        """Fork. A signal on the way waits until the child, too, can take it."""
        supervisor = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        pid = os.fork()
        if pid == 0:
            _become(process, supervisor)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        process.pid = pid
        log.logger().info("worker.started", process=process.name, pid=pid)

    def _reap(self) -> None:
        for process in self._processes:
            if process.pid and (how := _ended(process.pid)):
                log.logger().warning("worker.died", process=process.name, pid=process.pid, how=how)
                process.pid = 0
                process.restart_at_s = time.monotonic() + _RESTART_PAUSE_S

    def _drain(self) -> int:
        for process in self._processes:
            if process.pid:
                os.kill(process.pid, signal.SIGTERM)
        while any(p.pid for p in self._processes):
            for process in self._processes:
                if process.pid and _ended(process.pid):
                    process.pid = 0
            time.sleep(_LOOK_S / 4)
        return 0


def _become(process: _Process, supervisor: int) -> None:
    """Turn the forked child into *process*; never returns."""
    code = 1
    try:
        os.setpgrp()  # Ctrl-C reaches the supervisor alone, which drains in order
        for signum in _STOPS:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        end_with(supervisor)
        process.run()
        code = 0
    except Exception:  # noqa: BLE001  # the outermost edge of this process: else nobody would hear why it ended
        log.logger().exception("process.failed", process=process.name)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended(pid: int) -> str | None:
    """How a child ended, in words; None while it lives."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return "unknown"
    if not ended:
        return None
    return how(os.waitstatus_to_exitcode(status))


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = Settings.from_env()
    if arguments.tier:
        settings = replace(settings, worker_tiers=",".join(arguments.tier))
    if arguments.concurrency:
        settings = replace(settings, worker_concurrency=str(arguments.concurrency))
    return settings


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="router worker",
        description="Run RQ workers with their sweep and webhooks. Settings come from ROUTER_* variables.",
        epilog="example: router worker --tier mini --tier small --workers 2 --concurrency 200",
    )
    parser.add_argument("--tier", action="append", help="serve only this tier; may be given several times")
    parser.add_argument("--workers", type=_count, default=1, help="worker processes (default 1)")
    parser.add_argument("--concurrency", type=_count, help="calls in flight in one worker process (default 200)")
    parser.add_argument("--unsafe", action="store_true", help="start even where Redis would lose tasks")
    return parser.parse_args(argv)


def _count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
