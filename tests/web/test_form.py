"""Forms as browsers send them."""

from __future__ import annotations

import pytest

from tests.web.street import EVERY, Page, Street

KIND = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"{}", "application/json", 415, "as browsers do"),
        (b"", "", 415, "as browsers do"),
        (b"mark=%ff", KIND, 422, "no form"),
        (b"\xff", KIND, 422, "no form"),
        (b"a=&" * 3000, KIND, 422, "no form"),
        (b"mark=" + b"x" * 33 * 2**20, KIND, 413, "33,554,432 bytes"),
    ],
)
async def test_only_forms_are_read(street: Street, body: bytes, kind: str, status: int, said: str) -> None:
    """What no browser sends, or too much of it, is refused before anything is done."""
    async with street.visit(*EVERY) as browser:
        answer = await browser.http.post("/dead", content=body, headers={"content-type": kind})

    assert (answer.status_code, said in Page.of(answer.text).text) == (status, True)
