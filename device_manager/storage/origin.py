"""Which request a write belongs to, so that who hears of the change knows why it happened (router-protocol 5.7)."""

from __future__ import annotations

from contextvars import ContextVar

ORIGIN: ContextVar[object | None] = ContextVar("origin", default=None)
"""The request whose action runs; None for what the server does by itself. Stores pass it on and never look into it."""
