"""All that clients ask of the store."""

from __future__ import annotations

from .dead_commands import DeadCommands
from .pressure_commands import PressureCommands
from .review_commands import ReviewCommands


class ClientCommands(DeadCommands, ReviewCommands, PressureCommands):
    """Tasks, dead letters, reviews, queues."""
