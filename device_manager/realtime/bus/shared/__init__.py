"""The bus of servers that share a Redis."""

from __future__ import annotations

from device_manager.realtime.bus.shared.redis_bus import RedisBus

__all__ = ["RedisBus"]
