"""Who calls, and what the caller may do (design 8)."""

from __future__ import annotations

from device_manager.security.guard import ActionRule, Call, Guard, OpenGuard, RightsGuard, TokenState

__all__ = ["ActionRule", "Call", "Guard", "OpenGuard", "RightsGuard", "TokenState"]
