"""Bodies of the actions that write twins (device-manager 2.2, 2.3)."""

from __future__ import annotations

from typing import Any

import msgspec


class CreateBody(msgspec.Struct):
    """A new twin."""

    model: str
    reference: str
    metadata: dict[str, Any] = {}


class UpsertBody(msgspec.Struct):
    """A twin that may exist already."""

    model: str
    reference: str
    metadata: dict[str, Any]


class MetadataBody(msgspec.Struct):
    """New metadata of a twin."""

    metadata: dict[str, Any]
