"""The JSON Schema of policy files, for editors: completion, hovers and red lines while one types."""

from __future__ import annotations

from typing import Any

from ..policy import Policy

_NOT_AUTHORED = (
    *("Tier", "Place", "Answering"),
    *("Certificate", "Basis", "Evidence", "Level", "Trust", "Feature", "Chance", "Usual", "Thrift"),
)
"""What a policy holds but no author writes."""

_FILE = {"type": "string", "description": "A file, by its path from the policy's folder."}


def editor_schema() -> dict[str, Any]:
    """Describe what `router policy lint` accepts, as far as a JSON Schema can say it."""
    schema = Policy.model_json_schema(by_alias=True)
    parts = schema["$defs"]
    _or_file(parts["Input"], "schema")
    _or_file(parts["Output"], "schema")
    _or_file(parts["Output"], "tools")
    _or_file(schema, "examples")
    del parts["Rung"]["properties"]["spec"], parts["Audit"]["properties"]["spec"]
    del schema["properties"]["certificate"], schema["properties"]["models"]
    schema["properties"] |= {"prompt": {"$ref": "#/$defs/Prompt"}, "input": {"$ref": "#/$defs/Input"}}
    schema["dependentRequired"] = {"prompt": ["input"], "input": ["prompt"]}
    for name in _NOT_AUTHORED:
        del parts[name]
    tiers = schema["properties"]["tiers"]
    tiers["items"] = {"anyOf": [{"type": "string", "description": "A tier's name."}, tiers["items"]]}
    for part in (schema, *parts.values()):
        _plain(part)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A policy of the router",
    }


def _or_file(part: dict[str, Any], key: str) -> None:
    """What a policy holds in place it may also name."""
    written = part["properties"][key]
    part["properties"][key] = {"anyOf": [_FILE, *written.get("anyOf", [written])]}


def _plain(part: dict[str, Any]) -> None:
    """Docstrings as hovers show them: in one line, without titles that only repeat a key."""
    if "description" in part:
        part["description"] = " ".join(part["description"].split())
    part.pop("title", None)
    for setting in part.get("properties", {}).values():
        setting.pop("title", None)
