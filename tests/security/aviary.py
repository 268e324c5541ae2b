"""Workers whose models give back what they were asked in every way there is, or break: who watches sees what leaks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acl import peek
from tests.e2e.house import Site, open_site
from tests.fault_provider import FaultProvider, completion
from tests.gang import POLICIES

KEY, OUTPUT = "sk-canary-key-4711", "canary-output-4711"
ECHOING = ("500-echo", "400-echo", "400-code-echo", "error-in-200", "finish-strange", "content-list", "echo")
"""Answers of a provider that give the prompt back where nobody expects it."""
BROKEN = ("cut-json", "html-200", "refusal", "length", "surrogate", "deep-json", "reset-in-body", "no-usage", "401")
MODES = (*ECHOING, *BROKEN, "given")
POLICY_OF = {mode: f"m{number}" for number, mode in enumerate(MODES)}
POLICY = """
policy: {name}
prompt: {{system: Read it., user: "{{{{ text }}}}", images: [photo]}}
input: {{schema: {{type: object, properties: {{text: {{type: string}}, photo: {{type: string}}}}, required: [text]}}}}
output:
  schema: {{type: object, properties: {{said: {{type: string}}}}, required: [said], additionalProperties: false}}
tiers: [{tier}]
checks: [{{check: schema}}{check}]
moves: {{fail: reject, unsure: reject, error: dead_letter, refused: reject, exhausted: dead_letter}}
limits: {{attempts: 2}}
"""
TIER = (
    "  {tier}: {{model: openai/gpt-4o-mini, api_base: '{url}', api_key_env: CANARY_KEY, images: true,"
    " image_tokens_max: 1000, concurrency: 10, timeout_s: 10, context_tokens: 128000}}\n"
)


def a_folder(folder: Path, provider: FaultProvider) -> Path:
    """A policy and a tier for each way in which the provider answers, and one whose check quotes the output."""
    folder.mkdir()
    shutil.copy(POLICIES / "prices.yaml", folder)
    tiers = "".join(TIER.format(tier=name, url=provider.url(mode)) for mode, name in POLICY_OF.items())
    (folder / "tiers.yaml").write_text(f"tiers:\n{tiers}")
    for name in POLICY_OF.values():
        (folder / f"{name}.yaml").write_text(POLICY.format(name=name, tier=name, check=""))
    quoting = ", {check: grounding, fields: [said]}"
    (folder / "quoting.yaml").write_text(POLICY.format(name="quoting", tier=POLICY_OF["given"], check=quoting))
    return folder


@contextmanager
def open_aviary(redis_url: str, folder: Path) -> Iterator[Site]:
    """Start them; every policy is named as in `POLICY_OF`, beside one whose check quotes the output."""
    with FaultProvider(lambda body: completion(json.dumps({"said": OUTPUT}))) as provider:
        policies = a_folder(folder / "policies", provider)
        tiers, env = policies / "tiers.yaml", {"CANARY_KEY": KEY, "ROUTER_LOG": "debug"}
        with open_site("aviary", folder, redis_url=redis_url, tiers=tiers, policies=policies, env=env) as site:
            yield site
            assert all(KEY in request.headers["authorization"] for request in provider.requests)


def logged(site: Site) -> str:
    """All that lies in log files: of the workers, and of the server."""
    with peek(site.settings.redis_url) as raw:
        server = Path(raw.config_get("logfile")["logfile"])
    return site.gang.log.read_text() + server.read_text(errors="replace")
