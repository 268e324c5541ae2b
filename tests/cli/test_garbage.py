"""Commands that keep nearly all they make."""

from __future__ import annotations

import gc

import pytest

from router.cli.garbage import nothing_collected


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_afterwards_as_it_was(enabled: bool) -> None:
    """It rests meanwhile, and comes back only where it was at work, whatever happens."""
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(KeyError), nothing_collected():
            within = gc.isenabled()
            raise KeyError
        after = gc.isenabled()
    finally:
        (gc.enable if was else gc.disable)()

    assert (within, after) == (False, enabled)
