"""The JSON Schema of KEDA's kinds, read from the fields of generated models; nothing of them is run."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

from tests.deploy.tools import member

_MODELS = "cloudcoil/models/keda/v1alpha1.py"
_PLAIN = {"str": "string", "int": "integer", "bool": "boolean", "float": "number"}
Schema = dict[str, Any]


@cache
def keda_schema(kind: str) -> Schema:
    """The schema of a kind of `keda.sh/v1alpha1`, such as `ScaledObject`, which allows no other keys."""
    models = [
        node for node in ast.parse(member("cloudcoil_models_keda", _MODELS)).body if isinstance(node, ast.ClassDef)
    ]
    return {"$ref": f"#/$defs/{kind}", "$defs": {model.name: _object(model) for model in models}}


def _object(model: ast.ClassDef) -> Schema:
    fields = [field for field in model.body if isinstance(field, ast.AnnAssign)]
    required = [_name(field) for field in fields if field.value is None]
    properties = {_name(field): _said(field.annotation) for field in fields}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _name(field: ast.AnnAssign) -> str:
    """What a field is called in YAML: its alias, else its own name."""
    told = [word.value for word in ast.walk(field.annotation) if isinstance(word, ast.keyword) and word.arg == "alias"]
    return ast.literal_eval(told[0]) if told else ast.unparse(field.target)


def _said(annotation: ast.expr) -> Schema:
    match annotation:
        case ast.Name(id=name):
            return {"type": _PLAIN[name]} if name in _PLAIN else {"$ref": f"#/$defs/{name}"}
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *_])):
            return _said(inner)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _said(inner)
        case ast.Subscript(value=ast.Name(id="List"), slice=inner):
            return {"type": "array", "items": _said(inner)}
        case ast.Subscript(value=ast.Name(id="Dict"), slice=ast.Tuple(elts=[_, inner])):
            return {"type": "object", "additionalProperties": _said(inner)}
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Constant(value=value)):
            return {"const": value}
        case _:
            return {}
