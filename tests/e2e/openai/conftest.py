"""The service as OpenAI's SDKs find it: real workers and `router api`, before a provider whose answers are scripted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from router.settings import Settings
from tests.acl import GuardedServer
from tests.e2e.house import Site, open_site
from tests.e2e.openai.provider import answer
from tests.fault_provider import FaultProvider
from tests.gang import POLICIES, ROOT, environment, launch
from tests.waiting import wait_until

HERE = Path(__file__).parent
ALLOWED = "127.0.0.1/32"


@dataclass(frozen=True)
class Service:
    """Where callers find it, what works behind it, and a secret that its webhooks are signed with."""

    url: str
    site: Site
    provider: FaultProvider
    webhook_secret: str

    @property
    def env(self) -> dict[str, str]:
        """The two lines that a caller changes, and the secret."""
        own = {"OPENAI_BASE_URL": f"{self.url}/v1", "OPENAI_API_KEY": "rk_unused"}
        return own | {"OPENAI_WEBHOOK_SECRET": self.webhook_secret}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("openai")
    with FaultProvider(answer) as provider, GuardedServer(folder / "redis") as server:
        tiers = _tiers(folder / "tiers.yaml", provider)
        env, change = {"OTHER_KEY": "sk-theirs"}, {"webhook_allow": ALLOWED}
        with open_site("openai", folder, redis_url=server.url, tiers=tiers, env=env, **change) as site:
            secret = _secret(site.settings)
            with _served(site.settings, folder) as url:
                yield Service(url, site, provider, secret)


def _tiers(file: Path, provider: FaultProvider) -> Path:
    """The shipped tiers at that provider, which takes any number of calls a minute."""
    theirs = f"api_key_env: OTHER_KEY\n    api_base: {provider.url()}"
    shipped = (POLICIES / "tiers.yaml").read_text().replace("api_key_env: OPENAI_API_KEY", theirs)
    file.write_text("".join(line for line in shipped.splitlines(keepends=True) if "s_per_minute:" not in line))
    return file


@contextmanager
def _served(settings: Settings, folder: Path) -> Iterator[str]:
    """`router api` as a process; gives its address."""
    ready, log = folder / "api.url", folder / "api.log"
    words = ("api", "--port", "0", "--insecure", "--ready-file", str(ready))
    process = launch("router.cli", *words, env=environment(settings), log=log)
    try:
        wait_until(lambda: process.poll() is not None or _told(ready), f"the service; see {log}")
        assert process.poll() is None, log.read_text()[-2000:]
        yield _told(ready)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _told(ready: Path) -> str:
    return ready.read_text().strip() if ready.exists() else ""


def _secret(settings: Settings) -> str:
    words = ["webhook", "secret", "create", "--tenant", "default", "--json"]
    made = subprocess.run(
        [sys.executable, "-m", "router.cli", *words],
        env=environment(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, str] = json.loads(made.stdout)
    return told["secret"]


def talked(words: list[str], env: Mapping[str, str]) -> dict[str, Any]:
    """Run a client that says at its end what it heard, as JSON."""
    run = subprocess.run(words, env=dict(env), capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    heard: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return heard


@pytest.fixture(scope="session")
def newer_sdk(request: pytest.FixtureRequest) -> Path:
    """openai 3.x in a folder of its own, beside 2.x, which litellm needs; fetched once for all sessions."""
    folder = _kept(request, "openai-python-3")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "--upgrade", "openai>=3,<4"]
    return _fetched(folder, pip, "PyPI")


@pytest.fixture(scope="session")
def node_sdk(request: pytest.FixtureRequest) -> Path:
    """A folder with OpenAI's SDK for Node, fetched once for all sessions."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    folder = _kept(request, "openai-node")
    npm = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), "openai@7"]
    return _fetched(folder, npm, "npm's registry")


def _kept(request: pytest.FixtureRequest, name: str) -> Path:
    """A folder that outlives the session, where pytest has a cache; else one of this session."""
    cache = getattr(request.config, "cache", None)
    if cache is not None:
        return Path(cache.mkdir(name))
    folders: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    return folders.mktemp(name)


def _fetched(folder: Path, command: list[str], where: str) -> Path:
    done = folder / "complete"
    if not done.exists():
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
        if fetched.returncode:
            pytest.skip(f"{where} cannot be reached: {(fetched.stderr or fetched.stdout).strip()[-200:]}")
        done.touch()
    return folder
