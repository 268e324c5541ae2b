"""The deliverer: a process beside the workers that sends what webhooks are to be told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from uuid import uuid4

from router import log
from router.delivery import Sent, Undelivered, pause_ms, payload
from router.destination import Allowed
from router.errors import FormatTooNew, StoreUnavailable, UnknownTask
from router.io.commands.producer import ProducerCommands, record
from router.io.commands.webhook import Leased, WebhookCommands
from router.io.guarded import Guarded
from router.io.redis_link import AsyncLink, connect_async
from router.record import Record
from router.settings import Settings
from router.webhook import headers

from .stopping import pause, stopped_by_signals

TIMEOUT_S = 15.0
"""From looking the name up to the status of the answer."""
AT_ONCE = 250
_CLAIMED_MAX = 100
"""Deliveries in one claim: Lua holds Redis for everyone."""
_LOOKUPS_MAX = 256
"""Names looked up at once: a name server that does not answer holds a thread longer than the delivery lasts."""
_EVERY_S = 0.25
_NAMES_MAX = 1000


def deliver_forever(settings: Settings) -> None:
    """Send what is due until told to stop; what is on its way then is finished. Any number of these may run."""
    log.configure(settings.log)
    asyncio.run(_deliver_forever(settings))


async def _deliver_forever(settings: Settings) -> None:
    stopped = stopped_by_signals()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_LOOKUPS_MAX, "lookup"))
    async with open_postman(settings) as postman:
        while not stopped.is_set():
            try:
                sent = await postman.round()
            except StoreUnavailable as why:
                sent = 0
                log.logger().warning("store.unreachable", reason=str(why))
            if not sent:
                await pause(stopped, _EVERY_S, or_when=postman.landed)
        await postman.finish()


@asynccontextmanager
async def open_postman(settings: Settings, *, chance: Callable[[], float] = random.random) -> AsyncIterator[Postman]:
    """A postman for one event loop. A lease is longer than the longest delivery, or that is cut short."""
    lease_s = float(settings.worker_lease_s)
    timeout_s = min(TIMEOUT_S, lease_s / 2)
    link = AsyncLink(connect_async(settings.redis_url), prefix=settings.prefix)
    try:
        async with Guarded(Allowed.read(settings.webhook_allow), timeout_s=timeout_s) as guarded:
            yield Postman(link, guarded, prefix=settings.prefix, lease_ms=int(lease_s * 1000), chance=chance)
    finally:
        await link.close()


class Postman:
    """Takes deliveries that are due and sends them, many at once; *chance* spreads when they are sent again."""

    def __init__(
        self, link: AsyncLink, guarded: Guarded, *, prefix: str, lease_ms: int, chance: Callable[[], float]
    ) -> None:
        self._link = link
        self._guarded = guarded
        self._commands = WebhookCommands(prefix=prefix)
        self._reading = ProducerCommands(prefix=prefix)
        self._lease_ms = lease_ms
        self._chance = chance
        self._names: dict[str, str] = {}
        self._flying: set[asyncio.Task[None]] = set()
        self.landed = asyncio.Event()

    async def round(self) -> int:
        """
        Take what is due and set it on its way; returns how many were taken. `landed` is set when there may be room for
        more. Raises: StoreUnavailable.
        """
        self.landed.clear()
        free = AT_ONCE - len(self._flying)
        if not free:
            return 0
        claim = self._commands.claim(at_most=min(free, _CLAIMED_MAX), token=uuid4().hex, lease_ms=self._lease_ms)
        now_ms, leased = await self._link.run(claim)
        for one in leased:
            flight = asyncio.create_task(self._deliver(one, now_ms))
            self._flying.add(flight)
            flight.add_done_callback(self._land)
        return len(leased)

    async def finish(self) -> None:
        """Return when nothing is on its way any more."""
        while self._flying:
            await asyncio.wait(self._flying)

    def _land(self, flight: asyncio.Task[None]) -> None:
        self._flying.discard(flight)
        self.landed.set()

    async def _deliver(self, leased: Leased, now_ms: int) -> None:
        """Send and book; where Redis is away the lease runs out, and it is sent again under the same id."""
        try:
            await self._carry(leased, now_ms)
        except StoreUnavailable as why:
            log.logger().warning("store.unreachable", reason=str(why))
        except FormatTooNew as why:
            log.logger().warning("webhook.left", delivery=leased.delivery.id, reason=str(why))
        except Exception:  # noqa: BLE001  # the outermost edge: one delivery must not end the others
            log.logger().exception("webhook.surprise", delivery=leased.delivery.id)

    async def _carry(self, leased: Leased, now_ms: int) -> None:
        delivery = leased.delivery
        policy = delivery.policy or await self._policy_name(leased.policy)
        sent = await self._send(leased, policy, now_ms)
        wait_ms = pause_ms(delivery.attempts, self._chance())
        status = await self._link.run(self._commands.book(leased, sent, pause_ms=wait_ms, policy=policy))
        log.logger().info("webhook.sent", delivery=delivery.id, tenant=delivery.tenant, said=sent.said, status=status)

    async def _send(self, leased: Leased, policy: str | None, now_ms: int) -> Sent:
        delivery = leased.delivery
        secrets = await self._link.run(self._commands.secrets(delivery.tenant))
        live = [secret for secret in secrets if secret.live(now_ms)]
        if not live:
            return Undelivered("the tenant has no signing secret; make one with `router webhook secret create`")
        body = payload(delivery, policy=policy, record=await self._record(leased))
        signed = headers(live, message=delivery.id, timestamp_s=now_ms // 1000, body=body)
        return await self._guarded.post(delivery.webhook.url, body, signed)

    async def _record(self, leased: Leased) -> Record | None:
        """What full payloads tell; None where it is not asked for, was erased, or its time is over."""
        if leased.delivery.webhook.payload != "full":
            return None
        reads = self._reading.read(leased.delivery.task)
        fields, packed, trail = await asyncio.gather(*(self._link.run(command) for command in reads))
        try:
            known = record(leased.delivery.task, fields, packed, trail)
        except UnknownTask:
            return None
        return known if known.erased_ms is None else None

    async def _policy_name(self, digest: str) -> str | None:
        """The name of a version; None where it is not known any more."""
        if digest not in self._names:
            name = await self._link.run(self._reading.policy_name(digest))
            if name == digest:
                return None
            if len(self._names) >= _NAMES_MAX:
                self._names.clear()
            self._names[digest] = name
        return self._names[digest]
