"""A policy: what is asked, which tiers a task may climb, and what its output must meet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from .call import ResponseSchema
from .certificate import Basis, Certificate
from .checks import AnyCheck, Check, Judge, Refusal, Schema, Types
from .conversation import CONVERSATION
from .cost import nusd
from .jsontext import Path, canonical
from .output import Formed, Output, Turn
from .promise import Promise
from .tier import Answering, Tier, Tiers
from .values import Json, Name, Probability, Value

Move: TypeAlias = Literal["accept", "repair", "retry", "escalate", "review", "reject", "dead_letter"]
FailMove: TypeAlias = Literal["repair", "retry", "escalate", "review", "reject", "dead_letter"]
Ending: TypeAlias = Literal["review", "reject", "dead_letter"]


class Prompt(Value):
    """
    Jinja2 templates over the input's fields. `images` names the fields that hold images.

    `examples` puts that many hand-written examples before the task; `earlier` says what a larger model sees of the
    attempts before it: nothing, what the checks found, or the whole answers too.
    """

    system: str
    user: str
    images: tuple[str, ...] = ()
    examples: Annotated[int, Field(ge=0, le=50)] = 0
    earlier: Literal["none", "findings", "attempts"] = "none"


class Input(Value):
    """The JSON Schema that a task's input must meet."""

    model_config = ConfigDict(populate_by_name=True)

    json_schema: dict[str, Json] = Field(alias="schema")


_CONVERSATION = Input(json_schema=CONVERSATION)


class Rung(Value):
    """A tier's place in the escalation path. `spec` is filled in by `Policy.on`, and no part of the policy."""

    tier: Name
    attempts: Annotated[int, Field(ge=1, le=10)] = 1
    spec: Tier | None = Field(default=None, exclude=True)


class Moves(Value):
    """
    What the author wishes after a verdict. `retry` after an error is bounded by `limits.retries`; what failed a check
    is never accepted.
    """

    fail: FailMove = "escalate"
    unsure: Move = "escalate"
    error: Literal["retry", "escalate", "review", "reject", "dead_letter"] = "retry"
    refused: Literal["escalate", "review", "reject", "dead_letter"] = "escalate"
    exhausted: Ending = "dead_letter"


def _plain(amount: Decimal) -> Decimal:
    """The same amount, written the same way: `1`, `1.0` and `1.00` are one limit, and one digest."""
    return Decimal(f"{amount.normalize():f}")


class Limits(Value):
    """
    Bounds of one task. `attempts` counts all tiers together, `retries` repeated errors of one tier.

    Both are counted anew where a person has sent the task on; its cost never is.
    """

    attempts: Annotated[int, Field(ge=1, le=50)] = 8
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    deadline_s: Annotated[float, Field(gt=0, le=2_592_000)] = 86_400
    cost_usd: Annotated[Decimal, Field(gt=0, max_digits=12), AfterValidator(_plain)] = Decimal("0.25")
    input_bytes: Annotated[int, Field(ge=1, le=67_108_864)] = 262_144
    image_bytes: Annotated[int, Field(ge=1, le=67_108_864)] = 10_485_760
    output_tokens: Annotated[int, Field(ge=1)] = 1024
    wait_at_most_s: Annotated[float, Field(gt=0, le=31_536_000)] = 604_800

    @property
    def cost_nusd(self) -> int:
        return nusd(self.cost_usd)


class Audit(Value):
    """The share of accepted outputs that a larger tier is asked again for, in the background."""

    rate: Probability
    against: Name
    spec: Tier | None = Field(default=None, exclude=True)


class Example(Value):
    """A hand-written input with its right output. `held_out` keeps it from few-shots and the demo's learners."""

    input: dict[str, Json]
    output: Json
    held_out: bool = False


def _one_rung(value: Any) -> Any:
    return {"tier": value} if isinstance(value, str) else value


