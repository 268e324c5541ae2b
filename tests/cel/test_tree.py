"""The tree of a checked rule."""

from __future__ import annotations

import pytest

from router.cel.scope import scope_of
from router.cel.tree import Call, Elements, Fold, Literal, Member, Node, Opaque, Variable, inner, tree_of
from tests.rules import INPUT, OUTPUT

TOTAL = Member(Variable("output"), "total", False)
SCOPE = scope_of(INPUT, OUTPUT)


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("true", Literal(True)),
        ("output.total == 0.0", Call("_==_", (TOTAL, Literal(0.0)))),
        ("output.total > -1.5", Call("_>_", (TOTAL, Literal(-1.5)))),
        ("output.count == -3", Call("_==_", (Member(Variable("output"), "count", False), Literal(-3)))),
        ("output.note == null", Call("_==_", (Member(Variable("output"), "note", False), Literal(None)))),
        ("has(output.tax)", Member(Variable("output"), "tax", True)),
        ("'é' in ['a', 'é']", Call("@in", (Literal("é"), Elements((Literal("a"), Literal("é")))))),
        ("input.text.contains('a')", Call("contains", (Member(Variable("input"), "text", False), Literal("a")))),
        ("!has(output.tax)", Call("!_", (Member(Variable("output"), "tax", True),))),
    ],
)
def test_a_rule_is_read_as_it_is_written(source: str, tree: Node) -> None:
    """Constants, fields, operators, functions and lists come out with their values."""
    assert tree_of(source, SCOPE) == tree


def test_a_macro_goes_through_a_list() -> None:
    """`all` names what it goes through, and what it asks of each element."""
    tree = tree_of("output.items.all(i, i.price > 0.0)", SCOPE)

    assert isinstance(tree, Fold)
    assert (tree.name, tree.through) == ("i", Member(Variable("output"), "items", False))
    assert Call("_>_", (Member(Variable("i"), "price", False), Literal(0.0))) in inner(tree.step)


def test_nodes_know_their_places() -> None:
    """The offset of a constant in the text is where the author finds it, also behind wide characters."""
    source = "'日本' == 'x' || output.total == 1.0"

    _, right = inner(tree_of(source, SCOPE))

    assert [source[node.at :] for node in inner(right)[1:]] == ["1.0"]


def test_what_is_not_understood_is_opaque() -> None:
    """An object that a rule makes is nothing that lint looks into."""
    assert Opaque() in inner(tree_of("{'a': 1} == {'a': 2}", SCOPE))
