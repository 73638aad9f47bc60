"""Which tenants an action concerns, as its declaration says it (design 8)."""

from __future__ import annotations

import enum


class Scope(enum.Enum):
    """Where the engines of a request are found; whatever it says, engines that arguments name are checked too."""

    ENGINE = "engine"
    """An argument names the engine: `engineId` or `index`, or `targets` several."""
    PLATFORM = "platform"
    """The platform index is concerned, and with it possibly every engine."""
    ALL = "all"
    """Every engine is concerned, because rights to them are given: only a right without restriction is enough."""
    FOUND = "found"
    """Documents, records or the body name engines; the action checks each with `Call.may_use`."""
    NONE = "none"
    """No tenant's data."""
