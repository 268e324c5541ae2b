"""The Lua scripts beside this file, ready to be called by their SHA-1."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """One script with what all of them share in front."""

    text: str
    sha: str


@cache
def scripts() -> Mapping[str, Script]:
    """All scripts by the name of their file."""
    folder = files(__package__).joinpath("lua")
    common = folder.joinpath("common.lua").read_text()
    loaded = {}
    for file in folder.iterdir():
        name = file.name.removesuffix(".lua")
        if file.name.endswith(".lua") and name != "common":
            text = common + file.read_text()
            loaded[name] = Script(text=text, sha=hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
    return loaded
