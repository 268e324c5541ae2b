"""The operators' guide: every alert has its place, every command exists, every file and anchor it names is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
import yaml

from router.settings import Settings
from tests.deploy.queries import rules
from tests.deploy.tools import DEPLOY, ROOT, help_of

TEXT = (DEPLOY / "README.md").read_text()
HEADINGS = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", TEXT, flags=re.S), flags=re.M)
ANCHORS = [re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in HEADINGS]


def shell() -> Iterator[str]:
    """The lines of every block of shell, continued ones as one."""
    for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.S):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip())


def commands() -> list[list[str]]:
    """The words of every command of ours: in the text, in blocks, and through Compose."""
    told = [said.replace("\n", " ") for said in re.findall(r"`(router [a-z][^`]*)`", TEXT)]
    for line in shell():
        text = line.partition(" #")[0].partition(" > ")[0]
        told += [text] if text.startswith("router ") else []
        told += [f"router {text.partition(mark)[2]}" for mark in ("run --rm ops ", "-- router ") if mark in text]
        told += [f"router {text.partition(' ')[2]}"] if text.startswith(("ops ", "here ")) else []
    return [shlex.split(text)[1:] for text in told]


def command_of(words: list[str]) -> list[str]:
    """The command's own words: the first, or two where the first is a group."""
    group = help_of(words[0])
    deeper = "COMMAND [ARGS]" in (group or "") and len(words) > 1
    return words[:2] if deeper else words[:1]


@pytest.mark.parametrize("alert", [rule["alert"] for rule in rules("alerts")])
def test_an_alert_has_its_place(alert):
    """Under an alert's own name stands what it means and what to do, in more than a line."""
    section = TEXT.partition(f"\n### {alert}\n")[2].partition("\n##")[0]

    assert ANCHORS.count(alert.lower()) == 1
    assert len(section) > 100


def test_no_alert_is_explained_that_there_is_not():
    """Every heading that looks like an alert is one."""
    explained = {heading for heading in HEADINGS if re.fullmatch(r"Router[A-Z]\w+", heading)}

    assert explained == {rule["alert"] for rule in rules("alerts")}


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_exists(words):
    """Each command that the guide names is one of `router`, with options that it has."""
    command = command_of(words)
    told = help_of(*command)

    assert told is not None
    assert [word for word in words[len(command) :] if word.startswith("--") and word not in told] == []


def test_an_upgrade_names_every_worker():
    """The command that replaces workers before HTTP names all of the Compose file's, and nothing else."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    replaced = [line.partition(" --wait ")[2].split() for line in shell() if " --wait worker-" in line]

    assert replaced == [[name for name in services if name.startswith("worker-")]]


def test_links_lead_somewhere():
    """Each link into the guide is one of its anchors, each link to a file is a file."""
    links = re.findall(r"\]\(([^)]+)\)", TEXT)

    assert [link for link in links if link.startswith("#") and link[1:] not in ANCHORS] == []
    files = [link.partition("#")[0] for link in links if not link.startswith("#")]
    assert [file for file in files if not (DEPLOY / file).exists()] == []


def test_files_that_are_named_are_there():
    """Each file of the repository that a block of shell uses exists, or is made by secrets.sh."""
    words = {
        word for line in shell() for word in re.findall(r"(?:deploy|policies)(?:/[\w.-]+)+", line.partition(" #")[0])
    }

    assert [word for word in words if not word.startswith("deploy/secrets/") and not (ROOT / word).exists()] == []


def test_the_table_of_files_is_true():
    """What the guide says lies here lies here."""
    table = TEXT.partition("| here | what it is |")[2].partition("\n\n")[0]
    names = [
        name
        for line in table.splitlines()
        for name in re.findall(r"`([^`]+)`", line.partition("|")[2].partition("|")[0])
    ]

    assert len(names) > 8
    assert [name for name in names if not (DEPLOY / name).exists()] == []


def test_settings_that_are_named_are_known():
    """Each ROUTER_ name in the guide is a setting."""
    assert set(re.findall(r"ROUTER_[A-Z_]+", TEXT)) - set(Settings().environment()) - {"ROUTER_TIERS"} == set()


@pytest.mark.parametrize("user", re.findall(r"^user (\S+)", (DEPLOY / "redis.acl").read_text(), flags=re.M))
def test_every_user_of_redis_is_explained(user):
    """Each user of redis.acl has a line in the table of users."""
    assert re.search(rf"^\| `{user}` \|", TEXT, flags=re.M)
