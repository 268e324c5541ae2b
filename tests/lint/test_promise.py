"""Promises without evidence, and audits of nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from router.certificate import Certificate
from router.lint.promise import promise_doubts
from router.lint.surroundings import Surroundings
from router.problem import Code
from tests.builders import PRICES, TIERS, a_policy

AROUND = Surroundings(TIERS, PRICES, date(2026, 11, 20))
PROMISE = {"kind": "regret", "at_most": 0.01}


def told(checks: Any = (), **changes: Any) -> list[tuple[Any, Code, str]]:
    found = promise_doubts(a_policy(checks=checks, **changes).on(TIERS), AROUND)
    return [(doubt.path, doubt.code, doubt.message) for doubt in found]


def a_certificate(threshold: float | None = 0.9, **changes: Any) -> Certificate:
    """A certificate that holds for the policy with that promise, unless *changes* say otherwise."""
    level = {"trust": {"intercept": 0}, "threshold": threshold, "accepted_share": 0.5}
    settings = {
        "policy": "receipts",
        "made": AROUND.day,
        "promise": PROMISE,
        "basis": a_policy(checks=(), promise=PROMISE).bound_to(TIERS).basis,
        "evidence": {"sha256": "0", "labels": "shadow", "fitted": 100, "certified": 300},
        "levels": {"mini": level, "small": level},
    }
    return Certificate.model_validate(settings | changes)


def test_a_policy_without_promises_has_none_to_doubt() -> None:
    """Nothing is said where nothing is promised."""
    assert told() == []


def test_a_promise_with_its_certificate_is_fine() -> None:
    """Nothing is said while the certificate holds."""
    assert told(promise=PROMISE, certificate=a_certificate()) == []


def test_a_promise_without_a_certificate() -> None:
    """Nothing is loosened without evidence, and the author is told what to run."""
    ((path, code, message),) = told(promise=PROMISE)

    assert (path, code) == (("promise",), Code.UNCERTIFIED)
    assert message == (
        "there is no certificate beside this file: until `router calibrate receipts` writes one, "
        "nothing of mini and small is accepted, every task goes on"
    )


def test_a_certificate_of_another_version() -> None:
    """What has changed since it was made is said."""
    ((path, code, message),) = told(
        promise=PROMISE, certificate=a_certificate(), prompt={"system": "Read it well.", "user": "{{ text }}"}
    )

    assert (path, code) == (("promise",), Code.UNCERTIFIED)
    assert "outdated (the prompt has changed)" in message


def test_a_certificate_without_a_threshold() -> None:
    """Where too little evidence certified nothing, the tiers that accept nothing are named."""
    found = told(promise=PROMISE, certificate=a_certificate(threshold=None))

    assert [(code, message.split(",")[0]) for _, code, message in found] == [
        (Code.UNCERTIFIED, "no threshold could be certified for mini"),
        (Code.UNCERTIFIED, "no threshold could be certified for small"),
    ]


def test_a_promise_about_nothing() -> None:
    """Held against the first tier, a promise has no tier below to be about."""
    ((path, code, _),) = told(promise=PROMISE | {"against": "mini"})

    assert (path, code) == (("promise", "against"), Code.IDLE_PROMISE)


@pytest.mark.parametrize(
    ("check", "paths"),
    [
        ({}, [("checks", 0, "at_least")]),
        ({"tiers": ["large"]}, []),
        ({"severity": "warn"}, []),
    ],
)
def test_a_threshold_beside_the_promise(check: dict[str, Any], paths: list[Any]) -> None:
    """A confidence chosen by eye sends replies up that the certificate would accept."""
    found = told(checks=[{"check": "confidence", "at_least": 0.8} | check], promise=PROMISE)

    assert [path for path, code, _ in found if code is Code.IDLE_PROMISE] == paths


@pytest.mark.parametrize(
    ("audit", "paths"),
    [
        ({"rate": 0.1, "against": "large"}, []),
        ({"rate": 0.1, "against": "frontier"}, []),
        ({"rate": 0, "against": "large"}, [("audit", "rate")]),
        ({"rate": 0.1, "against": "mini"}, [("audit", "against")]),
    ],
)
def test_an_audit_of_nothing(audit: dict[str, Any], paths: list[Any]) -> None:
    """An audit needs a rate, and replies of tiers below the one that audits."""
    found = told(audit=audit)

    assert [path for path, _, _ in found] == paths
    assert {code for _, code, _ in found} <= {Code.IDLE_AUDIT}
