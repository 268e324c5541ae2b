"""A store in memory: for tests of one's own policies and services, and the model that the scripts are held against."""

from .store import MemoryStore as MemoryStore
