"""`router webhook`: what callers are told, what became of it, and how it is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from router.delivery import Delivered, Gone, Sent, Undelivered
from router.io.commands.webhook import WebhookCommands
from router.io.redis_link import Link, connect
from router.webhook import Webhook
from tests.cli.desk import CliDesk
from tests.shell import Shell

URL = "https://example.com/hooks"
NO = Undelivered("500")


class Mail:
    """A desk whose tasks have webhooks, and somebody who says what came of telling them."""

    def __init__(self, desk: CliDesk) -> None:
        self._desk = desk
        self._link = Link(connect(desk.settings.redis_url), prefix=desk.settings.prefix)
        self._commands = WebhookCommands(prefix=desk.settings.prefix)

    def end(self, task_id: str, *, url: str = URL, **changes: Any) -> str:
        self._desk.submit(task_id, webhook=Webhook(url=url), **changes)
        self._desk.run(lambda store: store.cancel(task_id))
        return f"evt_{task_id}_cancelled"

    def send(self, sent: Sent, *, pause_ms: int | None = None) -> list[str]:
        """Say so of all that is due; returns their ids."""
        _, leased = self._link.run(self._commands.claim(at_most=100, token="a", lease_ms=60_000))
        for one in leased:
            self._link.run(self._commands.book(one, sent, pause_ms=pause_ms, policy="receipts"))
        return [one.delivery.id for one in leased]

    def told(self, task_id: str, sent: Sent, **changes: Any) -> str:
        delivery_id = self.end(task_id, **changes)
        assert self.send(sent) == [delivery_id]
        return delivery_id


@pytest.fixture
def mail(desk: CliDesk) -> Mail:
    return Mail(desk)


def listed(shell: Shell, *words: str) -> list[str]:
    return [delivery["id"] for delivery in shell.json("webhook", "list", *words, "--json")]


def test_says_that_nobody_is_told(shell: Shell) -> None:
    """Where no task had a webhook the answer says when there is a delivery."""
    assert shell("webhook", "list") == 0
    assert shell.out == "no deliveries; a task has one when it is submitted with a webhook and ends\n"
    assert listed(shell) == []


def test_lists_what_became_of_each(shell: Shell, mail: Mail) -> None:
    """The one that changed last first, of all tenants or one, of any status or one."""
    failed = mail.told("t1", NO)
    taken = mail.told("t2", Delivered("200"), tenant="acme")
    waits = mail.end("t3", tenant="acme")

    assert listed(shell) == [waits, taken, failed]
    assert listed(shell, "--tenant", "acme") == [waits, taken]
    assert listed(shell, "--status", "failed") == [failed]
    assert listed(shell, "--limit", "1") == [waits]
    assert shell("webhook", "list") == 0
    line = next(line for line in shell.out.splitlines() if line.startswith(failed))
    assert line.split()[1:4] == ["failed", "task.cancelled", "default"]
    assert line.split()[-2:] == ["500", URL]


def test_shows_one(shell: Shell, mail: Mail) -> None:
    """What is told, where to, and what was said to it last."""
    delivery_id = mail.told("t1", NO)

    shown = shell.json("webhook", "show", delivery_id, "--json")
    assert {name: shown[name] for name in ("id", "task", "status", "policy", "said", "attempts", "url", "due_at")} == {
        **{"id": delivery_id, "task": "t1", "status": "failed", "policy": "receipts", "said": "500"},
        **{"attempts": 1, "url": URL, "due_at": None},
    }
    assert shell("webhook", "show", delivery_id) == 0
    assert "said        500\n" in shell.out


def test_a_delivery_that_is_not_there_is_told(shell: Shell) -> None:
    """With what may be the matter; the answer is no."""
    assert shell("webhook", "show", "evt_nothing") == 1
    assert "there is no delivery evt_nothing: the id is wrong" in shell.err


def test_sends_again_by_id(shell: Shell, mail: Mail) -> None:
    """Under the same id; what is not there is told, and the rest is sent."""
    delivery_id = mail.told("t1", Delivered("200"))

    assert shell("webhook", "redeliver", delivery_id, "evt_nothing") == 1
    assert shell.out == "1 will be sent again\n"
    assert "there is no delivery evt_nothing" in shell.err
    assert mail.send(Delivered("200")) == [delivery_id]


def test_sends_again_what_an_endpoint_missed(shell: Shell, mail: Mail) -> None:
    """An endpoint that is gone is enabled first; then all that it missed comes with one command."""
    missed = [mail.told("t1", Gone("410")), mail.end("t2"), mail.end("t3")]
    assert sorted(listed(shell, "--status", "disabled")) == missed
    assert shell("webhook", "redeliver", "--status", "disabled") == 1
    assert "`router webhook enable URL`" in shell.err
    assert mail.send(Delivered("200")) == []

    assert shell("webhook", "enable", URL) == 0
    assert "router webhook redeliver --status disabled --tenant default" in shell.out
    answer = shell.json("webhook", "redeliver", "--status", "disabled", "--json")
    assert (sorted(answer["redelivered"]), answer["refused"]) == (missed, [])
    assert sorted(mail.send(Delivered("200"))) == missed


def test_an_endpoint_that_is_not_disabled_is_told(shell: Shell) -> None:
    """The answer is no: nothing was to be done."""
    assert shell("webhook", "enable", URL, "--tenant", "acme") == 1
    assert shell.err == f"no endpoint {URL} of tenant acme is disabled\n"


def test_a_task_from_the_command_line_is_told_of_too(shell: Shell, desk: CliDesk, mail: Mail) -> None:
    """With a URL, as in the API."""
    words = ["task", "submit", "receipts", "--input", '{"text": "ACME"}', "--webhook"]
    task_id = shell.json(*words, URL, "--json")["id"]
    desk.run(lambda store: store.cancel(task_id))

    assert listed(shell) == [f"evt_{task_id}_cancelled"]
    assert shell(*words, "example.com") == 2
    assert "webhook url: the webhook's url is not taken" in shell.err


@pytest.mark.parametrize("words", [[], ["evt_1", "--status", "failed"], ["--tenant", "acme"]])
def test_what_is_to_be_sent_again_has_to_be_said(shell: Shell, words: list[str]) -> None:
    """By ids or by status, not by neither or both."""
    assert shell("webhook", "redeliver", *words) == 2
    assert "give either ids, or --status failed or disabled" in shell.err
