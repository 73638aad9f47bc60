"""From a filter to the query of the store that finds what it matches (facades 3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from device_manager.facades.teos.odata.columns import Column, none_of
from device_manager.facades.teos.odata.options import Order
from device_manager.facades.teos.odata.tree import Call, Compare, In, Literal, Logic, Member, Node, Not, Quantified
from device_manager.query.search import Sort
from device_manager.query.tree import MATCH_ALL, MATCH_NONE, Bool, Ids, Query

FLIPPED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
"""What a comparison is when its sides change places."""
TEXT_FUNCTIONS = frozenset({"startswith", "endswith", "contains"})
LISTS = frozenset({"AssetLinkIds"})
"""Properties whose columns are about their elements."""

Columns = Mapping[str, Column]
"""How the store knows properties, by their names; those of a list's elements have the name of the list."""


class Translation(NamedTuple):
    """What of a filter the store does.

    Attributes:
        query: finds everything that the filter matches.
        is_exact: and nothing else.
        parts: the query in parts without a common record, where a set consists of different ones.
    """

    query: Query
    is_exact: bool
    parts: tuple[Query, ...] = ()


UNKNOWN = Translation(MATCH_ALL, False)
"""Nothing of it."""


def translate(node: Node | None, columns: Columns) -> Translation:
    """The query for a filter, that for everything without one."""
    if node is None:
        return Translation(MATCH_ALL, True)
    if isinstance(node, Logic):
        parts = [translate(operand, columns) for operand in node.operands]
        is_exact = all(part.is_exact for part in parts)
        queries = tuple(part.query for part in parts)
        return Translation(all_of(queries) if node.op == "and" else any_of(queries), is_exact)
    if isinstance(node, Not):
        inner = translate(node.operand, columns)
        return Translation(none_of(inner.query), True) if inner.is_exact else UNKNOWN
    query = _simple(node, columns)
    return UNKNOWN if query is None else Translation(query, True)


def sorted_by(order: Iterable[Order], columns: Columns) -> tuple[Sort, ...] | None:
    """The order of a client as one of the store, None where the store has none like it."""
    keys: list[Sort] = []
    for path, descending in order:
        column = columns.get(path[0]) if len(path) == 1 and path[0] not in LISTS else None
        sort = None if column is None else column.sort(descending=descending)
        if sort is None:
            return None
        keys += sort
    return tuple(keys)


def literals_of(node: Node | None, name: str) -> set[str]:
    """The texts that a filter compares with a property, or with the elements of a list."""
    if isinstance(node, Logic):
        return {text for operand in node.operands for text in literals_of(operand, name)}
    if isinstance(node, Not):
        return literals_of(node.operand, name)
    if isinstance(node, Quantified):
        inside = node.condition is not None and node.path.path == (name,)
        return literals_of(node.condition, node.variable) if inside else set()
    if not isinstance(node, Compare | In):
        return set()
    sides = (node.left, *(node.values if isinstance(node, In) else (node.right,)))
    if Member((name,)) not in sides:
        return set()
    return {side.value for side in sides if isinstance(side, Literal) and isinstance(side.value, str)}


def all_of(queries: Iterable[Query]) -> Query:
    """What all of some queries find."""
    wanted = tuple(query for query in queries if query != MATCH_ALL)
    if MATCH_NONE in wanted:
        return MATCH_NONE
    return Bool(filter=wanted) if len(wanted) > 1 else wanted[0] if wanted else MATCH_ALL


def any_of(queries: Iterable[Query]) -> Query:
    """What one of some queries finds."""
    wanted = _with_ids_together([query for query in queries if query != MATCH_NONE])
    if MATCH_ALL in wanted:
        return MATCH_ALL
    return Bool(should=wanted) if len(wanted) > 1 else wanted[0] if wanted else MATCH_NONE


def _with_ids_together(queries: list[Query]) -> tuple[Query, ...]:
    """Long lists of ids are one clause."""
    ids = tuple(value for query in queries if isinstance(query, Ids) for value in query.values)
    others = [query for query in queries if not isinstance(query, Ids)]
    return (*others, Ids(ids)) if ids else tuple(others)


def _simple(node: Node, columns: Columns) -> Query | None:
    """The query of a condition without others inside it, None where the store cannot tell."""
    if isinstance(node, Literal):
        return MATCH_ALL if node.value is True else MATCH_NONE
    if isinstance(node, Compare):
        return _compared(node, columns)
    if isinstance(node, In):
        queries = [_with(node.left, "eq", value, columns) for value in node.values]
        known = [query for query in queries if query is not None]
        return any_of(known) if len(known) == len(queries) else None
    if isinstance(node, Call) and node.name in TEXT_FUNCTIONS:
        member, text = node.arguments
        column = _column(member, columns)
        if column is not None and isinstance(text, Literal) and isinstance(text.value, str):
            return column.call(node.name, text.value)
        return None
    return _some(node, columns) if isinstance(node, Quantified) else None


def _compared(node: Compare, columns: Columns) -> Query | None:
    is_flipped = isinstance(node.left, Literal)
    member, value = (node.right, node.left) if is_flipped else (node.left, node.right)
    op = FLIPPED[node.op] if is_flipped else node.op
    if isinstance(member, Call) and op == "eq" and value == Literal(True):
        return _simple(member, columns)
    if op != "ne":
        return _with(member, op, value, columns)
    same = _with(member, "eq", value, columns)
    return None if same is None else none_of(same)


def _with(member: Node, op: str, value: Node, columns: Columns) -> Query | None:
    column = _column(member, columns)
    return None if column is None or not isinstance(value, Literal) else column.compare(op, value.value)


def _some(node: Quantified, columns: Columns) -> Query | None:
    """`list/any(x: x eq value)`, also with several of these joined by `or`."""
    condition = node.condition
    column = _column(node.path, columns, is_list=True)
    if node.op != "any" or column is None or condition is None:
        return None
    parts = condition.operands if isinstance(condition, Logic) and condition.op == "or" else (condition,)
    queries = [_element(part, node.variable, column) for part in parts]
    known = [query for query in queries if query is not None]
    return any_of(known) if len(known) == len(queries) else None


def _element(node: Node, variable: str, column: Column) -> Query | None:
    """The lists that hold a value, or one of several."""
    columns = {variable: column}
    if isinstance(node, Compare):
        return _compared(node, columns) if node.op == "eq" else None
    return _simple(node, columns) if isinstance(node, In) else None


def _column(node: Node, columns: Columns, *, is_list: bool = False) -> Column | None:
    if not isinstance(node, Member) or len(node.path) > 1 or (node.path[0] in LISTS) is not is_list:
        return None
    return columns.get(node.path[0])
