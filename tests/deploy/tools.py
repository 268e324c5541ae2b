"""What checks of deploy/ need from package registries, fetched by hash into `.cache`; who cannot have it skips."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from router.cli import root

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

_CACHE = ROOT / ".cache" / "deploy"
_WHEELS = Path(__file__).parent / "wheels.txt"
_KUBERNETES = "kubernetes_validate/kubernetes-json-schema/v1.34.0-local-strict"
_PROMETHEUS = "prometheus=2.42.0+ds-5+deb12u1"
_PROMETHEUS_SHA256 = "81d59a24fce84f7fbe97a45a4f2914b6a5881b5cd1db2a6a0e129e515e1a5f55"
_FETCH_S = 100


def prometheus(program: str) -> str:
    """The path of `prometheus` or `promtool`: the system's own, else Debian's, unpacked beside the tests."""
    return shutil.which(program) or str(_or_skip(_debian()) / "usr" / "bin" / program)


def kubectl() -> str:
    """The path of `kubectl`, which brings kustomize."""
    return shutil.which("kubectl") or pytest.skip("needs kubectl on the PATH")


def compose_schema() -> Any:
    """The JSON Schema of Compose files."""
    return json.loads(member("check_jsonschema", "check_jsonschema/builtin_schemas/vendor/compose-spec.json"))


@cache
def kubernetes_schema(kind: str, version: str) -> Any:
    """The JSON Schema of a kind of an API version, such as `Deployment` of `apps/v1`, which allows no other keys."""
    group, _, number = version.rpartition("/")
    name = "-".join(filter(None, (kind.lower(), group.split(".")[0], number)))
    return json.loads(member("kubernetes_validate", f"{_KUBERNETES}/{name}.json"))


def kubernetes_definitions() -> Any:
    """What those schemas refer to as `_definitions.json`."""
    return json.loads(member("kubernetes_validate", f"{_KUBERNETES}/_definitions.json"))


def member(wheel: str, name: str) -> bytes:
    """A file of one of the wheels of `wheels.txt`."""
    with zipfile.ZipFile(next(_or_skip(_wheels()).glob(f"{wheel}-*.whl"))) as archive:
        return archive.read(name)


def run(*words: str, cwd: Path = ROOT) -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@cache
def help_of(*words: str) -> str | None:
    """What a command of `router` says of itself; None where there is no such command."""
    asked = CliRunner().invoke(root, [*words, "--help"], prog_name="router")
    return asked.output if asked.exit_code == 0 else None


@cache
def _wheels() -> Path | str:
    """Where the wheels of `wheels.txt` are, or why they are not."""
    wanted = hashlib.sha256(_WHEELS.read_bytes()).hexdigest()[:16]
    folder = _CACHE / f"wheels-{wanted}"
    if not folder.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        if why := _fetch([*pip, "--only-binary", ":all:", "--dest", str(_fresh(folder)), "-r", str(_WHEELS)], ROOT):
            return f"schemas could not be downloaded: {why}"
        _part(folder).rename(folder)
    return folder


@cache
def _debian() -> Path | str:
    """Where Debian's package of Prometheus is unpacked, or why it is not."""
    folder = _CACHE / "prometheus"
    if folder.exists():
        return folder
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return "needs prometheus and promtool on the PATH"
    part = _fresh(folder)
    if why := _download(part):
        return f"{_PROMETHEUS} could not be downloaded: {why}"
    package = next(part.glob("*.deb"))
    if hashlib.sha256(package.read_bytes()).hexdigest() != _PROMETHEUS_SHA256:
        return f"{package.name} is not the one that was looked at"
    if why := _fetch(["dpkg-deb", "--extract", str(package), "."], part):
        return why
    package.unlink()
    part.rename(folder)
    return folder


def _download(part: Path) -> str:
    """Fetch the package; where the system's lists of packages are missing or old, by lists of the tests' own."""
    if not _fetch(["apt-get", "download", _PROMETHEUS], part):
        return ""
    lists = _fresh(_CACHE / "lists")
    (lists / "partial").mkdir()
    caches = [word for name in ("pkgcache", "srcpkgcache") for word in ("-o", f"Dir::Cache::{name}=")]
    apt = ["apt-get", "-o", f"Dir::State::lists={lists}", *caches]
    why = _fetch([*apt, "update"], part) or _fetch([*apt, "download", _PROMETHEUS], part)
    shutil.rmtree(lists)
    return why


def _part(folder: Path) -> Path:
    return folder.with_name(folder.name + ".part")


def _fresh(folder: Path) -> Path:
    """An empty folder to be renamed when it is complete."""
    part = _part(folder)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    return part


def _fetch(words: Sequence[str], cwd: Path) -> str:
    """Why a command failed; empty where it did not."""
    try:
        done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=_FETCH_S)
    except (OSError, subprocess.TimeoutExpired) as why:
        return str(why)
    return (done.stderr.strip().splitlines() or ["it failed"])[-1] if done.returncode else ""


def _or_skip(found: Path | str) -> Path:
    return found if isinstance(found, Path) else pytest.skip(found)
