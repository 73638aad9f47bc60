"""Filtering of `_source` by paths with `*`, as Elasticsearch does it, for every store (router-protocol 5.6)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from device_manager.query.search import SourceFilter

NOTHING = object()
"""What is left of a value of which no part is let through."""


def filter_source(source: dict[str, Any], filter: SourceFilter) -> dict[str, Any] | None:
    """The part of `source` that `filter` lets through; None when it asks for no source at all.

    A pattern covers the paths that it matches and everything below them; `*` stands for any text, dots included.
    Excludes win over includes. Elements of arrays have the path of the array.
    """
    if not filter.enabled:
        return None
    if not filter.includes and not filter.excludes:
        return source
    return _object(source, "", not filter.includes, filter)


def _object(source: dict[str, Any], prefix: str, is_inside: bool, filter: SourceFilter) -> dict[str, Any]:
    """The members let through; `is_inside` says that an include covers the object itself."""
    kept: dict[str, Any] = {}
    for name, value in source.items():
        path = prefix + name
        if any(_covers(pattern, path) for pattern in filter.excludes):
            continue
        found = _value(value, path, is_inside or any(_covers(pattern, path) for pattern in filter.includes), filter)
        if found is not NOTHING:
            kept[name] = found
    return kept


def _value(value: Any, path: str, is_inside: bool, filter: SourceFilter) -> Any:
    if isinstance(value, dict | list):
        below = f"{path}."
        if not is_inside and not any(_reaches(pattern, below) for pattern in filter.includes):
            return NOTHING
        if isinstance(value, dict):
            kept: Any = _object(value, below, is_inside, filter)
        else:
            elements = (_value(element, path, is_inside, filter) for element in value)
            kept = [element for element in elements if element is not NOTHING and element != {}]
        return kept if kept or is_inside else NOTHING
    return value if is_inside else NOTHING


@lru_cache(maxsize=8192)
def _covers(pattern: str, path: str) -> bool:
    """Whether the pattern matches the path, or one above it when names hold dots."""
    return len(pattern) in _places(pattern, path) or len(pattern) + 2 in _places(f"{pattern}.*", path)


@lru_cache(maxsize=8192)
def _reaches(pattern: str, start: str) -> bool:
    """Whether the pattern could match a path that begins with `start`."""
    return bool(_places(pattern, start))


def _places(pattern: str, text: str) -> set[int]:
    """Where in the pattern one can stand after `text`."""
    places = _with_stars_skipped(pattern, {0})
    for character in text:
        places = _with_stars_skipped(
            pattern,
            {
                place if pattern[place] == "*" else place + 1
                for place in places
                if place < len(pattern) and pattern[place] in ("*", character)
            },
        )
    return places


def _with_stars_skipped(pattern: str, places: set[int]) -> set[int]:
    """`places` and what follows from a star matching nothing."""
    found = set(places)
    for place in places:
        while place < len(pattern) and pattern[place] == "*":
            place += 1
            found.add(place)
    return found
