"""litellm is imported in one place, and set up there once and for all."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import router.io.litellm_llm

ROOT = Path(__file__).parents[2]
SEAM = Path(router.io.litellm_llm.__file__).relative_to(ROOT)


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module


def importers(name: str) -> set[Path]:
    files = (file for folder in ("router", "workers") for file in (ROOT / folder).rglob("*.py"))
    return {
        file.relative_to(ROOT) for file in files if any(f"{found}.".startswith(f"{name}.") for found in imported(file))
    }


def test_one_module_imports_litellm() -> None:
    """Three seconds and 160 MB are paid by worker processes only: no other module of ours names litellm."""
    assert importers("litellm") == {SEAM}


def test_litellm_is_told_to_stay_modest() -> None:
    """It keeps to its own price list, loads no `.env`, retries nothing, drops nothing, and calls nobody back."""
    litellm: Any = sys.modules["litellm"]

    assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    assert os.environ["LITELLM_MODE"] == "PRODUCTION"
    assert (litellm.num_retries, litellm.drop_params, litellm.suppress_debug_info) == (0, False, True)
    assert litellm.callbacks == litellm.success_callback == litellm.failure_callback == []
