"""How tiers and policies are called in labels: by their names as long as these are few."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..audit import NOBODY
from .facts import Facts
from .family import bounded, first

TIERS_MAX: Final = 50
POLICIES_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Names:
    """
    `tier` and `policy` give the label of a name; `tiers` are those that have one of their own, and `in_use` those of
    them to which a task may come, or where one is: not those of which only the sums of former times tell. Costs that
    belong to no tier have the label `NOBODY`, which is none: nobody serves it.
    """

    tier: Callable[[str], str]
    policy: Callable[[str], str]
    tiers: tuple[str, ...]
    in_use: tuple[str, ...]

    @classmethod
    def of(cls, facts: Facts) -> Names:
        known = {*facts.tiers, *(tier for card in facts.cards.values() for tier in card.tiers or (card.tier,))}
        queues = {queue.removeprefix("!") for queue in facts.service.ready}
        counted = {change.cell.tier for change in facts.counts} - {NOBODY}
        standing = {*queues, *facts.service.running}
        tiers = first(known, {*standing, *counted}, TIERS_MAX)
        policies = first(facts.cards, {change.cell.policy for change in facts.counts}, POLICIES_MAX)
        in_use = tuple(tier for tier in tiers if tier in known | standing)
        return cls(bounded([*tiers, NOBODY]), bounded(policies), tuple(tiers), in_use)
