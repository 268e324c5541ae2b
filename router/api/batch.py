"""Tasks by the thousand: `/v1/tasks:batch`, lines of JSON in and out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..client import MANY
from ..errors import RouterError
from ..jsontext import NotJson, parse
from ..submission import Conflict, Submission, Submitted
from ..task import TaskState
from .backend import Backend, Served
from .caller import GUARDED, Caller
from .idleness import IDLE_S, Idleness
from .owned import Submitter
from .pressure import Admissions, Admitting
from .problems import Problem, Refused, answers, not_valid, refusal, told
from .strict import BODY_MAX, BODY_S, THREAD_FROM, StrictRoute, bounded
from .tasks import prepared
from .taskshape import LineAsked

routes = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["tasks"])

LINE_MAX: Final = BODY_MAX
LINES_MAX: Final = 100_000
UNREAD_MAX: Final = 64 * 2**20
"""Bytes of answers that are kept for who reads them after sending: eight times what good lines take."""
_KINDS: Final = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines", "application/json-lines")
_ABOUT: Final = (
    f"One task a line; {LINES_MAX:,} lines at most. `key` is the idempotency key of a line. Lines are taken in as they "
    "arrive."
)


_UNREAD: Final = Refused(
    422,
    "batch_too_long",
    f"its answers have more than {UNREAD_MAX:,} bytes that nobody has read; read while you send, and send from this "
    "line on again",
)


class TakenLine(BaseModel):
    """What became of a line that was taken in."""

    line: int = Field(description="Its number, from 1 on.")
    id: str
    status: TaskState
    replayed: bool = False


class ProblemLine(BaseModel):
    """What is wrong with a line."""

    line: int
    problem: Problem


def _lines_of(*models: type[BaseModel]) -> dict[str, Any]:
    """Lines of JSON as an OpenAPI document has them: anything, for bad lines are told one by one; and what they are."""
    line = {"anyOf": [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]}
    return {"schema": {"description": "Lines of JSON."}, "x-line-schema": line}


def document(openapi: dict[str, Any]) -> None:
    """Add to an OpenAPI document what lines are."""
    schemas = openapi["components"]["schemas"]
    for model in (LineAsked, TakenLine, ProblemLine):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, part in (schema.pop("$defs", {}) | {model.__name__: schema}).items():
            schemas.setdefault(name, part)


class Streamed(Response):
    """An answer that begins before its request has been read: reading is the body's own affair."""

    media_type = _KINDS[0]

    def __init__(self, lines: AsyncGenerator[bytes], idleness: Idleness) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._lines = lines
        self._idleness = idleness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = self._idleness.sending(send)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self._lines) as lines:
            async for line in lines:
                await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@routes.post(
    "/tasks:batch",
    status_code=200,  # FastAPI looks for it in the class, which has no other
    response_class=Streamed,
    openapi_extra={
        "requestBody": {"required": True, "content": {_KINDS[0]: _lines_of(LineAsked)}, "description": _ABOUT}
    },
    responses={
        200: {"description": "In the order of the lines.", "content": {_KINDS[0]: _lines_of(TakenLine, ProblemLine)}}
    }
    | GUARDED
    | answers(415, 422, 503),
)
async def submit_tasks(request: Request, backend: Served, caller: Submitter, admissions: Admitting) -> Streamed:
    """
    Hand many tasks over, one a line, and hear of each: `{"line", "id", "status"}`, or `{"line", "problem"}`.

    Bad lines do not stop the others. What was answered with an id is taken in, even if the connection breaks.
    """
    _check_head(request)
    idleness = Idleness()
    heard = Request(request.scope, idleness.hearing(request.receive))
    return Streamed(_Batch(heard, backend, caller, admissions).answers(), idleness)


def _check_head(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _KINDS:
        raise Refused(415, "content_type", f"send lines of JSON, with `content-type: {_KINDS[0]}`")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "content_encoding", "send the body as it is, without content-encoding")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: bytes
    refused: Refused | None = None


