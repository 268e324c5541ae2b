"""Rules in CEL, typed against the JSON Schemas of a task's input and output."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache, partial
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

from .jsontext import INT_MAX, INT_MIN
from .schema import resolve

SOURCE_BYTES_MAX: Final = 4096
ELEMENTS_MAX: Final = 2_000
"""How long a list may be for rules that use map, filter or sum.  CEL copies the list for each element it adds: 1,000
take 16 ms, 10,000 (CEL's own budget of iterations) 2 s, and all other tasks of the process would wait.  Lists that a
rule makes with split() are bounded by that budget alone."""


class Word(NamedTuple):
    """A name that a rule may use: how it is written, and what it says."""

    example: str
    meaning: str


WORDS: Final = (
    Word("output.total > 0.0", "a field of the output (for labels and text, `output` is the string itself)"),
    Word("input.text != ''", "a field of the task's input"),
    Word("has(output.tax)", "the field is there; say this before using a field that is not required"),
    Word("output.note == null", "the field is null; where the schema does not allow null this is an error"),
    Word("output.items[0].price > 0.0", "an item of a list, counted from 0"),
    Word("output.extra['order-id'] == 'a'", "a value of an object whose names the schema leaves open"),
    Word("output.total == 1.0 || !(output.count != 2) && true", "comparison and logic: == != < <= > >= && || !"),
    Word("output.total * 2.0 - 1.0 < 3.0 / 1.5 + 1.0", "arithmetic: + - * / %, on integers or on doubles, never mixed"),
    Word("output.total > 0.0 ? output.count == 1 : output.count == 0", "either, or"),
    Word("output.merchant in ['a', 'b']", "is an element of a list, or a name in an open object"),
    Word("output.items.all(i, i.price > 0.0)", "true for every element"),
    Word("output.items.exists(i, i.price > 0.0)", "true for at least one element"),
    Word("output.items.exists_one(i, i.price > 0.0)", "true for exactly one element"),
    Word("output.items.map(i, i.price).sum() > 1.0", "something of each element; the sum of a list of numbers"),
    Word("output.items.filter(i, i.price > 0.0).size() == 2", "the elements for which it is true; how many"),
    Word("size(output.merchant) < 80", "the length of a text in characters, of a list or of an object"),
    Word("math.abs(output.total - 1.0) < 0.01", "the absolute value"),
    Word("math.round(output.total) == 1.0", "also math.ceil, math.floor, math.trunc, math.sign, math.sqrt"),
    Word("math.greatest(output.total, 1.0) > 0.0", "also math.least; of two or more numbers, or of a list"),
    Word("double(output.count) == output.total", "conversion: double(x), int(x), string(x), bool(x)"),
    Word("input.text.contains(output.merchant)", "one text is part of another"),
    Word("output.merchant.startsWith('A') || output.merchant.endsWith('z')", "the beginning, the end of a text"),
    Word("output.merchant.matches('^[A-Z]+$')", "an RE2 regular expression is found in the text"),
    Word("output.merchant.lowerAscii() == 'a'", "also upperAscii, trim, reverse"),
    Word("output.merchant.split(' ').size() > 1", "the parts of a text"),
    Word("output.merchant.indexOf('a') >= 0", "a place in a text; also lastIndexOf, charAt(i), substring(i, j)"),
    Word("double(output.merchant.replace(',', '')) > 1.0", "other characters; both given as literals, never longer"),
    Word("timestamp(output.date + 'T00:00:00Z').getFullYear() > 2000", "points in time (RFC 3339), and duration('1h')"),
    Word("type(output.extra.x) == string", "the type of a value that the schema leaves open"),
)
"""What an author may use, for the documentation; every example is compiled by a test."""


@dataclass(frozen=True, slots=True)
class ExpressionProblem:
    """A mistake in an expression: line and column within it (from 1), what it is, and the words that were meant."""

    line: int
    column: int
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        meant = f"; did you mean {self.suggestion!r}?" if self.suggestion else ""
        return f"{self.line}:{self.column}: {self.message}{meant}"


class ExpressionInvalid(ValueError):
    """An expression that cannot be used; `problems` holds every mistake that was found."""

    def __init__(self, problems: Sequence[ExpressionProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


@dataclass(frozen=True, slots=True)
class ExpressionError:
    """Why an expression has no value for this input and output; a sentence for people."""

    message: str

    def __str__(self) -> str:
        return self.message


class Activation:
    """An input and an output as CEL sees them; made once per task and shared by its rules."""

    def __init__(self, input: Any, output: Any) -> None:
        self._raw = (input, output)
        self.values = _runtime().Activation({"input": input, "output": output})

    @cached_property
    def longest(self) -> int:
        """How many elements the longest list or object has."""
        return max(map(_longest, self._raw))


class Expression:
    """A compiled rule: called with an activation it says True, False, or why it cannot say."""

    def __init__(self, source: str, program: Any) -> None:
        self.source = source
        self._program = program
        self._copies = any(token["method"] in ("map", "filter") or token["sum"] for token in _CODE.finditer(source))

    def __call__(self, activation: Activation) -> bool | ExpressionError:
        if self._copies and activation.longest > ELEMENTS_MAX:
            return ExpressionError(
                f"a list has {activation.longest:,} elements, rules with map, filter or sum take {ELEMENTS_MAX:,}"
            )
        try:
            value = self._program.eval(activation.values).value()
        except _EVALUATION_ERRORS as why:
            return ExpressionError(_evaluation_sentence(str(why)))
        if value is True or value is False:
            return value
        return ExpressionError(_evaluation_sentence(value))


def compile_expression(source: str, *, input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]) -> Expression:
    """
    Compile a rule about `input` and `output` that is true or false; the schemas are sound (`check_schema`).

    Raises ExpressionInvalid: an unknown field, types that do not go together, a source over 4 kB or nested deeper
    than 32, or a function that could build texts of any size from a hostile input.
    """
    if problems := _size_problems(source):
        raise ExpressionInvalid(problems)
    scope = _scope(_Same(input_schema), _Same(output_schema))
    try:
        checked = scope.checker.compile(source)
    except RuntimeError as why:
        raise ExpressionInvalid(_problems(source, str(why), scope.objects)) from None
    if problems := _problems_in_nullable_lists(source, scope):
        raise ExpressionInvalid(problems)
    if problems := [*_result_problems(checked), *_growth_problems(source, scope.checker, checked)]:
        raise ExpressionInvalid(problems)
    try:
        return Expression(source, _runtime().compile(_with_typed_sums(source, scope.checker)))
    except RuntimeError as why:
        raise ExpressionInvalid(_problems(source, str(why), scope.objects)) from None


def activation(
    input: Any, output: Any, *, input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]
) -> Activation:
    """
    Make the values that rules look at: 12 where the schema says `number` becomes a double, 12.0 in an `integer` an int.

    An integer outside 64 bits becomes a double anywhere.  Schemas are recognised by identity: pass the same objects
    for every task of a policy.
    """
    scope = _scope(_Same(input_schema), _Same(output_schema))
    return Activation(scope.coerce_input(input), scope.coerce_output(output))


def _longest(value: Any) -> int:
    if type(value) not in (list, dict):
        return 0
    inner = value if type(value) is list else value.values()
    return max(len(value), max(map(_longest, inner), default=0))


# The runtime knows no types: values come from JSON, and the checker has vouched for how they are used.


_EXTENSIONS: Final = (ext_math.ExtMath(), ext_strings.ExtStrings())
_EVALUATION_ERRORS: Final = (RuntimeError, MemoryError, ValueError, IndexError, OverflowError)
"""What pybind11 makes of C++ exceptions; only the iteration budget and lone surrogates were seen to raise."""
_INTS: Final = "sumOfInts"
_DOUBLES: Final = "sumOfDoubles"


@lru_cache(maxsize=1)
def _runtime() -> Any:
    anything, numbers = cel.Type.DYN, cel.Type.List(cel.Type.DYN)
    return cel.NewEnv(
        variables={"input": anything, "output": anything},
        extensions=_EXTENSIONS,
        functions=[
            _method(_INTS, [(numbers, anything)], _sum_of_ints),
            _method(_DOUBLES, [(numbers, anything)], _sum_of_doubles),
        ],
    )


def _method(name: str, types: Iterable[tuple[Any, Any]], does: Callable[[Any], Any]) -> Any:
    """Declare a method by the types it takes and gives."""
    overloads = [
        cel.Overload(f"{name}_{place}", gives, [takes], is_member=True, impl=does)
        for place, (takes, gives) in enumerate(types)
    ]
    return cel.FunctionDecl(name, overloads)


def _sum_of_ints(numbers: list[Any]) -> Any:
    _check_numbers(numbers)
    total = sum(numbers)
    if isinstance(total, int) and not INT_MIN <= total <= INT_MAX:
        raise OverflowError("integer overflow in sum()")
    return total


def _sum_of_doubles(numbers: list[Any]) -> float:
    _check_numbers(numbers)
    return math.fsum(numbers)


def _check_numbers(numbers: list[Any]) -> None:
    if any(type(number) not in (int, float) for number in numbers):
        raise TypeError("sum() takes a list of numbers")


def _with_typed_sums(source: str, checker: Any) -> str:
    """
    Write `.map(n, n).sumOfInts()`, or `sumOfDoubles`, for each `.sum()`.

    The runtime cannot tell 0 from 0.0 for an empty list, so the checker decides, one `sum` at a time (from the right,
    so that earlier offsets stay true).  The `map` lets the elements count against the budget of 10,000 iterations.
    """
    for start, end in reversed([token.span("sum") for token in _CODE.finditer(source) if token["sum"]]):
        ints, doubles = (f"{source[:start]}map(n, n).{name}{source[end:]}" for name in (_INTS, _DOUBLES))
        source = ints if _compiles(checker, ints) else doubles
    return source


def _compiles(checker: Any, source: str) -> bool:
    try:
        checker.compile(source)
    except RuntimeError:
        return False
    return True


# Shapes: what a schema says about types, as far as CEL can use it.

Kind: TypeAlias = Literal["any", "bool", "int", "double", "string", "list", "map", "object"]
Coercion: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Shape:
    """The type of a value: `item` is that of a list's or map's elements, `name` that of an object in `_Objects`."""

    kind: Kind
    nullable: bool = False
    item: _Shape | None = None
    name: str = ""

    def or_null(self) -> _Shape:
        return _Shape(self.kind, True, self.item, self.name)


@dataclass(frozen=True, slots=True)
class _Object:
    """An object with known fields; `place` says where it stands, for people: `output.items[]`."""

    place: str
    fields: dict[str, _Shape]


_Objects: TypeAlias = dict[str, _Object]
_UNKNOWN: Final = _Shape("any")
_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELDS_MAX: Final = 2_000  # protobuf refuses messages of more than some 4,000 fields
_KINDS: Final[dict[str, Kind]] = {
    "boolean": "bool",
    "integer": "int",
    "number": "double",
    "string": "string",
    "array": "list",
    "object": "object",
}


class _Reader:
    """Reads the shapes out of one schema. What CEL cannot type (unions, tuples) becomes `any`."""

    def __init__(self, root: Mapping[str, Any], objects: _Objects) -> None:
        self._root = root
        self._objects = objects
        self._known: dict[str, _Shape] = {}

    def read(self, schema: Any, place: str) -> _Shape:
        if not isinstance(schema, Mapping):
            return _UNKNOWN
        if isinstance(schema.get("$ref"), str):
            return self._once(schema["$ref"], resolve(self._root, schema["$ref"]), place)
        if "allOf" in schema:
            return self._once(f"allOf {id(schema)}", schema, place)
        return self._read(schema, place)

    def _once(self, key: str, schema: Any, place: str) -> _Shape:
        """Read what may contain itself: within itself it is known by its name, or unknown."""
        if key not in self._known:
            self._known[key] = _UNKNOWN
            self._known[key] = self._read(self._merged(schema, 16), place, key)
        return self._known[key]

    def _read(self, schema: Mapping[str, Any], place: str, key: str | None = None) -> _Shape:
        one_of = schema.get("anyOf", schema.get("oneOf"))
        if one_of and "type" not in schema and "properties" not in schema:
            shapes = [self.read(alternative, place) for alternative in one_of if not _is_null(alternative)]
            return _union(shapes, nullable=len(shapes) < len(one_of))
        kind, nullable = _kind(schema)
        shape = self._container(kind, schema, place, key)
        return shape.or_null() if nullable else shape

    def _container(self, kind: Kind, schema: Mapping[str, Any], place: str, key: str | None) -> _Shape:
        if kind == "list":
            return _Shape("list", item=self.read({} if "prefixItems" in schema else schema.get("items"), f"{place}[]"))
        if kind != "object":
            return _Shape(kind)
        if _has_known_fields(schema):
            return self._object(schema, place, key)
        named = schema.keys() & {"properties", "patternProperties"}
        values = None if named else schema.get("additionalProperties")
        return _Shape("map", item=self.read(values, f"{place}[]"))

    def _object(self, schema: Mapping[str, Any], place: str, key: str | None) -> _Shape:
        shape = _Shape("object", name=f"O{len(self._objects)}")
        fields: dict[str, _Shape] = {}
        self._objects[shape.name] = _Object(place, fields)
        if key is not None:
            self._known[key] = shape  # before its fields are read: they may refer to it
        fields.update({name: self.read(field, f"{place}.{name}") for name, field in schema["properties"].items()})
        return shape

    def _merged(self, schema: Any, levels: int) -> Mapping[str, Any]:
        """Take references and `allOf` as one schema; good enough for types."""
        if not isinstance(schema, Mapping) or not levels:
            return {}
        if isinstance(schema.get("$ref"), str):
            return self._merged(resolve(self._root, schema["$ref"]), levels - 1)
        merged: dict[str, Any] = {key: schema[key] for key in schema if key != "allOf"}
        for part in schema.get("allOf", ()):
            more = self._merged(part, levels - 1)
            properties = {**more.get("properties", {}), **merged.get("properties", {})}
            merged = {**more, **merged, **({"properties": properties} if properties else {})}
        return merged


def _kind(schema: Mapping[str, Any]) -> tuple[Kind, bool]:
    """The kind that `type` (or what stands for it) names, and whether null is one of the choices."""
    types = schema.get("type", _implied_types(schema))
    names = set([types] if isinstance(types, str) else types)
    kinds = {_KINDS.get(name, "any") for name in names - {"null"}}
    if kinds == {"int", "double"}:
        kinds = {"double"}
    kind = kinds.pop() if len(kinds) == 1 else "any"
    return kind, "null" in names


def _implied_types(schema: Mapping[str, Any]) -> list[str]:
    if "const" in schema or "enum" in schema:
        return [_JSON_TYPES[type(value)] for value in schema.get("enum", [schema.get("const")])]
    return ["object"] if "properties" in schema else ["array"] if "items" in schema else []


_JSON_TYPES: Final = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (schema.get("type") == "null" or schema.get("const", 0) is None)


def _union(shapes: list[_Shape], *, nullable: bool) -> _Shape:
    shape = shapes[0] if shapes and all(other == shapes[0] for other in shapes) else _UNKNOWN
    return shape.or_null() if nullable else shape


def _has_known_fields(schema: Mapping[str, Any]) -> bool:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or "patternProperties" in schema:
        return False
    return 0 < len(properties) <= _FIELDS_MAX and all(map(_FIELD.fullmatch, properties))


# Values in the types of their schema.  A value that does not meet its schema is passed on as it is.


def _coercion(shape: _Shape | None, objects: _Objects) -> Coercion | None:
    """The function that gives a value its schema's number types; None where there is nothing to do."""
    by_name: dict[str, Coercion] = {}

    def of(shape: _Shape | None) -> Coercion | None:
        match shape:
            case _Shape(kind="double"):
                return _as_double
            case _Shape(kind="int"):
                return _as_int
            case _Shape(kind="list", item=item) if inner := of(item):
                return partial(_with_elements, inner)
            case _Shape(kind="map", item=item) if inner := of(item):
                return partial(_with_members, inner)
            case _Shape(kind="object", name=name):
                return by_name.get(name) or of_object(name)
            case _Shape(kind="any"):
                return _without_huge
        return None

    def of_object(name: str) -> Coercion:
        fields: list[tuple[str, Coercion]] = []
        by_name[name] = partial(_with_fields, fields)  # before its fields are known: they may refer to it
        fields += [(key, inner) for key, field in objects[name].fields.items() if (inner := of(field))]
        return by_name[name]

    return of(shape)


def _with_elements(coerce: Coercion, value: Any) -> Any:
    return list(map(coerce, value)) if type(value) is list else value


def _with_members(coerce: Coercion, value: Any) -> Any:
    return {key: coerce(member) for key, member in value.items()} if type(value) is dict else value


def _with_fields(fields: list[tuple[str, Coercion]], value: Any) -> Any:
    if type(value) is not dict:
        return value
    changed = value
    for key, coerce in fields:
        if key in value and (new := coerce(old := value[key])) is not old:
            changed = value.copy() if changed is value else changed
            changed[key] = new
    return changed


def _as_double(value: Any) -> Any:
    if type(value) is not int:
        return value
    try:
        return float(value)
    except OverflowError:
        return value


def _as_int(value: Any) -> Any:
    if type(value) is int:
        return value if INT_MIN <= value <= INT_MAX else _as_double(value)
    return int(value) if type(value) is float and value.is_integer() and abs(value) < INT_MAX else value


def _without_huge(value: Any) -> Any:
    """Where the schema leaves things open, only integers that CEL could not hold are changed."""
    kind = type(value)
    if kind is int:
        return _as_int(value)
    if kind is list:
        return list(map(_without_huge, value))
    if kind is dict:
        return {key: _without_huge(member) for key, member in value.items()}
    return value


def _same(value: Any) -> Any:
    return value


# The checker: schemas become protobuf messages, because those are the structs that CEL's own checker can type.


class _Scope:
    """The types of one pair of schemas."""

    def __init__(self, input_schema: Mapping[str, Any], output_schema: Mapping[str, Any]) -> None:
        self.objects: _Objects = {}
        self._input = _Reader(input_schema, self.objects).read({"$ref": "#"}, "input")
        self._output = _Reader(output_schema, self.objects).read({"$ref": "#"}, "output")
        self.coerce_input = _coercion(self._input, self.objects) or _same
        self.coerce_output = _coercion(self._output, self.objects) or _same

    @cached_property
    def checker(self) -> Any:
        """CEL with the types of the schemas; lists and maps that can be null are open, CEL has no type for them."""
        return _checker(self._input, self._output, self.objects)

    @cached_property
    def checker_without_null(self) -> Any | None:
        """CEL with such lists and maps typed, as if they were never null; None if there are none."""
        bare = {name: _Object(o.place, {k: _bare(f) for k, f in o.fields.items()}) for name, o in self.objects.items()}
        tops = (_bare(self._input), _bare(self._output))
        if bare == self.objects and tops == (self._input, self._output):
            return None
        return _checker(*tops, bare)


def _bare(shape: _Shape) -> _Shape:
    return _Shape(shape.kind, False, shape.item and _bare(shape.item)) if shape.kind in ("list", "map") else shape


def _checker(input: _Shape, output: _Shape, objects: _Objects) -> Any:
    ints, doubles = ((cel.Type.List(number), number) for number in (cel.Type.INT, cel.Type.DOUBLE))
    return cel.NewEnv(
        descriptor_pool=_pool(objects),
        variables={"input": _variable(input), "output": _variable(output)},
        extensions=_EXTENSIONS,
        functions=[
            _method("sum", [ints, doubles], _same),
            _method(_INTS, [ints], _same),
            _method(_DOUBLES, [doubles], _same),
        ],
    )


class _Same:
    """A dictionary key that stands for one very object, whatever it holds."""

    __slots__ = ("value",)

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value


@lru_cache(maxsize=512)
def _scope(input_schema: _Same, output_schema: _Same) -> _Scope:
    return _Scope(input_schema.value, output_schema.value)


_PACKAGE: Final = "router"
_WELL_KNOWN: Final = "google.protobuf."
_WRAPPERS: Final = {"bool": "BoolValue", "int": "Int64Value", "double": "DoubleValue", "string": "StringValue"}
_FIELD_TYPES: Final = {"double": 1, "int": 3, "bool": 8, "string": 9}  # FieldDescriptorProto.Type
_MESSAGE: Final = 11
_REPEATED: Final = 3


def _message_of(shape: _Shape) -> str | None:
    """The message that stands for a single value of a shape; None for a scalar that cannot be null."""
    match shape:
        case _Shape(kind="object", name=name):
            return f"{_PACKAGE}.{name}"
        case _Shape(kind="list", nullable=False):
            return _WELL_KNOWN + "ListValue"
        case _Shape(kind="map", nullable=False):
            return _WELL_KNOWN + "Struct"
        case _Shape(kind=kind) if kind in _WRAPPERS:
            return _WELL_KNOWN + _WRAPPERS[kind] if shape.nullable else None
    return _WELL_KNOWN + "Value"


def _variable(shape: _Shape) -> Any:
    if shape.kind == "list" and shape.item and not shape.nullable:
        return cel.Type.List(_variable(shape.item))
    if shape.kind == "map" and shape.item and not shape.nullable:
        return cel.Type.Map(cel.Type.STRING, _variable(shape.item))
    scalars = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "double": cel.Type.DOUBLE, "string": cel.Type.STRING}
    message = _message_of(shape)
    return cel.Type(message) if message else scalars[shape.kind]


