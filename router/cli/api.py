"""`router api`"""

from __future__ import annotations

from pathlib import Path

import click

from .. import log
from ..io.redis_safety import require_safe
from ..settings import Settings


@click.command(epilog="Example: router api --host 0.0.0.0 --port 8080")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--insecure", is_flag=True, help="Let everybody in without a key; on a loopback address alone.")
@click.option("--unsafe", is_flag=True, help="Start even where Redis would lose tasks.")
@click.option("--ready-file", type=click.Path(path_type=Path), hidden=True, help="Write the address there.")
def command(host: str, port: int, insecure: bool, unsafe: bool, ready_file: Path | None) -> int:
    """
    Serve tasks, OpenAI's surface and the dashboard over HTTP until SIGTERM or Ctrl-C, which drain it.

    Any number of these may run, on any machines: they share nothing but Redis.
    """
    # FastAPI and its friends, which no other command needs.
    from ..api.serving import listen, serve  # noqa: PLC0415
    from ..web.install import install  # noqa: PLC0415

    settings = Settings.from_env()
    log.configure(settings.log)
    if not unsafe:
        require_safe(settings.redis_url)
    with listen(host, port, insecure=insecure) as listening:
        if ready_file is not None:
            ready_file.write_text(f"http://{host}:{listening.getsockname()[1]}")
        serve(settings, listening, insecure=insecure, furnish=install)
    return 0
