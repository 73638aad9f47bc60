"""Filtering of `_source` by paths with `*`, as Elasticsearch does it, for every store (router-protocol 5.6)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from device_manager.query.patterns import expression
from device_manager.query.search import SourceFilter


def filter_source(source: dict[str, Any], filter: SourceFilter) -> dict[str, Any] | None:
    """The part of `source` that `filter` lets through; None when it asks for no source at all."""
    if not filter.enabled:
        return None
    if not filter.includes and not filter.excludes:
        return source
    return _compiled(filter)(source)


@lru_cache(maxsize=256)
def _compiled(filter: SourceFilter) -> Callable[[dict[str, Any]], dict[str, Any]]:
    includes = [_Pattern(pattern) for pattern in filter.includes]
    excludes = [_Pattern(pattern) for pattern in filter.excludes]

    def keep(source: dict[str, Any], prefix: str, included: bool) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in source.items():
            path = f"{prefix}{name}"
            if any(pattern.covers(path) for pattern in excludes):
                continue
            inside = included or any(pattern.covers(path) for pattern in includes)
            if not inside and not any(pattern.reaches_below(path) for pattern in includes):
                continue
            found = keep_value(value, path, inside)
            if found is not NOTHING:
                kept[name] = found
        return kept

    def keep_value(value: Any, path: str, included: bool) -> Any:
        if isinstance(value, dict):
            kept = keep(value, f"{path}.", included)
            return kept if kept or (included and not value) else NOTHING if not included else kept
        if isinstance(value, list):
            elements = [keep_value(element, path, included) for element in value]
            kept_elements = [element for element in elements if element is not NOTHING]
            return kept_elements if kept_elements or included else NOTHING
        return value if included else NOTHING

    return lambda source: keep(source, "", not includes)


NOTHING = object()


class _Pattern:
    """One path pattern: it covers the paths that it matches and everything below them."""

    def __init__(self, pattern: str) -> None:
        self._exact = expression(pattern.replace("\\", "\\\\").replace("?", "\\?"))
        self._steps = pattern.split(".")

    def covers(self, path: str) -> bool:
        return self._exact.fullmatch(path) is not None

    def reaches_below(self, path: str) -> bool:
        """Whether a path below `path` could be covered."""
        steps = path.split(".")
        for place, step in enumerate(steps):
            if place >= len(self._steps):
                return False
            mine = self._steps[place]
            if "*" in mine and expression(mine).fullmatch(step):
                return True  # a star spans dots: anything may follow
            if mine != step:
                return mine.startswith("*") or ("*" in mine and step.startswith(mine.partition("*")[0]))
        return len(steps) < len(self._steps)
