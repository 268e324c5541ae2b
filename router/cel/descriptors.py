"""Shapes as CEL knows them: protobuf messages, because those are the structs that its checker can type."""

from __future__ import annotations

from typing import Any, Final

from cel_expr_python import cel

from .shape import UNKNOWN, Objects, Shape

PACKAGE: Final = "router"
_WELL_KNOWN: Final = "google.protobuf."
_WRAPPERS: Final = {"bool": "BoolValue", "int": "Int64Value", "double": "DoubleValue", "string": "StringValue"}
_FIELD_TYPES: Final = {"double": 1, "int": 3, "bool": 8, "string": 9}  # FieldDescriptorProto.Type
_MESSAGE: Final = 11
_REPEATED: Final = 3


def _message_of(shape: Shape) -> str | None:
    """The message that stands for a single value of a shape; None for a scalar that cannot be null."""
    match shape:
        case Shape(kind="object", name=name):
            return f"{PACKAGE}.{name}"
        case Shape(kind="list", nullable=False):
            return _WELL_KNOWN + "ListValue"
        case Shape(kind="map", nullable=False):
            return _WELL_KNOWN + "Struct"
        case Shape(kind=kind) if kind in _WRAPPERS:
            return _WELL_KNOWN + _WRAPPERS[kind] if shape.nullable else None
    return _WELL_KNOWN + "Value"


def variable(shape: Shape) -> Any:
    """Spell the type of a variable of that shape."""
    if shape.kind == "list" and shape.item and not shape.nullable:
        return cel.Type.List(variable(shape.item))
    if shape.kind == "map" and shape.item and not shape.nullable:
        return cel.Type.Map(cel.Type.STRING, variable(shape.item))
    scalars = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "double": cel.Type.DOUBLE, "string": cel.Type.STRING}
    message = _message_of(shape)
    return cel.Type(message) if message else scalars[shape.kind]


def descriptors(objects: Objects) -> Any:
    """Describe objects as messages of `PACKAGE`, by their names."""
    # 23 ms; only who compiles rules pays it.  Without the protobuf package, NewEnv would abort() the whole process.
    from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2, wrappers_pb2  # noqa: PLC0415

    known = [module.DESCRIPTOR for module in (struct_pb2, wrappers_pb2)]
    file = descriptor_pb2.FileDescriptorProto(
        name="router.proto", package=PACKAGE, syntax="proto2", dependency=[file.name for file in known]
    )
    for name, described in objects.items():
        message = file.message_type.add(name=name)
        message.options.deprecated_legacy_json_field_conflicts = True  # `a_b` beside `aB` is fine
        for number, (field, shape) in enumerate(described.fields.items(), 1):
            _add_field(message, number, field, shape)
    pool = descriptor_pool.DescriptorPool()
    for serialized in (*(file.serialized_pb for file in known), file.SerializeToString()):
        pool.AddSerializedFile(serialized)
    return pool


def _add_field(message: Any, number: int, name: str, shape: Shape) -> None:
    field = message.field.add(name=name, number=number, json_name=name, label=1)
    single = shape
    if shape.kind == "list" and shape.item and not shape.nullable:
        field.label, single = _REPEATED, shape.item
    elif entry := _add_map_entry(message, name, shape):
        field.label, field.type, field.type_name = _REPEATED, _MESSAGE, entry
        return
    _set_type(field, single)


def _add_map_entry(message: Any, name: str, shape: Shape) -> str | None:
    """Declare map<string, T> the way protobuf spells it; None for what stays an untyped map."""
    entry = "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry"
    taken = {inner.name for inner in (*message.nested_type, *message.field)}
    if shape.kind != "map" or shape.nullable or shape.item in (None, UNKNOWN) or entry in taken:
        return None
    nested = message.nested_type.add(name=entry)
    nested.options.map_entry = True
    nested.field.add(name="key", number=1, type=_FIELD_TYPES["string"], label=1)
    _set_type(nested.field.add(name="value", number=2, label=1), shape.item)
    return f".{PACKAGE}.{message.name}.{entry}"


def _set_type(field: Any, shape: Shape | None) -> None:
    shape = shape or UNKNOWN
    if message := _message_of(shape):
        field.type, field.type_name = _MESSAGE, f".{message}"
    else:
        field.type = _FIELD_TYPES[shape.kind]
