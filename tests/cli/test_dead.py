"""`router dead` and `router task list`: what people read, what programs get, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis

from router.cli.dead import paced
from router.client import Client
from router.decision import Accept, DeadLetter, Review, Wait
from router.task import TaskState
from tests.builders import a_policy
from tests.cli.desk import FAILED, CliDesk
from tests.gang import environment, launch
from tests.shell import Shell
from tests.waiting import wait_until


@pytest.fixture
def client(desk: CliDesk) -> Iterator[Client]:
    with Client(desk.settings.redis_url, prefix=desk.settings.prefix) as client:
        yield client


# dead letters


def test_lists_dead_letters(shell: Shell, desk: CliDesk) -> None:
    """For people a line for each, the newest first, with the reason; for programs all that is known of each."""
    desk.bury("t1", reason="the provider [b]timed out[/b]")
    desk.bury("t2", tenant="acme")

    assert shell("dead", "list") == 0
    assert shell.out.index("t2") < shell.out.index("t1")
    assert "the provider [b]timed out[/b]" in shell.out
    assert shell.out.splitlines()[0].split() == [
        "task",
        "status",
        "policy",
        "tenant",
        "tier",
        "ended",
        "cost",
        "reason",
    ]

    listed = shell.json("dead", "list", "--json")
    assert [letter["id"] for letter in listed] == ["t2", "t1"]
    assert {name: listed[0][name] for name in ("policy", "status", "reason", "tier", "tenant", "cost_usd")} == {
        "policy": "receipts",
        "status": "dead",
        "reason": "no tier is left",
        "tier": "mini",
        "tenant": "acme",
        "cost_usd": "0.000000000",
    }
    assert listed[0]["ended_at"].endswith("Z")


def test_each_letter_is_one_line_where_nobody_looks(shell: Shell, desk: CliDesk, client: Client) -> None:
    """Piped, a reason of any length stays whole on the line of its letter, and the task sent again has its column."""
    reason = "a long reason, " * 40 + "told to the end"
    desk.bury("t1", reason=reason)
    desk.bury("t2", reason="two\nlines", tenant="a-tenant-with-a-long-name")
    again = client.redrive("t2").id

    assert shell("dead", "list") == 0

    head, second, first = shell.out.splitlines()
    assert second.split()[-3:] == [again, "two", "lines"]
    assert first.endswith(f"  {'-'.ljust(len(again))}  {reason}")
    assert head.index("redriven as") == second.index(again)


def test_no_id_is_cut_on_a_screen(shell: Shell, desk: CliDesk, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow screen the reason takes several lines; an id stays whole, because all of it is needed."""
    letter = "0123456789abcdef" * 2
    desk.bury(letter, reason="a long reason " * 5)
    again = client.redrive(letter).id
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")

    assert shell("dead", "list") == 0

    _, first, *more = shell.out.splitlines()
    assert first.split()[0] == letter
    assert again in first
    assert "reason" in more[0]


def test_lists_those_that_wait_for_somebody(shell: Shell, desk: CliDesk, client: Client) -> None:
    """With --open those that were sent again are left out, before the limit is counted."""
    desk.bury("t1", "t2")
    client.redrive("t2")

    assert [letter["id"] for letter in shell.json("dead", "list", "--open", "--limit", "1", "--json")] == ["t1"]
    client.redrive("t1")
    assert shell("dead", "list", "--open") == 0
    assert shell.out == "no dead letters that were not sent again\n"


def test_says_that_a_list_is_cut(shell: Shell, desk: CliDesk) -> None:
    """Nobody takes the first letters for all: beside the table, and beside the JSON, stands how many there are."""
    desk.bury("t1", "t2", "t3")

    for words in (("--limit", "2"), ("--limit", "2", "--json")):
        assert shell("dead", "list", *words) == 0
        assert shell.err == "2 of 3 shown: see --limit; --by reason counts all of them\n"
    assert len(shell.json("dead", "list", "--limit", "2", "--json")) == 2
    assert shell("dead", "list", "--limit", "3") == 0
    assert shell.err == ""


