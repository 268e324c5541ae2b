"""
What is known of the parameters that models take. Of a model that is not listed nothing is claimed.

Sources, read in November 2026: OpenAI's model pages, its guide to reasoning models ("parameter compatibility") and its
page of deprecations. The provider's refusals are the same facts: "Unrecognized request argument supplied:
reasoning_effort" of models that do not reason, "Unsupported parameter: 'temperature'" of those that do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

_OLD_EFFORTS: Final = ("low", "medium", "high")
_FIRST_EFFORTS: Final = ("minimal", "low", "medium", "high")
_EFFORTS: Final = ("none", "low", "medium", "high")
_ALL_EFFORTS: Final = ("none", "low", "medium", "high", "xhigh")


@dataclass(frozen=True, slots=True)
class Facts:
    """
    `efforts` are the reasoning efforts that the model takes, none where it does not reason; `effort` is its own where
    none is asked for. While it reasons it takes no temperature and gives no log-probabilities. `tools_at_none`: over
    Chat Completions it takes function tools only at the effort `none`. `sunset` is its announced last day. Sizes are in
    tokens.
    """

    context_tokens: int
    output_tokens_max: int
    efforts: tuple[str, ...] = ()
    effort: str = "none"
    images: bool = True
    tools_at_none: bool = False
    sunset: date | None = None


_FACTS: Final = {
    "gpt-4o": Facts(128_000, 16_384),
    "gpt-4o-mini": Facts(128_000, 16_384, sunset=date(2027, 1, 14)),
    "gpt-4.1": Facts(1_047_576, 32_768),
    "gpt-4.1-mini": Facts(1_047_576, 32_768),
    "gpt-4.1-nano": Facts(1_047_576, 32_768, sunset=date(2026, 10, 23)),
    "o1": Facts(200_000, 100_000, _OLD_EFFORTS, "medium", sunset=date(2026, 10, 23)),
    "o3": Facts(200_000, 100_000, _OLD_EFFORTS, "medium"),
    "o3-mini": Facts(200_000, 100_000, _OLD_EFFORTS, "medium", images=False, sunset=date(2026, 10, 23)),
    "o4-mini": Facts(200_000, 100_000, _OLD_EFFORTS, "medium", sunset=date(2026, 10, 23)),
    "gpt-5": Facts(272_000, 128_000, _FIRST_EFFORTS, "medium"),
    "gpt-5-mini": Facts(272_000, 128_000, _FIRST_EFFORTS, "medium"),
    "gpt-5-nano": Facts(272_000, 128_000, _FIRST_EFFORTS, "medium"),
    "gpt-5.1": Facts(272_000, 128_000, _EFFORTS, sunset=date(2027, 4, 1)),
    "gpt-5.2": Facts(272_000, 128_000, _ALL_EFFORTS),
    "gpt-5.4": Facts(1_050_000, 128_000, _ALL_EFFORTS, tools_at_none=True),
    "gpt-5.4-mini": Facts(272_000, 128_000, _ALL_EFFORTS, tools_at_none=True),
    "gpt-5.4-nano": Facts(272_000, 128_000, _ALL_EFFORTS, tools_at_none=True, sunset=date(2027, 4, 1)),
    "gpt-5.5": Facts(1_050_000, 128_000, _ALL_EFFORTS, "medium", tools_at_none=True),
    "gpt-6-luna": Facts(1_050_000, 128_000, _ALL_EFFORTS, "medium", tools_at_none=True),
}
"""By the name that OpenAI gives the model; `context_tokens` is what the input may have."""

_SNAPSHOT: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def facts_of(model: str, api_base: str | None = None) -> Facts | None:
    """What is known of a model asked at OpenAI's own address; elsewhere, who serves it decides what it takes."""
    provider, _, name = model.rpartition("/")
    if provider not in ("", "openai") or (api_base is not None and not _is_openai(api_base)):
        return None
    return _FACTS.get(_SNAPSHOT.sub("", name))


def known_models() -> tuple[str, ...]:
    """The models of which something is known."""
    return tuple(_FACTS)


def _is_openai(api_base: str) -> bool:
    host = api_base.partition("://")[2].partition("/")[0]
    return host == "api.openai.com" or host.endswith(".api.openai.com")
