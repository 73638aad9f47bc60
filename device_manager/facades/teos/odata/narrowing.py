"""What of a filter the store can answer: the rest of the entities is not even read (facades 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from device_manager.facades.teos.odata.tree import Compare, In, Literal, Logic, Member, Node
from device_manager.query.tree import MATCH_ALL, Bool, Query

Finder = Callable[[object], Query | None]
"""The query for the records that have a value, None where there is no telling."""


def narrowed(node: Node | None, finders: Mapping[str, Finder]) -> Query:
    """A query that finds every record that a filter matches, and maybe more.

    Args:
        node: the filter.
        finders: by property.
    """
    return (None if node is None else _query(node, finders)) or MATCH_ALL


def _query(node: Node, finders: Mapping[str, Finder]) -> Query | None:
    if isinstance(node, Logic):
        parts = [_query(operand, finders) for operand in node.operands]
        known = tuple(part for part in parts if part is not None)
        if node.op == "and":
            return Bool(filter=known) if known else None
        return Bool(should=known) if len(known) == len(parts) else None
    if isinstance(node, Compare) and node.op == "eq":
        return _one_of(node.left, (node.right,), finders) or _one_of(node.right, (node.left,), finders)
    return _one_of(node.left, node.values, finders) if isinstance(node, In) else None


def _one_of(member: Node, values: Iterable[Node], finders: Mapping[str, Finder]) -> Query | None:
    if not isinstance(member, Member) or member.path[0] not in finders:
        return None
    find = finders[member.path[0]]
    queries = [find(value.value) if isinstance(value, Literal) else None for value in values]
    known = tuple(query for query in queries if query is not None)
    return Bool(should=known) if known and len(known) == len(queries) else None
