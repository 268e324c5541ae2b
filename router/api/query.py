"""What a query may say: what its route knows, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError


def parameters(dependant: Dependant) -> set[str]:
    """The names of the query parameters that a route's parts take."""
    return {field.alias for field in dependant.query_params}.union(*map(parameters, dependant.dependencies))


def check_query(request: Request, known: Iterable[str]) -> None:
    """Raises: RequestValidationError for a query that says anything else: misspelt it would mean something else."""
    names = sorted(known)
    mistakes = [_mistake(name, names) for name in dict.fromkeys(request.query_params) if name not in names]
    if mistakes:
        raise RequestValidationError(mistakes)


def _mistake(name: str, known: list[str]) -> dict[str, Any]:
    return {"type": "extra_forbidden", "loc": ("query", name), "msg": "", "ctx": {"known": known}}
