"""One house for all tests of the whole way: its parts take seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.house import House, Site


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="session")
def site(house: House) -> Site:
    """Workers with the local models, as `router demo` has them."""
    return house.site("house")
