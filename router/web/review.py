"""The place of a person: what no tier could decide, with all that is known of it: `/review`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from ..api.backend import Backend, Served
from ..api.caller import Caller
from ..api.owned import TaskId, own_record
from ..api.problems import Refused
from ..api.review import Resolution, list_reviews, resolve_review
from ..apikey import Scope
from ..errors import NotInReview, RulingInvalid
from ..jsontext import NotJson, parse
from ..reading import Reading
from ..record import Record
from ..task import TaskState
from .dossier import dossier, pictures, version_of, waits_until_ms, without_pictures
from .form import Form
from .page import PageRoute, redirect, render
from .shown import draft, returned
from .tasks import simulated
from .visitor import Guest, Visitor, require, submitted

routes = APIRouter(prefix="/review", route_class=PageRoute)

OUTPUT_MAX: Final = 1_000_000
LISTED: Final = 200

Text = Annotated[str, Query(max_length=200)]


@routes.get("")
async def reviews_page(
    request: Request, visitor: Guest, backend: Served, policy: Text = "", done: Text = ""
) -> Response:
    """The tasks that wait for a person, those that wait longest first."""
    caller = require(visitor, Scope.REVIEW, Scope.READ)
    found = await list_reviews(backend, caller, policy=policy or None, limit=LISTED)
    return render(
        request,
        visitor,
        "reviews.html",
        waiting=found.data,
        policy=policy,
        done=done if done in set(TaskState) else "",
        policies=await backend.client.policies(),
    )


@routes.get("/{task_id}")
async def review_page(request: Request, visitor: Guest, backend: Served, task_id: TaskId) -> Response:
    """One of them: what was asked, what each tier replied, and what was found in that."""
    caller = require(visitor, Scope.REVIEW, Scope.READ)
    return await _page(request, visitor, backend, caller, task_id)


@routes.post("/{task_id}")
async def decide(request: Request, visitor: Guest, backend: Served, task_id: TaskId) -> Response:
    """Carry out what a person decided; what they wrote stays on the page until it can be taken."""
    form = await submitted(request, visitor)
    caller = require(visitor, Scope.REVIEW)
    texts = _texts(await own_record(backend, caller, task_id))
    try:
        stands = await resolve_review(task_id, _resolution(form, texts), backend, caller)
    except (RulingInvalid, NotInReview, _Wrong) as why:
        status = 409 if isinstance(why, NotInReview) else 422
        return await _page(request, visitor, backend, caller, task_id, form=form, wrong=str(why), status=status)
    return redirect(routes.prefix, done=stands.status.value)


class _Wrong(ValueError):
    """What is in the form cannot be taken; says what to mend."""


def _resolution(form: Form, texts: Sequence[str]) -> Resolution:
    """*texts* are the outputs that may have been corrected. Raises: _Wrong."""
    said: dict[str, Any] = {"decision": form.one("decision"), "reason": form.one("reason").strip()}
    if by := form.one("by").strip():
        said["by"] = by
    match form.one("decision"):
        case "accept":
            said["attempt"] = form.one("attempt")
        case "correct":
            said |= {"decision": "accept", "output": _output(form, texts)}
        case "ask":
            said["tier"] = form.one("tier")
    try:
        return Resolution.model_validate(said)
    except ValidationError as why:
        told = (error["msg"].removeprefix("Value error, ") for error in why.errors(include_url=False))
        raise _Wrong("; ".join(told)) from None


def _texts(record: Record) -> list[str]:
    """The outputs of a task that are texts, the last first."""
    outputs = [attempt.answer.output for attempt in record.trail if isinstance(attempt.answer, Reading)]
    return [output for output in reversed(outputs) if isinstance(output, str)]


def _output(form: Form, texts: Sequence[str]) -> Any:
    """JSON; a text where the policy wants those or labels, that one of *texts* which it was. Raises: _Wrong."""
    text = returned(form.one("output"))
    if not text.strip():
        raise _Wrong("there is no output yet: choose or write one, or end the task without")
    if form.one("kind") == "text":
        return next((known for known in texts if returned(known) == text), text)
    try:
        return parse(text, max_bytes=OUTPUT_MAX)
    except NotJson as why:
        raise _Wrong(f"the output is not JSON: {why}") from None


async def _page(
    request: Request,
    visitor: Visitor,
    backend: Backend,
    caller: Caller,
    task_id: str,
    *,
    form: Form | None = None,
    wrong: str | None = None,
    status: int = 200,
) -> Response:
    task, record = await dossier(backend, visitor, caller, task_id)
    if task.status is not TaskState.REVIEW and wrong is None:
        raise Refused(409, "not_in_review", f"task {task_id} is {task.status.value}: nobody has to decide about it")
    policy = await version_of(backend, record)
    plain = policy is not None and policy.output.kind in ("text", "labels")
    outputs = [attempt for attempt in task.trail if attempt.answer == "output"]
    written = form.all("output") if form is not None else []
    return render(
        request,
        visitor,
        "review.html",
        status=status,
        task=task,
        given=without_pictures(task.input),
        pictures=pictures(policy, task.input),
        open=task.status is TaskState.REVIEW,
        may=visitor.may(Scope.REVIEW),
        outputs=outputs,
        draft=written[0] if written else draft(outputs[-1].output, plain=plain) if outputs else "",
        plain=plain,
        labels=policy.output.labels if policy is not None else None,
        schema=policy.output.value_schema if policy is not None and not plain else None,
        until_ms=waits_until_ms(policy, record),
        tiers=policy.path if policy is not None else (),
        reason=form.one("reason") if form is not None else "",
        by=form.one("by") if form is not None else "",
        wrong=wrong,
        readable=True,
        simulated=simulated(task.trail),
    )
