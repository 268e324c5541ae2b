"""Cases of a policy: an input, what the models are to answer, and what is expected; read from `tests/NAME.yaml`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from ..call import Answer, Billed, Failure, FailureKind, FinishReason, Reply, Token, ToolCall, Usage
from ..compose import spelled
from ..errors import PolicyInvalid
from ..jsontext import NotJson, Path, canonical, parse, spans
from ..output import Output
from ..policy import Policy
from ..policyfile.leftover import rest_of
from ..policyfile.validated import validated
from ..policyfile.yamlfile import Document, read_yaml
from ..problem import Code, Problem, by_place, closest
from ..promise import PROMISE
from ..schema.validator import Validator
from ..values import Json, Probability, Value
from .expect import Expect

JUDGE = "judge"
"""Under this name stand the replies of judges, whatever their tier."""

_UNBILLED = frozenset(FailureKind) - {
    FailureKind.OVERLOAD,
    FailureKind.TIMEOUT,
    FailureKind.NETWORK,
    FailureKind.SERVER,
    FailureKind.MALFORMED,
    FailureKind.LOST,
}


_SAYING = frozenset({"output", "confidence", "text", "finish_reason", "refusal", "usage", "failure"})


class Recorded(Value):
    """
    What a model is to answer: an `output`, raw `text`, a refusal or an early end, or else a failure.

    `confidence` is one number for all fields, or one for each that is named; the others are then certain. Without it
    the model gave no log-probabilities. `usage: null` is a provider that does not say what it counted; `takes_s` moves
    the clock before the answer is there.
    """

    output: Json = None
    confidence: Probability | dict[str, Probability] | None = None
    text: str | None = None
    finish_reason: FinishReason | None = None
    refusal: str | None = None
    usage: Usage | None = None
    failure: FailureKind | None = None
    retry_after_s: Annotated[float, Field(ge=0)] | None = None
    takes_s: Annotated[float, Field(ge=0, le=31_536_000)] = 0.0

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        given = self.model_fields_set & _SAYING
        if "failure" in given and given != {"failure"}:
            raise ValueError("a failure has no reply beside it; give `failure` (and `retry_after_s`) alone")
        if self.retry_after_s is not None and self.failure is None:
            raise ValueError("retry_after_s belongs to a failure")
        if {"output", "text"} <= given:
            raise ValueError("give `output` or the raw `text`, not both")
        if not given & {"output", "text", "refusal", "finish_reason", "failure"}:
            raise ValueError("say what the model answers: output, text, refusal, finish_reason or failure")
        if self.confidence is not None and not given & {"output", "text"}:
            raise ValueError("confidence needs an output or a text that it is about")
        if isinstance(self.confidence, dict) and "output" not in given:
            raise ValueError("confidence by field needs an output; a raw text takes one number")
        return self

    def answer(self, output: Output, *, usage: Usage) -> Answer:
        """What the seam to the models gives; *usage* where the case records none."""
        if self.failure is not None:
            return self._failed(self.failure)
        told = {
            "refusal": self.refusal,
            "usage": self.usage if "usage" in self.model_fields_set else usage,
            "finish_reason": self.finish_reason or FinishReason.STOP,
        }
        if "output" not in self.model_fields_set:
            return Reply(text=self.text, tokens=self._tokens_of_text(self.text), **told)
        if output.kind == "tools":
            return Reply(tool_calls=(_tool_call(self.output),), **told)
        text = spelled(output, self.output)
        return Reply(text=text, tokens=self._tokens(output, text), **told)

    def _failed(self, kind: FailureKind) -> Failure:
        billed: Billed = "no" if kind in _UNBILLED else "unknown"
        said = f"recorded: {kind.value.replace('_', ' ')}"
        return Failure(kind=kind, message=said, billed=billed, retry_after_s=self.retry_after_s)

    def _tokens(self, output: Output, text: str) -> tuple[Token, ...] | None:
        match self.confidence:
            case None:
                return None
            case dict() as by_field if output.kind == "text":
                return (_token(text, by_field.get("text", 1.0)),)
            case dict() as by_field:
                return _tokens_by_value(text, lambda path: _level(by_field, path))
            case _:
                return self._tokens_of_text(text)

    def _tokens_of_text(self, text: str | None) -> tuple[Token, ...] | None:
        level = self.confidence
        if not text or not isinstance(level, float):
            return None
        try:
            parse(text)
        except NotJson:
            return (_token(text, level),)
        return _tokens_by_value(text, lambda path: level)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Replies: TypeAlias = Annotated[tuple[Recorded, ...], BeforeValidator(_listed), Field(min_length=1)]


class Case(Value):
    """One input with its recorded replies; a tier that is asked more often than it has replies repeats its last."""

    name: Annotated[str, Field(min_length=1)]
    input: dict[str, Json]
    replies: dict[str, Replies] = Field(default_factory=dict)
    expect: Expect


class _CasesFile(Value):
    policy: str
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of a policy, and the line of the file where each begins."""

    file: str
    cases: tuple[Case, ...]
    lines: tuple[int, ...]


