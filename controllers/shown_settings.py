"""Settings as they may be shown to people: without passwords, tokens and keys (design 8)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from device_manager.settings import Settings

HIDDEN = "***"
"""Stands for what is not told."""

_CREDENTIALS = re.compile(r"://[^/]*@")
_SECRET = re.compile(r"password|secret|token$|key$")


def shown_settings(settings: Settings) -> dict[str, Any]:
    """All settings by name. Of plugins' own, which may hold anything, only the names are told."""
    members: dict[str, Any] = msgspec.to_builtins(settings)
    return {name: _shown(name, value) for name, value in members.items()}


def without_credentials(address: str) -> str:
    """An address as it may be shown: `http://***@host` for `http://name:password@host`."""
    return _CREDENTIALS.sub(f"://{HIDDEN}@", address)


def _shown(name: str, value: Any) -> Any:
    if name == "plugins":
        return {plugin: _hidden(table) for plugin, table in value.items()}
    if isinstance(value, str):
        return HIDDEN if value and _SECRET.search(name) else without_credentials(value)
    return value


def _hidden(value: Any) -> Any:
    """The shape of a value without its contents."""
    return {name: _hidden(inner) for name, inner in value.items()} if isinstance(value, dict) else HIDDEN
