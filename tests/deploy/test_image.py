"""The image: what it is built from, who it runs as, and how its health is looked at."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from router.settings import Settings
from tests.deploy.tools import DEPLOY, ROOT, help_of
from tests.gang import environment

RUNTIME, BUILD, ALL = DEPLOY / "requirements.txt", DEPLOY / "build-requirements.txt", ROOT / "requirements.txt"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, each with its words on one line."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in text.splitlines() if line.strip()]


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage by its name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for word, rest in instructions():
        if word == "FROM":
            found[rest.rpartition(" AS ")[2]] = []
        elif found:
            found[list(found)[-1]].append((word, rest))
    return found


def pins(file: Path) -> dict[str, frozenset[str]]:
    """What a lock holds: each `name==version; marker` with its hashes."""
    lines = file.read_text().replace("\\\n", " ").splitlines()
    return {line.split(" --hash")[0].strip(): frozenset(re.findall(r"sha256:\w{64}", line)) for line in lines if line}


def context(path: str) -> bool:
    """Whether a path from the root gets into the build."""
    kept = False
    for rule in (DEPLOY.parent / ".dockerignore").read_text().splitlines():
        pattern = rule.removeprefix("!").removeprefix("**/")
        names = [path, *(str(parent) for parent in Path(path).parents), *Path(path).parts]
        if rule and not rule.startswith("#") and any(fnmatch(name, pattern) for name in names):
            kept = rule.startswith("!")
    return kept


def test_runs_as_nobody_that_has_rights():
    """Every image that is made runs as a user with a number, which is not root's."""
    users = [rest for word, rest in stages()["router"] if word == "USER"]

    assert users == ["10001:10001"]
    assert not any(word == "USER" for stage in ("worker", "api") for word, _ in stages()[stage])


def test_every_package_is_installed_by_its_hash():
    """Whatever pip fetches is named by version and hash; the wheel of the house itself needs no index."""
    fetches = [part for _, rest in stages()["build"] for part in rest.split("&&") if "pip install" in part]

    assert len(fetches) == 3
    assert all("--require-hashes" in part or "--no-index" in part for part in fetches)
    assert all(hashes for file in (RUNTIME, BUILD) for hashes in pins(file).values())


def test_the_image_has_what_the_tests_had():
    """The image's locks name nothing that the tests' lock does not name, by the same hashes."""
    tested = pins(ALL)

    assert {name: hashes for name, hashes in (pins(RUNTIME) | pins(BUILD)).items() if tested.get(name) != hashes} == {}


def test_the_image_has_what_the_service_needs_and_no_more():
    """Each dependency of the service is in its lock; those of development and science are not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = {re.split(r"[=\[]", pin)[0] for pin in pins(RUNTIME)}
    needed = {re.split(r"[<>=\[!]", word)[0].lower() for word in project["dependencies"]}

    assert needed - locked == set()
    assert locked & {"pytest", "mypy", "ruff", "hypothesis", "scipy", "matplotlib", "scikit-learn"} == set()


@pytest.mark.parametrize("path", ["router/cli/api.py", "workers/shift.py", "policies/receipts.yaml", "README.md"])
def test_what_is_needed_gets_into_the_build(path):
    """The sources, the policies and what setuptools reads are sent to the builder."""
    assert context(path)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "deploy/secrets/worker.env",
            "deploy/env.example",
            ".env",
            "policies/.env",
            ".git/config",
            "tests/conftest.py",
        ),
        *("router/__pycache__/app.cpython-311.pyc", ".venv/bin/python", "policies/tests/mail.yaml"),
    ],
)
def test_nothing_else_does(path):
    """Secrets, history, tests and leftovers stay where they are."""
    assert not context(path)


def test_what_is_copied_is_there():
    """Every source of a COPY exists, and is not ignored."""
    copies = [rest.split()[:-1] for _, steps in stages().items() for word, rest in steps if word == "COPY"]
    sources = [name.removeprefix("./") for names in copies if not names[0].startswith("--from") for name in names]

    assert [name for name in sources if not (ROOT / name).exists()] == []
    assert [name for name in sources if (ROOT / name).is_file() and not context(name)] == []


def test_no_secret_is_baked_in():
    """No instruction sets a key, a password or an address of Redis."""
    assert [
        rest for word, rest in instructions() if word in {"ENV", "ARG"} and re.search(r"KEY|PASS|REDIS_URL", rest)
    ] == []


def test_its_label_is_the_version_of_the_package():
    """The image says of itself the version that is installed in it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    given = dict(rest.split("=", 1) for word, rest in stages()["router"] if word == "ARG")

    assert given["VERSION"] == project["version"]


def test_its_settings_are_known():
    """Every ROUTER_ name that the image sets is one that the service reads."""
    words = " ".join(rest for word, rest in instructions() if word == "ENV")
    given = dict(word.split("=", 1) for word in shlex.split(words) if word.startswith("ROUTER_"))

    settings = Settings.from_env(given)

    assert (str(settings.policies), str(settings.state_dir)) == ("/etc/router/policies", "/var/lib/router")


@pytest.mark.parametrize("stage", ["worker", "api"])
def test_what_it_starts_is_a_command(stage):
    """The words of CMD are a command of `router` with options that it has."""
    words = json.loads(next(rest for word, rest in stages()[stage] if word == "CMD"))
    told = help_of(words[0])

    assert told is not None
    assert [word for word in words[1:] if word.startswith("--") and word not in told] == []


def health(stage: str) -> list[str]:
    """The words of a stage's HEALTHCHECK."""
    words = next(rest for word, rest in stages()[stage] if word == "HEALTHCHECK").partition("CMD")[2]
    return [sys.executable, *json.loads(words)[1:]]


@pytest.mark.parametrize("stage", ["worker", "api"])
def test_a_health_check_passes_beside_its_process(stage, service):
    """What the image runs to look at its process says 0 while that process works."""
    words = [word.replace("http://127.0.0.1:8080", service.address) for word in health(stage)]

    assert subprocess.run(words, env=environment(service.settings), cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("stage", ["worker", "api"])
def test_a_health_check_fails_without_it(stage, service):
    """Where nothing works under its prefix, or nothing listens, it says 1."""
    words = [word.replace("127.0.0.1:8080", "127.0.0.1:1") for word in health(stage)]
    env = environment(service.settings) | {"ROUTER_PREFIX": "nobody:"}

    assert subprocess.run(words, env=env, cwd=ROOT, check=False, capture_output=True).returncode == 1
