"""Compiler from the tree to SQL conditions over the inverted table of the embedded store (design 6, its `term` table).

Every value is a parameter. Conditions speak of `d.rid`, the row under test, and never are NULL. A conjunction is driven
by the clause that promises the fewest rows; single values among the others become look-ups in the primary key, ranges
become sets that SQLite builds once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from device_manager.query.fields import FieldRef, FieldResolver
from device_manager.query.patterns import ascii_lower, glob, literal_prefix, next_text
from device_manager.query.tree import (
    Bool,
    Exists,
    Ids,
    MatchAll,
    MatchNone,
    Prefix,
    Query,
    Range,
    Term,
    Terms,
    Wildcard,
)
from device_manager.query.values import Comparable, Interval, check_keyword, equal_to, inside, one_of, text_of

RUNNER = "embedded store"
"""How errors name who cannot run a clause."""

SqlValue = str | int | float | None

INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of SQL and the values of its `?` in order."""

    sql: str
    parameters: tuple[SqlValue, ...] = ()


TRUE = Fragment("1")
FALSE = Fragment("0")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rids that a leaf clause finds.

    Attributes:
        table: `term` or `doc`.
        where: condition over the columns of `table`, each with the prefix `{0}`.
        rank: the lower, the fewer rows it promises.
        is_point: `where` pins everything in the primary key but the rid, so that each rid comes once.
    """

    table: str
    where: Fragment
    rank: int
    is_point: bool = False

    def at(self, alias: str) -> Fragment:
        """The condition on the table under this alias."""
        return Fragment(self.where.sql.replace("{0}", f"{alias}."), self.where.parameters)


NO_ROWS = Rows("term", FALSE, 0)


class ConditionCompiler:
    """Compiles the queries of one search in one collection."""

    def __init__(self, fields: FieldResolver, now: int) -> None:
        self._fields = fields
        self._now = now

    def select(self, query: Query, *, in_order: bool = False) -> Fragment:
        """A SELECT of the rids that match, each once; with `in_order` it yields them best in ascending order."""
        parts = list(conjuncts(query))
        driver, rest = self._driver(parts)
        if driver is not None:
            table, where, distinct = driver.table, driver.at("d"), "" if driver.is_point else "DISTINCT "
        else:
            table, distinct = "doc", ""
            if in_order:
                where = Fragment("d.rid BETWEEN ? AND ?", self._fields.rids)
            else:  # the index on cid and id is all that this reads
                where = Fragment("d.cid = ?", (self._fields.cid,))
        where = conjunction([where, *(self.condition(part) for part in rest)])
        sql = f"SELECT {distinct}d.rid AS rid FROM {table} AS d WHERE {where.sql}"
        return Fragment(sql, where.parameters)

    def _driver(self, parts: list[Query]) -> tuple[Rows | None, list[Query]]:
        """The most selective leaf among `parts`, and the other parts."""
        leaves = [(rows.rank, place, rows) for place, part in enumerate(parts) if (rows := self._rows(part))]
        if not leaves:
            return None, parts
        _, place, rows = min(leaves, key=lambda leaf: leaf[:2])
        return rows, parts[:place] + parts[place + 1 :]

    def condition(self, query: Query) -> Fragment:
        """The condition on `d.rid`."""
        if isinstance(query, Bool):
            return self._bool(query)
        rows = self._rows(query)
        if rows is None:
            return TRUE
        if rows is NO_ROWS:
            return FALSE
        where = rows.at("t")
        if rows.is_point:
            sql = f"EXISTS (SELECT 1 FROM term AS t WHERE {where.sql} AND t.rid = d.rid)"
        else:
            sql = f"d.rid IN (SELECT t.rid FROM {rows.table} AS t WHERE {where.sql})"
        return Fragment(sql, where.parameters)

    def _bool(self, query: Bool) -> Fragment:
        parts = [self.condition(clause) for clause in (*query.must, *query.filter)]
        parts += [Fragment(f"NOT {part.sql}", part.parameters) for part in map(self.condition, query.must_not)]
        needed = query.should_needed
        if needed > len(query.should):
            return FALSE
        if needed == 1:
            parts.append(joined("OR", [self.condition(clause) for clause in query.should]))
        elif needed > 1:
            matches = map(self.condition, query.should)
            total = joined("+", [Fragment(f"({match.sql})", match.parameters) for match in matches])
            parts.append(Fragment(f"({total.sql} >= ?)", (*total.parameters, needed)))
        return conjunction(parts)

    def _rows(self, query: Query) -> Rows | None:
        """What a leaf finds; None for every document and for clauses that are no leaf."""
        match query:
            case Ids(values):
                return Rows("doc", Fragment("{0}cid = ? AND {0}id IN (SELECT value FROM json_each(?))",
                                            (self._fields.cid, _json(values))), 0)  # fmt: skip
            case Term():
                return self._term(query)
            case Terms():
                return self._terms(query)
            case Range():
                return self._range(query)
            case Exists(path):
                return _presence(self._fields.leaves(path))
            case Prefix(path, value, insensitive):
                return self._pattern("prefix", path, value, None, insensitive)
            case Wildcard(path, value, insensitive):
                return self._pattern("wildcard", path, literal_prefix(value), value, insensitive)
            case MatchNone():
                return NO_ROWS
            case MatchAll() | Bool():
                return None

    def _term(self, query: Term) -> Rows:
        field = self._fields.field(query.field)
        if field is None:
            return NO_ROWS
        if query.case_insensitive:
            check_keyword("term", query.field, field.type, RUNNER)
            value = ascii_lower(text_of(query.value))
            return Rows("term", Fragment("{0}f = ? AND lower({0}v) = ?", (field.number, value)), 3)
        interval = equal_to("term", query.field, field.type, query.value, format=field.format, runner=RUNNER)
        return NO_ROWS if interval is None else _interval(field, interval)

    def _terms(self, query: Terms) -> Rows:
        field = self._fields.field(query.field)
        if field is None:
            return NO_ROWS
        values = one_of(query.field, field.type, query.values, format=field.format, runner=RUNNER)
        if len(values) == 1:
            (value,) = values
            return _interval(field, Interval(value, value))
        parameters = (field.number, _json(sorted(values)))
        return Rows("term", Fragment("{0}f = ? AND {0}v IN (SELECT value FROM json_each(?))", parameters), 2)

    def _range(self, query: Range) -> Rows:
        field = self._fields.field(query.field)
        if field is None:
            return NO_ROWS
        return _interval(field, inside(query, field.type, format=field.format, now=self._now, runner=RUNNER))

    def _pattern(self, clause: str, path: str, start: str, pattern: str | None, insensitive: bool) -> Rows:
        """Keywords that begin with `start` and, when there is one, match `pattern`."""
        field = self._fields.field(path)
        if field is None:
            return NO_ROWS
        check_keyword(clause, path, field.type, RUNNER)
        if insensitive:
            lowered = ascii_lower(glob(pattern if pattern is not None else f"{_escaped(start)}*"))
            return Rows("term", Fragment("{0}f = ? AND lower({0}v) GLOB ?", (field.number, lowered)), 4)
        parts = [Fragment("{0}f = ?", (field.number,))]
        if start:
            parts.append(Fragment("{0}v >= ?", (start,)))
            end = next_text(start)
            if end is not None:
                parts.append(Fragment("{0}v < ?", (end,)))
        if pattern is not None:
            parts.append(Fragment("{0}v GLOB ?", (glob(pattern),)))
        return Rows("term", joined("AND", parts), 3 if start else 5)


def conjuncts(query: Query) -> Iterable[Query]:
    """The queries that all have to match for `query` to match."""
    if not isinstance(query, Bool):
        yield query
        return
    for clause in (*query.must, *query.filter):
        yield from conjuncts(clause)
    if query.must_not:
        yield Bool(must_not=query.must_not)
    if needed := query.should_needed:
        if needed == 1 == len(query.should):
            yield from conjuncts(query.should[0])
        else:
            yield Bool(should=query.should, minimum_should_match=needed)


def conjunction(parts: Sequence[Fragment]) -> Fragment:
    """All of `parts`; true without any."""
    return joined("AND", [part for part in parts if part is not TRUE]) if parts else TRUE


def joined(operator: str, parts: Sequence[Fragment]) -> Fragment:
    """`parts` with `operator` between them, as a balanced tree: SQLite refuses expressions deeper than 1,000."""
    if not parts:
        return TRUE if operator == "AND" else FALSE
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left, right = joined(operator, parts[:half]), joined(operator, parts[half:])
    return Fragment(f"({left.sql} {operator} {right.sql})", left.parameters + right.parameters)


def _interval(field: FieldRef, interval: Interval) -> Rows:
    if interval.is_point:
        return Rows("term", Fragment("{0}f = ? AND {0}v = ?", (field.number, storable(interval.low))), 1, True)
    parts = [Fragment("{0}f = ?", (field.number,))]
    if interval.low is not None:
        operator = ">=" if interval.includes_low else ">"
        parts.append(Fragment(f"{{0}}v {operator} ?", (storable(interval.low),)))
    if interval.high is not None:
        operator = "<=" if interval.includes_high else "<"
        parts.append(Fragment(f"{{0}}v {operator} ?", (storable(interval.high),)))
    return Rows("term", joined("AND", parts), 7 - len(parts))


def _presence(leaves: Sequence[FieldRef]) -> Rows:
    if not leaves:
        return NO_ROWS
    numbers = tuple(leaf.number for leaf in leaves)
    return Rows("term", Fragment(f"{{0}}f IN ({', '.join('?' * len(numbers))})", numbers), 7)


def storable(value: Comparable | None) -> SqlValue:
    """`value` as a parameter: integers beyond 64 bits become floats, which compare the same way."""
    return float(value) if isinstance(value, int) and value not in INT64 else value


def _json(values: Sequence[Comparable | None]) -> str:
    return orjson.dumps([storable(value) for value in values]).decode()


def _escaped(text: str) -> str:
    """`text` as a wildcard pattern that matches nothing but itself."""
    return "".join(f"\\{character}" if character in "*?\\" else character for character in text)
