"""Lists that are read page by page."""

from __future__ import annotations

import pytest

from router.api.paging import listed, place
from router.api.problems import Refused
from router.summary import Cursor, Page
from tests.builders import NOW_MS


def test_a_page_says_where_the_next_begins() -> None:
    """What it says is read as it was meant; the last page says nothing."""
    cursor = Cursor(NOW_MS, "t1")

    said = listed(Page((), cursor)).next

    assert (place(said), listed(Page((), None)).next, place(None)) == (cursor, None, None)


@pytest.mark.parametrize("text", ["", "nonsense", "1"])
def test_what_no_page_said_is_refused(text: str) -> None:
    """With the name of the parameter."""
    with pytest.raises(Refused) as refused:
        place(text)

    assert (refused.value.status_code, refused.value.code, refused.value.param) == (422, "cursor_invalid", "cursor")