def test_counts_what_they_died_of(shell: Shell, desk: CliDesk) -> None:
    """The most frequent first; those that differ in amounts and times alone are one, and the options narrow it down."""
    spent = "no room in the budget of tenant:acme: a call may cost ${}, it waits until 2026-11-21 00:{}:36 UTC"
    desk.bury("t1", reason=spent.format("0.000012", 10), tenant="acme")
    desk.bury("t2", reason="gpt-4o said\nno")
    desk.bury("t3", reason=spent.format("0.25", 59), tenant="acme")

    assert shell("dead", "list", "--by", "reason") == 0
    assert shell.out.splitlines() == [
        "count  reason",
        "2      no room in the budget of tenant:acme: a call may cost $N, it waits until N N UTC",
        "1      gpt-4o said no",
    ]
    assert shell.json("dead", "list", "--by", "tenant", "--json") == [
        {"tenant": "acme", "count": 2},
        {"tenant": "default", "count": 1},
    ]
    assert shell.json("dead", "list", "--by", "policy", "--tenant", "acme", "--json") == [
        {"policy": "receipts", "count": 2}
    ]
    assert shell("dead", "list", "--by", "reason", "--limit", "1") == 0
    assert shell.err == "1 of 2 shown: see --limit\n"


@pytest.mark.parametrize(
    "words",
    [("dead", "list"), ("dead", "redrive"), ("dead", "redrive", "--dry-run"), ("dead", "drop"), ("task", "list")],
)
def test_a_policy_that_is_not_known_is_no_good_news(shell: Shell, words: tuple[str, ...]) -> None:
    """A misspelt name finds nothing; that is told as what it is, with the name that was probably meant."""
    assert shell(*words, "--policy", "reciepts") == 2
    assert shell.err == "router: no policy 'reciepts' was published; did you mean 'receipts'?\n"
    assert shell(*words, "--policy", "zzz") == 2
    assert shell.err == "router: no policy 'zzz' was published; it is one of receipts\n"


def test_says_that_there_are_none(shell: Shell) -> None:
    """An empty list is a sentence for people and an empty list for programs."""
    assert shell("dead", "list") == 0
    assert shell.out == "no dead letters\n"
    assert shell.json("dead", "list", "--json") == []


def test_narrows_the_list_down(shell: Shell, desk: CliDesk) -> None:
    """Every option leaves out what does not fit, and they work together."""
    desk.publish(others := a_policy(policy="others"))
    desk.bury("t1", reason="a Timeout")
    desk.bury("t2", policy=others.digest)
    desk.bury("t3", tenant="acme")

    for words, found in (
        (["--policy", "others"], ["t2"]),
        (["--reason", "timeout"], ["t1"]),
        (["--tenant", "acme", "--policy", "receipts"], ["t3"]),
        (["--since", "1h"], ["t3", "t2", "t1"]),
        (["--limit", "1"], ["t3"]),
    ):
        assert [letter["id"] for letter in shell.json("dead", "list", *words, "--json")] == found, words


def test_shows_the_whole_trail(shell: Shell, desk: CliDesk) -> None:
    """`dead show` says of a letter what `task show` says of a task."""
    desk.bury("t1")

    assert shell("dead", "show", "t1") == 0
    shown = shell.out
    assert "1. mini (first)" in shown
    assert "no tier is left" in shown
    assert shell("task", "show", "t1") == 0
    assert shell.out == shown
    assert shell.json("dead", "show", "t1", "--json")["status"] == "dead"


