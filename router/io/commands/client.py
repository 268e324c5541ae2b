"""All that clients ask of the store."""

from __future__ import annotations

from .dead import DeadCommands
from .pressure import PressureCommands
from .review import ReviewCommands


class ClientCommands(DeadCommands, ReviewCommands, PressureCommands):
    """Tasks, dead letters, reviews, queues."""
