"""Parser of the keyword `select`, which asks one element of an array (router-protocol 7.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device_manager.realtime.koncorde.conditions import Select
from device_manager.realtime.koncorde.paths import wanted_paths
from device_manager.realtime.koncorde.reading import Reader, wrong
from device_manager.realtime.koncorde.tree import Node


def select(reader: Reader, content: Any, where: str, parse: Callable[[Any, str], Node]) -> Select:
    """Parse the content of `select`; `parse` takes the filter of the element and its place."""
    if not isinstance(content, dict) or content.keys() != {"field", "index", "query"}:
        raise wrong(where, 'expected exactly the members "field", "index" and "query"')
    field = reader.path(content["field"], f"{where}.field")
    index = content["index"]
    if isinstance(index, bool) or not isinstance(index, int):
        raise wrong(f"{where}.index", "expected an integer")
    node = parse(content["query"], f"{where}.query")
    return Select(field, index, node, wanted_paths(node))
