"""Sort keys in SQL: their order, and what comes after the last hit of a page (router-protocol 5.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_manager.query.conversions import number_of, single, text_of, truth_of
from device_manager.query.dates import parse_date
from device_manager.query.fields import FieldResolver
from device_manager.query.fragments import RUNNER, Fragment, SqlValue, joined, storable
from device_manager.query.missing import missing_value
from device_manager.query.refusals import malformed, wrong_value
from device_manager.query.search import POSITION, Sort
from device_manager.query.tree import Scalar
from device_manager.query.values import INTEGERS, check_comparable

OWN_TYPES = {"_id": "keyword", "_score": "double", POSITION: "long"}
"""Types of the sort keys that are no fields."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """A sort key with what the collection knows of its field.

    Attributes:
        sort: the key as asked for.
        number: the field number; None for `_id`, `_score`, `POSITION` and fields that are not mapped.
        type: type of the field; `keyword` for `_id`, `double` for `_score`, `long` for `POSITION`.
        format: date format of the field.
    """

    sort: Sort
    number: int | None
    type: str
    format: str | None = None

    @property
    def field(self) -> str:
        """The path of the field."""
        return self.sort.field


def sort_keys(sort: Sequence[Sort], fields: FieldResolver) -> tuple[SortKey, ...]:
    """Look the sort keys up.

    Raises:
        ApiError: 400 for a field that is not mapped or whose type has no order.
    """
    return tuple(_sort_key(key, fields) for key in sort)


def _sort_key(key: Sort, fields: FieldResolver) -> SortKey:
    if key.field in OWN_TYPES:
        return SortKey(key, None, OWN_TYPES[key.field])
    field = fields.field(key.field)
    if field is not None:
        check_comparable("sort", key.field, field.type, RUNNER)
        return SortKey(key, field.number, field.type, field.format)
    if key.unmapped_type is None:
        raise malformed("sort", f'the field "{key.field}" is not mapped; give unmapped_type to sort all the same')
    return SortKey(key, None, key.unmapped_type)


def order_by(keys: Sequence[SortKey]) -> str:
    """The ORDER BY terms over columns `s0`, `s1`...; equal hits come in the order of their creation, by `hit`."""
    terms = []
    for place, key in enumerate(keys):
        terms.append(f"s{place} IS {'NOT ' if key.sort.missing == '_first' else ''}NULL")
        terms.append(f"s{place} {key.sort.order}")
    return ", ".join([*terms, "hit"])


def after(keys: Sequence[SortKey], values: Sequence[Scalar] | None) -> Fragment:
    """The condition over `s0`, `s1`... that a hit comes after the one with these sort values.

    Raises:
        ApiError: 400, a value does not fit its field.
    """
    if values is None:
        return Fragment("1")
    choices: list[Fragment] = []
    equal: list[Fragment] = []
    for place, (key, value) in enumerate(zip(keys, values, strict=True)):
        cursor = _cursor(key, value)
        choices.append(joined("AND", [*equal, _beyond(f"s{place}", key.sort, cursor)]))
        equal.append(Fragment(f"s{place} IS ?", (cursor,)))
    return joined("OR", choices)


def _beyond(column: str, sort: Sort, cursor: SqlValue) -> Fragment:
    if cursor is None:
        return Fragment("0" if sort.missing == "_last" else f"{column} IS NOT NULL")
    operator = ">" if sort.order == "asc" else "<"
    comparison = f"{column} {operator} ?"
    return Fragment(f"({comparison} OR {column} IS NULL)" if sort.missing == "_last" else comparison, (cursor,))


def _cursor(key: SortKey, value: Scalar) -> SqlValue:
    """A value of `search_after` as the column holds it; None stands for a missing value.

    Clients send what `sort` of a hit said, or what they read in its source.
    """
    if value is None or value == missing_value(key.sort, key.type):
        return None
    try:
        if key.type == "date":
            return parse_date(value, format=key.format) if isinstance(value, str) else int(number_of(key.type, value))
        if key.type == "boolean":
            return truth_of(value) if isinstance(value, str) else int(value)
        if key.type == "keyword":
            return text_of(value)
        number = number_of(key.type, value)
        if key.type in INTEGERS:
            return storable(int(number))
        return single(number) if key.type == "float" else float(number)
    except (ValueError, OverflowError) as error:
        raise wrong_value(key.field, key.type, value) from error


def sort_value(key: SortKey, value: SqlValue) -> Scalar:
    """A value of the column as a hit shows it, which is how Elasticsearch shows it."""
    if value is None:
        return missing_value(key.sort, key.type)
    if key.type == "float" and isinstance(value, float):
        return shortest_single(value)
    return value


def shortest_single(value: float) -> float:
    """The number with the fewest digits that 32 bits round to `value`."""
    for digits in range(1, 9):
        short = float(f"{value:.{digits}g}")
        if single(short) == value:
            return short
    return value
