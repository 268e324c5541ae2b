"""Recording rules and alerts: as Prometheus' own tool checks and tries them, and complete."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import yaml

from tests.deploy.queries import rules
from tests.deploy.tools import DEPLOY, prometheus, run

FOLDER = DEPLOY / "prometheus"
TRIED = ["hours.test.yaml", "days.test.yaml"]
SEVERITIES = {"critical", "warning", "info"}
ALERTS = [rule["alert"] for rule in rules("alerts")]


@pytest.mark.parametrize("name", TRIED)
def test_the_rules_do_what_they_are_for(name):
    """On made-up series each alert is raised when it should be, and is quiet when it should be."""
    assert "SUCCESS" in run(prometheus("promtool"), "test", "rules", name, cwd=FOLDER)


def test_prometheus_takes_them():
    """Prometheus' own tool finds no mistake in the rules and in the configuration."""
    assert (
        run(prometheus("promtool"), "check", "rules", "recording.yaml", "alerts.yaml", cwd=FOLDER).count("SUCCESS") == 2
    )
    assert "SUCCESS" in run(prometheus("promtool"), "check", "config", "--syntax-only", "prometheus.yaml", cwd=FOLDER)


def test_every_alert_is_tried():
    """For each alert there is a series of events that raises it."""
    text = "".join((FOLDER / name).read_text() for name in TRIED)
    raised = set(re.findall(r"ALERTS\{alertname=\"(\w+)\", alertstate=\"firing\", ", text))

    assert set(ALERTS) - raised == set()


@pytest.mark.parametrize("rule", rules("alerts"), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_what_to_do(rule):
    """Each has a severity, a line, a description, and its place in the operators' guide."""
    told = rule["annotations"]

    assert rule["labels"]["severity"] in SEVERITIES
    assert 10 < len(told["summary"]) < 110
    assert told["description"].endswith(".")
    assert told["runbook_url"] == f"deploy/README.md#{rule['alert'].lower()}"


def test_names_are_given_once():
    """No two alerts and no two records share a name."""
    records = Counter(rule["record"] for rule in rules("recording"))

    assert len(ALERTS) == len(set(ALERTS))
    assert [name for name, count in records.items() if count > 1] == []


def test_prometheus_reads_what_is_beside_it():
    """Its configuration names the rules by files that are there, and the key by the place that Compose gives it."""
    told = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    job = next(job for job in told["scrape_configs"] if job["job_name"] == "router")

    assert [name for name in told["rule_files"] if not (FOLDER / name).is_file()] == []
    assert (
        job["authorization"]["credentials_file"]
        == f"/run/secrets/{compose['services']['prometheus']['secrets'][0]['target']}"
    )
    assert job["dns_sd_configs"][0]["names"] == ["api"]
    assert "api" in compose["services"]
