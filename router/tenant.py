"""How tenants may be called: their names are parts of keys in Redis, of scopes of budgets, and of lines in logs."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator

NAME_BYTES_MAX: Final = 200


def name_mistake(what: str, text: str) -> str | None:
    """Say why *text* is no name of a *what*; None where it is one."""
    if text.isprintable() and " " not in text and 0 < len(text.encode()) <= NAME_BYTES_MAX:
        return None
    return f"the {what} must be 1 to {NAME_BYTES_MAX} bytes of printable text without blanks"


def tenant_mistake(text: str) -> str | None:
    """Say why no tenant may be called so; None where one may."""
    if mistake := name_mistake("tenant", text):
        return mistake
    return "the tenant must not contain a colon" if ":" in text else None


def _a_tenant(text: str) -> str:
    if mistake := tenant_mistake(text):
        raise ValueError(mistake)
    return text


Tenant = Annotated[str, AfterValidator(_a_tenant)]
"""The name of a tenant that callers may have."""
