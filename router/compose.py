"""Task and policy in, call out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .call import Call, Failure, ResponseSchema
from .checks import Consultation
from .decision import Ask
from .jsontext import canonical
from .output import LABEL, Output
from .policy import Policy
from .promise import PROMISE
from .reading import Reading
from .refusal import Refusal
from .task import Task
from .tier import Tier
from .trail import Attempt, Trail, Why
from .values import Json


class PromptInvalid(ValueError):
    """A template of the prompt cannot be parsed or rendered; the message says why."""


class _Environment(ImmutableSandboxedEnvironment):
    """Templates see their input and nothing else, and cannot make a gigabyte of a line."""

    intercepted_binops = frozenset(("*", "**"))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not isinstance(left, int | float) or not isinstance(right, int | float):
            raise SecurityError(f"{operator} is not allowed here")
        return left * right


_ENVIRONMENT = _Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)


@lru_cache(maxsize=1024)
def template(source: str) -> Template:
    """Parse a prompt template. Raises: PromptInvalid."""
    try:
        return _ENVIRONMENT.from_string(source)
    except TemplateError as why:
        raise PromptInvalid(str(why)) from None


def unknown_variables(source: str, known: Collection[str]) -> list[str]:
    """The variables of a template that are not among *known*. Raises: PromptInvalid."""
    try:
        tree = _ENVIRONMENT.parse(source)
    except TemplateError as why:
        raise PromptInvalid(str(why)) from None
    for used in tree.find_all((nodes.Filter, nodes.Test)):  # one that does not exist hides no variable
        used.name = "default" if isinstance(used, nodes.Filter) else "defined"
    return sorted(meta.find_undeclared_variables(tree) - set(known))


def compose(policy: Policy, task: Task, trail: Trail, ask: Ask, tier: Tier, *, call_id: str, timeout_s: float) -> Call:
    """Write the call that *ask* wants, with as much of the trail in it as its reason and the policy allow."""
    return Call(
        id=call_id,
        tier=tier.name,
        deployment=tier.places[0],
        messages=tuple(messages(policy, task, trail, ask)),
        response_schema=policy.response_schema,
        tools=tuple(_tool(t.name, t.description, t.parameters) for t in policy.output.tools or ()),
        max_output_tokens=min(policy.limits.output_tokens, tier.output_tokens_max),
        timeout_s=timeout_s,
        temperature=tier.temperature,
        reasoning_effort=tier.reasoning_effort,
        seed=tier.seed,
        logprobs=tier.logprobs and policy.output.kind != "tools",
    )


def second_sample(call: Call, *, call_id: str, timeout_s: float, temperature: float) -> Call:
    """The same call again, warmer."""
    changed = {"id": call_id, "timeout_s": timeout_s, "temperature": temperature, "seed": None}
    return call.model_copy(update=changed)


def consultation(question: Consultation, tier: Tier, *, call_id: str, timeout_s: float) -> Call:
    """A judge's call: its own prompt and schema, nothing of the policy's."""
    return Call(
        id=call_id,
        tier=tier.name,
        deployment=tier.places[0],
        messages=(_message("system", question.system), _message("user", question.user)),
        response_schema=ResponseSchema(name="judgement", body=question.answer_schema),
        max_output_tokens=min(300, tier.output_tokens_max),
        timeout_s=timeout_s,
        temperature=tier.temperature,
        reasoning_effort=tier.reasoning_effort,
        seed=tier.seed,
    )


def consulted(question: Consultation) -> Output:
    """What kind of output the answer to a consultation is read as."""
    return Output(json_schema=question.answer_schema)


def render_user(policy: Policy, input: dict[str, Json]) -> str:
    """The user's message for *input*; fields that the input leaves out render as nothing. Raises: PromptInvalid."""
    known = dict.fromkeys(policy.input.json_schema.get("properties", ()), "")
    try:
        return template(policy.prompt.user).render(known | input)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as why:
        raise PromptInvalid(str(why)) from None


def spelled(output: Output, value: Json) -> str:
    """An output as the model would have written it."""
    match output.kind:
        case "text":
            return str(value)
        case "labels":
            return canonical({LABEL: value})
        case _:
            return canonical(value)


def messages(policy: Policy, task: Task, trail: Trail, ask: Ask) -> Iterator[dict[str, Json]]:
    """What *ask* says to the model: the same at every tier. Raises: PromptInvalid."""
    yield _message("system", policy.prompt.system)
    for shot in policy.shots:
        yield _message("user", render_user(policy, shot.input))
        yield _message("assistant", spelled(policy.output, shot.output))
    yield {"role": "user", "content": _content(policy, task)}
    trail, why = _repeated(trail, ask.why)
    for attempt in _shown(policy, trail, why):
        yield from _earlier(policy, attempt, whole=why == "repair" or policy.prompt.earlier == "attempts")


def _content(policy: Policy, task: Task) -> Any:
    text = render_user(policy, task.input)
    images = [task.input[field] for field in policy.prompt.images if task.input.get(field)]
    if not images:
        return text
    return [{"type": "text", "text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in images)]


def _repeated(trail: Trail, why: Why) -> tuple[Trail, Why]:
    """A retry, here or elsewhere, asks what the attempt before it was asked, for its reason and with its trail."""
    while why in ("retry", "fallback"):
        trail, why = trail[:-1], trail[-1].why
    return trail, why


def _shown(policy: Policy, trail: Trail, why: Why) -> Iterator[Attempt]:
    """The earlier attempts that this call may see: its own tier's last for a repair, else what the policy allows."""
    if why == "repair":
        yield trail[-1]
    elif why == "escalate" and policy.prompt.earlier != "none":
        yield from trail


def _earlier(policy: Policy, attempt: Attempt, *, whole: bool) -> Iterator[dict[str, Json]]:
    """What was answered and found; models are not told how far they are trusted."""
    if isinstance(attempt.answer, Failure | Refusal) or attempt.verdict is None:
        return
    told = [finding.reason for finding in attempt.verdict.reasons if finding.check != PROMISE]
    if not told:
        return
    if whole:
        yield _message("assistant", _answer_text(policy, attempt.answer))
    findings = "\n".join(f"- {reason}" for reason in told)
    yield _message("user", _findings_text(findings, whole=whole))


def _answer_text(policy: Policy, reading: Reading) -> str:
    if reading.output is None:
        return reading.refusal or reading.raw or "(no answer)"
    return spelled(policy.output, reading.output)


def _findings_text(findings: str, *, whole: bool) -> str:
    which = "That answer" if whole else "An earlier answer"
    again = "Answer the task again, correctly and in the same form. Do not mention this message."
    return f"{which} was checked and this was found:\n{findings}\n{again}"


def _message(role: str, content: str) -> dict[str, Json]:
    return {"role": role, "content": content}


def _tool(name: str, description: str, parameters: dict[str, Json]) -> dict[str, Json]:
    function = {"name": name, "description": description, "parameters": parameters, "strict": True}
    return {"type": "function", "function": function}
