"""The OpenAPI document is true: what is asked by it is answered as it says, and every answer is one that it knows."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from router.api.app import create_app
from router.api.backend import open_backend
from router.io.embedded import EmbeddedServer
from router.settings import Settings
from tests.api.served import served
from tests.builders import GOOD, a_policy, a_reply
from tests.workers.floor import Floor, Gated

TRIES = int(os.environ.get("SCHEMA_TRIES", "0"))
"""Requests to each route, chosen anew each time; else the same few."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    unsupported_method,
]


@schemathesis.serializer("application/jsonl", "application/x-ndjson")
def lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """A body of lines has one here: the document describes each of them."""
    return json.dumps(value).encode() + b"\n"


class Served:
    """The service on a port of this machine, with workers beside it, in a thread of its own."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._leave = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))
        self.url = ""

    def __enter__(self) -> Served:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        llm = Gated(lambda call: GOOD if call.response_schema else a_reply("{}", sure=None))
        llm.open()
        floor = Floor(self._redis_url, "schema:", None, llm)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(floor.close)
            free = a_policy(policy="free", output={"text": {}}, checks=[])
            await floor.store.publish([a_policy(), free, a_policy(policy="intents")])
            opened = open_backend(Settings(redis_url=self._redis_url, prefix="schema:"), insecure=True)
            app = create_app(await stack.enter_async_context(opened))
            await stack.enter_async_context(floor.shift("mini", "small", "large"))
            self.url = await stack.enter_async_context(served(app))
            self._ready.set()
            await self._leave.wait()


@pytest.fixture(scope="module")
def service(server: EmbeddedServer) -> Iterator[Served]:
    with Served(server.url) as service:
        yield service


@pytest.fixture(scope="module")
def document(service: Served) -> schemathesis.schemas.BaseSchema:
    """The document, but for who may ask: the service lets everybody in here, keys have tests of their own."""
    told = httpx.get(f"{service.url}/openapi.json").json()
    for verbs in told["paths"].values():
        for operation in verbs.values():
            operation.pop("security", None)
    document = schemathesis.openapi.from_dict(told)
    document.config.update(base_url=service.url)
    return document


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_document_is_true(document: schemathesis.schemas.BaseSchema, mode: GenerationMode) -> None:
    """Requests made from the document, right ones and wrong ones, never meet an answer that it does not describe."""
    wrong: dict[str, str] = {}
    for operation in document.get_all_operations():
        try:
            _asked(operation.ok(), mode)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # a route that takes nothing takes nothing wrong
        except (Failure, FailureGroup) as why:
            wrong[operation.ok().label] = str(why)

    assert not wrong, "\n\n".join(f"{label}\n{said}" for label, said in wrong.items())


def _asked(operation: schemathesis.schemas.APIOperation, mode: GenerationMode) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=TRIES or 12,
        derandomize=not TRIES,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=_checks(operation), timeout=60)

    ask()


def _checks(operation: schemathesis.schemas.APIOperation) -> list[Any]:
    """A batch with a wrong line is no wrong batch: the line is answered with its problem."""
    lenient = [negative_data_rejection] if operation.path == "/v1/tasks:batch" else []
    return [check for check in CHECKS if check not in lenient]
