"""Lists that are read page by page: where one goes on, and how a page is shown."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ..summary import Cursor, Page
from .problems import Refused
from .taskshape import Tag, TaskPage, line_of

Tagged = Annotated[Tag | None, Query(description="Those with this tag.")]
After = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]


def place(cursor: str | None) -> Cursor | None:
    """Say where a list goes on. Raises: Refused."""
    try:
        return Cursor.read(cursor) if cursor is not None else None
    except ValueError:
        raise Refused(422, "cursor_invalid", "take the cursor from `next` of a page", param="cursor") from None


def listed(page: Page) -> TaskPage:
    """Show a page of tasks, and where the next begins."""
    return TaskPage(data=[line_of(task) for task in page.tasks], next=page.next.text if page.next else None)
