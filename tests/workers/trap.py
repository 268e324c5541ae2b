"""What hostile jobs would run: it leaves a mark that a test looks for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

MARKS = "TEST_TRAP_MARKS"


def spring(*caught: Any) -> None:
    """Leave a mark named after the job, or after the word, that comes first."""
    (Path(os.environ[MARKS]) / getattr(caught[0], "id", str(caught[0]))).touch()


class Pickled:
    """Springs the trap while it is unpickled."""

    def __init__(self, mark: str) -> None:
        self._mark = mark

    def __reduce__(self) -> Any:
        return spring, (self._mark,)
