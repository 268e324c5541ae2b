"""Times of queries and answers."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from pydantic import TypeAdapter

from router.api.backend import Backend
from router.api.duration import At, moment, since_s
from router.values import iso
from tests.builders import a_policy, a_submission

NOW_S = 1_795_205_104.5


def test_nothing_stands_for_nothing() -> None:
    """Who does not say how far back asks for everything."""
    assert (since_s("24h"), since_s(None)) == (86_400, None)


@pytest.mark.parametrize(("text", "left_s"), [("30m", NOW_S - 1800), ("1s", NOW_S - 1), ("999999999w", 0.0)])
def test_a_duration_is_a_moment_so_long_ago(text: str, left_s: float) -> None:
    """At the earliest the beginning of Unix time."""
    assert moment(text, now_s=NOW_S) == datetime.fromtimestamp(left_s, UTC)


@pytest.mark.parametrize("text", ["2026-11-20T12:00:00Z", "yesterday"])
def test_anything_else_is_left_as_it_is(text: str) -> None:
    """For whoever reads times."""
    assert moment(text, now_s=NOW_S) == text


@pytest.mark.parametrize("text", ["1795205104", "-5", "1.5"])
def test_a_number_is_no_moment(text: str) -> None:
    """It would be taken for seconds since 1970, or for something else."""
    with pytest.raises(ValueError, match="24h"):
        moment(text, now_s=NOW_S)


async def test_tasks_are_listed_by_durations_too(http: httpx.AsyncClient, backend: Backend) -> None:
    """As costs and dead letters are; what came just now came within the hour, and not before it."""
    await backend.store.publish([a_policy()])
    await backend.store.submit([a_submission("t1")])

    async def listed(**params: str) -> list[str]:
        return [task["id"] for task in (await http.get("/v1/tasks", params=params)).json()["data"]]

    assert await listed(since="1h") == await listed(since="2020-01-01T00:00:00Z") == ["t1"]
    assert await listed(until="1h") == await listed(since="1h", until="30m") == []


@pytest.mark.parametrize("text", ["soon", "0h", "5"])
async def test_what_is_neither_is_refused(http: httpx.AsyncClient, text: str) -> None:
    """With both forms, as examples."""
    answer = await http.get("/v1/tasks", params={"since": text})

    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "since")
    assert "2026-11-20T12:00:00Z" in answer.json()["detail"]
    assert "24h" in answer.json()["detail"]


@pytest.mark.parametrize("ms", [0, 1_700_000_000_000, 1_700_000_000_002, 1_799_999_999_999])
def test_times_in_answers_sort_as_texts(ms: int) -> None:
    """Whole seconds have their milliseconds, too, and the one that was is the one that is told."""
    told = TypeAdapter(At).dump_json(datetime.fromtimestamp(ms / 1000, UTC))

    assert told.decode() == f'"{iso(ms)}"'
    assert len(told) == len('"2026-11-20T12:00:00.000Z"')
