"""Aggregations in the embedded store: level by level in SQL, over temporary tables of buckets (router-protocol 5.6).

The temporary tables are those of `query.sql`. A scope is a numbered run of buckets and the documents in each. Every
aggregation is computed for all buckets of its scope at once, so that the number of statements follows from the request
and not from the buckets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from device_manager.query.aggregations import MAX_BUCKETS
from device_manager.query.conditions import ConditionCompiler
from device_manager.query.date_texts import date_writer
from device_manager.query.dates import parse_date
from device_manager.query.field_values import Database, FieldValues
from device_manager.query.fields import FieldRef, FieldResolver
from device_manager.query.fragments import RUNNER, Fragment
from device_manager.query.instants import read_zone
from device_manager.query.ordering import order_by, sort_keys, sort_value
from device_manager.query.refusals import malformed, wrong_field, wrong_value
from device_manager.query.results import (
    Result,
    Row,
    histogram_result,
    hits_result,
    measured,
    terms_result,
    writer_of,
)
from device_manager.query.rounding import Rounding
from device_manager.query.search import (
    Aggregation,
    DateHistogram,
    FilterAggregation,
    Metric,
    TermsAggregation,
    TopHits,
)
from device_manager.query.source import filter_source
from device_manager.query.sql import sort_values
from device_manager.query.values import check_comparable


@dataclass(frozen=True, slots=True)
class Scope:
    """Buckets and their documents.

    Attributes:
        first: number of the first bucket.
        count: how many buckets there are.
        rows: a SELECT of `rid` and `b`.
        join: joins those of the documents `v.rid` as `s`; empty when every document of the collection is in the one
            bucket there is.
        bucket: the expression of the bucket's number beside the join.
    """

    first: int
    count: int
    rows: Fragment
    join: Fragment
    bucket: str


def every_document(cid: int) -> Scope:
    """One bucket with all documents of a collection."""
    return Scope(0, 1, Fragment("SELECT d.rid AS rid, 0 AS b FROM doc AS d WHERE d.cid = ?", (cid,)), Fragment(""), "0")


HITS = Scope(
    0,
    1,
    Fragment("SELECT rid, 0 AS b FROM temp.hit"),
    Fragment("CROSS JOIN temp.hit AS s ON s.rid = v.rid"),
    "0",
)
"""One bucket with the documents in `temp.hit`."""


def _noted(first: int, count: int) -> Scope:
    """Buckets in `temp.bucket`."""
    bounds = (first, first + count - 1)
    return Scope(
        first,
        count,
        Fragment("SELECT rid, b FROM temp.bucket WHERE b BETWEEN ? AND ?", bounds),
        Fragment("CROSS JOIN temp.bucket AS s ON s.rid = v.rid AND s.b BETWEEN ? AND ?", bounds),
        "s.b",
    )


class Aggregator:
    """Runs the aggregations of one search."""

    def __init__(
        self, fields: FieldResolver, database: Database, values: FieldValues, *, now: int = 0, index: str = ""
    ) -> None:
        self._fields = fields
        self._database = database
        self._now = now
        self._index = index
        self._numbered = 1
        self._buckets = 0
        self._values = values

    def results(self, aggregations: Mapping[str, Aggregation], scope: Scope) -> list[dict[str, Result]]:
        """The results by name, for each bucket of the scope in turn.

        Raises:
            ApiError: 400 that names the aggregation and the field, or when there would be too many buckets.
        """
        found = {name: self._one(aggregation, scope) for name, aggregation in aggregations.items()}
        return [{name: results[place] for name, results in found.items()} for place in range(scope.count)]

    def _one(self, aggregation: Aggregation, scope: Scope) -> list[Result]:
        match aggregation:
            case Metric():
                return self._metric(aggregation, scope)
            case TopHits():
                return self._top_hits(aggregation, scope)
            case TermsAggregation():
                return self._terms(aggregation, scope)
            case DateHistogram():
                return self._date_histogram(aggregation, scope)
            case FilterAggregation():
                return self._filters(aggregation, scope)

    def _metric(self, metric: Metric, scope: Scope) -> list[Result]:
        field = self._fields.field(metric.field)
        rows: dict[int, Row] = {}
        if field is not None:
            check_comparable(metric.kind, metric.field, field.type, RUNNER)
            if field.type == "keyword" and metric.kind not in ("value_count", "cardinality"):
                raise wrong_field(metric.kind, metric.field, field.type, RUNNER)
            values = self._values.of(metric.field, field)
            distinct = "count(DISTINCT v.v)" if metric.kind == "cardinality" else "0"
            sql = (
                f"SELECT {scope.bucket} AS b, count(*), min(v.v), max(v.v), total(v.v), {distinct} "
                f"FROM ({values.sql}) AS v {scope.join.sql} GROUP BY 1"
            )
            found = self._database.rows(Fragment(sql, values.parameters + scope.join.parameters), 6)
            rows = {row[0]: row[1:] for row in found}
        empty: Row = (0, None, None, 0.0, 0)
        write: Callable[[float], Any] | None = None
        if field is not None and field.type in ("date", "boolean"):
            # Elasticsearch gives truths as they are in `stats`, and as texts in all other metrics.
            write = bool if (metric.kind, field.type) == ("stats", "boolean") else writer_of(field)
        return [measured(metric, rows.get(scope.first + place, empty), write) for place in range(scope.count)]

    def _terms(self, aggregation: TermsAggregation, scope: Scope) -> list[Result]:
        field = self._fields.field(aggregation.field)
        if field is None:
            return [terms_result([], 0) for _ in range(scope.count)]
        check_comparable("terms aggregation", aggregation.field, field.type, RUNNER)
        values = self._values.of(aggregation.field, field)
        columns = {"_count": "n", "_key": "v"}
        order = ", ".join(f"{columns[key]} {direction}" for key, direction in aggregation.order)
        counted = (
            f"SELECT {scope.bucket} AS b, v.v AS v, count(*) AS n FROM ({values.sql}) AS v "
            f"{scope.join.sql} GROUP BY 1, 2"
        )
        ranked = (
            "SELECT b, v, n, sum(n) OVER (PARTITION BY b) AS whole, "
            f"row_number() OVER (PARTITION BY b ORDER BY {order}) AS place FROM ({counted})"
        )
        chosen = Fragment(
            f"SELECT b, v, n, whole, place FROM ({ranked}) WHERE place <= ?",
            (*values.parameters, *scope.join.parameters, aggregation.size),
        )
        rows, subs = self._choose(chosen, values, aggregation.aggregations, scope)
        buckets: dict[int, list[Result]] = defaultdict(list)
        wholes: dict[int, int] = {}
        write = writer_of(field) if field.type in ("boolean", "date") else None
        for (parent, value, count, whole), sub in zip(rows, subs, strict=True):
            bucket: Result = {"key": value, "doc_count": count}
            if write is not None:
                bucket["key_as_string"] = write(value)
            buckets[parent].append(bucket | sub)
            wholes[parent] = whole
        return [
            terms_result(buckets[number], wholes.get(number, 0))
            for number in range(scope.first, scope.first + scope.count)
        ]

    def _choose(
        self, chosen: Fragment, values: Fragment, aggregations: Mapping[str, Aggregation], scope: Scope
    ) -> tuple[Sequence[Row], list[dict[str, Result]]]:
        """Note the buckets that `chosen` selects as b, v, n, whole, place, and run what is inside them.

        Returns:
            Rows of the parent's number, value, count and whole in their order, and the results inside each.
        """
        first = self._numbered
        self._database.run(Fragment("DELETE FROM temp.chosen"))
        self._database.run(
            Fragment(
                "INSERT INTO temp.chosen (b, parent, v, n, whole) "
                f"SELECT ? + row_number() OVER (ORDER BY b, place), b, v, n, whole FROM ({chosen.sql}) LIMIT ?",
                (first - 1, *chosen.parameters, MAX_BUCKETS + 1),
            )
        )
        rows = self._database.rows(Fragment("SELECT parent, v, n, whole FROM temp.chosen ORDER BY b"), 4)
        self._count(len(rows))
        self._numbered += len(rows)
        if not aggregations or not rows:
            return rows, [{}] * len(rows)
        self._database.run(
            Fragment(
                "INSERT OR IGNORE INTO temp.bucket (rid, b) "
                f"SELECT v.rid, c.b FROM ({values.sql}) AS v {scope.join.sql} "
                f"CROSS JOIN temp.chosen AS c ON c.parent = {scope.bucket} AND c.v = v.v",
                values.parameters + scope.join.parameters,
            )
        )
        return rows, self.results(aggregations, _noted(first, len(rows)))

    def _count(self, buckets: int) -> None:
        self._buckets += buckets
        if self._buckets > MAX_BUCKETS:
            raise malformed("aggs", f"there are more than {MAX_BUCKETS} buckets: narrow the query or the aggregations")

    def _date_histogram(self, histogram: DateHistogram, scope: Scope) -> list[Result]:
        field = self._fields.field(histogram.field)
        if field is None:
            return [{"buckets": {} if histogram.keyed else []} for _ in range(scope.count)]
        if field.type != "date":
            raise wrong_field("date_histogram", histogram.field, field.type, RUNNER)
        rounding = Rounding(histogram)
        values = _rounded(self._values.of(histogram.field, field), rounding)
        counted = (
            f"SELECT {scope.bucket} AS b, v.v AS v, count(DISTINCT v.rid) AS n FROM ({values.sql}) AS v "
            f"{scope.join.sql} GROUP BY 1, 2"
        )
        chosen = Fragment(
            f"SELECT b, v, n, 0 AS whole, v AS place FROM ({counted})", values.parameters + scope.join.parameters
        )
        rows, subs = self._choose(chosen, values, histogram.aggregations, scope)
        buckets: dict[int, dict[int, Result]] = defaultdict(dict)
        for (parent, start, count, _), sub in zip(rows, subs, strict=True):
            buckets[parent][start] = {"key": start, "doc_count": count, **sub}
        filled = self._fill(histogram, field, rounding, [buckets[scope.first + at] for at in range(scope.count)])
        write = date_writer(histogram.format or field.format, read_zone(histogram.time_zone))
        return [histogram_result(histogram, found, write) for found in filled]

    def _fill(
        self, histogram: DateHistogram, field: FieldRef, rounding: Rounding, found: list[dict[int, Result]]
    ) -> list[dict[int, Result]]:
        """Add the empty stretches between others, or leave those out that hold too few documents."""
        least = histogram.min_doc_count
        if least:
            return [{start: b for start, b in buckets.items() if b["doc_count"] >= least} for buckets in found]
        bounds = _bounds(histogram, field, rounding, self._now)
        nothing = self._nothing(histogram.aggregations)
        filled = []
        for buckets in found:
            starts = [*buckets, *(bound for bound in bounds if bound is not None)]
            start, last = min(starts, default=1), max(starts, default=0)
            whole: dict[int, Result] = {}
            while start <= last:
                if start not in buckets:
                    self._count(1)
                whole[start] = buckets.get(start) or {"key": start, "doc_count": 0, **nothing}
                start = rounding.next(start)
            filled.append(whole)
        return filled

    def _nothing(self, aggregations: Mapping[str, Aggregation]) -> dict[str, Result]:
        """The results inside a bucket without documents."""
        first = self._numbered
        self._numbered += 1
        return self.results(aggregations, _noted(first, 1))[0] if aggregations else {}

    def _filters(self, aggregation: FilterAggregation, scope: Scope) -> list[Result]:
        each = [self._filtered(query, scope, aggregation.aggregations) for _, query in aggregation.filters]
        by_bucket = list(zip(*each, strict=True)) if each else [()] * scope.count
        names = [name for name, _ in aggregation.filters]
        if aggregation.form == "one":
            return [results[0] for results in by_bucket]
        if aggregation.form == "listed":
            return [{"buckets": list(results)} for results in by_bucket]
        return [{"buckets": dict(zip(names, results, strict=True))} for results in by_bucket]

    def _filtered(self, query: Any, scope: Scope, aggregations: Mapping[str, Aggregation]) -> list[Result]:
        first = self._numbered
        self._numbered += scope.count
        self._count(scope.count)
        matching = ConditionCompiler(self._fields, self._now).select(query)
        self._database.run(
            Fragment(
                f"INSERT INTO temp.bucket (rid, b) SELECT s.rid, s.b + ? FROM ({scope.rows.sql}) AS s "
                f"WHERE s.rid IN ({matching.sql})",
                (first - scope.first, *scope.rows.parameters, *matching.parameters),
            )
        )
        inside = _noted(first, scope.count)
        counted = Fragment(f"SELECT b, count(*) FROM ({inside.rows.sql}) GROUP BY b", inside.rows.parameters)
        counts = {row[0]: row[1] for row in self._database.rows(counted, 2)}
        subs = self.results(aggregations, inside) if aggregations else [{}] * scope.count
        return [{"doc_count": counts.get(first + place, 0), **subs[place]} for place in range(scope.count)]

    def _top_hits(self, top: TopHits, scope: Scope) -> list[Result]:
        keys = sort_keys(top.sort, self._fields)
        found = sort_values(keys, " AND t.rid IN (SELECT rid FROM h)")
        shown = "".join(f", s{place}" for place in range(len(keys)))
        ranked = (
            f"SELECT p.b AS b, f.hit AS hit{shown}, row_number() OVER (PARTITION BY p.b ORDER BY {order_by(keys)}) AS "
            "place FROM p CROSS JOIN found AS f ON f.hit = p.rid"
        )
        source = "json(doc.source)" if top.source.enabled else "NULL"
        statement = Fragment(
            f"WITH p(rid, b) AS MATERIALIZED ({scope.rows.sql}), h(rid) AS MATERIALIZED (SELECT DISTINCT rid FROM p), "
            f"found AS MATERIALIZED ({found.sql}) "
            f"SELECT r.b, doc.id, {source}{shown} FROM ({ranked}) AS r CROSS JOIN doc ON doc.rid = r.hit "
            "WHERE r.place > ? AND r.place <= ? ORDER BY r.b, r.place",
            (*scope.rows.parameters, *found.parameters, top.offset, top.offset + top.size),
        )
        counted = Fragment(f"SELECT b, count(*) FROM ({scope.rows.sql}) GROUP BY b", scope.rows.parameters)
        counts = {row[0]: row[1] for row in self._database.rows(counted, 2)}
        scored = not keys or any(key.field == "_score" for key in keys)
        hits: dict[int, list[Result]] = defaultdict(list)
        for number, id, text, *values in self._database.rows(statement, 3 + len(keys)):
            hit: Result = {"_index": self._index, "_id": id, "_score": 1.0 if scored else None}
            if text is not None:
                hit["_source"] = filter_source(orjson.loads(text), top.source)
            if keys:
                hit["sort"] = [sort_value(key, value) for key, value in zip(keys, values, strict=True)]
            hits[number].append(hit)
        return [
            hits_result(counts.get(number, 0), hits[number], scored)
            for number in range(scope.first, scope.first + scope.count)
        ]


def _rounded(values: Fragment, rounding: Rounding) -> Fragment:
    """Documents with the begins of the stretches that their dates are in, as `rid` and `v`."""
    if rounding.steps is None:
        return Fragment(
            f"SELECT rounded(?, d.v) AS v, d.rid AS rid FROM ({values.sql}) AS d", (rounding.start, *values.parameters)
        )
    origin, step = rounding.steps
    return Fragment(
        f"SELECT d.v - ((d.v - ?) % ? + ?) % ? AS v, d.rid AS rid FROM ({values.sql}) AS d",
        (origin, step, step, step, *values.parameters),
    )


def _bounds(histogram: DateHistogram, field: FieldRef, rounding: Rounding, now: int) -> tuple[int | None, int | None]:
    """The begins of the first and the last stretch to show at least."""
    found: list[int | None] = []
    for bound in histogram.bounds or (None, None):
        try:
            format, zone = histogram.format or field.format, histogram.time_zone
            millis = None if bound is None else parse_date(bound, format=format, time_zone=zone, now=now)
        except (ValueError, OverflowError) as error:
            raise wrong_value(histogram.field, "date", bound) from error
        found.append(None if millis is None else rounding.start(millis))
    return found[0], found[1]
