"""The SQL statements of a search in the embedded store, and how their rows become the result (design 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from device_manager.query.conditions import ConditionCompiler
from device_manager.query.fields import FieldResolver
from device_manager.query.fragments import Fragment
from device_manager.query.ordering import SortKey, after, order_by, sort_keys, sort_value
from device_manager.query.refusals import malformed
from device_manager.query.search import POSITION, Hit, Search, SearchResult
from device_manager.query.source import filter_source
from device_manager.query.tree import MatchAll, Query

Row = Sequence[Any]

TABLES = """
CREATE TEMP TABLE hit (rid INTEGER PRIMARY KEY);
CREATE TEMP TABLE bucket (rid INTEGER NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (rid, b)) WITHOUT ROWID;
CREATE TEMP TABLE chosen (b INTEGER PRIMARY KEY, parent INTEGER NOT NULL, v, n INTEGER NOT NULL, whole INTEGER);
CREATE TEMP TABLE value (f INTEGER NOT NULL, rid INTEGER NOT NULL, v, PRIMARY KEY (f, rid, v)) WITHOUT ROWID;
CREATE INDEX temp.chosen_value ON chosen (parent, v);
"""
"""What every connection that searches has; rows stand in them during one search only.

`hit` holds the documents that a query found, `bucket` those of each bucket by its number, `chosen` the values of the
buckets that an aggregation has just made: `n` documents of `whole` that the parent's buckets hold all together. `value`
takes the place of `term` when values are read from the documents of `hit`.
"""

MANY = 20_000
"""Hits from which the first of them are looked for along an index, instead of putting all of them into order."""
LOOKED_AT = 50_000
"""Values of the index among which they are looked for."""
MOST_ALONG_INDEX = 1000
"""Hits that are looked for in that way."""
INDEX_ORDERED = frozenset({"date", "integer", "long"})
"""Types whose values stand in the index as hits show them."""

_GATHERED = Fragment("SELECT d.rid AS rid FROM temp.hit AS d WHERE 1")


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """The statements of one search, for one transaction that is rolled back in the end.

    Run `gather` and then `page` first: when `known_total` answers, `total` need not run.

    Attributes:
        gather: notes the hits for the other statements; None when finding them anew costs little.
        page: rows of id, source as JSON text (NULL when not asked for), then the sort keys; None when `size` is 0.
        total: one row with the number of hits.
        probe: one row with the number of hits, or `MANY` when there are more.
        along_index: of very many hits that one field sorts, the first ones as rows of rid and value; None when the
            index of the field does not lead to them. There may be fewer than there are, and one may come twice.
    """

    search: Search
    gather: Fragment | None
    page: Fragment | None
    total: Fragment
    keys: tuple[SortKey, ...]
    probe: Fragment
    along_index: Fragment | None

    def page_of(self, rows: Sequence[Row]) -> Fragment | None:
        """The page, given the rows of `along_index`; None when it takes `page` to tell it."""
        search = self.search
        wanted = search.offset + search.size
        rids = [rid for rid, _ in rows]
        if len(rids) < wanted or len(set(rids)) < wanted:
            return None
        chosen = orjson.dumps(list(rows[search.offset :])).decode()
        sql = (
            f"SELECT doc.id, {_source(search)}, json_extract(h.value, '$[1]') "
            "FROM json_each(?) AS h CROSS JOIN doc ON doc.rid = json_extract(h.value, '$[0]') ORDER BY h.key"
        )
        return Fragment(sql, (chosen,))

    def known_total(self, rows: Sequence[Row]) -> int | None:
        """The total as the rows of the page tell it: known when they end before the page does."""
        search = self.search
        if self.page is None or search.search_after is not None or len(rows) >= search.size:
            return None
        return search.offset + len(rows) if rows or search.offset == 0 else None

    def result(self, rows: Sequence[Row], total: int, aggregations: dict[str, Any] | None) -> SearchResult:
        """The result from the rows of the page, the total and the results of the aggregations."""
        return SearchResult([self._hit(row) for row in rows], total, aggregations)

    def _hit(self, row: Row) -> Hit:
        id, source, *values = row
        scored = not self.keys or any(key.field == "_score" for key in self.keys)
        return Hit(
            id=id,
            source=None if source is None else filter_source(orjson.loads(source), self.search.source),
            score=1.0 if scored else None,
            sort=tuple(sort_value(key, value) for key, value in zip(self.keys, values, strict=True)),
        )


def plan_search(search: Search, fields: FieldResolver, *, now: int = 0) -> SearchPlan:
    """Compile `search` for one collection.

    Args:
        search: what to find.
        fields: the fields of the collection.
        now: what `now` means in date math, in milliseconds; 0 for the system's clock.

    Raises:
        ApiError: 400 that names the clause, the field and the store, when this store cannot run it or a value does not
            fit its field.
    """
    conditions = ConditionCompiler(fields, now)
    keys = sort_keys(search.sort, fields)
    hits = conditions.select(search.query)
    gather = None
    if any(map(callable, hits.parameters)) or (search.aggregations and not isinstance(search.query, MatchAll)):
        gather = Fragment(f"INSERT INTO temp.hit {hits.sql}", hits.parameters)
        hits = _GATHERED
    page = None
    if search.size and keys and all(key.field in {"_score", POSITION} for key in keys):
        page = _page_in_place(search, hits if gather else conditions.select(search.query, in_order=True), keys)
    elif search.size and keys:
        page = _sorted_page(search, hits, keys)
    elif search.size:
        page = _plain_page(search, hits if gather else conditions.select(search.query, in_order=True))
    total = Fragment(f"SELECT count(*) FROM ({hits.sql})", hits.parameters)
    probe = Fragment(f"SELECT count(*) FROM ({hits.sql} LIMIT {MANY})", hits.parameters)
    along = _along_index(search, conditions, keys) if gather is None else None
    return SearchPlan(search, gather, page, total, keys, probe, along)


def _along_index(search: Search, conditions: ConditionCompiler, keys: tuple[SortKey, ...]) -> Fragment | None:
    """The first hits in the order of the one field that sorts them, found among the first of all its values."""
    wanted = search.offset + search.size
    if len(keys) != 1 or not search.size or wanted > MOST_ALONG_INDEX or search.search_after is not None:
        return None
    (key,) = keys
    if key.number is None or key.sort.missing != "_last" or key.type not in INDEX_ORDERED:
        return None
    condition = conditions.condition(search.query)
    first = f"SELECT rid, v FROM term WHERE f = ? ORDER BY v {key.sort.order}, rid LIMIT {LOOKED_AT}"
    return Fragment(
        f"SELECT d.rid, d.v FROM ({first}) AS d WHERE {condition.sql} LIMIT ?",
        (key.number, *condition.parameters, wanted),
    )


def scan_statement(query: Query, fields: FieldResolver, *, after_rid: int, page: int, now: int = 0) -> Fragment:
    """The next `page` documents that match, by rid: rows of rid, id, version, seq, source as JSON text.

    Start with `after_rid` -1, then give the last rid. Raises what `plan_search` raises.
    """
    hits = ConditionCompiler(fields, now).select(query, in_order=True)
    sql = (
        "SELECT doc.rid, doc.id, doc.version, doc.seq, json(doc.source) "
        f"FROM ({hits.sql} AND d.rid > ? ORDER BY d.rid LIMIT ?) AS h CROSS JOIN doc ON doc.rid = h.rid ORDER BY h.rid"
    )
    return Fragment(sql, (*hits.parameters, after_rid, page))


def _source(search: Search) -> str:
    return "json(doc.source)" if search.source.enabled else "NULL"


def _plain_page(search: Search, hits: Fragment) -> Fragment:
    """Without a sort documents come in the order of their creation."""
    sql = (
        f"SELECT doc.id, {_source(search)} "
        f"FROM ({hits.sql} ORDER BY d.rid LIMIT ? OFFSET ?) AS h CROSS JOIN doc ON doc.rid = h.rid ORDER BY h.rid"
    )
    return Fragment(sql, (*hits.parameters, search.size, search.offset))


def _page_in_place(search: Search, hits: Fragment, keys: tuple[SortKey, ...]) -> Fragment:
    """Sorted by nothing but the place, since all hits score alike: as without a sort, behind the last hit."""
    last = search.search_after[-1] if search.search_after else -1
    if type(last) is not int or (search.search_after and keys[-1].field != POSITION):
        raise malformed("search_after", "the sort has to name a field, since all hits score alike")
    shown = "".join(f", {'1.0' if key.field == '_score' else 'h.rid'}" for key in keys)
    sql = (
        f"SELECT doc.id, {_source(search)}{shown} "
        f"FROM ({hits.sql} AND d.rid > ? ORDER BY d.rid LIMIT ? OFFSET ?) AS h "
        "CROSS JOIN doc ON doc.rid = h.rid ORDER BY h.rid"
    )
    return Fragment(sql, (*hits.parameters, last, search.size, search.offset))


def _sorted_page(search: Search, hits: Fragment, keys: tuple[SortKey, ...]) -> Fragment:
    """Find all hits, look their sort values up, cut the page, and read the documents of the page only."""
    among = "" if isinstance(search.query, MatchAll) else " AND t.rid IN (SELECT rid FROM h)"
    found = sort_values(keys, among)
    later, order = after(keys, search.search_after), order_by(keys)
    cut = f"page AS (SELECT * FROM found WHERE {later.sql} ORDER BY {order} LIMIT ? OFFSET ?)"
    shown = "".join(f", page.s{place}" for place in range(len(keys)))
    sql = (
        f"WITH h(rid) AS MATERIALIZED ({hits.sql}), found AS ({found.sql}), {cut} "
        f"SELECT doc.id, {_source(search)}{shown} FROM page CROSS JOIN doc ON doc.rid = page.hit ORDER BY {order}"
    )
    page = (search.size, search.offset)
    return Fragment(sql, hits.parameters + found.parameters + later.parameters + page)


def sort_values(keys: tuple[SortKey, ...], among: str) -> Fragment:
    """A SELECT of the hits, which the table `h` lists by `rid`, with their sort values as `hit`, `s0`, `s1`...

    All values of all keys are stacked below the hits, and the least or greatest of each hit is taken: joins would leave
    the planner the choice of comparing everything with everything.
    """
    looked_up = [key for key in keys if key.number is not None]
    columns = range(len(looked_up))
    stack = ["SELECT rid" + "".join(f", NULL AS v{column}" for column in columns) + " FROM h"]
    for column in columns:
        values = ", ".join("t.v" if other == column else "NULL" for other in columns)
        stack.append(f"SELECT t.rid, {values} FROM term AS t WHERE t.f = ?{among}")
    bests = "".join(
        f", {'min' if key.sort.order == 'asc' else 'max'}(v{column}) AS b{column}"
        for column, key in enumerate(looked_up)
    )
    values = f"(SELECT rid{bests} FROM ({' UNION ALL '.join(stack)}) GROUP BY rid)" if looked_up else "h"
    shown = "".join(f", {_shown(key, looked_up)} AS s{place}" for place, key in enumerate(keys))
    doc = " CROSS JOIN doc AS i ON i.rid = b.rid" if any(key.field == "_id" for key in keys) else ""
    numbers = tuple(key.number for key in looked_up)
    return Fragment(f"SELECT b.rid AS hit{shown} FROM {values} AS b{doc}", numbers)


def _shown(key: SortKey, looked_up: list[SortKey]) -> str:
    """The expression of a sort value."""
    if key.number is not None:
        return f"b.b{looked_up.index(key)}"
    return {"_id": "i.id", "_score": "1.0", POSITION: "b.rid"}.get(key.field, "NULL")
