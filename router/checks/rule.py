"""Does the output obey a rule written in CEL?"""

from __future__ import annotations

from typing import ClassVar, Literal

from ..verdict import Finding
from .base import Check
from .subject import Subject


class Rule(Check):
    """
    A boolean CEL expression over `input` and `output`, checked against their schemas when the policy is loaded.

    `when` says for which outputs it holds; a rule that cannot be evaluated is a finding, not a pass.
    """

    reads_text: ClassVar[bool] = True

    check: Literal["rule"]
    expression: str
    when: str | None = None
    message: str | None = None

    def __call__(self, subject: Subject) -> Finding:
        if self.when is not None:
            wanted = subject.types.expression(self.when)(subject.activation)
            if not isinstance(wanted, bool):
                return self.found(f"`when` could not be evaluated: {wanted}")
            if not wanted:
                return self.passed()
        obeyed = subject.types.expression(self.expression)(subject.activation)
        if not isinstance(obeyed, bool):
            return self.found(f"the rule could not be evaluated: {obeyed}")
        return self.passed() if obeyed else self.found(self.message or f"not true: {self.expression}")
