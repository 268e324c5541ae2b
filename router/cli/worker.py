"""`router worker`"""

from __future__ import annotations

import click


@click.command(epilog="Example: router worker --tier mini --tier small --workers 2")
@click.option("--tier", "tiers", multiple=True, help="Serve only this tier; may be given several times.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Worker processes.")
@click.option("--concurrency", type=click.IntRange(1, 10_000), help="Calls in flight of one process (default 200).")
@click.option("--unsafe", is_flag=True, help="Start even where Redis would lose tasks.")
def command(tiers: tuple[str, ...], workers: int, concurrency: int | None, unsafe: bool) -> int:
    """Run RQ workers, a quarantine worker and a sweep until SIGTERM or Ctrl-C, which drain them."""
    from importlib import import_module  # noqa: PLC0415  # `router` never imports `workers`: it calls it by name

    words = [word for tier in tiers for word in ("--tier", tier)]
    words += ["--workers", str(workers)]
    words += ["--concurrency", str(concurrency)] if concurrency else []
    words += ["--unsafe"] if unsafe else []
    code: int = import_module("workers.__main__").main(words)
    return code
