"""The caller, under the name by which the domain knows it."""

from __future__ import annotations

from device_manager.call import Call

__all__ = ["Call"]
