"""The Compose file: its form, its limits, and that its parts fit together."""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
from typing import Any

import jsonschema
import pytest
import yaml

from router.api.serving import _DRAIN_S
from router.io.folder import read_tiers
from tests.deploy.tools import DEPLOY, ROOT, compose_schema, help_of

FILE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
WORKERS = {name.removeprefix("worker-"): told for name, told in SERVICES.items() if name.startswith("worker-")}
TIERS = read_tiers(ROOT / "policies" / "tiers.yaml")
OURS = ["api", "ops", *(f"worker-{tier}" for tier in WORKERS)]


def seconds(text: str) -> int:
    return int(re.fullmatch(r"(\d+)s", text)[1])  # type: ignore[index]


def test_follows_the_published_schema():
    """The file is what the Compose specification's schema allows."""
    mistakes = jsonschema.Draft7Validator(compose_schema()).iter_errors(FILE)

    assert [mistake.message for mistake in mistakes] == []


def test_every_tier_has_a_worker_of_its_own():
    """The shipped tiers and the workers are the same; each worker serves its tier alone."""
    served = {tier: told["command"][told["command"].index("--tier") + 1] for tier, told in WORKERS.items()}

    assert served == {tier: tier for tier in TIERS}
    assert all(told["command"].count("--tier") == 1 for told in WORKERS.values())


@pytest.mark.parametrize("tier", TIERS)
def test_a_worker_has_time_to_drain(tier):
    """A worker may go on for longer than a call, a second sample and a judge of its slowest kind take."""
    assert seconds(WORKERS[tier]["stop_grace_period"]) > 3 * TIERS[tier].timeout_s


def test_http_has_time_to_drain():
    """The HTTP service may go on for longer than it lets open requests finish."""
    assert seconds(SERVICES["api"]["stop_grace_period"]) > _DRAIN_S


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_has_more_rights_than_it_needs(name):
    """Each service has a read-only root, no capabilities but named ones, no way to new ones, and limits."""
    told = SERVICES[name]

    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert told["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory"}
    assert told["restart"] == ("no" if name == "ops" else "unless-stopped")


@pytest.mark.parametrize("name", SERVICES)
def test_its_health_is_looked_at(name):
    """Each service that stays has a health check: here, or in the image that is built for it."""
    told = SERVICES[name]
    if name in OURS:
        stage = (DEPLOY / "Dockerfile").read_text().partition(f" AS {told['build']['target']}\n")[2]
        assert "HEALTHCHECK" in stage.partition("\nFROM ")[0]
    else:
        assert told["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@pytest.mark.parametrize("name", SERVICES)
def test_only_this_host_reaches_its_ports(name):
    """Whatever is published is published on the loopback address."""
    assert all(ipaddress.ip_address(port.split(":")[0]).is_loopback for port in SERVICES[name].get("ports", []))


def test_redis_has_no_way_out():
    """The network of Redis is internal, and Redis is in no other."""
    assert SERVICES["valkey"]["networks"] == ["inner"]
    assert FILE["networks"]["inner"] == {"internal": True}


def test_only_workers_reach_the_world():
    """The network with a way to the providers is the workers' alone."""
    out = {name for name, told in SERVICES.items() if "outer" in told["networks"]}

    assert out == {"ops", *(f"worker-{tier}" for tier in WORKERS)}
    assert FILE["networks"]["edge"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert FILE["networks"].keys() == {"inner", "outer", "edge"}


def test_development_has_the_same_server():
    """The Redis of the Compose file is that of the overlay for development."""
    manifests = yaml.safe_load_all((DEPLOY / "kubernetes/overlays/dev/valkey.yaml").read_text())
    pods = [told["spec"]["template"]["spec"] for told in manifests if told["kind"] == "StatefulSet"]

    assert [box["image"] for pod in pods for box in pod["containers"]] == [SERVICES["valkey"]["image"]]


def test_the_image_of_the_server_is_published():
    """Valkey 9 comes on trixie and on Alpine, and on nothing else."""
    assert re.fullmatch(r"valkey/valkey:9\.\d(\.\d+)?-(trixie|alpine)", SERVICES["valkey"]["image"])


def test_only_workers_have_the_providers_keys():
    """The file with the providers' keys is given to workers, and to nobody else."""
    holders = {name for name, told in SERVICES.items() if "secrets/providers.env" in told.get("env_file", [])}

    assert holders == {"ops", *(f"worker-{tier}" for tier in WORKERS)}
    assert SERVICES["api"]["env_file"] == ["secrets/api.env"]


def test_no_secret_stands_in_it():
    """No variable holds a password or a key: those come from files that secrets.sh makes."""
    said = {name: value for told in SERVICES.values() for name, value in told.get("environment", {}).items()}

    assert [
        n for n, v in said.items() if re.search("PASS|KEY|SECRET|URL", n) and not str(v).startswith("/run/secrets/")
    ] == []


def test_what_it_reads_is_made_or_there(tmp_path):
    """Each file that it names is in the repository, or made by secrets.sh."""
    subprocess.run(["sh", str(DEPLOY / "secrets.sh"), str(tmp_path)], check=True, capture_output=True)
    made = {f"secrets/{path.name}" for path in tmp_path.iterdir()}
    mounts = [mount.split(":")[0] for told in SERVICES.values() for mount in told.get("volumes", [])]
    named = {file for told in SERVICES.values() for file in told.get("env_file", [])}
    named |= {told["file"] for told in FILE["secrets"].values()} | {mount for mount in mounts if mount.startswith(".")}

    assert [name for name in named if name not in made and not (DEPLOY / name).exists()] == []
    assert {mount for mount in mounts if not mount.startswith(".")} == set(FILE["volumes"])


def test_its_words_are_commands():
    """Each command of ours is one that `router` has, with options that it has."""
    for name in OURS:
        words = SERVICES[name].get("command", ["api"])
        told = help_of(words[0])
        assert told is not None
        assert [word for word in words[1:] if word.startswith("--") and word not in told] == []


def test_redis_keeps_what_it_acknowledges():
    """It runs with the settings of redis.conf, our users, and a limit below that of its container."""
    words = SERVICES["valkey"]["command"]
    conf = (DEPLOY / "redis.conf").read_text()

    assert words[1] in {mount.split(":")[1] for mount in SERVICES["valkey"]["volumes"] if "redis.conf" in mount}
    assert {"appendonly yes", "maxmemory-policy noeviction"} <= set(conf.splitlines())
    assert words[words.index("--aclfile") + 1] == "/run/secrets/" + SERVICES["valkey"]["secrets"][0]["target"]
    assert (words[words.index("--maxmemory") + 1], SERVICES["valkey"]["deploy"]["resources"]["limits"]["memory"]) == (
        "2gb",
        "4g",
    )


def test_grafana_finds_what_it_is_given():
    """Its data source is the Prometheus beside it, its dashboards lie where they are looked for."""
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/router.yaml").read_text())["providers"][0]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]

    assert (source["url"], source["uid"]) == ("http://prometheus:9090", "prometheus")
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert json.loads((DEPLOY / home.removeprefix("/etc/")).read_text())["uid"] == "router-overview"
