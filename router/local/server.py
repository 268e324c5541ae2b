"""The HTTP server: OpenAI's routes for the local models, and the bill."""

from __future__ import annotations

import hashlib
import time
from random import Random

import orjson
from aiohttp import web

from . import faults, wire
from .belief import Json
from .billing import Bill, Charge
from .faults import Fault
from .school import School
from .wire import Asked, Completion, Refused

CALL_ID = "X-Client-Request-Id"
_BODY_BYTES_MAX = 16 * 1024 * 1024


def application(school: School, bill: Bill) -> web.Application:
    """Builds the server's routes over taught models and an open bill."""
    desk = Desk(school, bill)
    app = web.Application(client_max_size=_BODY_BYTES_MAX)
    app.add_routes(
        [
            web.post("/v1/chat/completions", desk.complete),
            web.get("/v1/models", desk.models),
            web.get("/bill", desk.bill),
        ]
    )
    return app


class Desk:
    """Serves one request at a time from start to bill; holds nothing but the models and the bill."""

    def __init__(self, school: School, bill: Bill) -> None:
        self._school = school
        self._bill = bill

    async def complete(self, request: web.Request) -> web.Response:
        """POST /v1/chat/completions."""
        body = await request.read()
        call_id = request.headers.get(CALL_ID) or hashlib.sha256(body).hexdigest()[:24]
        try:
            return _json(await self._completion(body, call_id))
        except Refused as why:
            return _json(why.body(), why.status)

    async def models(self, _: web.Request) -> web.Response:
        """GET /v1/models."""
        return _json(wire.models(self._school.names))

    async def bill(self, _: web.Request) -> web.Response:
        """GET /bill."""
        return _json(self._bill.totals())

    async def _completion(self, body: bytes, call_id: str) -> dict[str, Json]:
        asked = wire.read(body)
        model, struck = faults.parse(asked.model)
        for fault in struck:
            await fault.before(_luck(call_id, fault))
        completion = self._say(model, asked, struck, call_id)
        self._bill.charge(Charge(call_id, model, asked.input_tokens, completion.output_tokens))
        for fault in struck:
            await fault.after()
        said = wire.response(asked, completion, call_id=call_id, created_s=int(time.time()))
        for fault in struck:
            said = fault.strip(said)
        return said

    def _say(self, model: str, asked: Asked, struck: tuple[Fault, ...], call_id: str) -> Completion:
        answer = self._school.answer(model, asked, Random(call_id))
        for fault in struck:
            answer = fault.mislead(answer, _luck(call_id, fault))
        completion = wire.within(answer.spelled(), asked.output_tokens_max)
        for fault in struck:
            completion = fault.garble(completion, _luck(call_id, fault))
        return completion


def _luck(call_id: str, fault: Fault) -> Random:
    """The same call has the same luck, each fault its own."""
    return Random(f"{call_id} {type(fault).__name__}")


def _json(body: dict[str, Json], status: int = 200) -> web.Response:
    headers = {"Retry-After": "1"} if status == 429 else None
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)