def _pool(objects: _Objects) -> Any:
    # 23 ms; only who compiles rules pays it.  Without the protobuf package, NewEnv would abort() the whole process.
    from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2, wrappers_pb2  # noqa: PLC0415

    known = [module.DESCRIPTOR for module in (struct_pb2, wrappers_pb2)]
    file = descriptor_pb2.FileDescriptorProto(
        name="router.proto", package=_PACKAGE, syntax="proto2", dependency=[file.name for file in known]
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


def _add_field(message: Any, number: int, name: str, shape: _Shape) -> None:
    field = message.field.add(name=name, number=number, json_name=name, label=1)
    single = shape
    if shape.kind == "list" and shape.item and not shape.nullable:
        field.label, single = _REPEATED, shape.item
    elif entry := _add_map_entry(message, name, shape):
        field.label, field.type, field.type_name = _REPEATED, _MESSAGE, entry
        return
    _set_type(field, single)


def _add_map_entry(message: Any, name: str, shape: _Shape) -> str | None:
    """Declare map<string, T> the way protobuf spells it; None for what stays an untyped map."""
    entry = "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry"
    taken = {inner.name for inner in (*message.nested_type, *message.field)}
    if shape.kind != "map" or shape.nullable or shape.item in (None, _UNKNOWN) or entry in taken:
        return None
    nested = message.nested_type.add(name=entry)
    nested.options.map_entry = True
    nested.field.add(name="key", number=1, type=_FIELD_TYPES["string"], label=1)
    _set_type(nested.field.add(name="value", number=2, label=1), shape.item)
    return f".{_PACKAGE}.{message.name}.{entry}"


def _set_type(field: Any, shape: _Shape | None) -> None:
    shape = shape or _UNKNOWN
    if message := _message_of(shape):
        field.type, field.type_name = _MESSAGE, f".{message}"
    else:
        field.type = _FIELD_TYPES[shape.kind]


# What an author reads when a rule is refused.

_CODE: Final = re.compile(
    r"//[^\n]*"
    r"|[bB]?[rR][bB]?(?:'''(?s:.*?)'''|\"\"\"(?s:.*?)\"\"\"|'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?:'''(?s:(?:[^\\]|\\.)*?)'''|\"\"\"(?s:(?:[^\\]|\\.)*?)\"\"\")"
    r"|(?P<text>'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
    r"|(?<=\.)\s*(?P<sum>sum)(?=\s*\()"
    r"|(?<=\.)\s*(?P<method>[A-Za-z]\w*)(?=\s*\()"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>[-+*/%!<>=&|?:.,()\[\]{}])"
)
"""The tokens of CEL, as far as the questions below need them."""


