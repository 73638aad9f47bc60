"""How the store knows the properties of entities, and the queries that comparisons with them become (facades 3.4).

Every query finds exactly the records for which the comparison holds in `evaluate`; where there is none, a column says
None, and the comparison is made on what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from device_manager.facades.teos.odata.evaluate import ORDERED, canonical
from device_manager.facades.teos.odata.schema import ADDRESS, DATE, GUID, STATES, STRING, TYPE, TYPES
from device_manager.query.search import Sort
from device_manager.query.tree import (
    MATCH_ALL,
    MATCH_NONE,
    Bool,
    Exists,
    Ids,
    Prefix,
    Query,
    Range,
    Term,
    Terms,
    Wildcard,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST = 32_766
"""Bytes of a keyword; nothing longer is stored."""
SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\*?"})


class Column(Protocol):
    """A property as the store has it."""

    def compare(self, op: str, value: Any) -> Query | None:
        """Records whose property is `eq`, `gt`, `ge`, `lt` or `le` a value."""

    def call(self, function: str, text: str) -> Query | None:
        """Records whose property starts with a text, ends with it or contains it."""

    def sort(self, *, descending: bool) -> tuple[Sort, ...] | None:
        """The order of the property, nothing being less than everything; none at all where all are the same."""


def none_of(query: Query) -> Query:
    """The records that a query does not find."""
    if query == MATCH_ALL:
        return MATCH_NONE
    return MATCH_ALL if query == MATCH_NONE else Bool(must_not=(query,))


class Constant:
    """A property that is the same for all records.

    Args:
        kind: its type.
        value: its value.
    """

    def __init__(self, kind: str, value: Any = None) -> None:
        self._kind = kind
        self._value = canonical(kind, value)

    def compare(self, op: str, value: Any) -> Query | None:
        """See `Column.compare`."""
        wanted = canonical(self._kind, value)
        try:
            holds = self._value == wanted if op == "eq" else ORDERED[op](self._value, wanted)
        except TypeError:
            holds = False
        return MATCH_ALL if holds else MATCH_NONE

    def call(self, function: str, text: str) -> Query | None:
        """See `Column.call`."""
        return MATCH_NONE if self._value is None else None

    def sort(self, *, descending: bool) -> tuple[Sort, ...] | None:
        """See `Column.sort`."""
        return ()


class Keyword:
    """A text, an address or a GUID.

    Args:
        field: of the records.
        kind: type of the property: addresses compare without regard to case, GUIDs are stored in lower case.
    """

    def __init__(self, field: str, kind: str = STRING) -> None:
        self._field = field
        self._kind = kind

    def compare(self, op: str, value: Any) -> Query | None:
        """See `Column.compare`."""
        if value is None:
            return none_of(Exists(self._field)) if op == "eq" else MATCH_NONE
        if not isinstance(value, str):
            return MATCH_NONE
        if op != "eq":
            return _bounded(self._field, op, value) if self._kind == STRING and _fits(value) else None
        if not _fits(value):
            return MATCH_NONE
        if self._kind == ADDRESS:
            return Term(self._field, value, case_insensitive=True)
        return Term(self._field, value.lower() if self._kind == GUID else value)

    def call(self, function: str, text: str) -> Query | None:
        """See `Column.call`."""
        if not _fits(text):
            return MATCH_NONE
        if not text:
            return Exists(self._field)
        if function == "startswith":
            return Prefix(self._field, text)
        escaped = text.translate(SPECIAL)
        return Wildcard(self._field, f"*{escaped}" + ("*" if function == "contains" else ""))

    def sort(self, *, descending: bool) -> tuple[Sort, ...] | None:
        """See `Column.sort`."""
        return None if self._kind == ADDRESS else sort_by(self._field, "keyword", descending=descending)


class Moment:
    """A time, kept in milliseconds since 1970.

    Args:
        field: of the records.
        type: of the field.
    """

    def __init__(self, field: str, type: str = "long") -> None:
        self._field = field
        self._type = type

    def compare(self, op: str, value: Any) -> Query | None:
        """See `Column.compare`."""
        if value is None:
            return none_of(Exists(self._field)) if op == "eq" else MATCH_NONE
        moment = canonical(DATE, value)
        if not isinstance(moment, datetime):
            return MATCH_NONE
        whole, rest = divmod((moment - EPOCH) // timedelta(microseconds=1), 1000)
        if op == "eq":
            return MATCH_NONE if rest else Range(self._field, gte=whole, lte=whole)
        if rest:  # between two milliseconds: both bounds lie beside it
            return Range(self._field, gt=whole) if op in ("gt", "ge") else Range(self._field, lte=whole)
        return _bounded(self._field, op, whole)

    def call(self, function: str, text: str) -> Query | None:
        """See `Column.call`."""
        return None

    def sort(self, *, descending: bool) -> tuple[Sort, ...] | None:
        """See `Column.sort`."""
        return sort_by(self._field, self._type, descending=descending)


class Choice:
    """One of some names that have numbers: states and types of transactions.

    Args:
        field: of the records, which hold the names.
        kind: type of the property.
    """

    def __init__(self, field: str, kind: str) -> None:
        self._field = field
        self._kind = kind
        self._numbers: Mapping[str, int] = TYPES if kind == TYPE else {name: at for at, name in enumerate(STATES, 1)}

    def compare(self, op: str, value: Any) -> Query | None:
        """See `Column.compare`."""
        wanted = canonical(self._kind, value)
        if not isinstance(wanted, int | float):
            return MATCH_NONE
        names = tuple(
            name
            for name, number in self._numbers.items()
            if (number == wanted if op == "eq" else ORDERED[op](number, wanted))
        )
        return Terms(self._field, names) if names else MATCH_NONE

    def call(self, function: str, text: str) -> Query | None:
        """See `Column.call`."""
        return None

    def sort(self, *, descending: bool) -> tuple[Sort, ...] | None:
        """See `Column.sort`."""
        return None


class Named:
    """A property that only equality is asked of, in a way of its own.

    Args:
        query: the records that have a value, None where there is no telling.
    """

    def __init__(self, query: Callable[[Any], Query | None]) -> None:
        self._query = query

    def compare(self, op: str, value: Any) -> Query | None:
        """See `Column.compare`."""
        return self._query(value) if op == "eq" else None

    def call(self, function: str, text: str) -> Query | None:
        """See `Column.call`."""
        return None

    def sort(self, *, descending: bool) -> tuple[Sort, ...] | None:
        """See `Column.sort`."""
        return None


def own_key(prefix: str) -> Named:
    """The id of records, which is a GUID behind a prefix."""
    return Named(lambda value: Ids((prefix + value.lower(),)) if isinstance(value, str) else MATCH_NONE)


def sort_by(field: str, type: str, *, descending: bool) -> tuple[Sort, ...]:
    """An order in which nothing is less than everything, as OData wants it."""
    return (Sort(field, "desc" if descending else "asc", "_last" if descending else "_first", unmapped_type=type),)


def _fits(text: str) -> bool:
    return len(text.encode("utf-8", "surrogatepass")) <= LONGEST


def _bounded(field: str, op: str, value: str | int) -> Query:
    bounds: dict[str, Any] = {{"gt": "gt", "ge": "gte", "lt": "lt", "le": "lte"}[op]: value}
    return Range(field, **bounds)
