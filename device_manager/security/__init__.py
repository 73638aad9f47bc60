"""Who calls, and what the caller may do (design 8)."""

from __future__ import annotations

from device_manager.security.guard import Call, Guard, OpenGuard, TokenState

__all__ = ["Call", "Guard", "OpenGuard", "TokenState"]
