"""The HTTP server: OpenAI's routes for the local models, and the bill."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from random import Random

import orjson
from aiohttp import web

from . import faults, wire
from .belief import Json
from .billing import Bill, Charge, RequestLog
from .faults import Fault
from .school import School
from .wire import Asked, Completion, Refused

CALL_ID = "X-Client-Request-Id"
_BODY_BYTES_MAX = 16 * 1024 * 1024


def application(school: School, bill: Bill, requests: RequestLog | None = None) -> web.Application:
    """Builds the server's routes over taught models, an open bill, and a log of what arrives."""
    desk = Desk(school, bill, requests or RequestLog(None))
    app = web.Application(client_max_size=_BODY_BYTES_MAX)
    app.add_routes(
        [
            web.post("/v1/chat/completions", desk.complete),
            web.post("/{account}/v1/chat/completions", desk.complete),
            web.get("/v1/models", desk.models),
            web.get("/bill", desk.bill),
        ]
    )
    return app


class Desk:
    """Serves one request at a time from start to bill; holds nothing but the models, the bill and the log."""

    def __init__(self, school: School, bill: Bill, requests: RequestLog) -> None:
        self._school = school
        self._bill = bill
        self._requests = requests

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        body = await request.read()
        call_id = request.headers.get(CALL_ID) or hashlib.sha256(body).hexdigest()[:24]
        try:
            visit = _visit(call_id, request.match_info.get("account", ""), wire.read(body))
            self._requests.arrived(call_id, visit.account, visit.asked.model)
            answer: web.StreamResponse = _json(await self._completion(visit))
        except Refused as why:
            return _json(why.body(), why.status)
        for fault in visit.struck:
            if isinstance(answer, web.Response):
                answer = await fault.deliver(request, answer, visit.luck(fault))
        return answer

    async def models(self, _: web.Request) -> web.Response:
        """GET /v1/models."""
        return _json(wire.models(self._school.names))

    async def bill(self, _: web.Request) -> web.Response:
        """GET /bill."""
        return _json(self._bill.totals())

    async def _completion(self, visit: Visit) -> dict[str, Json]:
        for fault in visit.struck:
            await fault.before(visit.luck(fault))
        completion = self._say(visit)
        self._bill.charge(visit.charge(completion))
        for fault in visit.struck:
            await fault.after(visit.luck(fault))
        said = wire.response(visit.asked, completion, call_id=visit.call_id, created_s=int(time.time()))
        for fault in visit.struck:
            said = fault.strip(said, visit.luck(fault))
        return said

    def _say(self, visit: Visit) -> Completion:
        answer = self._school.answer(visit.model, visit.asked, Random(visit.call_id))
        for fault in visit.struck:
            answer = fault.mislead(answer, visit.luck(fault))
        completion = wire.within(answer.spelled(), visit.asked.output_tokens_max)
        for fault in visit.struck:
            completion = fault.garble(completion, visit.luck(fault))
        return completion


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: what it asks, of which model, on whose account, and the faults it wants."""

    call_id: str
    account: str
    asked: Asked
    model: str
    struck: tuple[Fault, ...]

    def luck(self, fault: Fault) -> Random:
        """The same call has the same luck, each fault its own."""
        return Random(f"{self.call_id} {type(fault).__name__}")

    def charge(self, completion: Completion) -> Charge:
        """What the bill says of it."""
        spent = (self.asked.input_tokens, completion.output_tokens)
        return Charge(self.call_id, self.model, *spent, account=self.account)


def _visit(call_id: str, account: str, asked: Asked) -> Visit:
    model, struck = faults.parse(asked.model)
    return Visit(call_id, account, asked, model, struck)


def _json(body: dict[str, Json], status: int = 200) -> web.Response:
    headers = {"Retry-After": "1"} if status == 429 else None
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=headers)
