"""What the models are taught: the policies' hand-written examples, rendered as a request renders them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml
from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from .belief import Json

LABEL = "label"
NO_FUNCTION = ""
FUNCTION = "name"
_TEMPLATES = SandboxedEnvironment(keep_trailing_newline=True)


class LessonError(Exception):
    """A policy or its examples cannot be read; the author of the file must act."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt as the model will see it, and the form filled in as it should be, for a function if one is called."""

    text: str
    form: Mapping[str, Json]
    function: str = NO_FUNCTION

    @property
    def output(self) -> Mapping[str, Json]:
        """The answer as it would be written into a conversation."""
        return {FUNCTION: self.function, "arguments": self.form} if self.function else self.form


@dataclass(frozen=True, slots=True)
class Lesson:
    """A policy to learn. `forms` holds the schema of each function's arguments, or under "" that of the one form."""

    policy: str
    forms: Mapping[str, Mapping[str, Json]]
    examples: tuple[Example, ...]
    held_out: tuple[Example, ...]
    shots: int

    @property
    def functions(self) -> frozenset[str]:
        """The functions to choose from; none where a form is filled in."""
        return frozenset(self.forms) - {NO_FUNCTION}


class _Loader(yaml.CSafeLoader):
    """YAML 1.2's reading of plain words: only true and false are booleans, dates and times stay text."""


_Loader.yaml_implicit_resolvers = {}


def _plain(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


_plain("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_plain("null", "~|null|Null|NULL|", "~nN")
_Loader.yaml_implicit_resolvers[""] = _Loader.yaml_implicit_resolvers["~"]
_plain("int", "[-+]?(?:0|[1-9][0-9]*)", "-+0123456789")
_plain("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+.0123456789")


def lessons_in(folder: Path) -> tuple[Lesson, ...]:
    """Reads every policy of a folder that these models can learn; raises LessonError with file and reason."""
    files = [(path, _read_yaml(path)) for path in sorted(folder.glob("*.yaml"))]
    lessons = [_lesson(path, content) for path, content in files if isinstance(content, dict) and "policy" in content]
    return tuple(lesson for lesson in lessons if lesson is not None)


def _lesson(path: Path, policy: Mapping[str, Any]) -> Lesson | None:
    """One policy's lesson; None for free text and where there are no examples."""
    forms = _forms(path.parent, policy.get("output", {}))
    prompt = policy.get("prompt", {})
    written = [e for e in _written(path.parent, policy.get("examples", ())) if not _shows_images(prompt, e)]
    if not forms or all(example.get("held_out") for example in written):
        return None
    blank = _blank_input(path.parent, policy)
    try:
        rendered = [(bool(example.get("held_out")), _example(policy, blank, example)) for example in written]
    except (AttributeError, KeyError, TypeError, TemplateError) as why:
        raise LessonError(f"{path}: an example does not fit the policy's prompt or output: {why!r}") from why
    return Lesson(
        policy=str(policy["policy"]),
        forms=forms,
        examples=tuple(example for held_out, example in rendered if not held_out),
        held_out=tuple(example for held_out, example in rendered if held_out),
        shots=prompt.get("examples", 0),
    )


def _written(folder: Path, examples: Json) -> list[dict[str, Any]]:
    """The examples: written in place, or the name of a file beside the policy."""
    found = (_read_yaml(folder / examples) or []) if isinstance(examples, str) else list(examples)
    if not isinstance(found, list) or not all(isinstance(e, dict) and isinstance(e.get("input"), dict) for e in found):
        raise LessonError(f"{folder / str(examples)}: expected a list of examples, each with its input and output")
    return found


def _shows_images(prompt: Mapping[str, Any], example: Mapping[str, Any]) -> bool:
    """True for an example that cannot be understood by its text alone; these models see no images."""
    return any(example["input"].get(field) for field in prompt.get("images", ()))


def _blank_input(folder: Path, policy: Mapping[str, Any]) -> dict[str, Json]:
    """The input's fields, empty: a field that is left out renders as nothing."""
    schema = _read_json(folder, policy.get("input", {}).get("schema", {}))
    return dict.fromkeys(schema.get("properties", ()), "")


def _forms(folder: Path, output: Mapping[str, Any]) -> dict[str, Mapping[str, Json]]:
    """The schemas of what is to be filled in; none for free text."""
    if "labels" in output:
        return {NO_FUNCTION: {"properties": {LABEL: {"type": "string", "enum": list(output["labels"])}}}}
    if "tools" in output:
        return {tool["name"]: tool["parameters"] for tool in _read_json(folder, output["tools"])}
    return {NO_FUNCTION: _read_json(folder, output["schema"])} if "schema" in output else {}


def _example(policy: Mapping[str, Any], blank: Mapping[str, Json], example: Mapping[str, Any]) -> Example:
    output = example["output"]
    text = _render(policy.get("prompt", {}), {**blank, **example["input"]})
    if "labels" in policy["output"]:
        return Example(text, {LABEL: output})
    if "tools" in policy["output"]:
        return Example(text, output["arguments"], output["name"])
    return Example(text, dict(output))


def _render(prompt: Mapping[str, Any], given: Mapping[str, Json]) -> str:
    return _TEMPLATES.from_string(prompt.get("user", "{{ text }}")).render(given)


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_bytes(), Loader=_Loader)  # a subclass of the safe loader
    except (OSError, yaml.YAMLError) as why:
        raise LessonError(f"{path}: {why}") from why


def _read_json(folder: Path, given: Json) -> Any:
    """A schema or tool list: written in place, or the name of a file beside the policy."""
    if not isinstance(given, str):
        return given
    try:
        return orjson.loads((folder / given).read_bytes())
    except (OSError, orjson.JSONDecodeError) as why:
        raise LessonError(f"{folder / given}: {why}") from why
