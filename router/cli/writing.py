"""Files that commands write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OperatorError


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Say which file cannot be written, and why. Raises: OperatorError."""
    try:
        yield
    except OSError as why:
        raise OperatorError(f"{file} cannot be written: {why.strerror or why}") from None
