"""Lines of streams: one event each, whatever is in it."""

from __future__ import annotations

import json

from router.api.openai.sse import event, progress

WILD = "two\nlines\r\n\r\ndata: [DONE]\u2028\n\n"


def test_an_event_is_one_line_of_data() -> None:
    """Line breaks in what is said do not end it."""
    line = event({"said": WILD}, kind="response.created").decode()
    kind, data, *end = line.split("\n")

    assert (kind, end) == ("event: response.created", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {"said": WILD}


def test_progress_is_a_comment() -> None:
    """One line that begins with a colon, which every client passes over."""
    line = progress({"reason": WILD}).decode()

    assert line.startswith(": router {")
    assert line.count("\n") == 2
    assert line.isascii()
