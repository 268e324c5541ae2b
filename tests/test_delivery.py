"""What is told of a task, when it is tried again, and what an answer means."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from openai.types.webhooks import UnwrapWebhookEvent

from router.delivery import (
    PAUSES_S,
    Delivered,
    Delivery,
    DeliveryStatus,
    Gone,
    Undelivered,
    event_type,
    outcome,
    pause_ms,
    payload,
)
from router.record import Record
from router.task import TaskState
from router.verdict import Outcome
from router.webhook import Dialect, Webhook
from tests.builders import NOW_MS, a_task, an_attempt

DAY_S = 86_400


def a_delivery(state: TaskState = TaskState.SUCCEEDED, **webhook: Any) -> Delivery:
    return Delivery(
        id=f"evt_t1_{state}",
        task="t1",
        tenant="acme",
        webhook=Webhook(url="https://example.com/hook", **webhook),
        state=state,
        status=DeliveryStatus.WAITING,
        created_ms=NOW_MS + 999,
        attempts=1,
        changed_ms=NOW_MS,
    )


RECORD = Record(
    task=a_task(metadata={"order": 7}),
    state=TaskState.SUCCEEDED,
    tier="mini",
    trail=(an_attempt(1, "mini", Outcome.PASS),),
    cost_nusd=210_000,
)


def told(delivery: Delivery, **known: Any) -> Any:
    return json.loads(payload(delivery, **({"policy": "receipts", "record": None} | known)))


def test_a_thin_payload_tells_that_there_is_something_to_read() -> None:
    """Id, status and policy; neither input nor output nor metadata, even where they are at hand."""
    assert told(a_delivery(), record=RECORD) == {
        "id": "evt_t1_succeeded",
        "object": "event",
        "created_at": NOW_MS // 1000,
        "type": "task.succeeded",
        "data": {"id": "t1", "status": "succeeded", "policy": "receipts"},
    }


def test_a_full_payload_tells_the_result() -> None:
    """With output, metadata and cost as the API has them."""
    assert told(a_delivery(payload="full"), record=RECORD)["data"] == {
        "id": "t1",
        "status": "succeeded",
        "policy": "receipts",
        "metadata": {"order": 7},
        "tier": "mini",
        "attempts": 1,
        "cost_usd": "0.000210000",
        "reason": None,
        "output": {"merchant": "ACME", "total": 12.5},
    }


def test_what_is_not_known_any_more_is_left_out() -> None:
    """After the record's time a full payload is thin, and a policy that nobody has is not named."""
    assert told(a_delivery(payload="full"), policy=None)["data"] == {"id": "t1", "status": "succeeded"}


def test_a_response_is_told_as_openai_does() -> None:
    """A receiver of OpenAI's events finds the response's id, and nothing that it does not know."""
    event = told(a_delivery(dialect=Dialect.RESPONSE), record=RECORD)

    assert (event["type"], event["data"]) == ("response.completed", {"id": "resp_t1"})


@pytest.mark.parametrize("state", [state for state in TaskState if state.terminal])
def test_every_type_of_a_response_is_one_of_openai_s(state: TaskState) -> None:
    """Its SDK knows all of them."""
    events = get_args(get_args(UnwrapWebhookEvent)[0])
    known = {get_args(event.model_fields["type"].annotation)[0] for event in events}

    assert event_type(Dialect.RESPONSE, state) in known
    assert event_type(Dialect.TASK, state) == f"task.{state}"


def test_tries_for_a_day() -> None:
    """Pauses grow, and with or without jitter the last attempt is about a day after the first."""
    for chance in (0.0, 1.0):
        pauses = [pause_ms(attempt, chance) for attempt in range(1, len(PAUSES_S) + 2)]
        assert pauses[-1] is None
        waits = [pause for pause in pauses if pause is not None]
        assert waits == sorted(waits)
        assert 0.95 * DAY_S < sum(waits) / 1000 < 1.25 * DAY_S


def test_jitter_spreads_what_failed_together() -> None:
    """Deliveries that failed in the same moment do not come back in the same moment."""
    assert pause_ms(1, 0.0) == 5000
    assert pause_ms(1, 0.5) == 5500
    assert pause_ms(1, 1.0) == 6000


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Delivered) for status in (200, 201, 202, 204, 299)),
        *((status, Undelivered) for status in (100, 300, 301, 302, 307, 308, 400, 401, 404, 408, 409, 429, 500, 503)),
        (410, Gone),
    ],
)
def test_what_a_status_means(status: int, kind: type) -> None:
    """Only 2xx is a delivery, and only 410 ends it at once."""
    sent = outcome(status)

    assert type(sent) is kind
    assert str(status) in sent.said
