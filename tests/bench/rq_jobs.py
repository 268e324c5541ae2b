"""What stock RQ runs for comparison: the obvious job, one call each."""

from __future__ import annotations

import time

from .provider import RECEIPT


def preload() -> None:
    """Import litellm in the parent, which is kind to stock RQ: its forks share it."""
    from router.io import litellm_llm

    litellm_llm.warm()


def call_litellm(api_base: str) -> str:
    from router.io import litellm_llm

    reply = litellm_llm.litellm.completion(
        model="openai/gpt-4o-mini",
        messages=[{"role": "user", "content": RECEIPT}],
        api_base=api_base,
        api_key="none",
        max_tokens=1200,
        num_retries=0,
        max_retries=0,
    )
    return str(reply.choices[0].message.content)


def only_wait(seconds: float) -> None:
    time.sleep(seconds)
