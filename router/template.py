"""Templates of prompts: what an author may write there, bounded in time and size whatever comes as input."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, filters, meta, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .values import Json

CHARACTERS_MAX: Final = 8 * 2**20
"""What a template may write, and join or replace on its way."""
TURNS_MAX: Final = 10_000
"""Turns of all loops together: each may look through the whole input, which takes a tenth of a millisecond."""
_LEFT = "turns left"
"""A name that no template can write."""
_NODES: Final = """
    Template Output TemplateData Name Const Getattr Getitem Slice If For CondExpr Filter Test Compare Operand And Or Not
    Add Sub Mul Div FloorDiv Mod Pow Neg Pos Concat List Tuple Dict Pair Keyword Call
"""
"""Without assignments and macros nothing can grow from step to step."""
_FILTERS: Final = """
    abs capitalize count d default dictsort e escape first float groupby int items last length list lower map max min
    reject rejectattr reverse select selectattr sort striptags title trim truncate unique upper urlencode wordcount
"""
"""Of Jinja's those that write no more than they read."""
_METHODS: Final = """
    capitalize casefold count endswith find get index isalpha isdigit isnumeric items keys lower lstrip partition
    removeprefix removesuffix rfind rpartition rsplit rstrip split splitlines startswith strip title upper values
"""


class PromptInvalid(ValueError):
    """A template of the prompt cannot be parsed or rendered; the message says why, `line` (from 1) where, if known."""

    def __init__(self, said: str, line: int | None = None) -> None:
        super().__init__(said)
        self.line = line


class _Environment(ImmutableSandboxedEnvironment):
    """Templates see their input and nothing else, and can neither run for long nor make a gigabyte of a line."""

    intercepted_binops = frozenset(("*", "**", "%"))

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False, finalize=_written)
        self.globals = {"range": self.globals["range"]}
        known = {name: self.filters[name] for name in _FILTERS.split()}
        self.filters = {**known, "join": _join, "replace": _replace, "string": _written, "tojson": _tojson}
        self.filters["turns"] = _turns

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not isinstance(left, int | float) or not isinstance(right, int | float):
            raise SecurityError(f"{operator} is not allowed here")
        return left * right if operator == "*" else left % right

    def is_safe_callable(self, obj: Any) -> bool:
        """Methods that look or cut, and `range`; loops tell where they are."""
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str | dict | list):
            return obj.__name__ in _METHODS.split()
        return obj is self.globals["range"] or isinstance(owner, LoopContext)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for node in tree.find_all(nodes.Node):
            if (kind := type(node).__name__) not in _NODES.split():
                raise TemplateSyntaxError(f"{_spelled(kind)} is not allowed in prompts", node.lineno)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "turns", [], [], None, None, lineno=loop.lineno)
        return tree


class _Budget:
    """What is left to one rendering."""

    def __init__(self) -> None:
        self.turns = TURNS_MAX
        self.characters = CHARACTERS_MAX

    def spend(self, characters: int) -> None:
        """Raises: SecurityError."""
        self.characters -= characters
        if self.characters < 0:
            raise SecurityError(f"the template writes more than {CHARACTERS_MAX:,} characters")


@lru_cache(maxsize=1024)
def template(source: str) -> Template:
    """Parse a prompt template. Raises: PromptInvalid."""
    try:
        return _ENVIRONMENT.from_string(source)
    except TemplateError as why:
        raise PromptInvalid(str(why), getattr(why, "lineno", None)) from None
    except RecursionError:
        raise PromptInvalid("the template is nested too deeply") from None


def check_template(source: str) -> None:
    """Refuse a template that cannot be used, whatever comes as input. Raises: PromptInvalid."""
    template(source)
    for used in _ENVIRONMENT.parse(source).find_all((nodes.Filter, nodes.Test)):  # Jinja lets those within an `if` pass
        kind, known = ("filter", FILTERS) if isinstance(used, nodes.Filter) else ("test", TESTS)
        if used.name not in known:
            raise PromptInvalid(f"No {kind} named {used.name!r}", used.lineno)


def rendered(source: str, values: Mapping[str, Json]) -> str:
    """What a template writes with these values. Raises: PromptInvalid."""
    budget, pieces = _Budget(), []
    try:
        for piece in template(source).generate({**values, _LEFT: budget}):
            budget.spend(len(piece))
            pieces.append(piece)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as why:
        raise PromptInvalid(str(why)) from None
    return "".join(pieces)


def parsed(source: str) -> nodes.Template:
    """The tree of a template. Raises: PromptInvalid."""
    try:
        return _ENVIRONMENT.parse(source)
    except TemplateError as why:
        raise PromptInvalid(str(why), getattr(why, "lineno", None)) from None
    except RecursionError:
        raise PromptInvalid("the template is nested too deeply") from None


def unknown_variables(source: str, known: Collection[str]) -> list[str]:
    """The variables of a template that are not among *known*. Raises: PromptInvalid."""
    tree = parsed(source)
    for used in tree.find_all((nodes.Filter, nodes.Test)):  # one that does not exist hides no variable
        used.name = "default" if isinstance(used, nodes.Filter) else "defined"
    return sorted(meta.find_undeclared_variables(tree) - set(known))


@pass_context
def _turns(context: Context, items: Iterable[Any]) -> list[Any]:
    """What a loop goes through, counted."""
    budget: _Budget = context[_LEFT]
    found = list(islice(items, budget.turns + 1))
    budget.turns -= len(found)
    if budget.turns < 0:
        raise SecurityError(f"the loops of the template take more than {TURNS_MAX:,} turns")
    return found


@pass_context
def _written(context: Context, value: Any) -> str:
    """A value as text: one that holds the same long text many times is small until it is written."""
    _weigh(context[_LEFT], value)
    return str(value)


def _weigh(budget: _Budget, value: Any) -> None:
    match value:
        case str():
            budget.spend(len(value))
        case list() | tuple():
            for member in value:
                _weigh(budget, member)
        case dict():
            for name, member in value.items():
                budget.spend(len(str(name)))
                _weigh(budget, member)


@pass_context
def _join(context: Context, items: Iterable[Any], separator: str = "") -> str:
    texts = [_written(context, item) for item in items]
    context[_LEFT].spend(len(separator) * len(texts))
    return separator.join(texts)


@pass_context
def _replace(context: Context, text: str, old: str, new: str) -> str:
    context[_LEFT].spend(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


@pass_context
def _tojson(context: Context, value: Any) -> str:
    _weigh(context[_LEFT], value)
    return str(filters.do_tojson(context.eval_ctx, value))


def _spelled(kind: str) -> str:
    """A kind of node as its author wrote it."""
    words = {"Assign": "set", "AssignBlock": "set", "CallBlock": "call", "FilterBlock": "filter"}
    return f"{{% {words.get(kind, kind.lower())} %}}"


_ENVIRONMENT = _Environment()
FILTERS: Final = frozenset(_ENVIRONMENT.filters)
TESTS: Final = frozenset(_ENVIRONMENT.tests)
"""The filters and tests that a template may use."""
