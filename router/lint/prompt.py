"""A prompt that shows the model nothing of its task, wants more examples than there are, or misspells a name."""

from __future__ import annotations

from collections.abc import Iterator

from ..policy import Policy
from ..policyfile.prompts import place_of_look, strays
from ..problem import Code, Mistake
from ..template import unknown_variables

_SHOWN_MAX = 12


def prompt_doubts(policy: Policy) -> Iterator[Mistake]:
    """Doubts about a prompt: every task would be asked in the same words, with fewer examples, or not at all."""
    if policy.prompt is None:
        return
    learnt = sum(not example.held_out for example in policy.examples)
    if policy.prompt.examples > learnt:
        said = f"the policy has {learnt} examples that are not held out, so the prompt shows no more; write some"
        yield Mistake(("prompt", "examples"), said, Code.UNLIKELY)
    fields = list(policy.input.json_schema.get("properties") or ())
    if fields and not policy.prompt.images and not unknown_variables(policy.prompt.user, ()):
        known = ", ".join(fields[:_SHOWN_MAX]) + (", ..." if len(fields) > _SHOWN_MAX else "")
        said = f"the model never sees the input: `user` names none of its fields ({known})"
        yield Mistake(("prompt", "user"), f'{said}; write one as "{{{{ {fields[0]} }}}}"', Code.UNLIKELY)
    for look, wrong in strays(policy):
        if not wrong.sure:
            said = f"the schema of the input knows no field {look.said!r}"
            place = place_of_look(policy.prompt.user, look)
            yield Mistake(("prompt", "user"), said, Code.UNLIKELY, wrong.meant, *place)
