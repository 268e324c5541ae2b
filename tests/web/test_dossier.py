"""A task as a visitor may see it."""

from __future__ import annotations

import pytest

from router.web.dossier import pictures, without_pictures
from tests.builders import a_policy

PNG = "data:image/png;base64,iVBORw0KGgo="
POLICY = a_policy(
    prompt={"system": "Read.", "user": "{{ text }}", "images": ["photo"]},
    input={"schema": {"type": "object", "properties": {"text": {"type": "string"}, "photo": {}}}},
)


@pytest.mark.parametrize(
    ("photo", "shown"),
    [
        (PNG, [("photo", PNG)]),
        ([PNG, PNG], [("photo", PNG), ("photo", PNG)]),
        ("https://elsewhere.example/a.png", []),
        ("data:image/svg+xml;base64,PHN2Zz4=", []),
        ("data:text/html;base64,PHN2Zz4=", []),
        (f'{PNG}" onerror="alert(1)', []),
        (7, []),
        (None, []),
    ],
)
def test_pictures_of_points_alone_are_shown(photo: object, shown: list[tuple[str, str]]) -> None:
    """Nothing is fetched from elsewhere, and no picture is shown that could hold more than points."""
    assert pictures(POLICY, {"text": "t", "photo": photo}) == shown
    assert pictures(None, {"photo": photo}) == []


def test_a_picture_is_no_text() -> None:
    """What is shown as a picture is told by its size, wherever it is."""
    given = {"photo": PNG, "more": [PNG, "text"], "n": 1}

    assert without_pictures(given) == {
        "photo": "data:image/png;base64,… (34 characters, shown as a picture)",
        "more": ["data:image/png;base64,… (34 characters, shown as a picture)", "text"],
        "n": 1,
    }
