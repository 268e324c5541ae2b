"""How policies do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from router.apikey import Scope
from router.policy import Policy
from router.task import TaskState
from tests.builders import a_certified_policy, a_policy
from tests.web.street import EVERY, POLICIES, Browser, Street

BINS = (
    *({"count": 37, "trust": 0.31, "right": 12}, {"count": 38, "trust": 0.62, "right": 21}),
    *({"count": 37, "trust": 0.8, "right": 31}, {"count": 38, "trust": 0.88, "right": 34}),
    *({"count": 37, "trust": 0.93, "right": 34}, {"count": 38, "trust": 0.96, "right": 38}),
    *({"count": 37, "trust": 0.983, "right": 36}, {"count": 38, "trust": 0.996, "right": 38}),
)


def a_learnt_policy(bins: Sequence[Mapping[str, float]] = BINS) -> Policy:
    """A policy whose certificate knows how often replies were right by how far they are trusted."""
    trust = {"intercept": 0.0, "features": {"confidence": {"weight": 2.0, "scale": 2.0}}}
    level = {"trust": trust, "threshold": 0.9, "accepted_share": 0.5, "bins": bins}
    figures = {"mini.auroc": 0.91, "mini.right": 0.88, "mini.calibration_error": 0.02}
    return a_certified_policy(
        policy="learnt", certificate={"policy": "learnt", "levels": {"mini": level}, "report": figures}
    )


async def test_lists_what_is_published(browser: Browser) -> None:
    """Each with its path, its tasks, and how many of them its first tier could answer."""
    page = await browser.page("/policies")

    assert [found["href"] for found in page.all("a") if (found["href"] or "").startswith("/policies/")] == [
        f"/policies/{name}" for name in sorted(POLICIES)
    ]
    assert "mini → small → large" in page.text
    assert "100.0%" in page.text


async def test_shows_what_its_checks_found(browser: Browser) -> None:
    """By check and tier, with the share of the replies there."""
    page = await browser.page("/policies/broken")

    assert "What its checks found" in page.text
    assert "schema" in page.text
    assert "confidence" not in (await browser.page("/policies/receipts")).text


async def test_shows_the_certificate(street: Street) -> None:
    """The promise, and from which trust on each tier is accepted, with figures of how good that trust is."""
    policy = a_learnt_policy()
    await street.backend.store.publish([policy])
    async with street.visit(Scope.READ) as browser:
        page = await browser.page("/policies/learnt")

    assert "Promised: regret at most 5.0% against large, at 90.0% confidence." in page.text
    assert "from 300 expected labels" in page.text
    assert {"0.900", "91.0%", "88.0%", "2.0%"} <= {word.strip() for word in page.words}


async def test_shows_how_often_replies_were_right(street: Street) -> None:
    """By trust, each group with its size and interval: as a picture, and as a table for who sees none."""
    await street.backend.store.publish([a_learnt_policy()])
    async with street.visit(Scope.READ) as browser:
        page = await browser.page("/policies/learnt")

    (picture,) = page.all("svg", **{"class": "chart"})
    assert (picture["aria-label"] or "").startswith("Reliability of mini")
    assert "trusted 31.0%: 12 of 37 were right (32.4%, 95 % interval 19.6% – 48.5%)" in page.text
    assert "31.0% 12 of 37 32.4% 19.6% – 48.5%" in page.text
    assert "99.6% 38 of 38 100.0% 90.8% – 100.0%" in page.text


async def test_a_certificate_of_before_says_what_it_lacks(street: Street) -> None:
    """Without what was seen there is no picture, and a sentence says how to get one."""
    await street.backend.store.publish([a_learnt_policy(bins=())])
    async with street.visit(Scope.READ) as browser:
        page = await browser.page("/policies/learnt")

    assert page.all("svg", **{"class": "chart"}) == []
    assert "the certificate was made before that was kept" in page.text
    assert "router calibrate learnt" in page.text


async def test_says_when_a_certificate_is_not_gone_by(street: Street) -> None:
    """What has changed since is told, with what to do."""
    learnt = a_learnt_policy()
    changed = a_policy(
        policy="learnt",
        promise={"kind": "regret", "at_most": 0.01, "against": "large"},
        certificate=learnt.certificate.model_dump(mode="json") if learnt.certificate else None,
    )
    await street.backend.store.publish([changed])
    async with street.visit(Scope.READ) as browser:
        page = await browser.page("/policies/learnt")

    assert "the promise is another one" in page.text
    assert "router calibrate learnt" in page.text


async def test_estimates_wrong_accepts_with_an_interval(street: Street) -> None:
    """From audits, by version; who may not see all tenants' is told why nothing is shown."""
    audited = a_policy(policy="audited", audit={"rate": 1.0, "against": "large"})
    await street.backend.store.publish([audited])
    task = await street.submit("audited", "hello")
    await street.work((task, TaskState.SUCCEEDED))
    audit = (await street.backend.client.read(task)).audit
    assert audit is not None
    await street.work((audit, TaskState.SUCCEEDED))
    async with street.visit(*EVERY) as browser:
        page = await browser.page("/policies/audited")
    async with street.visit(Scope.READ) as browser:
        other = await browser.page("/policies/audited")

    assert "0.0% – 79.3%" in page.text
    assert audited.digest[:12] in page.text
    assert "keys with the scope admin or metrics" in other.text
    assert "79.3%" not in other.text


async def test_without_audits_says_how_to_get_some(browser: Browser) -> None:
    """Nobody knows how many accepted outputs are wrong that were never looked at again."""
    assert "so nobody knows how many are wrong" in (await browser.page("/policies/receipts")).text


async def test_tells_what_each_tier_wasted(street: Street) -> None:
    """The same as its costs by tier, to which a link leads: what attempts cost that were not accepted."""
    async with street.visit(*EVERY) as browser:
        good, bad = [await browser.page(f"/policies/{name}") for name in ("receipts", "broken")]
        (link,) = [found["href"] or "" for found in bad.all("a") if (found["href"] or "").startswith("/costs?")]
        costs = await browser.page(link)

    assert "policy=broken" in link
    assert good.source.count('data-label="Waste"><data value="0.000000000"') == 3
    assert 'data-label="Waste"><data value="0.000210000"' in bad.source
    assert "Waste $0.000210 100.0%: paid, not accepted" in bad.text
    assert "Waste $0.000210 100.0%: paid, not accepted" in costs.text
