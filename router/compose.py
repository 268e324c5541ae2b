"""Task and policy in, call out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .call import Call, Failure, ResponseSchema
from .checks import Consultation
from .conversation import messages_of
from .decision import Ask
from .jsontext import canonical
from .output import LABEL, Formed, FunctionTool, Output, Turn
from .policy import Policy
from .promise import PROMISE
from .reading import Reading
from .refusal import Refusal
from .task import Task
from .template import PromptInvalid, rendered
from .tier import Tier
from .trail import Attempt, Trail, Why
from .values import Json
from .wishes import Wishes


def compose(policy: Policy, task: Task, trail: Trail, ask: Ask, tier: Tier, *, call_id: str, timeout_s: float) -> Call:
    """
    Write the call that *ask* wants, with as much of the trail in it as its reason and the policy allow.

    *policy* is tailored to what the task's caller wishes. Raises: PromptInvalid.
    """
    wishes = task.wishes or _NO_WISHES
    most = min(policy.limits.output_tokens, tier.output_tokens_max)
    return Call(
        id=call_id,
        tier=tier.name,
        deployment=tier.places[0],
        messages=tuple(messages(policy, task, trail, ask)),
        response_schema=policy.response_schema,
        tools=tuple(map(_tool, policy.output.tools or ())),
        max_output_tokens=min(most, wishes.max_output_tokens or most),
        timeout_s=timeout_s,
        **_form(policy.output),
        **_settings(tier, wishes, logprobs=policy.output.kind != "tools"),
    )


def _form(output: Output) -> dict[str, Any]:
    """How many functions may be called, and whether the text has to be an object."""
    match output:
        case Turn(json_object=json_object, tool_choice=choice, parallel_tool_calls=parallel):
            return {"json_object": json_object, "tool_choice": choice, "parallel_tool_calls": parallel}
        case Formed(json_object=json_object):
            return {"json_object": json_object}
        case _:
            return {}


def _settings(tier: Tier, wishes: Wishes, *, logprobs: bool) -> dict[str, Any]:
    """
    The tier's own settings, but what the caller asks for.

    Models that reason refuse temperatures and log-probabilities: those of the tier go with its own effort.
    """
    asked = wishes.parameters.model_dump(exclude_none=True) | {"keeps_logprobs": wishes.logprobs}
    effort = asked.get("reasoning_effort", "none")
    if effort not in ("none", tier.reasoning_effort):
        return {"seed": tier.seed, "logprobs": wishes.logprobs} | asked
    own = {name: getattr(tier, name) for name in ("temperature", "reasoning_effort", "seed")}
    return own | {"logprobs": logprobs and tier.logprobs} | asked


def second_sample(call: Call, *, call_id: str, timeout_s: float, temperature: float) -> Call:
    """The same call again, warmer."""
    changed = {"id": call_id, "timeout_s": timeout_s, "temperature": temperature, "seed": None, "keeps_logprobs": False}
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
    if policy.prompt is None:
        raise PromptInvalid("a conversation has no prompt to be written")
    known = dict.fromkeys(policy.input.json_schema.get("properties", ()), "")
    return rendered(policy.prompt.user, known | input)


def spelled(output: Output, value: Json) -> str:
    """An output as the model would have written it."""
    match output.kind:
        case "text":
            return str(value)
        case "labels":
            return canonical({LABEL: value})
        case "turn" if not value["calls"]:
            return str(value["text"])
        case _:
            return canonical(value)


def messages(policy: Policy, task: Task, trail: Trail, ask: Ask) -> Iterator[dict[str, Json]]:
    """What *ask* says to the model: the same at every tier. Raises: PromptInvalid."""
    if policy.prompt is None:
        yield from messages_of(task.input)
    else:
        yield _message("system", policy.prompt.system)
        for shot in policy.shots:
            yield _message("user", render_user(policy, shot.input))
            yield _message("assistant", spelled(policy.output, shot.output))
        yield {"role": "user", "content": _content(policy, task)}
    trail, why = _repeated(trail, ask.why)
    for attempt in _shown(policy, trail, why):
        yield from _earlier(policy, attempt, whole=why == "repair" or policy.earlier == "attempts")


def _content(policy: Policy, task: Task) -> Any:
    text = render_user(policy, task.input)
    images = [task.input[field] for field in policy.images if task.input.get(field)]
    if not images:
        return text
    return [{"type": "text", "text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in images)]


def _repeated(trail: Trail, why: Why) -> tuple[Trail, Why]:
    """
    A retry, here or elsewhere, asks what the attempt before it was asked, for its reason and with its trail. What a
    person decided is for nobody's eyes but ours.
    """
    trail = tuple(attempt for attempt in trail if attempt.ruling is None)
    while why in ("retry", "fallback"):
        trail, why = trail[:-1], trail[-1].why
    return trail, why


def _shown(policy: Policy, trail: Trail, why: Why) -> Iterator[Attempt]:
    """The earlier attempts that this call may see: its own tier's last for a repair, else what the policy allows."""
    if why == "repair":
        yield trail[-1]
    elif why == "escalate" and policy.earlier != "none":
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


def _tool(tool: FunctionTool) -> dict[str, Json]:
    """The function in the provider's words; what nobody said of it is not sent."""
    function: dict[str, Json] = {"name": tool.name, "parameters": tool.parameters}
    function |= {"description": tool.description} if tool.description else {}
    function |= {"strict": tool.strict} if tool.strict is not None else {}
    return {"type": "function", "function": function}


_NO_WISHES = Wishes()
