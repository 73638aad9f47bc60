"""Which request is being worked on, for log lines deep inside."""

from __future__ import annotations

from contextvars import ContextVar

from device_manager.router.request import Request

CURRENT: ContextVar[Request | None] = ContextVar("current", default=None)
"""The request. It is not set while an action answers without waiting, for that would cost more than the answer."""
