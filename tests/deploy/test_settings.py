"""Every name that deploy/ gives to a process is a setting that it reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from router.settings import Settings
from tests.deploy.tools import DEPLOY

KNOWN = set(Settings().environment()) | {"ROUTER_TIERS"}
SHIPPED = sorted(
    path
    for path in DEPLOY.rglob("*")
    if path.is_file() and "secrets" not in path.parent.name and path.suffix != ".json"
)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_setting_that_is_named_is_known(path: Path):
    """No file of deploy/ names a ROUTER_ variable that the service would refuse."""
    assert set(re.findall(r"\bROUTER_[A-Z_]+", path.read_text())) - KNOWN == set()


def example() -> dict[str, tuple[bool, str]]:
    """Each name of env.example, whether it is set there, and to what."""
    found = re.findall(r"^(#?)([A-Z_]+)=(.*)$", (DEPLOY / "env.example").read_text(), flags=re.M)
    return {name: (not mark, value) for mark, name, value in found}


def test_the_example_is_complete():
    """It names each setting there is, each with the words in front that say what it does."""
    assert {name for name in example() if name.startswith("ROUTER_")} == KNOWN


def test_the_example_tells_the_defaults():
    """What stands behind a # is what holds where nothing is set."""
    defaults = Settings().environment()
    told = {name: value for name, (given, value) in example().items() if not given and name != "ROUTER_TIERS"}

    assert {n: v for n, v in told.items() if str(Path(v).expanduser() if v[:1] == "~" else v) != defaults[n]} == {}


def test_the_example_is_taken():
    """A process that gets what the example sets starts with it."""
    given = {name: value for name, (is_set, value) in example().items() if is_set and name.startswith("ROUTER_")}

    assert str(Settings.from_env(given).policies) == "/etc/router/policies"
