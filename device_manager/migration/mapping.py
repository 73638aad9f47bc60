"""The mappings of migrated collections: what is added, what a copy gets, what cannot be (device-manager 1.10)."""

from __future__ import annotations

from typing import Any

from device_manager.errors import ApiError
from device_manager.migration.tally import Tally
from device_manager.storage.contract import Store
from device_manager.storage.mappings import Mapping

Source = dict[str, Any]

UNINDEXED: Source = {"type": "object", "enabled": False}
NEW = "collections that are new"
EXTENDED = "mappings that get fields"
CONTRADICTS = "mappings that contradict the models"
UNREADABLE = "collections that cannot be read, left alone"
UNMARKED = "collections that cannot take part in transactions"
UNCHANGED = "mappings that could not be changed"
UNMADE = "mappings that could not be made"
"""What is done to collections, or cannot be."""
TROUBLE = frozenset((CONTRADICTS, UNREADABLE, UNMARKED, UNCHANGED, UNMADE))
"""What has to be settled before the data is right."""


async def current_mapping(store: Store, index: str, collection: str) -> Source | None:
    """The mapping of a collection; None when there is none."""
    try:
        return await store.mappings(index, collection)
    except ApiError as error:
        if not error.is_unknown_place:
            raise
        return None


def note_difference(tally: Tally, name: str, current: Source | None, wanted: Source) -> None:
    """Note what has to be added to a mapping, or why it cannot be."""
    if current is None:
        tally.treat(NEW, name)
        return
    mapping = Mapping.stored(current)
    try:
        if mapping.merge(wanted) is not mapping:
            tally.treat(EXTENDED, name)
    except ApiError as error:
        tally.treat(CONTRADICTS, f"{name}: {error.message}")


def combined(current: Source | None, wanted: Source) -> Source:
    """The mapping of a copied collection: all that both map, `wanted` deciding where they contradict each other.

    The measures that twins of version 2 embed are kept in few documents, and are not indexed any more.
    """
    if current is None:
        return wanted
    return wanted | {"properties": _combined(current.get("properties", {}), wanted["properties"])}


def _combined(current: Source, wanted: Source) -> Source:
    result = dict(current)
    if "linkedMeasures" in wanted:
        result.pop("linkedDevices", None)
        result |= {"measures": UNINDEXED} if "measures" in current else {}
    for name, field in wanted.items():
        known = current.get(name)
        if known is not None and "properties" in known and "properties" in field:
            below = _combined(known["properties"], field["properties"])
            result[name] = field | {"properties": below}
        else:
            result[name] = field
    return result
