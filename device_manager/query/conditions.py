"""Compiler from the tree to SQL conditions over the inverted table of the embedded store (design 6, its `term` table).

Every value is a parameter. Conditions speak of `d.rid`, the row under test, and never are NULL. A conjunction is driven
by the clause that promises the fewest rows; single values among the others become look-ups in the primary key, ranges
become sets that SQLite builds once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeGuard

from device_manager.query.conversions import text_of
from device_manager.query.fields import FieldRef, FieldResolver
from device_manager.query.fragments import FALSE, RUNNER, TRUE, Fragment, conjunction, joined, storable
from device_manager.query.matcher import Tested
from device_manager.query.patterns import ascii_lower, glob, literal_prefix, next_text
from device_manager.query.refusals import malformed
from device_manager.query.regexp_clauses import compiled
from device_manager.query.rows import (
    NO_ROWS,
    Rows,
    from_term,
    interval_rows,
    json_list,
    points,
    presence,
    tested_values,
    union,
)
from device_manager.query.source_tests import SourceTest, likely_value, source_test
from device_manager.query.tree import (
    Bool,
    Exists,
    GeoBox,
    GeoDistance,
    GeoPolygon,
    Ids,
    MatchNone,
    Nested,
    Prefix,
    Query,
    Range,
    Regexp,
    Term,
    Terms,
    Wildcard,
    Words,
)
from device_manager.query.values import check_keyword, equal_to, inside, one_of
from device_manager.query.words import WordFields, has_words

FEW = 8
"""Clauses up to which looking each of them up for every candidate beats collecting what they find."""

TESTED = 8
"""The rank of what is found by looking at documents."""

MAX_SELECTS = 450
"""SELECTs in the conditions of one query: SQLite takes 500 in one UNION ALL, and 2,000 in a statement that uses the
conditions several times."""


class ConditionCompiler:
    """Compiles the queries of one search in one collection."""

    def __init__(self, fields: FieldResolver, now: int) -> None:
        self._fields = fields
        self._now = now
        self._words = WordFields(fields.types, RUNNER)
        self._found: dict[int, tuple[Query, Rows | None]] = {}
        self._plain: dict[int, tuple[Query, Query]] = {}
        self._tests: dict[int, tuple[Query, SourceTest | None]] = {}

    def select(self, query: Query, *, in_order: bool = False) -> Fragment:
        """A SELECT of the rids that match, each once; with `in_order` it yields them best in ascending order."""
        hits = self._select(*self._driver(list(conjuncts(self.plain(query))), in_order=in_order), in_order=in_order)
        if hits.sql.count("SELECT") > MAX_SELECTS:
            raise malformed("query", f"the {RUNNER} cannot run this many different clauses at once")
        return hits

    def _select(self, driver: Rows | None, rest: Sequence[Query], *, in_order: bool = False) -> Fragment:
        if driver is None:
            table = "doc"
            if in_order:
                where = Fragment("d.rid BETWEEN ? AND ?", self._fields.rids)
            else:  # the index on cid and id is all that this reads
                where = Fragment("d.cid = ?", (self._fields.cid,))
        elif driver.point is not None:
            table, where = "term", Fragment("d.f = ? AND d.v = ?", driver.point)
        else:
            table, where = f"(SELECT DISTINCT rid FROM ({driver.select.sql}))", TRUE
        condition = conjunction([where, *(self.condition(part) for part in rest)])
        sql = f"SELECT d.rid AS rid FROM {table} AS d WHERE {condition.sql}"
        first = driver.select.parameters if driver is not None and driver.point is None else ()
        return Fragment(sql, first + condition.parameters)

    def plain(self, query: Query) -> Query:
        """The query without clauses that others say as well, such as `match` on a keyword."""
        known = self._plain.get(id(query))
        if known is None:  # kept with the query, so that its id stays its own
            known = self._plain[id(query)] = query, self._made_plain(query)
        return known[1]

    def _made_plain(self, query: Query) -> Query:
        query = self._words.plain(query)
        if not isinstance(query, Bool):
            return query
        return replace(
            query,
            must=tuple(map(self.plain, query.must)),
            filter=tuple(map(self.plain, query.filter)),
            should=tuple(map(self.plain, query.should)),
            must_not=tuple(map(self.plain, query.must_not)),
        )

    def _driver(self, parts: list[Query], *, in_order: bool = False) -> tuple[Rows | None, list[Query]]:
        """The most selective leaf among `parts`, and the other parts; in order no documents are tested in advance."""
        leaves = [
            (rows.rank, place, rows)
            for place, part in enumerate(parts)
            if (rows := self._rows(part)) and not (in_order and rows.rank == TESTED)
        ]
        if not leaves:
            return None, parts
        _, place, rows = min(leaves, key=lambda leaf: leaf[:2])
        return rows, parts[:place] + parts[place + 1 :]

    def condition(self, query: Query) -> Fragment:
        """The condition on `d.rid`."""
        if self._is_tested(query):
            test = self._test(query)
            return FALSE if test is None else test.condition("d.rid")
        rows = self._rows(query)
        if rows is NO_ROWS:
            return FALSE
        if rows is None:
            return self._bool(query) if isinstance(query, Bool) else TRUE
        if rows.rank == TESTED and isinstance(query, Bool):
            return self._bool(query)  # tests the candidates only
        if rows.point is not None:
            return Fragment("EXISTS (SELECT 1 FROM term AS t WHERE t.f = ? AND t.v = ? AND t.rid = d.rid)", rows.point)
        return Fragment(f"d.rid IN ({rows.select.sql})", rows.select.parameters)

    def _bool(self, query: Bool) -> Fragment:
        parts = [self.condition(clause) for clause in (*query.must, *query.filter)]
        parts += [Fragment(f"NOT {part.sql}", part.parameters) for part in self._refused(query.must_not)]
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

    def _refused(self, clauses: Sequence[Query]) -> list[Fragment]:
        """Conditions of which none may hold: one for many clauses that an index answers."""
        rows = self._either(clauses) if len(clauses) > FEW else None
        if rows is not None:
            return [Fragment(f"d.rid IN ({rows.select.sql})", rows.select.parameters)]
        return [self.condition(clause) for clause in clauses]

    def _rows(self, query: Query) -> Rows | None:
        """What a clause finds by index; None for every document and for clauses that no index answers."""
        known = self._found.get(id(query))
        if known is None:  # kept with the query, so that its id stays its own; else each level of bools would double
            rows = self._conjunction_rows(query) if isinstance(query, Bool) else self._leaf(query)
            known = self._found[id(query)] = query, rows
        return known[1]

    def _conjunction_rows(self, query: Bool) -> Rows | None:
        parts = list(conjuncts(query))
        if len(parts) == 1 and isinstance(parts[0], Bool):
            return self._either(parts[0].should) if parts[0].should_needed == 1 else None
        driver, rest = self._driver(parts)
        if driver is None or not rest:
            return driver
        return Rows(self._select(driver, rest), driver.rank)

    def _either(self, choices: Sequence[Query]) -> Rows | None:
        """What any of several clauses finds, when an index answers each of them."""
        found: list[Rows] = []
        for clause in choices:
            rows = self._rows(clause)
            if rows is None:
                return None
            if rows is not NO_ROWS:
                found.append(rows)
        return union(found) if found else None

    def _leaf(self, query: Query) -> Rows | None:
        match query:
            case Ids(values):
                sql = "SELECT t.rid AS rid FROM doc AS t WHERE t.cid = ? AND t.id IN (SELECT value FROM json_each(?))"
                return Rows(Fragment(sql, (self._fields.cid, json_list(values))), 0)
            case Term():
                return self._term(query)
            case Terms():
                return self._terms(query)
            case Range():
                return self._range(query)
            case Exists(path):
                return presence(self._fields.leaves(path))
            case Prefix() | Wildcard() | Regexp():
                return self._text_pattern(query)
            case MatchNone():
                return NO_ROWS
            case Words() | Nested() | GeoDistance() | GeoBox() | GeoPolygon():
                return self._tested(query) if self._is_tested(query) else self._keyword_words(query)
        return None

    def _is_tested(self, query: Query) -> TypeGuard[Tested]:
        """Whether documents have to be looked at."""
        return isinstance(query, Nested | GeoDistance | GeoBox | GeoPolygon) or (
            isinstance(query, Words) and self._keyword_below(query.field) is None
        )

    def _keyword_below(self, path: str) -> FieldRef | None:
        """The keyword whose values are those of the text multi-field at `path`."""
        field, main = self._fields.field(path), self._fields.field(self._fields.types[path].source)
        if field is None or main is None or main.type != "keyword":
            return None
        return main if main.number == field.number else None

    def _test(self, query: Tested) -> SourceTest | None:
        known = self._tests.get(id(query))
        if known is None:
            known = self._tests[id(query)] = query, source_test(query, self._fields.types, self._now)
        return known[1]

    def _tested(self, query: Tested) -> Rows | None:
        test = self._test(query)
        if test is None:
            return NO_ROWS
        field = None if test.path is None else self._fields.field(test.path)
        if field is None:
            return None
        sql = (
            "SELECT t.rid AS rid FROM term AS t CROSS JOIN doc AS s ON s.rid = t.rid "
            f"WHERE t.f = ? AND {test.likely.sql} AND {test.holds.sql}"
        )
        return Rows(Fragment(sql, (field.number, *test.likely.parameters, *test.holds.parameters)), TESTED)

    def _keyword_words(self, query: Tested) -> Rows:
        """Each distinct value of the keyword is looked at once."""
        assert isinstance(query, Words)  # noqa: S101  # everything else is tested
        field = self._keyword_below(query.field)
        assert field is not None  # noqa: S101  # otherwise documents are tested
        words, open_end = query.words, query.open_end
        likely = likely_value(max(words, key=len), Fragment("v"))
        return tested_values(field, likely, lambda text: has_words(text, words, open_end))

    def _text_pattern(self, query: Prefix | Wildcard | Regexp) -> Rows:
        match query:
            case Prefix(path, value, insensitive):
                return self._pattern("prefix", path, value, None, insensitive)
            case Wildcard(path, value, insensitive):
                return self._pattern("wildcard", path, literal_prefix(value), value, insensitive)
            case Regexp(path, value):
                return self._regexp(path, value)

    def _regexp(self, path: str, pattern: str) -> Rows:
        field = self._fields.field(path)
        if field is None:
            return NO_ROWS
        check_keyword("regexp", path, field.type, RUNNER)
        return tested_values(field, TRUE, compiled(pattern))

    def _term(self, query: Term) -> Rows:
        field = self._fields.field(query.field)
        if field is None:
            return NO_ROWS
        if query.case_insensitive:
            check_keyword("term", query.field, field.type, RUNNER)
            value = ascii_lower(text_of(query.value))
            return from_term(Fragment("t.f = ? AND lower(t.v) = ?", (field.number, value)), 4)
        interval = equal_to("term", query.field, field.type, query.value, format=field.format, runner=RUNNER)
        return NO_ROWS if interval is None else interval_rows(field, interval)

    def _terms(self, query: Terms) -> Rows:
        field = self._fields.field(query.field)
        if field is None:
            return NO_ROWS
        values, intervals = one_of(query.field, field.type, query.values, format=field.format, runner=RUNNER)
        found = [interval_rows(field, interval) for interval in intervals]
        if values:
            found.append(points(field.number, [storable(value) for value in sorted(values)]))
        return union(found) if found else NO_ROWS

    def _range(self, query: Range) -> Rows:
        field = self._fields.field(query.field)
        if field is None:
            return NO_ROWS
        return interval_rows(field, inside(query, field.type, format=field.format, now=self._now, runner=RUNNER))

    def _pattern(self, clause: str, path: str, start: str, pattern: str | None, insensitive: bool) -> Rows:
        """Keywords that begin with `start` and, when there is one, match `pattern`."""
        field = self._fields.field(path)
        if field is None:
            return NO_ROWS
        check_keyword(clause, path, field.type, RUNNER)
        if insensitive:
            lowered = ascii_lower(glob(pattern if pattern is not None else f"{_escaped(start)}*"))
            return from_term(Fragment("t.f = ? AND lower(t.v) GLOB ?", (field.number, lowered)), 5)
        parts = [Fragment("t.f = ?", (field.number,))]
        if start:
            parts.append(Fragment("t.v >= ?", (start,)))
            end = next_text(start)
            if end is not None:
                parts.append(Fragment("t.v < ?", (end,)))
        if pattern is not None:
            parts.append(Fragment("t.v GLOB ?", (glob(pattern),)))
        return from_term(joined("AND", parts), 3 if start else 5)


def conjuncts(query: Query) -> Iterable[Query]:
    """The queries that all have to match for `query` to match."""
    if not isinstance(query, Bool):
        yield query
        return
    for clause in (*query.must, *query.filter):
        yield from conjuncts(clause)
    if query.must_not:
        yield Bool(must_not=query.must_not)
    needed = query.should_needed
    if needed > len(query.should):
        yield MatchNone()
    elif needed == len(query.should):
        for clause in query.should:
            yield from conjuncts(clause)
    elif needed:
        yield Bool(should=query.should, minimum_should_match=needed)


def _escaped(text: str) -> str:
    """`text` as a wildcard pattern that matches nothing but itself."""
    return "".join(f"\\{character}" if character in "*?\\" else character for character in text)
