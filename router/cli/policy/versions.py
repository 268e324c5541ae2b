"""The version of a policy that somebody means: a file, what is published under a name, or a digest."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...app import open_store
from ...client import Client
from ...cost import PriceBook
from ...errors import PolicyInvalid, UnknownPolicy
from ...io.folder import read_prices
from ...policy import Policy
from ...settings import Settings
from ..explained import tiers_at_hand
from .shelf import shelves

_DIGEST = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Version:
    """A policy, bound to its tiers, and the prices that it goes by."""

    policy: Policy
    prices: PriceBook

    def __str__(self) -> str:
        return f"{self.policy.policy} {self.policy.digest}"


def uncertified(policy: Policy) -> str | None:
    """What it means that no certificate holds for a bound policy's promise; None where one does or none is made."""
    if policy.promise is None or policy.certified is not None:
        return None
    said = f"no certificate holds for its promise: nothing is accepted below {policy.held_against}"
    return f"{said}; run `router calibrate {policy.policy}`"


def version(word: str, settings: Settings) -> Version:
    """What *word* stands for. Raises: PolicyInvalid, UnknownPolicy, StoreUnavailable, click.UsageError."""
    path = Path(word)
    return _in_file(path, settings) if path.is_file() else _published(word, settings)


def _in_file(path: Path, settings: Settings) -> Version:
    (shelf,) = shelves((path,), settings)
    book = shelf.book()
    (policy,) = book.policies.values()
    return Version(policy.on(book.tiers), book.prices)


def _published(word: str, settings: Settings) -> Version:
    if not re.fullmatch(r"[a-z0-9_-]+", word):
        raise UnknownPolicy(f"there is no file {word}; give a policy's file, the name of a published one, or a digest")
    digest = word if _DIGEST.fullmatch(word) else _current(word, settings)
    prices = PriceBook(prices={})
    with suppress(PolicyInvalid):
        prices = read_prices(settings.policies / "prices.yaml")
    return Version(asyncio.run(_fetched(digest, settings)).on(tiers_at_hand(settings)), prices)


def _current(name: str, settings: Settings) -> str:
    with Client(settings.redis_url, prefix=settings.prefix) as client:
        return client.card(name).digest


async def _fetched(digest: str, settings: Settings) -> Policy:
    async with open_store(settings) as store:
        return await store.policy(digest)