def _size_problems(source: str) -> list[ExpressionProblem]:
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        return [ExpressionProblem(1, 1, "the expression holds a lone surrogate")]
    if size > SOURCE_BYTES_MAX:
        return [ExpressionProblem(1, 1, f"the expression has {size:,} bytes, the limit is {SOURCE_BYTES_MAX:,}")]
    return []


def _result_problems(checked: Any) -> list[ExpressionProblem]:
    """A value that the schema leaves open may turn out to be true or false; everything else must be a bool."""
    result = checked.return_type()
    if result in (cel.Type.BOOL, cel.Type.DYN):
        return []
    given = _type_name(result.name().lower().replace("<", "(").replace(">", ")"))
    return [ExpressionProblem(1, 1, f"a rule must be true or false, this gives {given}: compare it")]


def _growth_problems(source: str, checker: Any, checked: Any) -> Iterator[ExpressionProblem]:
    """Refuse what makes ever longer texts and lists; CEL's budget counts iterations, not bytes."""
    tokens = list(_CODE.finditer(source))
    for index, token in enumerate(tokens):
        match token["method"]:
            case "join" | "format" as name:
                yield _problem_at(source, token.start("method"), f"{name}() is not available in rules")
            case "replace" if not _shortens(tokens[index + 2 : index + 5]):
                message = "replace() takes two literals, the second no longer than the first"
                yield _problem_at(source, token.start("method"), message)
    joining: set[int] = set()  # one map() that joins texts grows them by a factor, each further one multiplies it
    for plus, innermost in _pluses_in_map(tokens):
        if innermost not in joining and _joins_texts(source, plus, checker, checked):
            joining.add(innermost)
            if len(joining) > 1:
                yield _problem_at(source, plus, "only one map() of a rule may join texts or lists with +")


