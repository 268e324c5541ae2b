"""Forms as browsers send them, without lenience."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request

from ..api.problems import Refused

FIELDS_MAX: Final = 2000
_FORM: Final = "application/x-www-form-urlencoded"


class Form:
    """The fields of a form, in their order; a name may stand there often."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def one(self, name: str) -> str:
        """The value of a field; empty where there is none."""
        return next((value for key, value in self._fields if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._fields if key == name]


async def read_form(request: Request) -> Form:
    """Raises: Refused for what is no form, or too large a one."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refused(415, "content_type", "send the form as browsers do")
    try:
        text = (await request.body()).decode()
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"))
    except ValueError:
        raise Refused(422, "invalid", f"this is no form of at most {FIELDS_MAX:,} fields in UTF-8") from None
