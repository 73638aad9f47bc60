"""Short-lived values by key, the commands of Redis: in a Redis, or in this process (router-protocol 5.9)."""

from __future__ import annotations

from device_manager.memory_storage.contract import MemoryStorage, open_memory_storage

__all__ = ["MemoryStorage", "open_memory_storage"]
