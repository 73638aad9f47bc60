"""How the sources of documents are written down, merged and walked. Every function returns a new source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from device_manager.storage.mappings import bad_value

REMOVED: Any = object()
"""Stands in a patch for a member that goes."""


def encode(source: dict[str, Any]) -> bytes:
    """A source as JSON. Raises `services.storage.unexpected_bad_request` when it holds what JSON has no form for."""
    try:
        return orjson.dumps(source)
    except TypeError as error:
        raise bad_value(f"The document cannot be written as JSON: {error}.") from error


def patched(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    """`target` with `patch` merged in deeply: objects member by member, everything else replaced, null included."""
    result: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is REMOVED:
            result.pop(name, None)
        elif isinstance(value, dict):
            result[name] = patched(result.get(name), value)
        else:
            result[name] = value
    return result


def leaf_paths(value: dict[str, Any], above: str = "") -> Iterator[str]:
    """Dotted paths of the leaves: only plain objects are walked into, empty ones vanish (device-manager 1.7)."""
    for key, member in value.items():
        if isinstance(member, dict):
            yield from leaf_paths(member, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def without(source: dict[str, Any], path: str) -> dict[str, Any]:
    """`source` without the member at a dotted path; itself when there is none."""
    head, _, rest = path.partition(".")
    if path in source:
        return {name: value for name, value in source.items() if name != path}
    inner = source.get(head)
    if not rest or not isinstance(inner, dict):
        return source
    return source | {head: without(inner, rest)}