def test_sends_letters_again_by_their_ids(shell: Shell, desk: CliDesk, client: Client) -> None:
    """Each letter becomes a new task; said again, it is the same one, and both screens show the link."""
    desk.bury("t1", "t2")

    told = shell.json("dead", "redrive", "t1", "t2", "--rate", "1000", "--json")
    assert [(sent["id"], sent["sent_before"]) for sent in told["redriven"]] == [("t1", False), ("t2", False)]
    again = told["redriven"][0]["task"]
    assert client.read(again).origin == "t1"

    assert shell("dead", "redrive", "t1") == 0
    assert shell.out == f"t1 -> {again} (sent before)\n0 redriven, 1 sent before, 0 refused\n"
    assert shell("task", "show", again) == 0
    assert "sent again for the dead letter t1" in shell.out
    assert shell("dead", "show", "t1") == 0
    assert f"redriven as {again}" in shell.out
    assert shell.json("task", "show", again, "--json")["origin"] == "t1"
    assert shell.json("task", "show", "t1", "--json")["redriven"] == again
    assert shell("dead", "list") == 0
    assert again in shell.out


def test_sends_letters_again_by_what_they_have_in_common(shell: Shell, desk: CliDesk, client: Client) -> None:
    """The oldest first; those sent already are left out, so that a command that was cut short is simply repeated."""
    desk.bury("t1", "t2", "t3", reason="a timeout")
    desk.bury("t4", reason="nonsense")
    client.redrive("t2")

    assert shell.json("dead", "redrive", "--reason", "timeout", "--dry-run", "--json") == ["t1", "t3"]
    assert [t for t in client.tasks(status="ready").tasks if t.origin] == [
        t for t in client.tasks().tasks if t.origin == "t2"
    ]
    first = shell.json("dead", "redrive", "--reason", "timeout", "--limit", "1", "--json")
    rest = shell.json("dead", "redrive", "--reason", "timeout", "--json")

    assert [sent["id"] for told in (first, rest) for sent in told["redriven"]] == ["t1", "t3"]
    assert shell.json("dead", "redrive", "--reason", "timeout", "--json") == {"redriven": [], "refused": []}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("redrive", "--policy", "receipts", "--dry-run"), 0, "23 dead letters would be redriven"),
        (("drop", "--policy", "receipts"), 2, "23 dead letters would be dropped; say --yes to do so"),
    ],
)
def test_says_how_many_before_which(shell: Shell, desk: CliDesk, words: tuple[str, ...], code: int, said: str) -> None:
    """Of thousands the number is what counts: it comes first, then the first twenty, and how to see the others."""
    letters = [f"t{number:02}" for number in range(23)]
    desk.bury(*letters)

    assert shell("dead", *words) == code
    assert shell.out.splitlines() == [said, *letters[:20], "... and 3 more; --json lists them all"]
    assert shell("dead", *words, "--limit", "20") == code
    assert shell.out.splitlines() == [said.replace("23", "20"), *letters[:20]]
    assert shell("dead", *words, "--json") == code
    assert json.loads(shell.out) == letters


def test_what_died_again_is_not_sent_for_ever(shell: Shell, desk: CliDesk) -> None:
    """A command that is repeated pays once for a hopeless input; named, or with --again, it is sent once more."""
    desk.bury("t1", reason="hopeless")
    words = ("dead", "redrive", "--policy", "receipts", "--rate", "1000", "--json")
    (first,) = shell.json(*words)["redriven"]
    desk.end_ready(DeadLetter("hopeless"))

    assert shell.json(*words) == {"redriven": [], "refused": []}
    assert shell.err == "left 1 dead letter that died again after being sent again; see --again\n"
    assert shell.json(*words[:-1], "--again", "--dry-run", "--json") == [first["task"]]
    (second,) = shell.json(*words, "--again")["redriven"]
    desk.end_ready(DeadLetter("hopeless"))
    (third,) = shell.json("dead", "redrive", second["task"], "--json")["redriven"]

    assert (second["id"], third["id"]) == (first["task"], second["task"])


def test_a_command_that_was_killed_is_simply_repeated(
    shell: Shell, desk: CliDesk, client: Client, raw: redis.Redis
) -> None:
    """Killed in the middle, and said again, every letter was sent once."""
    letters = [f"t{number}" for number in range(30)]
    desk.bury(*letters)
    due = f"{desk.settings.prefix}due"
    words = ("dead", "redrive", "--policy", "receipts", "--rate", "20")
    with launch("router.cli", *words, env=environment(desk.settings)) as process:
        wait_until(lambda: raw.zcard(due) >= 3, "the first letters to be sent")
        process.kill()
    sent_before = raw.zcard(due)

    rest = shell.json(*words[:-1], "1000", "--json")

    assert 3 <= sent_before < len(letters)
    assert len(rest["redriven"]) == len(letters) - sent_before
    assert raw.zcard(due) == len(letters)
    assert sorted(task.origin or "" for task in client.tasks(status="ready").tasks) == sorted(letters)


