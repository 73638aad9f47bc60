"""A filter as subscriptions keep it, and the room that it belongs to (router-protocol 5.7, 7.2)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from device_manager.realtime.koncorde.documents import fields_of
from device_manager.realtime.koncorde.limits import MAX_CONDITIONS
from device_manager.realtime.koncorde.parser import parse
from device_manager.realtime.koncorde.paths import wanted_paths
from device_manager.realtime.koncorde.tree import Node


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter in its canonical form.

    Attributes:
        node: the conditions.
        wanted: the paths of documents that matter, and the paths above them.
    """

    node: Node
    wanted: frozenset[str]

    @property
    def form(self) -> str:
        """The canonical form as JSON: the same for filters that say the same in other words, as far as we can tell."""
        return self.node.key

    def matches(self, id: str | None, source: dict[str, Any]) -> bool:
        """Whether a document matches; None is the id of a message that has none."""
        return self.node.holds(fields_of(id, source, self.wanted))


def normalise(filter: Any, *, max_conditions: int = MAX_CONDITIONS) -> Filter:
    """Read a filter as clients write it; none or an empty one is every document.

    The time that this takes grows with the size of the filter, whatever its shape.

    Args:
        filter: the filter, parsed from JSON.
        max_conditions: how many conditions it may have; each value of `in`, `ids` and `match` is one.

    Raises:
        ApiError: `api.assert.koncorde_dsl_error` (400) whose text starts with the quoted place of the fault.
    """
    node = parse(filter, max_conditions)
    return Filter(node, wanted_paths(node))


def room_id(index: str, collection: str, filter: Filter) -> str:
    """The room of a filter on a collection: 64 hexadecimal digits, the same on every server and after a restart."""
    return hashlib.sha256(f"{json.dumps([index, collection])}{filter.form}".encode()).hexdigest()
