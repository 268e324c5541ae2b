"""Tasks shown to a tier for a calibration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from router.cli.calibrate.asking import Asked, collected
from router.cli.shadow import Sent, Shown
from tests.calibration.logs import a_recording


def answered(number: int, *, cost_nusd: int = 1_000_000, before: bool = False) -> Shown:
    return Shown(a_recording(number), "answered", cost_nusd, before)


def refused(number: int, reason: str) -> Shown:
    return Shown(a_recording(number), "refused", 0, False, reason)


def late(number: int) -> Shown:
    return Shown(a_recording(number), "late", 0)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ([], "no task was asked of large: all that count have its reply"),
        ([answered(1)], "1 task asked of large, $0.001000, booked as audits"),
        (
            [answered(1), answered(2, cost_nusd=0, before=True)],
            "2 tasks asked of large, $0.001000, booked as audits (1 had been asked before and cost nothing again)",
        ),
        (
            [refused(1, "no room"), refused(2, "no room"), refused(3, "server"), late(4)],
            "4 tasks asked of large, $0.000000, booked as audits; 3 refused: no room;"
            " 1 not answered in 600 s: the same command will use what comes later",
        ),
    ],
)
def test_says_what_came_of_it(shown: list[Shown], said: str) -> None:
    """How many were asked, what it cost, and why the others have no reply: the most frequent reason."""
    assert str(Asked("large", tuple(shown))) == said


def test_replies_are_joined_with_the_traffic() -> None:
    """What was answered takes the place of what was asked; the others stay as they were, in order."""
    told = a_recording(2, expected="red")
    run = Asked("large", (Shown(told, "answered", 1), late(3)))

    assert run.joined([a_recording(1), a_recording(2), a_recording(3)]) == (a_recording(1), told, a_recording(3))


def test_news_are_collected() -> None:
    """What was sent is no result; what was shown is, in order."""
    events = [Sent(2), answered(1), Sent(1), late(2)]

    assert collected(iter(events), "large") == Asked("large", (answered(1), late(2)))


def test_a_break_says_what_will_be_booked_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """After Ctrl-C the workers go on: how many they were given is told, and that nothing is lost."""

    def broken_off() -> Iterator[Sent | Shown]:
        yield Sent(200)
        yield answered(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collected(broken_off(), "large")

    said = capsys.readouterr().err
    assert "200 tasks sent to large so far" in said
    assert "booked as audits, and the same command will use the answers" in said
