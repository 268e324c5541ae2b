"""`router policy publish`: what it tells of the versions before, and that it mends what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.client import Client
from router.conversation import CONVERSATION
from tests.acl import peek
from tests.cli.desk import CliDesk
from tests.shell import Shell


def current(desk: CliDesk) -> str:
    with Client(desk.settings.redis_url, prefix=desk.settings.prefix) as client:
        return client.card("colours").digest


def test_another_model_is_told(shell: Shell, desk: CliDesk, folder: Path) -> None:
    """Whoever publishes with another tiers file than before learns which tier answers with what from now on."""
    assert shell("policy", "publish", str(folder)) == 0
    assert "from now on" not in shell.err
    tiers = folder / "tiers.yaml"
    tiers.write_text(tiers.read_text().replace("model: openai/gpt-4o-mini", "model: openai/gpt-5.4-mini", 1))

    assert shell("policy", "publish", str(folder)) == 0
    assert "colours: mini answers with openai/gpt-5.4-mini" in shell.err
    assert "from now on, it was openai/gpt-4o-mini" in shell.err


@pytest.mark.parametrize("broken", ["gone", "unreadable"])
def test_a_version_that_cannot_be_read_is_published_over(
    shell: Shell, desk: CliDesk, folder: Path, broken: str
) -> None:
    """Where the current version was lost, or is of a form that nobody reads, publishing is what mends it."""
    assert shell("policy", "publish", str(folder)) == 0
    before = current(desk)
    key = f"{desk.settings.prefix}policy:{current(desk)}"
    with peek(desk.settings.redis_url) as raw:
        if broken == "gone":
            raw.delete(key)
        else:
            raw.set(key, b"\x00{}")
    file = folder / "colours.yaml"
    file.write_text(file.read_text().replace("0.8", "0.7"))

    assert shell("policy", "publish", str(folder)) == 0
    assert shell.out.strip() == f"colours  {current(desk)}  changed, it was {before}"


def test_says_which_versions_are_new(shell: Shell, desk: CliDesk, folder: Path) -> None:
    """Of many policies people see which one is another than before, and for programs the list is as ever."""
    other = folder / "shades.yaml"
    other.write_text((folder / "colours.yaml").read_text().replace("policy: colours", "policy: shades"))
    assert shell("policy", "publish", str(folder)) == 0
    assert [line.split()[2:] for line in shell.out.splitlines()] == [["new"], ["new"]]
    first = current(desk)
    file = folder / "colours.yaml"
    file.write_text(file.read_text().replace("0.8", "0.7"))

    assert shell("policy", "publish", str(folder)) == 0
    colours, shades = shell.out.splitlines()
    assert colours == f"colours  {current(desk)}  changed, it was {first}"
    assert len(shades.split()) == 2
    listed = shell.json("policy", "publish", str(folder), "--json")
    assert [sorted(told) for told in listed] == [["digest", "policy"], ["digest", "policy"]]


def test_producers_learn_what_a_policy_takes(shell: Shell, desk: CliDesk, folder: Path) -> None:
    """The card of a policy without a prompt says that it passes conversations on, and which checks read its text."""
    checks = "checks: [{check: pattern, id: polite, forbids: damn}]"
    (folder / "talk.yaml").write_text(f"policy: talk\noutput: {{text: {{}}}}\ntiers: [mini, large]\n{checks}\n")

    assert shell("policy", "publish", str(folder)) == 0

    with Client(desk.settings.redis_url, prefix=desk.settings.prefix) as client:
        talk, colours = client.card("talk"), client.card("colours")
    assert (talk.conversation, talk.input_schema, talk.images) == (True, CONVERSATION, ())
    assert (talk.output, talk.tiers, talk.text_checks) == ("text", ("mini", "large"), ("polite",))
    assert (colours.conversation, colours.text_checks) == (False, ())
