"""The queues of the store in memory."""

from __future__ import annotations

from collections import Counter

from router.memory.queues import AUDITS_COST, Queues
from router.task import AUDITOR


def taken(queues: Queues, count: int, queue: str = "mini") -> list[str | None]:
    return [queues.take(queue) for _ in range(count)]


def test_the_most_urgent_comes_first() -> None:
    """Of one tenant by urgency, by id where that is the same; each once."""
    queues = Queues()
    for task_id, urgency_ms in (("b", 20), ("late", 30), ("a", 20), ("soon", 10)):
        queues.put("mini", "acme", task_id, urgency_ms)

    assert taken(queues, 5) == ["soon", "a", "b", "late", None]


def test_tenants_take_turns() -> None:
    """However many tasks one has, and however urgent: another's comes next."""
    queues = Queues()
    for number in range(3):
        queues.put("mini", "many", f"m{number}", number)
    queues.put("mini", "few", "f0", 1000)

    assert taken(queues, 5) == ["f0", "m0", "m1", "m2", None]


def test_who_comes_late_has_no_turns_to_catch_up_on() -> None:
    """A tenant that was away is one among the others, from its next task on."""
    queues = Queues()
    for number in range(8):
        queues.put("mini", "many", f"m{number}", number)
    assert taken(queues, 4) == ["m0", "m1", "m2", "m3"]
    for number in range(4):
        queues.put("mini", "new", f"n{number}", number)

    turns = Counter((name or "-")[0] for name in taken(queues, 4))

    assert turns == {"m": 2, "n": 2}


def test_audits_give_way() -> None:
    """One comes after as many tasks that somebody waits for as an audit takes turns."""
    queues = Queues()
    for number in range(2 * AUDITS_COST):
        queues.put("mini", "acme", f"t{number:02}", number)
        queues.put("mini", AUDITOR, f"audit{number:02}", number)

    first = taken(queues, 2 * AUDITS_COST)

    assert [name for name in first if name and name.startswith("audit")] == ["audit00"]
    assert first[:3] == ["t00", "t01", "t02"]


def test_what_is_pulled_is_not_taken() -> None:
    """It may be pulled twice; a tenant of which nothing is left has no turn."""
    queues = Queues()
    queues.put("mini", "acme", "t1", 1)
    queues.put("mini", "other", "t2", 1)
    for _ in range(2):
        queues.pull("mini", "acme", "t1")

    assert (queues.holds("mini", "acme", "t1"), queues.holds("mini", "other", "t2")) == (False, True)
    assert taken(queues, 2) == ["t2", None]


def test_queues_know_nothing_of_each_other() -> None:
    """A task of one is in no other, and is counted there alone."""
    queues = Queues()
    queues.put("mini", "acme", "t1", 1)
    queues.put("mini", "acme", "t2", 2)

    assert (queues.length("mini", "acme"), queues.length("large", "acme")) == (2, 0)
    assert taken(queues, 1, "large") == [None]


def test_a_task_stands_in_a_queue_once() -> None:
    """Put again, it stands where it belongs by what was said last."""
    queues = Queues()
    queues.put("mini", "acme", "t1", 1)
    queues.put("mini", "acme", "t2", 2)
    queues.put("mini", "acme", "t1", 3)

    assert taken(queues, 3) == ["t2", "t1", None]