def test_what_cannot_be_sent_is_told_and_the_rest_goes_on(shell: Shell, desk: CliDesk) -> None:
    """A letter that is none is a no with its reason; the others are sent."""
    desk.bury("t1")
    desk.end("fine", Accept(FAILED))

    assert shell("dead", "redrive", "fine", "nobody", "t1") == 1
    assert "fine not sent: task fine is succeeded; only a dead letter can be redriven" in shell.err
    assert "nobody not sent: there is no task nobody" in shell.err
    assert "1 redriven, 0 sent before, 2 refused" in shell.out


@pytest.mark.parametrize("act", ["redrive", "drop"])
@pytest.mark.parametrize("words", [[], ["t1", "--policy", "receipts"]])
def test_says_which_letters_must_be_named(shell: Shell, act: str, words: list[str]) -> None:
    """Neither all letters by mistake, nor two ways at once."""
    assert shell("dead", act, *words) == 2
    assert "give either ids, or what the letters have in common" in shell.err


def test_drops_letters(shell: Shell, desk: CliDesk) -> None:
    """By id at once; by what they have in common only with --yes, and before that it says which."""
    desk.bury("t1", "t2", "t3", "t4")

    assert shell("dead", "drop", "t1") == 0
    assert "1 dead letter dropped" in shell.out
    assert shell("task", "show", "t1") == 1
    assert "or it was dropped" in shell.err
    assert shell("dead", "drop", "--policy", "receipts", "--limit", "2") == 2
    assert "2 dead letters would be dropped; say --yes to do so" in shell.out
    assert shell.json("dead", "drop", "--policy", "receipts", "--limit", "2", "--yes", "--json") == ["t2", "t3"]
    assert [letter["id"] for letter in shell.json("dead", "list", "--json")] == ["t4"]


def test_says_what_was_not_dropped(shell: Shell, desk: CliDesk) -> None:
    """A wrong id is a no, and the right ones are dropped all the same."""
    desk.bury("t1")

    assert shell("dead", "drop", "nobody", "t1") == 1
    assert "nobody not dropped: there is no task nobody" in shell.err
    assert shell.out == "t1\n1 dead letter dropped\n"


def test_letters_are_sent_at_a_steady_pace() -> None:
    """Never faster than the rate, and what a pause left undone is not made up for in a burst."""
    now_s, asked = [100.0], []

    def sleep(seconds: float) -> None:
        asked.append(round(seconds, 6))
        now_s[0] += seconds

    sent_at = []
    for item in paced(range(5), rate=4, clock=lambda: now_s[0], sleep=sleep):
        sent_at.append(round(now_s[0], 6))
        now_s[0] += 2.0 if item == 1 else 0.05

    assert sent_at == [100.0, 100.25, 102.25, 102.5, 102.75]
    assert asked == [0.2, 0.2, 0.2]


# tasks


def test_a_part_of_an_id_is_not_enough(shell: Shell, desk: CliDesk) -> None:
    """Who gives the beginning of an id learns that all of it is needed."""
    desk.submit("3f2c0123")

    assert shell("task", "show", "3f2c") == 1
    assert "there is no task 3f2c: the id is wrong or not whole (all of it is needed)" in shell.err


def test_a_wait_that_was_too_short_says_what_it_waits_for(shell: Shell, desk: CliDesk) -> None:
    """Whoever waits for a task that is held back is told why, and how to look again."""
    words = ("task", "submit", "receipts", "--input", '{"text": "x"}', "--key", "k", "--wait", "--timeout")
    assert shell(*words, "0") == 1
    task_id = desk.end_ready(Wait(2**45, "tenant:default has no room in its budget"))

    assert shell(*words, "0") == 1

    assert shell.err.splitlines() == [
        f"task {task_id} is delayed after 0.0 s; it goes on, wait for it again",
        "tenant:default has no room in its budget",
        f"look again with: router task show {task_id}",
    ]


