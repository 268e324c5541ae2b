"""How tenants may be called."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from router.tenant import NAME_BYTES_MAX, Tenant, tenant_mistake

TENANT = TypeAdapter(Tenant)
BLANK = "the tenant must be 1 to 200 bytes of printable text without blanks"


@pytest.mark.parametrize("name", ["acme", "Müller-GmbH", "a/b|c*", "x" * NAME_BYTES_MAX])
def test_printable_text_without_blanks_is_a_name(name: str) -> None:
    """Callers choose their names; only what would break a key, a line or a scope is refused."""
    assert tenant_mistake(name) is None
    assert TENANT.validate_python(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", BLANK),
        ("a b", BLANK),
        ("a\nb", BLANK),
        ("a\x1b[31m", BLANK),
        ("\ud800", BLANK),
        ("ü" * 101, BLANK),
        (":audit", "the tenant must not contain a colon"),
    ],
)
def test_other_text_is_none(name: str, said: str) -> None:
    """A colon would end a name within a key: no caller can be called as the tenant of audits is."""
    assert tenant_mistake(name) == said
    with pytest.raises(ValidationError, match=said):
        TENANT.validate_python(name)
