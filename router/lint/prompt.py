"""A prompt that shows the model nothing of its task."""

from __future__ import annotations

from collections.abc import Iterator

from ..policy import Policy
from ..problem import Code, Mistake
from ..template import unknown_variables

_SHOWN_MAX = 12


def prompt_doubts(policy: Policy) -> Iterator[Mistake]:
    """Doubts about a policy's prompt: every task would be asked in the same words."""
    if policy.prompt is None:
        return
    fields = list(policy.input.json_schema.get("properties") or ())
    if fields and not policy.prompt.images and not unknown_variables(policy.prompt.user, ()):
        known = ", ".join(fields[:_SHOWN_MAX]) + (", ..." if len(fields) > _SHOWN_MAX else "")
        said = f"the model never sees the input: `user` names none of its fields ({known})"
        yield Mistake(("prompt", "user"), f'{said}; write one as "{{{{ {fields[0]} }}}}"', Code.UNLIKELY)