def parse_cases(text: str, file: str, policy: Policy) -> Suite:
    """Raises: PolicyInvalid, with every mistake at its place."""
    document = read_yaml(text, file)
    problems: list[Problem] = []
    try:
        cases = dict(enumerate(validated(document, document.data, _CasesFile).cases))
    except PolicyInvalid as why:
        problems += [problem for problem in why.problems if isinstance(problem, Problem)]
        cases = dict(_readable(document.data))
    problems += _problems(document, cases, policy)
    if problems:
        problems.sort(key=by_place)
        raise PolicyInvalid(problems)
    return Suite(file, tuple(cases.values()), tuple(document.keys["cases", index].line for index in cases))


def _readable(data: Json) -> Iterator[tuple[int, Case]]:
    """The cases of a file with mistakes, without those mistakes: the rest of them is looked at, too."""
    cases = data.get("cases") if isinstance(data, dict) else None
    for index, written in enumerate(cases if isinstance(cases, list) else ()):
        case = rest_of(Case, written, {"name": f"case {index}", "expect": {"attempts": 1}})
        if case is not None:
            yield index, case


def _problems(document: Document, cases: Mapping[int, Case], policy: Policy) -> Iterator[Problem]:
    def found(path: Path, message: str, meant: str | None = None) -> Problem:
        return document.problem(path, message, suggestion=meant, code=Code.WRONG_CASE)

    named = document.data.get("policy") if isinstance(document.data, dict) else None
    if isinstance(named, str) and named != policy.policy:
        yield found(("policy",), f"these are cases of {named!r}, expected {policy.policy!r}", policy.policy)
    names: set[str] = set()
    inputs = Validator(policy.input.json_schema)
    for index, case in cases.items():
        at: Path = ("cases", index)
        if case.name in names:
            yield found((*at, "name"), f"two cases are called {case.name!r}; give each its own name")
        names.add(case.name)
        if problem := inputs.problem(case.input):
            yield found((*at, "input"), f"the input is not under the policy's schema: {problem}")
        for path, word, known, said in _words(policy, case):
            if word not in known:
                yield found((*at, *path), f"{said} {word!r}; it has {', '.join(known)}", closest(word, known))
        if policy.output.kind == "tools":
            for path in _confident(case):
                yield found((*at, *path), "function calls come without log-probabilities; leave `confidence` out")


def _words(policy: Policy, case: Case) -> Iterator[tuple[Path, str, list[str], str]]:
    """The names in a case that must be the policy's: where, which, out of what, and what to say of a wrong one."""
    tiers = [rung.tier for rung in policy.tiers]
    speakers = [*tiers, *([JUDGE] if any(check.check == JUDGE for check in policy.checks) else [])]
    checks = [*(check.name for check in policy.all_checks), *([PROMISE] if policy.promised_tiers else [])]
    for name in case.replies:
        yield ("replies", name), name, speakers, "the policy asks no"
    if case.expect.tier is not None:
        yield ("expect", "tier"), case.expect.tier, tiers, "the policy has no tier"
    for key in ("failed", "warned"):
        for number, check in enumerate(getattr(case.expect, key) or ()):
            yield ("expect", key, number), check, checks, "the policy has no check"
    fields = _fields(policy.output)
    for path in _confident(case) if fields is not None else ():
        recorded = case.replies[path[1]][path[2]].confidence  # type: ignore[index]  # a path into this case
        for field in recorded if isinstance(recorded, dict) else ():
            yield (*path, field), field.split(".")[0], fields or [], "the output has no field"


def _confident(case: Case) -> Iterator[Path]:
    """Where the replies of tiers record a confidence."""
    for name, replies in case.replies.items():
        for number, reply in enumerate(replies):
            if reply.confidence is not None and name != JUDGE:
                yield ("replies", name, number, "confidence")


def _fields(output: Output) -> list[str] | None:
    """The first parts that a field's path may have; None where the schema leaves that open."""
    if output.kind != "schema":
        return list(output.required_fields)
    return list(output.value_schema["properties"]) if "properties" in output.value_schema else None


def _tool_call(output: Json) -> ToolCall:
    called = output if isinstance(output, dict) else {}
    return ToolCall(name=str(called.get("name", "")), arguments=canonical(called.get("arguments", {})))


def _tokens_by_value(text: str, level: Callable[[str], float]) -> tuple[Token, ...]:
    """Cut JSON text so that each value is one token, as probable as *level* says of its path; the rest is certain."""
    tokens, at = [], 0
    for path, (start, end) in spans(text).items():
        end = max(end, start + 1)  # an empty string is judged by the token that closes it
        tokens += [_token(text[at:start], 1.0), _token(text[start:end], level(".".join(map(str, path))))]
        at = end
    tokens.append(_token(text[at:], 1.0))
    return tuple(token for token in tokens if token.size)


def _level(by_field: Mapping[str, float], path: str) -> float:
    return min((level for name, level in by_field.items() if f"{path}.".startswith(f"{name}.")), default=1.0)


def _token(text: str, probability: float) -> Token:
    return Token(text=text, logprob=math.log(max(probability, 1e-9)), size=len(text.encode()))
