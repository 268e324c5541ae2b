"""What one writes first on stock RQ: a job per task, a sum of money in Redis. The baseline's side of the fence."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from uuid import uuid4

import redis
from rq import Queue, Worker

from router.local.billing import PRICES

QUEUES = ("high", "default")
MODEL = "local-mini"
MODELS = "+latebill=0.15"
URL, ADDRESS, PREFIX = "STOCK_REDIS_URL", "STOCK_ADDRESS", "STOCK_PREFIX"
"""The environment variables that lead to Redis, to the models, and to keys of this run."""


def ask(task: str, number: int, limit_nusd: int) -> None:
    """Call the model for a task, then book what it cost. With a limit, look at what was spent before that."""
    store = redis.Redis.from_url(os.environ[URL])
    prefix = os.environ[PREFIX]
    store.rpush(f"{prefix}begun:{task}", time.time_ns() // 1_000_000)
    if limit_nusd and int(store.get(f"{prefix}spent") or 0) >= limit_nusd:
        store.incr(f"{prefix}ended:{task}")
        return
    call_id = uuid4().hex
    usage = _asked(call_id, number)["usage"]
    cost = PRICES[MODEL](usage["prompt_tokens"], usage["completion_tokens"])
    store.hset(f"{prefix}booked", call_id, cost)
    store.incrby(f"{prefix}spent", cost)
    store.incr(f"{prefix}ended:{task}")


def _asked(call_id: str, number: int) -> dict[str, dict[str, int]]:
    schema = {"name": "intents", "schema": {"type": "object", "properties": {"label": {"type": "string"}}}}
    body = {
        "model": MODEL + MODELS,
        "messages": [{"role": "user", "content": f"<mail>\nWhere is my parcel {number}?\n</mail>"}],
        "response_format": {"type": "json_schema", "json_schema": schema},
        "max_tokens": 200,
    }
    headers = {"Content-Type": "application/json", "X-Client-Request-Id": call_id}
    request = urllib.request.Request(
        f"{os.environ[ADDRESS]}/chat/completions", data=json.dumps(body).encode(), headers=headers
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        said: dict[str, dict[str, int]] = json.loads(answer.read())
    return said


def queues(connection: redis.Redis) -> list[Queue]:
    return [Queue(os.environ[PREFIX] + name, connection=connection) for name in QUEUES]


if __name__ == "__main__":
    connection = redis.Redis.from_url(os.environ[URL])
    Worker(queues(connection), connection=connection).work(logging_level="ERROR")
    sys.exit(0)
