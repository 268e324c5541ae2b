"""Does a text look as it must?"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Literal

import re2

from ..verdict import Finding
from .base import Check, texts_at
from .subject import Subject


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """An RE2 expression: linear time, whatever the text. Raises re2.error."""
    options = re2.Options()
    options.max_mem = 8 << 20
    options.log_errors = False
    return re2.compile(pattern, options)


class Pattern(Check):
    """An RE2 expression that a field (or the whole output, where it is a text) must, or must not, contain."""

    reads_text: ClassVar[bool] = True

    check: Literal["pattern"]
    matches: str | None = None
    forbids: str | None = None
    field: str | None = None
    message: str | None = None

    def __call__(self, subject: Subject) -> Finding:
        for text in texts_at(subject, self.field):
            if self.matches is not None and not compiled(self.matches).search(text):
                return self.found(self.message or f"{_short(text)} does not match {self.matches}")
            if self.forbids is not None and compiled(self.forbids).search(text):
                return self.found(self.message or f"{_short(text)} must not match {self.forbids}")
        return self.passed()


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