class _Batch:
    """One request: lines are read and taken in by one task, and answered by another, so that neither waits."""

    def __init__(
        self,
        request: Request,
        backend: Backend,
        caller: Caller,
        admissions: Admissions,
        *,
        unread_max: int = UNREAD_MAX,
        idle_s: float = IDLE_S,
    ) -> None:
        self._unread_max = unread_max
        self._idle_s = idle_s
        self._request = request
        self._backend = backend
        self._caller = caller
        self._admissions = admissions
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._unread = 0

    async def answers(self) -> AsyncGenerator[bytes]:
        taking = asyncio.create_task(self._take())
        passing = asyncio.create_task(self._pass_after(taking))
        try:
            while (line := await self._said.get()) is not None:
                yield line
                self._unread -= len(line)
            await taking
        finally:
            taking.cancel()
            passing.cancel()
            await asyncio.gather(taking, passing, return_exceptions=True)

    async def _pass_after(self, taking: asyncio.Task[None]) -> None:
        """Read what is left where a batch ended early, and let it go: who reads after sending has to come to that."""
        await asyncio.wait({taking})
        more = True
        while more:
            async with asyncio.timeout(self._idle_s):
                message = await self._request.receive()
            more = message["type"] == "http.request" and message.get("more_body", False)

    async def _take(self) -> None:
        try:
            async for lines in _groups(self._request):
                if self._unread > self._unread_max:
                    self._say(self._line(lines[0].number, _UNREAD, {}))
                    return
                await self._answer(lines)
        except ClientDisconnect:
            pass
        finally:
            self._said.put_nowait(None)

    async def _answer(self, lines: Sequence[_Line]) -> None:
        made = [(line.number, await self._made(line)) for line in lines]
        submissions = [submission for _, submission in made if isinstance(submission, Submission)]
        try:
            offered = iter(await self._admissions.offer(self._caller, submissions) if submissions else ())
        except RouterError as why:
            offered = iter([refusal(why)] * len(submissions))
        except Refused as why:
            offered = iter([why] * len(submissions))
        became = [(number, next(offered) if isinstance(one, Submission) else one) for number, one in made]
        states = await self._states([one.task_id for _, one in became if isinstance(one, Submitted) and one.replayed])
        for number, one in became:
            self._say(self._line(number, one, states))

    def _say(self, line: bytes) -> None:
        self._unread += len(line)
        self._said.put_nowait(line)

    async def _made(self, line: _Line) -> Submission | Submitted | Refused:
        if line.refused is not None:
            return line.refused
        try:
            long = len(line.text) > THREAD_FROM
            asked = LineAsked.model_validate(
                await asyncio.to_thread(_parsed, line.text) if long else _parsed(line.text)
            )
            return await prepared(self._backend, self._caller, asked, asked.key)
        except UnicodeDecodeError as why:
            return Refused(422, "invalid", f"byte {why.start:,} of the line is not UTF-8")
        except NotJson as why:
            return Refused(422, "invalid", f"the line is not JSON: {why}")
        except ValidationError as why:
            mistakes = [dict(error) | {"loc": ("line", *error["loc"])} for error in why.errors(include_url=False)]
            return not_valid(RequestValidationError(mistakes))
        except RouterError as why:
            return refusal(why)
        except Refused as why:
            return why

    async def _states(self, task_ids: Sequence[str]) -> dict[str, TaskState]:
        found = await self._backend.client.summaries(task_ids) if task_ids else []
        return {task.id: task.state for task in found}

    def _line(self, number: int, one: Submitted | Conflict | Refused, states: dict[str, TaskState]) -> bytes:
        match one:
            case Submitted(task_id=task_id, replayed=replayed):
                said: dict[str, Any] = {"line": number, "id": task_id, "status": states.get(task_id, TaskState.READY)}
                said |= {"replayed": True} if replayed else {}
            case Conflict(task_id=task_id):
                why = f"the key was used for task {task_id} with another body; use a new key for a new body"
                said = {"line": number, "problem": told(self._request, Refused(422, "idempotency_conflict", why))}
            case Refused():
                said = {"line": number, "problem": told(self._request, one)}
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _parsed(text: bytes) -> Any:
    """Raises: UnicodeDecodeError, NotJson."""
    return parse(bounded(text.decode()), max_bytes=LINE_MAX)


async def _groups(request: Request) -> AsyncIterator[list[_Line]]:
    """The lines of a body as they arrive, some at a time. Raises: ClientDisconnect."""
    number = 0
    async for texts in _texts(request):
        for start in range(0, len(texts), MANY):
            group: list[_Line] = []
            for text in texts[start : start + MANY]:
                number += 1
                if number > LINES_MAX:
                    said = f"a batch has {LINES_MAX:,} lines at most; send the rest in another one"
                    yield [*group, _Line(number, b"", Refused(422, "batch_too_long", said))]
                    return
                if isinstance(text, Refused):
                    group.append(_Line(number, b"", text))
                elif text.strip():
                    group.append(_Line(number, text))
            if group:
                yield group


async def _texts(request: Request) -> AsyncIterator[list[bytes | Refused]]:
    """What came of a body since it was looked at last, cut into lines; a line that is too long is told, and passed."""
    begun = _Begun()
    chunks = request.stream()
    while (chunk := await _chunk(chunks)) is not None:
        if isinstance(chunk, Refused):
            yield [chunk]
            return
        first, *rest = chunk.split(b"\n")
        begun.add(first)
        found: list[bytes | Refused] = []
        for part in rest:
            found.append(begun.end())
            begun.add(part)
        if found:
            yield found
    if not begun.blank:
        yield [begun.end()]


class _Begun:
    """A line of which the end has not come yet. What is beyond its bound is counted, and not kept."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._size = 0

    @property
    def blank(self) -> bool:
        return not self._text.strip()

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= LINE_MAX:
            self._text += part

    def end(self) -> bytes | Refused:
        """The whole line; the next one begins."""
        line = bytes(self._text) if self._size <= LINE_MAX else _too_long()
        self._text.clear()
        self._size = 0
        return line


async def _chunk(chunks: AsyncIterator[bytes]) -> bytes | Refused | None:
    try:
        async with asyncio.timeout(BODY_S):
            return await anext(chunks, None)
    except TimeoutError:
        return Refused(408, "body_slow", f"nothing came for {BODY_S:.0f} s; send what is left in another batch")


def _too_long() -> Refused:
    return Refused(
        413, "line_too_long", f"the line has more than {LINE_MAX:,} bytes; store what is large, pass its URL"
    )
