"""The Lua scripts beside this file, ready to be called by their SHA-1."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_FLAGS = "#!lua flags=allow-oom\n"
"""Scripts run when memory is full: what was taken in has to be finished. Those that take tasks in look themselves."""
_READING_FLAGS = "#!lua flags=allow-oom,no-writes\n"
READING = ("full", "key", "listed", "pressure", "tail")
"""Those that change nothing."""
_IN_FRONT = {
    "intake": ("submit", "redrive", "full", "finish"),
    "takeback": ("sweep", "abandon"),
    "keyend": ("create_key", "revoke_key"),
    "lineids": ("tail", "trim"),
}
"""What stands behind `common`, in front of the scripts that need it."""


@dataclass(frozen=True, slots=True)
class Script:
    """One script with what all of them share in front."""

    text: str
    sha: str


@cache
def scripts() -> Mapping[str, Script]:
    """All scripts by the name of their file."""
    folder = files(__package__).joinpath("lua")
    texts = {f.name.removesuffix(".lua"): f.read_text() for f in folder.iterdir() if f.name.endswith(".lua")}
    common, parts = texts.pop("common"), {part: texts.pop(part) for part in _IN_FRONT}
    shared = {name: common + "".join(parts[p] for p, needed in _IN_FRONT.items() if name in needed) for name in texts}
    flags = {name: _READING_FLAGS if name in READING else _FLAGS for name in texts}
    return {name: _script(flags[name] + shared[name] + text) for name, text in texts.items()}


def _script(text: str) -> Script:
    return Script(text=text, sha=hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
