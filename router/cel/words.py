"""The words that a rule may use, for the documentation and for suggestions."""

from __future__ import annotations

from typing import Final, NamedTuple


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

FUNCTIONS: Final = (
    *("has", "all", "exists", "exists_one", "map", "filter", "sum", "size", "contains", "startsWith", "endsWith"),
    *("matches", "lowerAscii", "upperAscii", "trim", "reverse", "split", "replace", "substring", "charAt", "indexOf"),
    *("lastIndexOf", "double", "int", "string", "bool", "type", "dyn", "timestamp", "duration", "abs", "ceil", "floor"),
    *("round", "trunc", "sign", "sqrt", "greatest", "least"),
)
"""What may be meant by a function that is not there."""
