"""The few files beside pages."""

from __future__ import annotations

import pytest

from router.web.assets import address
from tests.web.street import Street


@pytest.mark.parametrize(
    ("name", "kind"), [("board.css", "text/css"), ("board.js", "text/javascript"), ("router.svg", "image/svg+xml")]
)
async def test_files_are_kept_under_addresses_that_change_with_them(street: Street, name: str, kind: str) -> None:
    """They need no key, and a browser need not ask for them again."""
    async with street.stranger() as browser:
        answer = await browser.get(address(name))

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in answer.text


@pytest.mark.parametrize(
    "path", ["/assets/0/board.css", "/assets/x/page.py", "/assets/../page.py", "/assets/x/..%2fpage.py"]
)
async def test_there_are_no_other_files(street: Street, path: str) -> None:
    """An old address or another name is not found."""
    async with street.stranger() as browser:
        assert (await browser.get(path)).status_code == 404