def _shortens(arguments: list[re.Match[str]]) -> bool:
    old, _, new = ((token["text"] or "")[1:-1] for token in arguments) if len(arguments) == 3 else ("", "", "")
    at_least = len(re.sub(r"\\(?:x..|u.{4}|U.{8}|[0-7]{3}|.)", "-", old))
    return at_least > 0 and at_least >= len(new) and bool(arguments[2]["text"])


def _joins_texts(source: str, plus: int, checker: Any, checked: Any) -> bool:
    """Tell whether a `+` is, or might be, that of texts or lists: those know no `-`, and list `add_string` if open."""
    try:
        subtracted = checker.compile(f"{source[:plus]}-{source[plus + 1 :]}")
    except RuntimeError:
        return True
    return bool(subtracted.serialize().count(b"add_string") < checked.serialize().count(b"add_string"))


def _pluses_in_map(tokens: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """The places of `+` inside the brackets of a `.map(...)`, each with the place of the innermost such bracket."""
    brackets: list[int] = []  # for each open bracket, the innermost map() it is or stands in; -1 for none
    after_map = False
    for token in tokens:
        around = brackets[-1] if brackets else -1
        match token["sign"]:
            case "(" | "[" | "{":
                brackets.append(token.start() if after_map else around)
            case ")" | "]" | "}" if brackets:
                brackets.pop()
            case "+" if around >= 0:
                yield token.start(), around
        after_map = token["method"] == "map"


_ISSUE: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_NO_OVERLOAD: Final = re.compile(r"found no matching overload for '(.+)' applied to '\((.*)\)'")
_COMPARED_WITH_NULL: Final = re.compile(
    r"found no matching overload for '_[!=]=_' applied to "
    r"'\((?:(?:list|map)\(.*\), null_type|null_type, (?:list|map)\(.*\))\)'"
)
_UNDEFINED: Final = re.compile(r"undefined field '(.+)' not found in struct '(.+)'")
_UNDECLARED: Final = re.compile(r"undeclared reference to '(.+)' \(in")
_NOT_A_RANGE: Final = re.compile(r"expression of type '(.+)' cannot be the range of a comprehension")
_NO_FIELDS: Final = re.compile(r"expression of type '(.+)' cannot be the operand of a select operation")


def _problems(source: str, said: str, objects: _Objects) -> list[ExpressionProblem]:
    issues = _issues(said)
    if "recursion" in said or any(line < 1 for line, _, _ in issues):
        message = "the expression is nested deeper than 32 (long chains of + or . count too): split the rule in two"
        return [ExpressionProblem(1, 1, message)]
    if not source.strip():
        return [ExpressionProblem(1, 1, "the expression is empty")]
    return _told(source, issues, objects) or [ExpressionProblem(1, 1, said)]


def _problems_in_nullable_lists(source: str, scope: _Scope) -> list[ExpressionProblem]:
    """Find the mistakes about elements of lists and maps that can be null; comparing those with null is none."""
    if scope.checker_without_null is None:
        return []
    try:
        scope.checker_without_null.compile(source)
    except RuntimeError as why:
        issues = [issue for issue in _issues(str(why)) if not _COMPARED_WITH_NULL.match(issue[2])]
        return _told(source, issues, scope.objects)
    return []


def _issues(said: str) -> list[tuple[int, int, str]]:
    """Take CEL's message apart: line, column and text of each complaint."""
    return [(int(line), int(column), text) for line, column, text in _ISSUE.findall(said)]


def _told(source: str, issues: list[tuple[int, int, str]], objects: _Objects) -> list[ExpressionProblem]:
    # After the first syntax error the parser guesses; after an unknown name the checker repeats itself.
    issues = [issue for issue in issues if issue[2].startswith("Syntax error")][:1] or issues
    told = [issue for issue in issues if "*error*" not in issue[2] and "to 'math' (in" not in issue[2]]
    found = [_Issue(source, line, column, text, objects).problem() for line, column, text in told or issues]
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Issue:
    """One complaint of CEL's checker, to be said in the author's words."""

    source: str
    line: int
    column: int
    text: str
    objects: _Objects

    def problem(self) -> ExpressionProblem:
        for pattern, explain in (
            (_UNDEFINED, self._undefined),
            (_UNDECLARED, self._undeclared),
            (_NO_OVERLOAD, self._no_overload),
            (_NOT_A_RANGE, self._not_a_range),
            (_NO_FIELDS, self._no_fields),
        ):
            if found := pattern.match(self.text):
                return explain(*found.groups())
        return self._syntax() if self.text.startswith("Syntax error") else self._at(self.column, self.text)

    def _at(self, column: int, message: str, meant: str | None = None) -> ExpressionProblem:
        after_dot = self._code[column - 1 : column] == "."  # CEL's place for a field
        return ExpressionProblem(self.line, column + after_dot, message, meant)

    @property
    def _code(self) -> str:
        lines = self.source.split("\n")
        return lines[self.line - 1] if self.line <= len(lines) else ""

    def _undefined(self, field: str, message: str) -> ExpressionProblem:
        described = self.objects.get(message.removeprefix(f"{_PACKAGE}."), _Object("the value", {}))
        column = self._code.find(field, self.column - 1) + 1 or self.column
        meant = _closest(field, described.fields)
        known = "" if meant else f", only {', '.join(list(described.fields)[:12])}"
        return self._at(column, f"{described.place} has no field {field!r}{known}", meant)

    def _undeclared(self, name: str) -> ExpressionProblem:
        root = name.partition(".")[0]
        column = self._code.rfind(root, 0, self.column - 1 + len(root)) + 1 or self.column
        if name == root and self._code[column - 1 + len(name) :].lstrip().startswith("("):
            return self._at(column, f"there is no function {name!r}", _closest(name, _FUNCTIONS))
        tops = [top for top in self.objects.values() if "." not in top.place and root in top.fields]
        meant = f"{tops[-1].place}.{root}" if tops else _closest(root, ("input", "output", "math"))
        return self._at(column, f"there is no {root!r}", meant)

    def _no_overload(self, function: str, types: str) -> ExpressionProblem:
        operator, given = _operator(function), _split_types(types)
        column = self._code.rfind(operator, 0, self.column) + 1 if operator.isalnum() else self.column
        message = f"{operator!r} does not take {_listed(given)}"
        kinds = {one.removeprefix("wrapper(").removesuffix(")") for one in given}
        if kinds == {"int", "double"} and operator in _ARITHMETIC:
            literal = self._literal_beside(operator)
            return self._at(column, message if literal else f"{message}: convert one, double(...)", literal)
        hint = _overload_hint(operator, kinds)
        return self._at(column or self.column, f"{message}: {hint}" if hint else message)

    def _literal_beside(self, operator: str) -> str | None:
        """The integer literal on either side of an operator, as a double."""
        after = re.match(r"\s*(-?\d+)(?![\d.eExu])", self._code[self.column - 1 + len(operator) :])
        before = re.search(r"(?<![\w.])(-?\d+)\s*$", self._code[: self.column - 1])
        literal = after or before
        return f"{literal[1]}.0" if literal else None

    def _not_a_range(self, kind: str) -> ExpressionProblem:
        return self._at(self.column, f"{_type_name(kind)} has no elements to go through")

    def _no_fields(self, kind: str) -> ExpressionProblem:
        return self._at(self.column, f"{_type_name(kind)} has no fields")

    def _syntax(self) -> ExpressionProblem:
        rest = self._code[self.column - 1 :]
        found = f"at {rest.split()[0]!r}" if rest.split() else "at the end"
        hint = next((f": {hint}" for start, hint in _SYNTAX_HINTS if rest.startswith(start)), "")
        return self._at(self.column, f"cannot be read {found}{hint}")


def _overload_hint(operator: str, kinds: set[str]) -> str | None:
    if operator in ("==", "!=") and "null_type" in kinds:
        return "the schema never allows null here, has(...) tells whether a field is there"
    if operator == "in" and kinds == {"string"}:
        return "write whole.contains(part)"
    if operator in ("==", "!=") and all(kind.startswith(f"{_PACKAGE}.") for kind in kinds):
        return "compare their fields"
    if operator == "[]" and any(kind.startswith(f"{_PACKAGE}.") for kind in kinds):
        return "write a dot and the field's name"
    return None


_ARITHMETIC: Final = ("+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=")
_SYNTAX_HINTS: Final = (
    ("=", "compare with =="),
    ("and", "write &&"),
    ("or", "write ||"),
    ("not", "write !"),
    (">", "unequal is written !="),
    ('"', "the text does not end, or has an unknown escape"),
    ("'", "the text does not end, or has an unknown escape"),
    ("`", "write object['name'] for names with special characters"),
)
_FUNCTIONS: Final = (
    *("has", "all", "exists", "exists_one", "map", "filter", "sum", "size", "contains", "startsWith", "endsWith"),
    *("matches", "lowerAscii", "upperAscii", "trim", "reverse", "split", "replace", "substring", "charAt", "indexOf"),
    *("lastIndexOf", "double", "int", "string", "bool", "type", "dyn", "timestamp", "duration", "abs", "ceil", "floor"),
    *("round", "trunc", "sign", "sqrt", "greatest", "least"),
)


def _closest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(word, list(known), n=1)), None)


