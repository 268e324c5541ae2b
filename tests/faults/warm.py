"""Loads all that workers load, for processes that are to be forked from here: litellm takes 3 s of CPU."""

from router.io.litellm_llm import warm
from workers import __main__ as workers_main
from workers import shift

__all__ = ["shift", "workers_main"]

warm()
