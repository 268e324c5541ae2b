"""Small texts that would take forever, or all memory: a process with little of both refuses or judges each of them."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from router.errors import PolicyInvalid, TaskInvalid
from router.io.folder import Book, read_book
from router.producing import Order, prepare
from router.schema.validator import check_schema
from router.wishes import Wishes
from tests.builders import a_policy
from tests.gang import POLICIES, ROOT
from tests.security.bombs import FAMILIES, a_card

CPU_S = 15
"""Most of it goes into imports: all bombs of a family together take less than one second."""
ROOM_BYTES = 4 * 10**9
FINE = {
    "output schemas": {"backtracking", "backtracking names", "many objects", "many lists", "recursion", "ways"}
    | {"contains", "large numbers"},
    "answers": set(FAMILIES["answers"]),
    "rules": {"squares", "maps", "long list", "backtracking", "repetition", "pattern of the output", "split"},
}
"""Those that are judged; all others are refused."""


def run(*words: str, cpu_s: int = CPU_S) -> subprocess.CompletedProcess[str]:
    """Run Python with little time and room."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        resource.setrlimit(resource.RLIMIT_AS, (ROOM_BYTES, ROOM_BYTES))

    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,  # two system calls; nothing is left behind
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_no_bomb_goes_off(family: str) -> None:
    """Each bomb has an outcome in words, of a few hundred characters, and the process ends well."""
    ran = run("-m", "tests.security.bombs", family)
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    became = dict(zip(said[::2], said[1::2], strict=False))

    assert ran.returncode == 0, f"{said[-1]}: {ran.stderr[-2000:]}"
    assert set(became) == set(FAMILIES[family])
    assert {name for name, said in became.items() if said.startswith("fine")} == FINE.get(family, set())
    assert not [name for name, said in became.items() if "succeeded" in said and name not in SOUND]


SOUND = {"recursion", "ways", "large numbers"}
"""These answers do meet their schema."""


DANGEROUS = {
    "re": "import re; re.search('^(a+)+$', 'a' * 40 + '!')",
    "loops": """
import jinja2
loops = "{% for a in t %}" * 4 + "{% endfor %}" * 4
jinja2.Template(loops).render(t="a" * 3000)
""",
    "width": """
import jinja2
jinja2.Template("{{ '%10000000000d' % 1 }}").render()
""",
    "laughs": """
import yaml
chain = "".join(f"l{n}: &l{n} [*l{n - 1}, *l{n - 1}]\\n" for n in range(1, 40))
str(yaml.safe_load("l0: &l0 [x, x]\\n" + chain))
""",
}


@pytest.mark.parametrize("name", DANGEROUS)
def test_those_bombs_are_bombs(name: str) -> None:
    """What libraries do with them when nobody minds does not end within such limits: the test above can fail."""
    ran = run("-c", DANGEROUS[name], cpu_s=2)

    assert ran.returncode == -signal.SIGKILL or "MemoryError" in ran.stderr


# schemas that point elsewhere


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server that gives a schema which allows everything, and counts who asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/schema.json", asked
    server.shutdown()
    server.server_close()


FETCHING: dict[str, Callable[[str], dict[str, Any]]] = {
    "$ref": lambda url: {"$ref": url},
    "a nested $ref": lambda url: {"properties": {"x": {"items": {"$ref": f"{url}#/a"}}}},
    "$dynamicRef": lambda url: {"$dynamicRef": url},
    "$schema": lambda url: {"$schema": url},
    "$id": lambda url: {"$id": url, "properties": {"x": {"$ref": "other.json"}}},
    "$id below": lambda url: {"$defs": {"a": {"$id": url}}, "$ref": url},
    "$vocabulary": lambda url: {"$vocabulary": {url: True}, "$ref": url},
    "a file": lambda url: {"$ref": "file:///etc/passwd"},
}


@pytest.mark.parametrize("name", FETCHING)
def test_no_schema_is_fetched(elsewhere: tuple[str, list[str]], tmp_path: Path, name: str) -> None:
    """A schema of an author or a caller that points elsewhere is refused, and nobody is asked for it."""
    url, asked = elsewhere
    schema = FETCHING[name](url)
    wishes = Wishes.model_validate({"response_schema": {"name": "x", "body": schema}})

    assert check_schema(schema)
    with pytest.raises(TaskInvalid):
        prepare(a_card(a_policy(output={"text": {}}, checks=[])), {"text": "x"}, Order(wishes=wishes), reply_to=None)
    with pytest.raises(PolicyInvalid):
        _loaded(tmp_path, schema)

    assert asked == []


def _loaded(folder: Path, schema: dict[str, Any]) -> Book:
    """A folder with a policy that has this schema, as workers read it."""
    for name in ("tiers.yaml", "prices.yaml"):
        shutil.copy(POLICIES / name, folder)
    (folder / "output.json").write_text(json.dumps(schema))
    (folder / "mail.yaml").write_text(POLICY)
    return read_book(folder, folder / "tiers.yaml", today=date(2026, 11, 20))


POLICY = """
policy: mail
prompt: {system: Read it., user: "{{ text }}"}
input: {schema: {type: object, properties: {text: {type: string}}, required: [text]}}
output: {schema: output.json}
tiers: [mini]
"""
