"""A policy as one task's caller wishes it: what is asked, and what its answer must be."""

from __future__ import annotations

from typing import Any, Final

from .checks import Agreement, Check, Confidence, Refusal, ResponseFormat, Schema
from .errors import TaskInvalid
from .jsontext import canonical
from .objection import objection
from .output import Formed, Output, Turn
from .policy import Policy
from .wishes import Parameters, Wishes

_SILENT: Final = ("user", "safety_identifier", "prompt_cache_key", "top_logprobs")
"""Parameters that change nothing of what a model answers."""

_SETTINGS: Final = ("temperature", "seed", "reasoning_effort")
"""Parameters that tiers set, too."""

_PER_TASK: Final[dict[str, Any]] = {"parameters": Parameters(), "logprobs": False, "max_output_tokens": None}
"""Wishes that every task may have differently without another form of its answer."""


def tailored(policy: Policy, wishes: Wishes | None) -> Policy:
    """
    The version by which a task with these wishes is asked and judged; it is never published, the task keeps its own.

    What it adds is checked as well as what the policy checks itself. Nothing is promised of a pinned tier; and where
    models are asked otherwise than for the evidence, no certificate loosens anything. Raises: TaskInvalid.
    """
    if wishes is None:
        return policy
    refused = objection(
        wishes, policy=policy.policy, output=policy.output.kind, tiers=policy.path, text_checks=policy.text_checks
    )
    if refused is not None:
        raise TaskInvalid(str(refused))
    changes: dict[str, Any] = {}
    if wishes.tier is not None:
        changes |= {"tiers": (policy.rung(wishes.tier),), "promise": None, "audit": None}
    if asks_otherwise(policy, wishes) and policy.certificate is not None:
        changes["certificate"] = None
    changes |= _formed(policy, wishes)
    return policy.model_copy(update=changes) if changes else policy


def asks_otherwise(policy: Policy, wishes: Wishes | None) -> bool:
    """Whether models answer something else than they would without these wishes: no evidence for the policy then."""
    if wishes is None:
        return False
    if wishes.tier is not None or wishes.response_schema is not None or wishes.json_object or wishes.tools:
        return True
    asked = wishes.parameters.model_dump(exclude_none=True, exclude=set(_SILENT))
    models = [policy.models[tier] for tier in policy.path if tier in policy.models]
    same = (name in _SETTINGS and all(getattr(m, name) == value for m in models) for name, value in asked.items())
    return not all(same) or (bool(asked) and not models)


class Tailor:
    """Tailored versions, each made once for all tasks that wish the same; the last used ones are kept."""

    def __init__(self, *, kept_max: int = 128) -> None:
        self._kept_max = kept_max
        self._made: dict[tuple[str, str], Policy] = {}

    def __call__(self, policy: Policy, wishes: Wishes | None) -> Policy:
        """As `tailored`. Raises: TaskInvalid."""
        if wishes is None:
            return policy
        key = (policy.digest, _shape(policy, wishes))
        made = self._made.pop(key, None) or tailored(policy, wishes)
        self._made[key] = made
        if len(self._made) > self._kept_max:
            del self._made[next(iter(self._made))]
        return made


def _shape(policy: Policy, wishes: Wishes) -> str:
    """What of the wishes makes another version, as a text."""
    shape = wishes.model_copy(update=_PER_TASK)
    return canonical([shape.told, asks_otherwise(policy, wishes), wishes.logprobs])


def _formed(policy: Policy, wishes: Wishes) -> dict[str, Any]:
    """What changes where the answer gets another form, or one more schema to meet."""
    schema = wishes.response_schema.body if wishes.response_schema is not None else _OBJECT
    formed = wishes.response_schema is not None or wishes.json_object
    if policy.output.kind == "text" and (formed or wishes.tools):
        extra = [ResponseFormat(json_schema=schema)] if formed and wishes.tools else []
        return {"output": _output(wishes), "checks": _among([_of_the_whole(c) for c in policy.checks], extra)}
    if formed:
        return {"checks": _among(list(policy.checks), [ResponseFormat(json_schema=schema)])}
    return {}


_OBJECT: Final[dict[str, Any]] = {"type": "object"}


def _output(wishes: Wishes) -> Output:
    if not wishes.tools:
        asked = wishes.response_schema
        return Formed(json_schema=asked.body if asked is not None else _OBJECT, response_schema=asked)
    return Turn(
        tools=wishes.tools,
        response_schema=wishes.response_schema,
        json_object=wishes.json_object,
        tool_choice=wishes.tool_choice,
        parallel_tool_calls=wishes.parallel_tool_calls,
    )


def _of_the_whole(check: Check) -> Check:
    """
    A check of a text's only field, as one of the whole answer: that field may not be there, or mean another. An author
    may think little of the form of a text; of what its caller asks for, nobody does.
    """
    match check:
        case Schema():
            return check.model_copy(update={"severity": "fail"})
        case Confidence():
            return check.model_copy(update={"fields": ("text",)})
        case Agreement():
            return check.model_copy(update={"fields": ("",)})
        case _:
            return check.model_copy(update={"field": None}) if "field" in type(check).model_fields else check


def _among(checks: list[Check], extra: list[ResponseFormat]) -> tuple[Check, ...]:
    """The checks with what a caller adds: behind those of form, before those that may cost a call."""
    last = max((at for at, check in enumerate(checks) if isinstance(check, Refusal | Schema)), default=-1)
    return (*checks[: last + 1], *extra, *checks[last + 1 :])
