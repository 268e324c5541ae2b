"""The way on which replies get lost, by the name that tests of scripts know it by."""

from tests.io.way import Way as LossyWay

__all__ = ["LossyWay"]
