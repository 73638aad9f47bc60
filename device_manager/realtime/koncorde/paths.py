"""The paths of documents that a filter looks at."""

from __future__ import annotations

from device_manager.realtime.koncorde.documents import paths_above
from device_manager.realtime.koncorde.tree import AllOf, AnyOf, Leaf, Node


def wanted_paths(node: Node) -> frozenset[str]:
    """The path of every field that a filter names, and the paths above them."""
    return frozenset(path for field in _fields(node) for path in paths_above(field))


def _fields(node: Node) -> set[str]:
    match node:
        case Leaf():
            return {node.condition.field}
        case AllOf() | AnyOf():
            return set().union(*map(_fields, node.nodes))
    return set()
