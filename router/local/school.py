"""Teaches every model every policy, and lets a model answer a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from . import conversation
from .answer import Answer, Form
from .belief import LEAST_PROBABLE, Belief
from .conversation import Rejection
from .features import View
from .fields import Seen, Slot
from .forms import Filler
from .grades import GRADES, Grade
from .kernel import Index, Kernel
from .labels import Labels
from .lessons import FUNCTION, NO_FUNCTION, Example, Lesson
from .page import Page
from .sheet import Sheet
from .spans import Finder, clauses, dates, matching, mentions, moments, numbers, runs, texts
from .wire import Asked, Refused


class Material:
    """The material of one lesson, prepared once for all models: pages, and indexes of the same pages by a view."""

    def __init__(self, lesson: Lesson) -> None:
        self.finders = tuple(_finders(lesson.forms.values()))
        self._pages = {example.text: Page(example.text, self.finders) for example in lesson.examples}
        self._indexes: dict[tuple[View, tuple[str, ...]], Index] = {}

    def sheets(self, grade: Grade, examples: Sequence[Example]) -> list[Sheet]:
        """The examples as a model of that grade sees them."""
        return [grade.sheet(self._pages[example.text]) for example in examples]

    def kernel(self, grade: Grade, examples: Sequence[Example]) -> Kernel:
        """The examples compared with each other."""
        key = tuple(example.text for example in examples)
        pages = [self._pages[text] for text in key]
        for view, _ in grade.views:
            if (view, key) not in self._indexes:
                self._indexes[view, key] = Index.over(pages, view)
        return Kernel.over([(self._indexes[view, key], share) for view, share in grade.views], grade.ridge)


@dataclass(frozen=True, slots=True)
class Skill:
    """Fills in forms like those of some examples."""

    kernel: Kernel
    filler: Filler

    @classmethod
    def learnt(cls, grade: Grade, material: Material, schema: Mapping[str, Any], examples: Sequence[Example]) -> Skill:
        """Learns a form from examples."""
        kernel = material.kernel(grade, examples)
        forms = [example.form for example in examples]
        return cls(kernel, Filler.learnt(schema, kernel, material.sheets(grade, examples), forms, grade.passes))


@dataclass(frozen=True, slots=True)
class Pupil:
    """One model that has learnt one policy: a form, or to choose a function (`choose`) and fill in its arguments."""

    grade: Grade
    finders: tuple[Finder, ...]
    skills: Mapping[str, Skill]
    kernel: Kernel
    choose: Labels | None
    shown: Mapping[str, Any]

    @classmethod
    def taught(cls, grade: Grade, lesson: Lesson, material: Material) -> Pupil:
        """Teaches a model a policy."""
        examples = grade.taught(lesson.examples)
        known = {name: [e for e in examples if e.function == name] for name in lesson.forms}
        skills = {n: Skill.learnt(grade, material, lesson.forms[n], taught) for n, taught in known.items() if taught}
        kernel = material.kernel(grade, examples) if lesson.functions else skills[NO_FUNCTION].kernel
        choose = Labels.learnt(kernel, [example.function for example in examples]) if lesson.functions else None
        shown = {example.text: example.output for example in lesson.examples} if lesson.shots else {}
        return cls(grade, material.finders, skills, kernel, choose, shown)

    def answer(self, asked: Asked, luck: Random) -> Answer:
        """Answers a request: the best it knows, or a sample when a temperature is asked for."""
        page = Page(conversation.question(asked.turns, self.shown), self.finders)
        rejected = conversation.rejections(asked.turns)
        function = self._function(page, asked, rejected)
        if function is not None:
            function = _drawn(function, asked.temperature, luck)
        answer = Answer(self._form(page, asked, NO_FUNCTION if function is None else function.value), function)
        answer = answer.revised(lambda field, belief: _reconsidered(rejected, field, belief))
        return answer.revised(lambda _, belief: _drawn(belief, asked.temperature, luck))

    def _form(self, page: Page, asked: Asked, function: str) -> Form:
        skill = self.skills[function]
        seen = Seen(skill.kernel.likeness(page), self.grade.sheet(page))
        return skill.filler(seen, asked.functions.get(function, asked.schema))

    def _function(self, page: Page, asked: Asked, rejected: Sequence[Rejection]) -> Belief | None:
        if self.choose is None:
            return None
        known = self.skills.keys() & asked.functions.keys()
        chosen = self.choose(self.kernel.likeness(page)).where(lambda name: name in known)
        return chosen and _reconsidered(rejected, FUNCTION, chosen)


class School:
    """All models and what they have learnt."""

    def __init__(self, pupils: Mapping[tuple[str, str], Pupil], by_functions: Mapping[frozenset[str], str]) -> None:
        self._pupils = pupils
        self._by_functions = by_functions

    @classmethod
    def teaching(cls, lessons: Sequence[Lesson]) -> School:
        """Teaches every model every policy."""
        pupils = {
            (grade.name, lesson.policy): Pupil.taught(grade, lesson, material)
            for lesson, material in ((lesson, Material(lesson)) for lesson in lessons)
            for grade in GRADES
        }
        return cls(pupils, {lesson.functions: lesson.policy for lesson in lessons if lesson.functions})

    @property
    def names(self) -> list[str]:
        """The models, smallest first."""
        return [grade.name for grade in GRADES]

    def answer(self, model: str, asked: Asked, luck: Random) -> Answer:
        """Lets a model answer; raises Refused for a model, a policy or a kind of output that is not known."""
        if model not in self.names:
            message = f"there is no model {model!r}; there are {', '.join(self.names)}"
            raise Refused(message, status=404, code="model_not_found", param="model")
        return self._pupils[model, self._policy(asked)].answer(asked, luck)

    def _policy(self, asked: Asked) -> str:
        known = sorted({policy for _, policy in self._pupils})
        policy = self._by_functions.get(frozenset(asked.functions)) if asked.functions else asked.schema_name
        if policy is None or policy not in known:
            where = "tools" if asked.functions else "response_format"
            raise Refused(_unknown(asked, known), code="policy_never_taught", param=where)
        return policy


def _unknown(asked: Asked, known: Sequence[str]) -> str:
    taught = f"this model was taught {', '.join(known) or 'nothing'}"
    if asked.functions:
        return f"{taught}; it does not know the functions {', '.join(asked.functions)}"
    if asked.schema_name is None:
        return f"{taught}; it writes no free text: name one of them in response_format.json_schema.name"
    return (
        f"{taught}; it does not know {asked.schema_name!r}: local models learn from policies' examples when they start"
    )


def _finders(schemas: Iterable[Mapping[str, Any]]) -> Iterator[Finder]:
    """Finders for what the schemas say of values, and where they do not list them all, for everything."""
    properties = [inner for schema in schemas for inner in schema.get("properties", {}).values()]
    for pattern in sorted({inner["pattern"] for inner in properties if "pattern" in inner}):
        yield matching(pattern)
    listed = {value for inner in properties for value in inner.get("enum", ()) if isinstance(value, str)}
    if listed:
        yield mentions(sorted(listed))
    if not all(Slot(inner).closed for inner in properties):
        yield from (numbers, dates, texts, moments, clauses, runs)


def _reconsidered(rejected: Sequence[Rejection], field: str, belief: Belief) -> Belief:
    """The belief without the values that were found wrong; as it is when there is no other."""
    return belief.where(lambda value: not any(seen.rejects(field, value) for seen in rejected)) or belief


def _drawn(belief: Belief, temperature: float, luck: Random) -> Belief:
    """The belief with a sampled value in front; as it is at temperature zero."""
    if temperature <= 0.0 or len(belief.options) < 2:
        return belief
    weights = [max(p, LEAST_PROBABLE) ** (1.0 / temperature) for _, p in belief.options]
    (drawn,) = luck.choices(range(len(weights)), weights)
    return Belief((belief.options[drawn], *belief.options[:drawn], *belief.options[drawn + 1 :]))
