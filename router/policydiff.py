"""What changes from one version of a policy to another, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Literal, TypeAlias

from .certificate import Certificate
from .checks import Check
from .output import Output
from .policy import Policy
from .promise import Promise
from .values import Json, Value

How: TypeAlias = Literal["added", "removed", "changed"]

_SHOWN = 160
"""Characters of a value in a sentence; all of it stands in the JSON."""

_EXAMPLES_TOLD = 10

_ANSWERING = ("prompt", "output", "model", "example", "tool", "label", "field")
"""Parts that decide what models answer, by how their names begin."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something of a policy that was added, removed or changed: `what` of which `part`, and its values."""

    part: str
    how: How
    what: str = ""
    old: Json = None
    new: Json = None

    @property
    def about_answers(self) -> bool:
        """True where models may answer otherwise, so that what they once replied tells little."""
        return self.part.startswith(_ANSWERING)

    def __str__(self) -> str:
        name = f"{self.part} {self.what}".strip()
        if self.how != "changed":
            value = self.new if self.how == "added" else self.old
            return f"{name} {self.how}" + (f": {_said(value)}" if value not in (None, {}) else "")
        if isinstance(self.old, str) and isinstance(self.new, str) and "\n" in self.old + self.new:
            return "\n".join([f"{name} changed:", *_lines(self.old, self.new)])
        return f"{name}: {_said(self.old)} -> {_said(self.new)}"


def changes(old: Policy, new: Policy) -> list[Change]:
    """Everything in which two versions differ, in the order of a policy's file."""
    return [
        *_fields("", {"policy": old.policy}, {"policy": new.policy}),
        *_fields("", {"description": old.description}, {"description": new.description}),
        *_whole("prompt", old.prompt, new.prompt),
        *_schema("input", old.input.json_schema, new.input.json_schema),
        *_outputs(old.output, new.output),
        *_tiers(old, new),
        *_models(old, new),
        *_checks(old.all_checks, new.all_checks),
        *_fields("moves", _dump(old.moves), _dump(new.moves)),
        *_fields("limits", _dump(old.limits), _dump(new.limits)),
        *_fields("", {"keep_s": old.keep_s}, {"keep_s": new.keep_s}),
        *_whole("promise", old.promise, new.promise),
        *_certificates(old.certificate, new.certificate),
        *_whole("audit", old.audit, new.audit),
        *_examples([_dump(e) for e in old.examples], [_dump(e) for e in new.examples]),
    ]


def _dump(value: Value) -> dict[str, Json]:
    return value.model_dump(mode="json", by_alias=True)


