"""How the sources of documents are written down."""

from __future__ import annotations

from typing import Any

import orjson

from device_manager.storage.mappings import bad_value


def encode(source: dict[str, Any]) -> bytes:
    """A source as JSON. Raises `services.storage.unexpected_bad_request` when it holds what JSON has no form for."""
    try:
        return orjson.dumps(source)
    except TypeError as error:
        raise bad_value(f"The document cannot be written as JSON: {error}.") from error
