"""litellm as a caller: `openai/policy/NAME` with our address is all it takes."""

from __future__ import annotations

import os
import sys

from tests.e2e.openai.conftest import HERE, Service, talked


def test_litellm_gets_the_same_answers(service: Service) -> None:
    """Plain, in a stream, with tools and what they gave back, in a form; and an error where there is none."""
    env = os.environ | service.env | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}

    assert talked([sys.executable, str(HERE / "talk_litellm.py")], env) == {
        "chat": "Certainly, at once.",
        "streamed": "Certainly, at once.",
        "called": "weather",
        "told": "It is sunny.",
        "formed": {"currency": "EUR", "total": 12.5},
        "refused": ["BadGatewayError", 502],
    }