def _problem_at(source: str, offset: int, message: str) -> ExpressionProblem:
    line = source.count("\n", 0, offset) + 1
    return ExpressionProblem(line, offset - source.rfind("\n", 0, offset), message)


def _split_types(types: str) -> list[str]:
    """Split 'double, list(int), map(string, dyn)' at its outer commas."""
    return re.findall(r"[^,(\s]+(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?", types)


def _type_name(kind: str) -> str:
    kind = re.sub(rf"\b{_PACKAGE}\.\w+", "object", kind)
    kind = re.sub(r"wrapper\((\w+)\)", r"nullable \1", kind)
    return kind.replace("null_type", "null").replace("dyn", "any").replace("int64", "int")


def _operator(function: str) -> str:
    """Spell CEL's internal names as written: `_==_`, `@in`, `_[_]`, `_?_:_`."""
    return {"_[_]": "[]", "_?_:_": "? :"}.get(function, function.removeprefix("@").strip("_"))


def _listed(types: list[str]) -> str:
    names = [_type_name(one) for one in types]
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"


# What people read when a rule cannot be evaluated.

_REASONS: Final = (
    (re.compile(r'not found in map : (?:"(.*)"|(.*))', re.DOTALL), "there is no {0!r} here; guard it with has(...)"),
    (re.compile(r"Applying SELECT to non-message type"), "a field was asked of something that is no object (null?)"),
    (re.compile(r"<iter_range>"), "something that is no list and no object has no elements to go through"),
    (re.compile(r"<jump_condition>|found : _(&&|\|\|)_$"), "a condition is neither true nor false"),
    (re.compile(r"Index error: index=(-?\d+) size=(\d+)"), "there is no element {0} in a list of {1}"),
    (re.compile(r"Iteration budget exceeded"), "it loops more than 10,000 times"),
    (re.compile(r"Integer value .* out of range for", re.DOTALL), "an integer is outside 64 bits"),
    (re.compile(r"Non-CEL value type", re.DOTALL), "a value is not of JSON"),
    (re.compile(r"construction from null"), "a text holds a lone surrogate"),
    (re.compile(r"bad_alloc"), "it needs too much memory"),
)
_NO_MATCH: Final = re.compile(r"No matching overloads found : (?:\((.*?)\)\.)?([\w.@<>=!+*/%\[\]-]+)(?:\((.*)\))?$")


def _evaluation_sentence(said: Any) -> str:
    """Say why there is no answer; *said* is CEL's message, or a value that is not true or false."""
    if not isinstance(said, str):
        return f"its value is {said!r:.80}, not true or false"
    for pattern, sentence in _REASONS:
        if found := pattern.search(said):
            return sentence.format(*(group for group in found.groups() if group is not None))
    if found := _NO_MATCH.search(said):
        types = ", ".join(filter(None, (found[1], found[3])))
        return f"{_operator(found[2])!r} does not take {_listed(_split_types(types)) or 'these types'}"
    return re.sub(r"^[A-Z_]+: ", "", said)[:200]
