"""The schemas within a schema."""

from __future__ import annotations

from router.schema.subschema import resolve, subschemas


def test_references_are_pointers():
    """`~1`, `~0` and percent signs in references are read as the standard has it."""
    schema = {"$defs": {"a/b": {"c~d": {"e f": {"const": 1}}}}}

    assert resolve(schema, "#/$defs/a~1b/c~0d/e%20f") == {"const": 1}
    assert resolve(schema, "#/$defs/x") is None
    assert resolve(schema, "#") is schema


def test_every_schema_is_found_with_its_path():
    """Schemas stand under keywords that hold one, a list or names; what looks like one elsewhere is data."""
    schema = {
        "properties": {"a": {"items": {"type": "null"}}, "b": True},
        "anyOf": [{"not": {}}],
        "enum": [{"items": {}}],
    }

    assert [path for path, _ in subschemas(schema)] == [
        (),
        ("anyOf", 0),
        ("anyOf", 0, "not"),
        ("properties", "a"),
        ("properties", "a", "items"),
    ]
