"""The accountant: counts the ledger by the hour and cuts what is old of it, in the process of the sweep."""

from __future__ import annotations

import asyncio

from router import log
from router.app import load_pricing
from router.errors import FormatTooNew, StoreUnavailable
from router.io.commands.cost import PAGE, CostCommands
from router.io.redis_link import AsyncLink, connect_async
from router.settings import Settings
from router.spending.pricing import Pricing

from .stopping import pause

_EVERY_S = 0.5
_AFTER_A_SURPRISE_S = 5.0


class Accountant:
    """Any number may work at once: each line is counted once, whoever is killed when."""

    def __init__(self, link: AsyncLink, pricing: Pricing, settings: Settings) -> None:
        self._link = link
        self._pricing = pricing
        self._commands = CostCommands(prefix=settings.prefix)
        self._trim = self._commands.trim(keep_days=int(settings.ledger_days), lines_max=int(settings.ledger_lines))

    async def round(self) -> bool:
        """Count a page of lines, then cut as many; True where there may be more to count."""
        counted = await self._link.carry_out(self._commands.count(self._pricing))
        await self._link.run(self._trim)
        return counted == PAGE


async def count_forever(settings: Settings, stopped: asyncio.Event) -> None:
    """Count until told to stop."""
    link = AsyncLink(connect_async(settings.redis_url), prefix=settings.prefix)
    accountant = Accountant(link, load_pricing(settings), settings)
    try:
        while not stopped.is_set():
            await pause(stopped, await _round(accountant))
    finally:
        await link.close()


async def _round(accountant: Accountant) -> float:
    """Returns for how many seconds to pause; what goes wrong with counting must not stop the sweep."""
    try:
        return 0.0 if await accountant.round() else _EVERY_S
    except StoreUnavailable as why:
        log.logger().warning("count.failed", reason=str(why))
        return _EVERY_S
    except FormatTooNew as why:  # accountants of the version that wrote it go on
        log.logger().warning("count.failed", reason=str(why))
        return _AFTER_A_SURPRISE_S
    except Exception:  # noqa: BLE001  # the outermost edge of counting: sweeps, on which tasks depend, go on
        log.logger().exception("count.surprise")
        return _AFTER_A_SURPRISE_S