def _fields(part: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Change(part, "changed", name, old.get(name), new.get(name))


def _whole(part: str, old: Value | None, new: Value | None) -> Iterator[Change]:
    """A part that a policy need not have."""
    if old is None and new is not None:
        yield Change(part, "added", new=_set(new))
    elif old is not None and new is None:
        yield Change(part, "removed", old=_set(old))
    elif old is not None and new is not None:
        yield from _fields(part, _dump(old), _dump(new))


def _set(value: Value) -> dict[str, Json]:
    """What an author has set; a promise says nothing without its confidence."""
    if isinstance(value, Promise):
        return value.model_dump(mode="json", exclude_none=True)
    return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _tiers(old: Policy, new: Policy) -> Iterator[Change]:
    yield from _members("tier", {r.tier: _dump(r) for r in old.tiers}, {r.tier: _dump(r) for r in new.tiers}, "tier")
    yield from _order("tiers", old.path, new.path)


def _models(old: Policy, new: Policy) -> Iterator[Change]:
    """What tiers answer with, where both versions say so and have the tier."""
    for tier in sorted(old.models.keys() & new.models.keys()):
        if old.models[tier] != new.models[tier]:
            yield Change("model of", "changed", tier, str(old.models[tier]), str(new.models[tier]))


def _checks(old: Sequence[Check], new: Sequence[Check]) -> Iterator[Change]:
    before, after = ({check.name: _dump(check) for check in checks} for checks in (old, new))
    yield from _members("check", before, after, "id")
    yield from _order("checks", list(before), list(after))


def _members(
    part: str, old: Mapping[str, dict[str, Json]], new: Mapping[str, dict[str, Json]], key: str
) -> Iterator[Change]:
    """Things that are known by name."""
    yield from (Change(part, "removed", name) for name in old if name not in new)
    for name, settings in new.items():
        if name not in old:
            told = {k: v for k, v in settings.items() if k != key and v not in (None, [], "")}
            yield Change(part, "added", name, new=told)
        else:
            yield from _fields(f"{part} {name}", old[name], settings)


def _order(part: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    """Whether those that stayed stand in another order."""
    stayed = [[name for name in names if name in old and name in new] for names in (old, new)]
    if stayed[0] != stayed[1]:
        yield Change(part, "changed", "order", list(old), list(new))


def _listed(part: str, old: Sequence[Json], new: Sequence[Json]) -> Iterator[Change]:
    for value in old:
        if value not in new:
            yield Change(part, "removed", old=value)
    for value in new:
        if value not in old:
            yield Change(part, "added", new=value)


def _examples(old: Sequence[Json], new: Sequence[Json]) -> Iterator[Change]:
    """One by one where they are few, else their numbers: nobody reads hundreds."""
    each = list(_listed("example", old, new))
    if len(each) <= _EXAMPLES_TOLD:
        yield from each
        return
    came = sum(change.how == "added" for change in each)
    yield Change("examples", "changed", "", f"{len(old)}", f"{len(new)}, {came} of them new")


def _outputs(old: Output, new: Output) -> Iterator[Change]:
    if old.kind != new.kind:
        yield Change("output", "changed", "kind", old.kind, new.kind)
    elif old.kind == "schema":
        yield from _schema("output", old.value_schema, new.value_schema)
    elif old.kind == "labels":
        yield from _listed("label", old.labels or (), new.labels or ())
    elif old.kind == "tools":
        yield from _tools(old, new)


def _tools(old: Output, new: Output) -> Iterator[Change]:
    for name in dict.fromkeys((*old.tools_by_name, *new.tools_by_name)):
        before, after = old.tools_by_name.get(name), new.tools_by_name.get(name)
        if before is None or after is None:
            yield Change("tool", "added" if before is None else "removed", name)
            continue
        if before.description != after.description:
            yield Change(f"tool {name}", "changed", "description", before.description, after.description)
        yield from _schema(f"tool {name}", before.parameters, after.parameters)


def _schema(part: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Change]:
    """Fields that came, went, or hold something else; what is said of the whole beside its fields comes last."""
    before, after = dict(_properties(old)), dict(_properties(new))
    told = False
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            told = True
            how: How = "added" if name not in before else "removed" if name not in after else "changed"
            yield Change(f"{part} field", how, name, before.get(name), after.get(name))
    if old != new and not told:
        yield Change(part, "changed", "schema", dict(old), dict(new))


def _properties(schema: Json, path: str = "", *, required: bool = True) -> Iterator[tuple[str, Json]]:
    """Every field of a schema with what is said of it, without the fields within."""
    if not isinstance(schema, Mapping):
        return
    if path:
        own = {key: value for key, value in schema.items() if key not in ("properties", "items", "required")}
        yield path, own | ({} if required else {"required": False})
    needed = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        yield from _properties(inner, f"{path}.{name}".lstrip("."), required=name in needed)
    yield from _properties(schema.get("items"), f"{path}[]") if path else ()


def _certificates(old: Certificate | None, new: Certificate | None) -> Iterator[Change]:
    """Of a certificate the thresholds tell most; its numbers stand in its file."""
    if old is None or new is None:
        if old is not new:
            yield Change("certificate", "added" if old is None else "removed", new=_told(new), old=_told(old))
    elif old != new:
        yield from _fields("certificate", _told(old) or {}, _told(new) or {})
        if _told(old) == _told(new):
            yield Change("certificate", "changed", "contents", old.evidence.sha256[:12], new.evidence.sha256[:12])


def _told(certificate: Certificate | None) -> dict[str, Json] | None:
    if certificate is None:
        return None
    thresholds = {f"threshold of {tier}": level.threshold for tier, level in certificate.levels.items()}
    return {"made": certificate.made.isoformat(), **thresholds}


def _lines(old: str, new: str) -> Iterator[str]:
    """The lines that differ, with one around them."""
    for line in list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1))[2:]:
        yield f"  {line}"


def _said(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " ..."
