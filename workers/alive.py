"""`python -m workers.alive`: whether a worker of this machine was heard of lately, for health checks."""

from __future__ import annotations

import argparse
import socket
import sys
from contextlib import closing

import redis

from router.errors import RouterError
from router.io import rq_keys
from router.io.commands.scripted import as_text
from router.settings import Settings

_TIMEOUT_S = 5.0
_AWAY = (redis.ConnectionError, redis.TimeoutError)


def main(argv: list[str] | None = None) -> int:
    """
    Look for this machine's workers among those that Redis knows; it forgets one that was silent for a minute.

    Exit codes: 0 one was heard of, 1 none was, 2 a setting is wrong. Where Redis does not answer nothing is known of
    them: they wait for it, and a restart would not help. That is 0, or 1 with `--ready`.
    """
    arguments = _arguments(argv)
    host = arguments.host or socket.gethostname()
    try:
        heard = heard_of(Settings.from_env(), host)
    except RouterError as why:
        print(f"router: {why}", file=sys.stderr)
        return why.exit_code
    except _AWAY:
        print("Redis does not answer; the workers wait for it")
        return int(arguments.ready)
    print(f"workers of {host} heard of within a minute: {heard}")
    return int(not heard)


def heard_of(settings: Settings, host: str) -> int:
    """
    Count the workers of our prefix that run on *host* and are not silent.

    Raises: redis.ConnectionError, redis.TimeoutError.
    """
    client = redis.Redis.from_url(
        settings.redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=None
    )
    with closing(client), client.pipeline(transaction=False) as pipe:
        for key in sorted(as_text(key) for key in client.smembers(rq_keys.WORKERS)):
            pipe.hmget(key, "hostname", "queues")
        found = [[as_text(word) for word in words] for words in pipe.execute() if None not in words]
    return sum(of == host and rq_keys.group_of(queue, settings.prefix) is not None for of, queue in found)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m workers.alive",
        description="Tell whether a worker of this machine was heard of lately.",
        epilog="example: python -m workers.alive --ready",
    )
    parser.add_argument("--ready", action="store_true", help="say no, too, where Redis does not answer")
    parser.add_argument("--host", help="look for this machine's workers instead")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
