"""The tiers file of the local models: the stand-ins' addresses, at the prices of what they stand for."""

from __future__ import annotations

from pathlib import Path

_TIERS = """\
# Local demo models, not LLMs: this shows the mechanics; costs are simulated at the list prices of `price_of`.
tiers:
  mini: {{model: openai/local-mini, price_of: openai/gpt-4o-mini, {common}}}
  small: {{model: openai/local-small, price_of: openai/gpt-5.4-mini, {common}}}
  large: {{model: openai/local-large, price_of: openai/gpt-5.4, {common}}}
  frontier: {{model: openai/local-frontier, price_of: openai/gpt-5.5, {common}}}
"""


def write_tiers(path: Path, *, api_base: str) -> Path:
    """Write the file; *api_base* is the server's URL up to and with `/v1`."""
    common = f'simulated: true, api_base: "{api_base}", concurrency: 64, timeout_s: 30, images: false'
    path.write_text(_TIERS.format(common=common), encoding="utf-8")
    return path
