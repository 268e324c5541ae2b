"""What we ask of a tier, and what comes back."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import Field

from .jsontext import canonical
from .values import Finite, Json, Value

Penalty: TypeAlias = Annotated[Finite, Field(ge=-2, le=2)]
Seed: TypeAlias = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Deployment(Value):
    """Where a model answers: the one place a call may be sent to. Its rates are those of this place alone."""

    name: str = "main"
    model: str
    api_base: str | None = None
    api_key_env: str | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class Health(StrEnum):
    """What an answer says of the place it came from: it works, it wants fewer calls, it is broken, or nothing."""

    GOOD = "good"
    THROTTLED = "throttled"
    BROKEN = "broken"
    UNTOLD = "untold"


class ResponseSchema(Value):
    """
    The JSON Schema that the provider is asked to keep its text to; made once per policy.

    `strict` goes to the provider as it is, None is not sent; a policy's own schemas are always strict.
    """

    name: str
    body: dict[str, Json]
    strict: bool | None = True

    @cached_property
    def size(self) -> int:
        """Length in UTF-8 bytes as compact JSON, the name included: no tokenizer makes more tokens of it."""
        return len(canonical(self.body).encode()) + len(self.name.encode())


class Parameters(Value):
    """
    What goes to the provider as it is; None: not asked for, so that the tier's own setting holds.

    Names and bounds are those of OpenAI's chat completions.
    """

    temperature: Annotated[Finite, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Finite, Field(ge=0, le=1)] | None = None
    seed: Seed | None = None
    stop: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1, max_length=4)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: Annotated[dict[str, Annotated[Finite, Field(ge=-100, le=100)]], Field(max_length=1024)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    reasoning_effort: Effort | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    user: Annotated[str, Field(max_length=512)] | None = None
    safety_identifier: Annotated[str, Field(max_length=512)] | None = None
    prompt_cache_key: Annotated[str, Field(max_length=512)] | None = None


class Named(Value):
    """The one function that must be called."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | Named


class Call(Parameters):
    """
    One HTTP request to a model. `timeout_s` bounds the whole call, connect to last byte.

    `response_schema` or `json_object` say what form its text is to have; `tool_choice` and `parallel_tool_calls` which
    of the `tools` may be called, None is not sent. `keeps_logprobs`: the caller wants the tokens as they come.
    """

    id: str
    tier: str
    deployment: Deployment
    messages: tuple[dict[str, Json], ...]
    response_schema: ResponseSchema | None = None
    json_object: bool = False
    tools: tuple[dict[str, Json], ...] = ()
    tool_choice: ToolChoice = "required"
    parallel_tool_calls: bool | None = False
    max_output_tokens: int
    timeout_s: float
    logprobs: bool = False
    keeps_logprobs: bool = False


class Usage(Value):
    """Tokens of one call; cached ones are part of the input, reasoning ones part of the output."""

    input_tokens: int
    cached_input_tokens: int = 0
    output_tokens: int
    reasoning_tokens: int = 0


class Token(NamedTuple):
    """
    One token of the reply's text and the natural logarithm of its probability.

    `size` is its length in UTF-8 bytes: a token may hold a part of a character only. A plain tuple, because there are
    hundreds of them in a reply.
    """

    text: str
    logprob: float
    size: int


class ToolCall(Value):
    """A function the model wants called; `arguments` is the raw text that it wrote."""

    name: str
    arguments: str


class FinishReason(StrEnum):
    """Why the model stopped, as the provider said it."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    UNKNOWN = "unknown"


class Reply(Value):
    """
    What a model answered. `usage` is None where the provider did not say: the cost is then unknown, not zero.

    `tokens` is what our own checks need of the log-probabilities; `logprobs` has them as the provider wrote them
    (`token`, `logprob`, `bytes`, `top_logprobs`), where the caller wants to see them.
    """

    text: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason = FinishReason.STOP
    tokens: tuple[Token, ...] | None = None
    logprobs: tuple[dict[str, Json], ...] | None = None
    usage: Usage | None = None
    model: str | None = None
    request_id: str | None = None
    latency_ms: int = 0

    @property
    def health(self) -> Health:
        return Health.GOOD


class FailureKind(StrEnum):
    """What kept a call from being answered."""

    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    OVERLOAD = "overload"
    TIMEOUT = "timeout"
    NETWORK = "network"
    SERVER = "server"
    MALFORMED = "malformed"
    CONTEXT_WINDOW = "context_window"
    CONTENT_POLICY = "content_policy"
    BAD_REQUEST = "bad_request"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    INTERNAL = "internal"
    LOST = "lost"


_PASSING = frozenset(
    {
        FailureKind.RATE_LIMIT,
        FailureKind.OVERLOAD,
        FailureKind.TIMEOUT,
        FailureKind.NETWORK,
        FailureKind.SERVER,
        FailureKind.MALFORMED,
        FailureKind.LOST,
    }
)

_THROTTLED = frozenset({FailureKind.RATE_LIMIT, FailureKind.OVERLOAD})
_OF_THE_REQUEST = frozenset({FailureKind.BAD_REQUEST, FailureKind.CONTENT_POLICY, FailureKind.CONTEXT_WINDOW})
_OF_THE_PLACE = _PASSING | {FailureKind.QUOTA, FailureKind.AUTH, FailureKind.NOT_FOUND}

Billed: TypeAlias = Literal["no", "unknown"]


class Failure(Value):
    """Why nothing came back. `billed` says whether the provider may have charged for it all the same."""

    kind: FailureKind
    message: str
    billed: Billed
    status: int | None = None
    retry_after_s: float | None = None
    request_id: str | None = None
    latency_ms: int = 0

    @property
    def passing(self) -> bool:
        """True where the same call may well succeed later."""
        return self.kind in _PASSING

    @property
    def of_the_place(self) -> bool:
        """True where the same call may well succeed at another deployment."""
        return self.kind in _OF_THE_PLACE

    @property
    def health(self) -> Health:
        """Who refuses a request works; a wrong key or name says nothing here, because waiting would not mend it."""
        if self.kind in _THROTTLED:
            return Health.THROTTLED
        if self.kind in _OF_THE_REQUEST and self.status is not None:
            return Health.GOOD
        return Health.BROKEN if self.passing else Health.UNTOLD


Answer: TypeAlias = Reply | Failure
