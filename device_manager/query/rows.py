"""What a clause finds by the inverted table of the embedded store, as SELECTs that other clauses build upon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import orjson

from device_manager.query.fields import FieldRef
from device_manager.query.fragments import Fragment, SqlValue, storable
from device_manager.query.values import Interval


@dataclass(frozen=True, slots=True)
class Rows:
    """What a clause finds by index.

    Attributes:
        select: a SELECT of `rid`; one may come several times unless `point` is set.
        rank: the lower, the fewer rows it promises.
        point: field number and value when it is all documents with one value of one field.
        interval: field number and values when it is all documents with a value between bounds.
    """

    select: Fragment
    rank: int
    point: tuple[int, SqlValue] | None = None
    interval: tuple[int, Interval] | None = None


NO_ROWS = Rows(Fragment("SELECT NULL AS rid WHERE 0"), 0)


def from_term(where: Fragment, rank: int) -> Rows:
    """What a condition on `t`, a row of `term`, finds."""
    return Rows(Fragment(f"SELECT t.rid AS rid FROM term AS t WHERE {where.sql}", where.parameters), rank)


def points(number: int, values: Sequence[SqlValue]) -> Rows:
    """Documents with one of some values of a field."""
    if len(values) > 1:
        return from_term(
            Fragment("t.f = ? AND t.v IN (SELECT value FROM json_each(?))", (number, json_list(values))), 2
        )
    point = (number, values[0])
    return Rows(from_term(Fragment("t.f = ? AND t.v = ?", point), 1).select, 1, point)


def tested_values(field: FieldRef, likely: Fragment, test: Callable[[str], bool]) -> Rows:
    """Documents with a keyword that passes a test; each distinct value for which `likely` holds is tested once."""
    # Without its limit SQLite would move the test into the inner SELECT, to values that are not distinct.
    values = f"SELECT DISTINCT v FROM term WHERE f = ? AND {likely.sql} LIMIT -1"
    return from_term(
        Fragment(
            f"t.f = ? AND t.v IN (SELECT v FROM ({values}) WHERE has_value(?, v))",
            (field.number, field.number, *likely.parameters, test),
        ),
        5,
    )


def interval_rows(field: FieldRef, interval: Interval) -> Rows:
    """Documents with a value of a field inside an interval."""
    if interval.is_point:
        return points(field.number, [storable(interval.low)])
    bounds = [bound for bound in (interval.low, interval.high) if bound is not None]
    condition = " AND ".join(["t.f = ?", *_bounds(interval, "?", "?")])
    rows = from_term(Fragment(condition, (field.number, *map(storable, bounds))), 6 - len(bounds))
    return replace(rows, interval=(field.number, interval))


def _bounds(interval: Interval, low: str, high: str) -> list[str]:
    """The conditions on `t.v`; `low` and `high` are expressions."""
    conditions = []
    if interval.low is not None:
        conditions.append(f"t.v {'>=' if interval.includes_low else '>'} {low}")
    if interval.high is not None:
        conditions.append(f"t.v {'<=' if interval.includes_high else '<'} {high}")
    return conditions


def presence(leaves: Sequence[FieldRef]) -> Rows:
    """Documents with a value of one of some leaves."""
    if not leaves:
        return NO_ROWS
    numbers = tuple(leaf.number for leaf in leaves)
    return from_term(Fragment(f"t.f IN ({', '.join('?' * len(numbers))})", numbers), 7)


def union(found: Sequence[Rows]) -> Rows:
    """What any of `found` finds; values and intervals of one field become one list, so that one SELECT finds them."""
    if len(found) == 1:
        return found[0]
    values: dict[int, list[SqlValue]] = {}
    intervals: dict[tuple[int, tuple[str, ...]], list[Interval]] = {}
    selects: list[Fragment] = []
    for rows in found:
        if rows.point is not None:
            values.setdefault(rows.point[0], []).append(rows.point[1])
        elif rows.interval is not None:
            number, interval = rows.interval
            bounds = _bounds(interval, "r.value ->> 0", "r.value ->> 1")
            intervals.setdefault((number, tuple(bounds)), []).append(interval)
        else:
            selects.append(rows.select)
    selects += [points(number, listed).select for number, listed in values.items()]
    for (number, conditions), listed_intervals in intervals.items():
        pairs = [[storable(interval.low), storable(interval.high)] for interval in listed_intervals]
        where = " AND ".join(["t.f = ?", *conditions])
        sql = f"SELECT t.rid AS rid FROM json_each(?) AS r CROSS JOIN term AS t WHERE {where}"
        selects.append(Fragment(sql, (orjson.dumps(pairs).decode(), number)))
    sql = " UNION ALL ".join(select.sql for select in selects)
    parameters = tuple(value for select in selects for value in select.parameters)
    return Rows(Fragment(sql, parameters), max(2, *(rows.rank for rows in found)))


def json_list(values: Sequence[SqlValue]) -> str:
    """Values as one parameter, for `json_each`."""
    return orjson.dumps(values).decode()
