"""Where the values of a document are: the leaves of its mapping, and what stands at a path. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]


def value_paths(mappings: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The leaves of a mapping in the order of their declaration; what lies in nested documents is one leaf."""
    for name, definition in mappings.items():
        members = definition.get("properties")
        if members and definition.get("type", "object") == "object":
            yield from value_paths(members, (*above, name))
        else:
            yield (*above, name), definition


def value_at(value: Any, path: Path) -> Any:
    """The value at `path`, None where there is none; of arrays of objects an array of what is there."""
    for place, name in enumerate(path):
        if isinstance(value, list):
            found = [value_at(item, path[place:]) for item in value]
            return [item for item in found if item is not None] or None
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
