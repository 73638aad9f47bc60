"""The SQL statements of a sorted scan in the embedded store: the order in a temporary table, then page by page.

The values of a field are kept in order by the index on `term`, so hits that one field sorts are read along it, a part
at a time: the first page is there at once. Everything else is sorted as a whole, which spills to disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_manager.query.conditions import ConditionCompiler
from device_manager.query.fields import FieldResolver
from device_manager.query.fragments import Fragment
from device_manager.query.ordering import SortKey, order_by, sort_keys
from device_manager.query.search import Sort
from device_manager.query.sql import sort_values
from device_manager.query.tree import Query

_HITS = "temp.scan_hits"
"""The hits; those that have got their place are taken out where the index is followed."""
_ORDER = "temp.scan_order"
"""The hits in their order."""


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """The statements of one sorted scan, for one connection inside one transaction.

    Attributes:
        keys: what to sort by, at least one.
        hits: fills the table of hits.
    """

    keys: tuple[SortKey, ...]
    hits: Fragment

    @property
    def tables(self) -> tuple[str, str]:
        """The statements that make the temporary tables."""
        columns = "".join(f", s{place}" for place in range(len(self.keys)))
        return (
            f"CREATE TABLE {_HITS} (rid INTEGER PRIMARY KEY)",
            f"CREATE TABLE {_ORDER} (place INTEGER PRIMARY KEY, hit INTEGER NOT NULL{columns})",
        )

    @property
    def follows_index(self) -> bool:
        """Whether the hits can be read along the index of the one field that sorts them."""
        first = self.keys[0]
        return len(self.keys) == 1 and first.number is not None and first.sort.missing == "_last"

    @property
    def whole_order(self) -> Fragment:
        """Sorts all hits."""
        found = sort_values(self.keys, " AND t.rid IN (SELECT rid FROM h)")
        columns = ", ".join(["hit", *(f"s{place}" for place in range(len(self.keys)))])
        sql = (
            f"INSERT INTO {_ORDER} ({columns}) WITH h(rid) AS (SELECT rid FROM {_HITS}), found AS ({found.sql}) "
            f"SELECT {columns} FROM found ORDER BY {order_by(self.keys)}"
        )
        return Fragment(sql, found.parameters)

    def next_values(self, count: int, *, first: bool) -> Fragment:
        """Adds the next `count` hits along the index; one with several values may come again within them."""
        direction = self.keys[0].sort.order
        beyond = ">" if direction == "asc" else "<"
        last = f"SELECT s0, hit FROM {_ORDER} ORDER BY place DESC LIMIT 1"
        later = "" if first else f"AND (t.v, t.rid) {beyond} ({last}) "
        sql = (
            f"INSERT INTO {_ORDER} (hit, s0) SELECT t.rid, t.v FROM term AS t "
            f"WHERE t.f = ? {later}AND +t.rid IN (SELECT rid FROM {_HITS}) "
            f"ORDER BY t.v {direction}, t.rid {direction} LIMIT ?"
        )
        return Fragment(sql, (self.keys[0].number, count))

    @staticmethod
    def placed(place: int) -> Fragment:
        """Takes the hits behind `place` out of those that wait for theirs."""
        return Fragment(f"DELETE FROM {_HITS} WHERE rid IN (SELECT hit FROM {_ORDER} WHERE place > ?)", (place,))

    @property
    def is_any_waiting(self) -> str:
        """Whether hits still wait for their places."""
        return f"SELECT EXISTS (SELECT 1 FROM {_HITS})"

    @property
    def is_more(self) -> str:
        """Whether there are hits behind a place."""
        return f"SELECT EXISTS (SELECT 1 FROM {_ORDER} WHERE place > ?)"

    @property
    def without_value(self) -> str:
        """Adds all hits that still wait: they have no value."""
        return f"INSERT INTO {_ORDER} (hit) SELECT rid FROM {_HITS} ORDER BY rid"

    def page(self, place: int, count: int) -> Fragment:
        """The `count` documents behind `place`: rows of place, sort values, rid, id, version, seq, source as text."""
        values = "".join(f", o.s{key}" for key in range(len(self.keys)))
        sql = (
            f"SELECT o.place{values}, doc.rid, doc.id, doc.version, doc.seq, json(doc.source) "
            f"FROM {_ORDER} AS o CROSS JOIN doc ON doc.rid = o.hit WHERE o.place > ? ORDER BY o.place LIMIT ?"
        )
        return Fragment(sql, (place, count))


def plan_scan(query: Query, sort: Sequence[Sort], fields: FieldResolver, *, now: int = 0) -> ScanPlan:
    """Compile a sorted scan of one collection.

    Args:
        query: which documents.
        sort: in which order, at least one key.
        fields: the fields of the collection.
        now: what `now` means in date math, in milliseconds; 0 for the system's clock.

    Raises:
        ApiError: 400 that names the clause, the field and the store; see `sql.plan_search`.
    """
    hits = ConditionCompiler(fields, now).select(query, in_order=True)
    return ScanPlan(
        sort_keys(sort, fields), Fragment(f"INSERT INTO {_HITS} {hits.sql} ORDER BY d.rid", hits.parameters)
    )
