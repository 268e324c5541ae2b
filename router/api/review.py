"""Tasks that wait for a person: `/v1/review`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..client import LISTED
from ..errors import NotInReview
from ..io.commands.review import ReviewCommands
from ..ruling import Ruling, not_in_review
from ..summary import Wanted
from ..task import TaskState
from ..values import NAME, Json
from .backend import Served
from .caller import GUARDED, Caller
from .owned import Reviewer, TaskId, own, own_record
from .paging import After, Tagged, listed, place
from .problems import answers
from .strict import StrictRoute
from .taskshape import TaskPage, TaskShown, TaskStands, shown

routes = APIRouter(prefix="/v1/review", route_class=StrictRoute, tags=["review"])

LISTED_MAX = 1000


class Resolution(BaseModel):
    """What a person decided: accept `output` or that of `attempt`, end the task for a `reason`, or ask `tier`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"decision": "accept", "attempt": 2, "reason": "the total is on the second page"},
                {"decision": "ask", "tier": "large"},
                {"decision": "reject", "reason": "this is no receipt"},
            ]
        },
    )

    decision: Literal["accept", "reject", "dead_letter", "ask"]
    output: Json = Field(default=None, description="The accepted output; it must meet the policy's schema.")
    attempt: int | None = Field(default=None, ge=1, description="Accept what this attempt put out.")
    tier: str | None = Field(default=None, pattern=NAME, description="The tier of the path to ask (again).")
    reason: str = Field(default="", max_length=2000)
    by: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]+$",
        description="Who decided, told beside the key that says so.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = "output" in self.model_fields_set
        if (self.decision == "accept") != (given != (self.attempt is not None)):
            raise ValueError("`accept` goes with either `output` or `attempt`, and they with nothing else")
        if (self.decision == "ask") != (self.tier is not None):
            raise ValueError("`ask` needs `tier`, and nothing else takes one")
        if self.decision in ("reject", "dead_letter") and not self.reason.strip():
            raise ValueError(f"`{self.decision}` needs a `reason`")
        return self

    def ruling(self, caller: Caller) -> Ruling:
        key = f"key {caller.key_id}" if caller.key_id is not None else "nobody's key"
        by = f"{self.by} ({key})" if self.by is not None else key
        return Ruling(wish=self.decision, by=by, reason=self.reason, tier=self.tier)


@routes.get("", responses=GUARDED | answers(422, 503))
async def list_reviews(
    backend: Served,
    caller: Reviewer,
    *,
    policy: Annotated[str | None, Query(max_length=100)] = None,
    tag: Tagged = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = LISTED,
    cursor: After = None,
) -> TaskPage:
    """List the tasks in review, those that wait longest first: they expire first."""
    commands = ReviewCommands(prefix=backend.settings.prefix)
    wanted = Wanted(policy=policy, tenant=caller.tenant, tag=tag)
    return listed(await backend.link.carry_out(commands.review_page(wanted, limit=limit, after=place(cursor))))


@routes.get("/{task_id}", responses=GUARDED | answers(404, 409, 422, 503))
async def get_review(task_id: TaskId, backend: Served, caller: Reviewer) -> TaskShown:
    """Show a task in review with its whole trail: what each tier replied, and what was found in it."""
    record = await own_record(backend, caller, task_id)
    if record.state is not TaskState.REVIEW:
        raise NotInReview(not_in_review(task_id, record.state))
    return shown(record, await backend.client.policy_name(record.task.policy))


@routes.post("/{task_id}/resolve", responses=GUARDED | answers(404, 408, 409, 413, 415, 422, 503))
async def resolve_review(task_id: TaskId, resolution: Resolution, backend: Served, caller: Reviewer) -> TaskStands:
    """
    Decide about a task in review. Harmless to repeat; another decision about the same is refused (409).

    An accepted output must meet the policy's schema; doubts of other checks are the reviewer's to overrule.
    """
    await own(backend, caller, task_id)
    ruling = resolution.ruling(caller)
    status = await backend.client.resolve(task_id, ruling, output=resolution.output, attempt=resolution.attempt)
    return TaskStands(id=task_id, status=TaskState(status))