def _digest(data: Json) -> str:
    """16 hexadecimal digits of the SHA-256 of the canonical text."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()[:16]


def _dump(value: Value) -> Json:
    return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def named_twice(tiers: Sequence[str | None], checks: Sequence[str | None]) -> Iterator[tuple[Path, str]]:
    """Where a tier or a check has the name of one before it, and what to say of that; those without a name do not."""
    for key, names, advice in (
        ("tiers", tiers, "give it `attempts` instead"),
        ("checks", checks, "give one of them an id of its own"),
    ):
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in seen:
                yield (key, index), f"{name!r} is there twice; {advice}"
            elif name is not None:
                seen.add(name)


class Policy(Value):
    """
    One version of a policy, complete in itself: its schemas and examples are part of it, and of its digest.

    Without a `prompt` it is a conversation's: the messages of its input are passed on as they are, and it has no
    `input` of its own.
    `certificate` and `models` stand in no policy's file: the certificate lies beside it, and `models` says what the
    tiers answer with in this version; `bound_to` fills it in.
    """

    policy: Name
    description: str = ""
    prompt: Prompt | None = None
    input: Input = _CONVERSATION
    output: Output
    tiers: Annotated[tuple[Annotated[Rung, BeforeValidator(_one_rung)], ...], Field(min_length=1, max_length=10)]
    checks: tuple[AnyCheck, ...] = ()
    moves: Moves = Moves()
    limits: Limits = Limits()
    keep_s: Annotated[int, Field(ge=60, le=31_536_000)] = 604_800
    promise: Promise | None = None
    certificate: Certificate | None = None
    audit: Audit | None = None
    examples: tuple[Example, ...] = ()
    models: Mapping[Name, Answering] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for at, said in named_twice([rung.tier for rung in self.tiers], [check.name for check in self.checks]):
            raise PydanticCustomError("twice", "{said}", {"said": said, "at": at})
        return self

    @cached_property
    def text(self) -> str:
        """The canonical form in which the policy is published."""
        return canonical(_dump(self))

    @cached_property
    def digest(self) -> str:
        """Identifies this version: 16 hexadecimal digits of the SHA-256 of its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @cached_property
    def response_schema(self) -> ResponseSchema | None:
        """What the provider is asked to keep to; None for text and tools, unless their caller wants it."""
        if isinstance(self.output, Formed | Turn):
            return self.output.response_schema
        schema = self.output.wire_schema
        return ResponseSchema(name=self.policy, body=schema) if schema is not None else None

    @property
    def conversation(self) -> bool:
        """Whether the messages of the input are what is asked."""
        return self.prompt is None

    @property
    def images(self) -> tuple[str, ...]:
        """The input's fields that hold images; those of a conversation stand in its messages."""
        return self.prompt.images if self.prompt is not None else ()

    @property
    def earlier(self) -> Literal["none", "findings", "attempts"]:
        """What a larger model sees of the attempts before it."""
        return self.prompt.earlier if self.prompt is not None else "none"

    @cached_property
    def types(self) -> Types:
        return Types(
            input_schema=self.input.json_schema, output=self.output, images=self.images, conversation=self.conversation
        )

    @cached_property
    def all_checks(self) -> tuple[Check, ...]:
        """The listed checks, with those in front that no policy may do without: refusal and schema."""
        needed: list[Check] = [Refusal(check="refusal")] if not self._lists(Refusal) else []
        if not self._lists(Schema):
            needed.append(Schema(check="schema"))
        listed = sorted(self.checks, key=lambda c: not isinstance(c, Refusal))
        return (*needed, *listed)

    @cached_property
    def _asking(self) -> dict[str, tuple[Check, ...]]:
        asking = [check for check in self.all_checks if check.asks]
        return {tier: tuple(c for c in asking if c.applies_to(tier)) for tier in self.path} if asking else {}

    def asking(self, tier: str) -> tuple[Check, ...]:
        """The checks that ask a model about replies of *tier*."""
        return self._asking.get(tier, ())

    def _lists(self, kind: type[Check]) -> bool:
        """True where a check of that kind is listed for all tiers."""
        return any(isinstance(c, kind) and not c.tiers for c in self.checks)

    @property
    def text_checks(self) -> tuple[str, ...]:
        """The checks that can judge nothing but the text this policy asks for, by name."""
        return tuple(c.name for c in self.checks if c.reads_text) if self.output.kind == "text" else ()

    @cached_property
    def shots(self) -> tuple[Example, ...]:
        wanted = self.prompt.examples if self.prompt is not None else 0
        return tuple(e for e in self.examples if not e.held_out)[:wanted]

    @cached_property
    def tier_names(self) -> frozenset[str]:
        """Every tier the policy may ask, judges included."""
        audited = {self.audit.against} if self.audit is not None else set()
        return frozenset(self.path) | self.judges | audited

    @property
    def judges(self) -> frozenset[str]:
        return frozenset(check.tier for check in self.checks if isinstance(check, Judge))

    @property
    def held_against(self) -> str | None:
        """The tier that the promise is held against; None without a promise."""
        return (self.promise.against or self.path[-1]) if self.promise is not None else None

    @cached_property
    def promised_tiers(self) -> tuple[str, ...]:
        """The tiers whose outputs the promise is about: those below the one it is held against."""
        path, against = self.path, self.held_against
        if against is None:
            return ()
        return path[: path.index(against)] if against in path else path

    @cached_property
    def basis(self) -> Basis:
        """What a certificate of this version is made for."""
        return Basis(
            policy=self.policy,
            path=self.path,
            output_tokens=self.limits.output_tokens,
            prompt=_digest({"prompt": self._prompt_data, "shots": [_dump(s) for s in self.shots]}),
            output=_digest(_dump(self.output)),
            checks=_digest([_dump(check) for check in self.all_checks]),
            models={name: model for name, model in self.models.items() if name in self.path or name in self.judges},
        )

    @property
    def _prompt_data(self) -> Json:
        return self.prompt.model_dump(mode="json") if self.prompt is not None else None

    @cached_property
    def question(self) -> str:
        """Identifies what models are asked: prompt, examples and the form of the answer."""
        return _digest([self.basis.prompt, self.basis.output])

    @cached_property
    def certified(self) -> Certificate | None:
        """The certificate, as long as it holds for this version; else nothing is loosened."""
        known = self.certificate
        return known if known is not None and not known.outdated(self.promise, self.basis) else None

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(rung.tier for rung in self.tiers)

    def bound_to(self, tiers: Tiers) -> Policy:
        """This version as it is published: what its tiers answer with is a part of it, and of its digest."""
        models = {name: tiers[name].answering for name in sorted(self.tier_names) if name in tiers}
        return Policy.model_validate(self.model_dump(by_alias=True) | {"models": models})

    def on(self, tiers: Tiers) -> Policy:
        """This policy with what its tiers can do filled in; tiers that are not known stay empty."""
        rungs = tuple(r.model_copy(update={"spec": self.tier(r.tier, tiers)}) for r in self.tiers)
        audit = self.audit
        if audit is not None:
            audit = audit.model_copy(update={"spec": self.tier(audit.against, tiers)})
        return self.model_copy(update={"tiers": rungs, "audit": audit})

    @property
    def specs(self) -> dict[str, Tier]:
        """The tiers of which `on` filled in what they can do, by name."""
        audited = [(self.audit.against, self.audit.spec)] if self.audit is not None else []
        known = [*audited, *((rung.tier, rung.spec) for rung in self.tiers)]
        return {name: spec for name, spec in known if spec is not None}

    def tier(self, name: str, tiers: Tiers) -> Tier | None:
        """A tier as this version knows it; None where *tiers* lack it."""
        known, then = tiers.get(name), self.models.get(name)
        return known.answering_as(then) if known is not None and then is not None else known

    def rung(self, tier: str) -> Rung:
        return next(r for r in self.tiers if r.tier == tier)

    def above(self, tier: str | None) -> tuple[Rung, ...]:
        """The rungs after *tier*, all of them for None."""
        names = [r.tier for r in self.tiers]
        return self.tiers[names.index(tier) + 1 :] if tier is not None else self.tiers