def test_lists_tasks_newest_first(shell: Shell, desk: CliDesk) -> None:
    """Those that have not ended by when they came, the others by their end; contents stay unseen."""
    desk.end("ended", Accept(FAILED))
    desk.bury("dead")
    desk.submit("waiting", tenant="acme", input={"text": "nobody's business"})

    assert shell("task", "list") == 0
    assert [line.split()[:2] for line in shell.out.splitlines()[1:]] == [
        ["waiting", "ready"],
        ["dead", "dead"],
        ["ended", "succeeded"],
    ]
    assert "nobody's business" not in shell.out
    listed = shell.json("task", "list", "--json")
    assert [(task["id"], task["status"]) for task in listed] == [
        ("waiting", "ready"),
        ("dead", "dead"),
        ("ended", "succeeded"),
    ]
    assert listed[0]["ended_at"] is None


def test_says_that_there_are_more_tasks(shell: Shell, desk: CliDesk) -> None:
    """A list that stops says so, and one that has all is silent."""
    desk.submit("t1", "t2")

    assert len(shell.json("task", "list", "--limit", "1", "--json")) == 1
    assert shell.err == "1 shown, and there are more: see --limit\n"
    assert shell("task", "list", "--limit", "2") == 0
    assert shell.err == ""


def test_narrows_the_tasks_down(shell: Shell, desk: CliDesk) -> None:
    """Status, policy, tenant and time, each and together."""
    desk.publish(others := a_policy(policy="others"))
    desk.end("ended", Accept(FAILED))
    desk.end("asked", Review("a person"))
    desk.submit("waiting", tenant="acme", metadata={"tags": ["mail"]})
    desk.submit("other", policy=others.digest)

    for words, found in (
        (["--status", "ready"], ["other", "waiting"]),
        (["--status", "review"], ["asked"]),
        (["--status", "succeeded"], ["ended"]),
        (["--status", "dead"], []),
        (["--policy", "others"], ["other"]),
        (["--tenant", "acme", "--status", "ready"], ["waiting"]),
        (["--tag", "mail"], ["waiting"]),
        (["--tag", "mai"], []),
        (["--since", "1h", "--limit", "2"], ["other", "waiting"]),
    ):
        assert [task["id"] for task in shell.json("task", "list", *words, "--json")] == found, words


def test_says_when_there_is_more_than_it_looks_at(
    shell: Shell, desk: CliDesk, client: Client, raw: redis.Redis
) -> None:
    """With more waiting tasks than are looked at the list says that it is not all."""
    desk.submit("t1")
    raw.zadd(f"{desk.settings.prefix}due", {f"x{i}": i for i in range(10_000)})

    assert not client.tasks(status="ready").complete
    assert client.tasks(status="dead").complete
    assert shell("task", "list") == 0
    assert "there are more tasks than were looked at" in shell.err


def test_old_ends_are_found_behind_many_events(desk: CliDesk, client: Client, raw: redis.Redis) -> None:
    """The list goes back page by page until it has enough, however much other tasks have moved since."""
    desk.bury("t1")
    with raw.pipeline(transaction=False) as pipe:
        for _ in range(1200):
            pipe.xadd(f"{desk.settings.prefix}events", {"e": "moved", "t": "busy", "x": "mini small why"})
        pipe.execute()
    desk.end("t2", Accept(FAILED))

    listed = client.tasks(limit=2)

    assert [task.id for task in listed.tasks] == ["t2", "t1"]
    assert listed.complete
    assert [task.id for task in client.tasks(status=TaskState.DEAD).tasks] == ["t1"]
    raw.config_resetstat()
    assert [task.id for task in client.tasks(limit=1).tasks] == ["t2"]
    assert raw.info("commandstats")["cmdstat_xrevrange"]["calls"] == 1
