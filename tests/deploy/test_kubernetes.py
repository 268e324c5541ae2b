"""The manifests: built as kustomize builds them, held against Kubernetes' schemas, and that they fit the service."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema
import promql_parser
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from router.api.serving import _DRAIN_S
from router.io.folder import policy_files, read_tiers
from tests.deploy.keda import keda_schema
from tests.deploy.tools import DEPLOY, ROOT, kubectl, kubernetes_definitions, kubernetes_schema, run

HOUSE = DEPLOY / "kubernetes"
POLICIES = ROOT / "policies"
OVERLAYS = ["dev", "production"]
TIERS = read_tiers(POLICIES / "tiers.yaml")
FILES = sorted(path for path in HOUSE.rglob("*.yaml") if path.name != "kustomization.yaml")
Manifest = dict[str, Any]


@cache
def _built(overlay: str) -> str:
    return run(kubectl(), "kustomize", str(HOUSE / "overlays" / overlay))


def built(overlay: str) -> list[Manifest]:
    """All that an overlay makes."""
    return list(yaml.safe_load_all(_built(overlay)))


def of(overlay: str, *kinds: str) -> dict[str, Manifest]:
    """What an overlay makes of some kinds, by name."""
    return {told["metadata"]["name"]: told for told in built(overlay) if told["kind"] in kinds}


def mistakes(manifest: Manifest) -> list[str]:
    """What Kubernetes' own schema, or KEDA's, has against a manifest."""
    kind, version = manifest["kind"], manifest["apiVersion"]
    schema = keda_schema(kind) if version == "keda.sh/v1alpha1" else kubernetes_schema(kind, version)
    found = jsonschema.Draft7Validator(schema, registry=_named()).iter_errors(manifest)
    return [f"{manifest['metadata']['name']} {mistake.json_path}: {mistake.message}" for mistake in found]


@cache
def _named() -> Registry[Any]:
    """What the schemas refer to."""
    return Registry().with_resource("_definitions.json", Resource(kubernetes_definitions(), DRAFT7))


def pod(deployment: Manifest) -> Manifest:
    spec: Manifest = deployment["spec"]["template"]["spec"]
    return spec


def tier_of(name: str) -> str:
    return name.removeprefix("router-worker-")


def fits(selector: Manifest | None, labels: dict[str, str]) -> bool:
    """Whether a label selector of a policy takes something with these labels."""
    told = selector or {}
    listed = all(labels.get(one["key"]) in one["values"] for one in told.get("matchExpressions", []))
    return listed and all(labels.get(name) == value for name, value in told.get("matchLabels", {}).items())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_each_file_is_what_kubernetes_takes(path):
    """Each manifest, patches aside, is right by itself but for what kustomize adds."""
    for manifest in yaml.safe_load_all(path.read_text()):
        if "overlays/production/redis" not in str(path):
            assert [said for said in mistakes(manifest) if "'selector' is a required property" not in said] == []


def test_what_keda_does_not_know_is_found():
    """A field of another name, one of another type, and one that is missing are mistakes."""
    told = yaml.safe_load((HOUSE / "components/keda/mini.yaml").read_text())
    told["spec"] |= {"minReplicas": 2, "pollingInterval": "15s"}
    del told["spec"]["triggers"][0]["metadata"]

    found = " ".join(mistakes(told))

    assert [word for word in ("'minReplicas'", "'15s'", "'metadata'") if word not in found] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_that_an_overlay_makes_is_what_kubernetes_takes(overlay):
    """Nothing is missing, misspelt or of the wrong type."""
    assert [said for told in built(overlay) for said in mistakes(told)] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_tier_has_workers_of_its_own(overlay):
    """The shipped tiers and the worker deployments are the same; each serves its tier alone, with its own pods."""
    workers = {tier_of(name): told for name, told in of(overlay, "Deployment").items() if "worker" in name}

    assert {tier: pod(told)["containers"][0]["args"] for tier, told in workers.items()} == {
        tier: ["worker", "--tier", tier] for tier in TIERS
    }
    selectors = [told["spec"]["selector"]["matchLabels"] for told in workers.values()]
    assert len({str(selector) for selector in selectors}) == len(TIERS)
    assert all(told["spec"]["selector"]["matchLabels"]["router/tier"] == tier for tier, told in workers.items())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everybody_has_time_to_drain(overlay):
    """Workers may go on for longer than three of their tier's slowest calls, HTTP for longer than drain and pause."""
    for name, told in of(overlay, "Deployment").items():
        pause_s = pod(told)["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        needed_s = _DRAIN_S if name == "router-api" else 3 * TIERS[tier_of(name)].timeout_s
        assert pod(told)["terminationGracePeriodSeconds"] > needed_s + pause_s


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_restricted(overlay):
    """Each pod meets what the namespace enforces: no root, no new rights, no capabilities, a read-only root."""
    namespace = next(iter(of(overlay, "Namespace").values()))
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for told in of(overlay, "Deployment", "StatefulSet").values():
        spec, container = pod(told), pod(told)["containers"][0]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() >= {"memory"}
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_spread_among_their_own(overlay):
    """Each deployment's pods keep away from each other, in zones and on nodes, whatever other tiers do."""
    for told in of(overlay, "Deployment").values():
        spread = pod(told)["topologySpreadConstraints"]
        assert {one["topologyKey"] for one in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        assert all(one["labelSelector"]["matchLabels"] == pod_labels(told) for one in spread)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_looked_at(overlay):
    """Each container has three probes; HTTP's ask what the service serves, workers' for a worker's heartbeat."""
    for name, told in of(overlay, "Deployment", "StatefulSet").items():
        container = pod(told)["containers"][0]
        assert container.keys() >= {"startupProbe", "livenessProbe", "readinessProbe"}
        if name == "router-api":
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        elif "worker" in name:
            assert container["livenessProbe"]["exec"]["command"] == ["python", "-m", "workers.alive"]
            assert container["readinessProbe"]["exec"]["command"] == ["python", "-m", "workers.alive", "--ready"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_disruption_budgets_select_one_deployment_each(overlay):
    """Each deployment may lose one pod at a time, and no budget speaks for another's pods."""
    deployments = {name: pod_labels(told) for name, told in of(overlay, "Deployment").items()}
    for name, told in of(overlay, "PodDisruptionBudget").items():
        taken = [other for other, labels in deployments.items() if fits(told["spec"]["selector"], labels)]
        assert taken == [name]
        assert told["spec"]["maxUnavailable"] == 1
    assert of(overlay, "PodDisruptionBudget").keys() == deployments.keys()


def pod_labels(deployment: Manifest) -> dict[str, str]:
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"]["labels"]
    return labels


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_goes_anywhere_unless_it_is_said(overlay):
    """Everything is denied first; names are allowed to all, Redis to api and workers, the world to workers alone."""
    policies = of(overlay, "NetworkPolicy")
    labels = {name: pod_labels(told) for name, told in of(overlay, "Deployment").items()}
    reach = {
        policy: {name for name, told in labels.items() if fits(policies[policy]["spec"]["podSelector"], told)}
        for policy in ("router-redis", "router-world", "router-names")
    }

    assert policies["router-nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert reach["router-redis"] == reach["router-names"] == labels.keys()
    assert reach["router-world"] == labels.keys() - {"router-api"}
    assert policies["router-names"]["spec"]["egress"][0]["to"][0]["podSelector"]["matchLabels"] == {
        "k8s-app": "kube-dns"
    }
    world = policies["router-world"]["spec"]["egress"]
    assert [port for rule in world for port in rule["ports"]] == [{"protocol": "TCP", "port": 443}]


def test_private_networks_are_out_of_reach():
    """What workers may reach on port 443 leaves out every network that is not public, the cloud's own among them."""
    rule = of("production", "NetworkPolicy")["router-world"]["spec"]["egress"][0]
    left_out = set(rule["to"][0]["ipBlock"]["except"])

    assert {
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
    } <= left_out


def test_development_reaches_its_redis():
    """In the development overlay the rule for Redis takes its pod, and its own policy lets ours in."""
    policies, valkey = of("dev", "NetworkPolicy"), pod_labels(of("dev", "StatefulSet")["valkey"])
    labels = pod_labels(of("dev", "Deployment")["router-api"])

    assert fits(policies["router-redis"]["spec"]["egress"][0]["to"][0]["podSelector"], valkey)
    assert fits(policies["valkey"]["spec"]["ingress"][0]["from"][0]["podSelector"], labels)
    assert fits(policies["valkey"]["spec"]["podSelector"], valkey)
    assert {"--appendonly yes", "--maxmemory-policy noeviction"} <= set(
        pod(of("dev", "StatefulSet")["valkey"])["containers"][0]["args"]
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whatever_a_pod_refers_to_is_made_or_named(overlay):
    """ConfigMaps and the service account are made; Secrets are made for development, and listed for production."""
    made = {(told["kind"], told["metadata"]["name"]) for told in built(overlay)}
    text = (HOUSE / "overlays" / overlay / "kustomization.yaml").read_text()
    for told in of(overlay, "Deployment").values():
        spec, container = pod(told), pod(told)["containers"][0]
        maps = {volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume}
        keys = {one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"] if "valueFrom" in one}
        keys |= {one["secretRef"]["name"] for one in container.get("envFrom", [])}
        assert {("ConfigMap", name) for name in maps} | {("ServiceAccount", spec["serviceAccountName"])} <= made
        assert all(("Secret", name) in made or f"Secret {name} " in text for name in keys)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_workers_have_the_providers_keys(overlay):
    """The Secret with the providers' keys is given to workers, and to nobody else."""
    holders = {name for name, told in of(overlay, "Deployment").items() if "router-providers" in str(pod(told))}

    assert holders == {f"router-worker-{tier}" for tier in TIERS}


def test_the_policies_are_all_there():
    """The ConfigMaps list every file that a worker reads from the folder, and no other."""
    made = yaml.safe_load((POLICIES / "Kustomization").read_text())["configMapGenerator"]
    listed = {name for one in made for name in one["files"]}
    budgets = [path for path in [POLICIES / "budgets.yaml"] if path.exists()]
    read = [*policy_files(POLICIES), POLICIES / "tiers.yaml", POLICIES / "prices.yaml", *budgets]
    below = [path for folder in ("schemas", "examples") for path in (POLICIES / folder).iterdir()]

    assert listed == {str(path.relative_to(POLICIES)) for path in (*read, *below)}


def test_the_service_reads_them_where_they_are_mounted():
    """A worker's folder is the one that the ConfigMaps make, with its schemas and examples."""
    container = pod(of("dev", "Deployment")["router-worker-mini"])["containers"][0]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    folder = next(one["value"] for one in container["env"] if one["name"] == "ROUTER_POLICIES")

    assert (mounts["policies"], mounts["schemas"], mounts["examples"]) == (
        folder,
        f"{folder}/schemas",
        f"{folder}/examples",
    )


def test_scaling_goes_by_each_tiers_own_queue():
    """Each tier's workers follow the length and the age of its queue, and nothing else; they never are none."""
    scaled, deployments = of("production", "ScaledObject"), of("production", "Deployment")

    assert scaled.keys() == {f"router-worker-{tier}" for tier in TIERS}
    for name, told in scaled.items():
        spec = told["spec"]
        queries = [trigger["metadata"]["query"] for trigger in spec["triggers"]]
        assert spec["scaleTargetRef"]["name"] in deployments
        assert "replicas" not in deployments[name]["spec"]
        assert 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
        assert [trigger["type"] for trigger in spec["triggers"]] == ["prometheus", "prometheus"]
        assert queries == [
            f'max(router:queue_tasks{{tier="{tier_of(name)}"}})',
            f'max(router:queue_oldest_age_seconds{{tier="{tier_of(name)}"}})',
        ]
        assert all(promql_parser.parse(query) for query in queries)
        assert all(float(trigger["metadata"]["threshold"]) > 0 for trigger in spec["triggers"])
