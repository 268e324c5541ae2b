"""What `router demo` tells of its run."""

from __future__ import annotations

from collections import Counter

from router.cli.demo import unmet


def test_reasons_add_up_to_all_that_ended_without_a_result() -> None:
    """The most frequent reasons have their lines, and what is left is counted: nobody looks for a missing task."""
    ends = Counter({"the total": 6, "the topic": 4, "the date": 3, "the text": 1, "the label": 1})

    assert list(unmet(ends)) == [
        "6 dead or rejected: the total",
        "4 dead or rejected: the topic",
        "3 dead or rejected: the date",
        "2 more, for other reasons",
    ]
    assert list(unmet(Counter({"the total": 2}))) == ["2 dead or rejected: the total"]
