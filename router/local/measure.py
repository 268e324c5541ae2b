"""Measures the models on the examples they never saw: `python -m router.local.measure policies`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from .answer import Form
from .belief import Belief, Json
from .fields import Slot
from .lessons import NO_FUNCTION, Example, Lesson, lessons_in
from .page import normal
from .school import School
from .wire import Asked, Turn

SURE = 0.7
PATH = ("local-mini", "local-small", "local-large")


@dataclass(frozen=True, slots=True)
class Result:
    """One answer to an example held out: whether every flat field is right, and the least probability of its fields."""

    right: bool
    probability: float


@dataclass(frozen=True, slots=True)
class Cascade:
    """A path of models, each passing on what it is not sure of: the share that is right, and that left the first."""

    right: float
    escalated: float


def results(school: School, lesson: Lesson, model: str) -> list[Result]:
    """Lets a model answer the examples that were held out."""
    return [_result(school, lesson, model, example) for example in lesson.held_out]


def accuracy(found: Sequence[Result]) -> float:
    """The share of answers that are right in every field."""
    return sum(result.right for result in found) / len(found)


def cascade(school: School, lesson: Lesson, path: Sequence[str] = PATH, sure: float = SURE) -> Cascade:
    """Lets each model answer, from small to large, until one is sure; the last one's answer is taken as it is."""
    tried = list(zip(*(results(school, lesson, model) for model in path), strict=True))
    accepted = [next((step for step in steps[:-1] if step.probability >= sure), steps[-1]) for steps in tried]
    return Cascade(accuracy(accepted), sum(steps[0].probability < sure for steps in tried) / len(tried))


def ask(lesson: Lesson, text: str, temperature: float = 0.0) -> Asked:
    """A request for one text, as the router would send it."""
    functions = {name: schema for name, schema in lesson.forms.items() if name != NO_FUNCTION}
    return Asked(
        model="",
        turns=(Turn("user", text),),
        schema_name=lesson.policy,
        schema=lesson.forms.get(NO_FUNCTION, {}),
        functions=functions,
        logprobs=True,
        output_tokens_max=None,
        temperature=temperature,
        frame="",
    )


def main() -> int:
    """Prints accuracy by policy and model, and what a cascade makes of it."""
    lessons = [lesson for lesson in lessons_in(Path(sys.argv[1])) if lesson.held_out]
    school = School.teaching(lessons)
    print(
        f"{'policy':<12}{'taught':>7}{'asked':>6}", *(f"{name:>15}" for name in school.names), "   cascade  escalated"
    )
    for lesson in lessons:
        shares = [accuracy(results(school, lesson, name)) for name in school.names]
        passed = cascade(school, lesson)
        print(
            f"{lesson.policy:<12}{len(lesson.examples):>7}{len(lesson.held_out):>6}",
            *(f"{share:>15.2f}" for share in shares),
            f"{passed.right:>10.2f} {passed.escalated:>10.2f}",
        )
    return 0


def _result(school: School, lesson: Lesson, model: str, example: Example) -> Result:
    answer = school.answer(model, ask(lesson, example.text), Random(0))
    function = NO_FUNCTION if answer.function is None else str(answer.function.value)
    chosen = [] if answer.function is None else [answer.function.probability]
    filled = _filled(answer.form, lesson.forms[function])
    right = function == example.function and all(_is(held, example.form.get(name)) for name, held in filled.items())
    return Result(right, min([*chosen, *(held.probability for held in filled.values())], default=1.0))


def _filled(form: Form, schema: Mapping[str, Json]) -> dict[str, Belief]:
    """The fields that these models try to fill in: not lists, nor objects."""
    beliefs = {name: held for name, held in form.items() if isinstance(held, Belief)}
    return {name: held for name, held in beliefs.items() if Slot(schema["properties"][name]).flat}


def _is(held: Belief, wanted: Json) -> bool:
    return bool(normal(held.value) == normal(wanted))


if __name__ == "__main__":
    sys.exit(main())
