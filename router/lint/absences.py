"""Rules over fields that may be missing: what has no answer counts as not true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..cel.absence import Absence, Way
from ..cel.problem import problem_at
from ..cel.scope import scope_of
from ..cel.tree import Node, tree_of
from ..checks import Rule
from ..jsontext import Path
from ..policy import Policy
from ..problem import Code, Mistake
from .rules import known_schemas


def absence_doubts(policy: Policy) -> Iterator[Mistake]:
    """Doubts about rules that no reply passes, or no task, that leaves out what the schema lets it leave out."""
    absence = Absence(*known_schemas(policy))
    for index, check in enumerate(policy.checks):
        if isinstance(check, Rule):
            yield from _lost(policy, check, absence, ("checks", index))


def _lost(policy: Policy, check: Rule, absence: Absence, at: Path) -> Iterator[Mistake]:
    scope = scope_of(policy.input.json_schema, policy.output.value_schema)
    sources = {key: source for key, source in (("when", check.when), ("expression", check.expression)) if source}
    trees = {key: tree_of(source, scope) for key, source in sources.items()}
    told: set[Way] = set()
    for key, tree in trees.items():
        for way, asked in absence.optional(tree):
            if way not in told and _is_lost(absence, trees, way, key):
                told.add(way)
                place = problem_at(sources[key], asked.at, "")
                said = f"{asked.text} may be missing, and a rule without an answer counts as one that is not true"
                guard = f"guard it with has({asked.text}), or make it `required`"
                yield Mistake((*at, key), f"{said}; {guard}", Code.UNLIKELY, None, place.line, place.column)


def _is_lost(absence: Absence, trees: Mapping[str, Node], missing: Way, key: str) -> bool:
    """Whether nothing without that field passes the rule, because *key* has no answer then."""
    wanted = absence.outcomes(trees["when"], missing) if "when" in trees else frozenset((True,))
    if key == "when":
        return wanted == {None}
    obeyed = absence.outcomes(trees["expression"], missing)
    return False not in wanted and True in wanted and True not in obeyed and None in obeyed
