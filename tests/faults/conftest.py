"""One house for all cases, which run side by side: most of their time they wait for leases to run out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.e2e.house import House
from tests.faults.case import Case, Report

_AT_ONCE = 10


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("faults")) as house:
        yield house


@pytest.fixture(scope="session")
def reported(house: House, request: pytest.FixtureRequest) -> Iterator[Callable[[Case], Report]]:
    """Gives the report of a case. All cases that this run asks for are begun at once."""
    asked = {case.name: case for item in request.session.items if (case := _case_of(item)) is not None}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        begun: dict[str, Future[Report]] = {n: pool.submit(c.run, house, c.few) for n, c in asked.items()}
        yield lambda case: begun[case.name].result()
        for future in begun.values():
            future.cancel()


def _case_of(item: pytest.Item) -> Case | None:
    case = item.callspec.params.get("case") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    return case if isinstance(case, Case) else None
