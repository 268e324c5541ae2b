"""What an answer says of the place that it came from."""

from __future__ import annotations

import pytest

from router.call import FailureKind, Health
from tests.builders import a_failure, a_reply


@pytest.mark.parametrize(
    ("kinds", "health"),
    [
        ([FailureKind.RATE_LIMIT, FailureKind.OVERLOAD], Health.THROTTLED),
        ([FailureKind.TIMEOUT, FailureKind.NETWORK, FailureKind.SERVER, FailureKind.MALFORMED], Health.BROKEN),
        ([FailureKind.BAD_REQUEST, FailureKind.CONTENT_POLICY, FailureKind.CONTEXT_WINDOW], Health.GOOD),
        ([FailureKind.AUTH, FailureKind.NOT_FOUND, FailureKind.QUOTA, FailureKind.INTERNAL], Health.UNTOLD),
    ],
)
def test_a_failure_says_how_its_place_does(kinds: list[FailureKind], health: Health) -> None:
    """Who wants fewer calls, who is broken, who refuses a request and so works, and what no pause would mend."""
    assert {a_failure(kind, status=400).health for kind in kinds} == {health}


def test_a_reply_says_that_its_place_works() -> None:
    """Whatever it says."""
    assert a_reply("{").health is Health.GOOD


def test_a_request_that_never_left_says_nothing() -> None:
    """Only who answered can be called good."""
    assert a_failure(FailureKind.BAD_REQUEST, status=None).health is Health.UNTOLD
