"""Compiler from the tree to a test of one document in memory, which says what Elasticsearch would say (design 6)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from device_manager.query.conversions import CONVERTERS, Convert, IndexValue, Refused, converter, text_of
from device_manager.query.fields import FieldType
from device_manager.query.geo import CHECKS
from device_manager.query.patterns import ascii_lower, expression
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
from device_manager.query.values import check_keyword, equal_to, inside, one_of

RUNNER = "matcher"
"""How errors name who cannot run a clause."""

Matcher = Callable[[str, dict[str, Any]], bool]
"""Takes the id and the source of a document."""

Test = Callable[[Any], bool]
Read = Callable[[Any], Iterator[IndexValue]]


def compile_matcher(query: Query, field_types: Mapping[str, FieldType], *, now: int = 0) -> Matcher:
    """Compile `query` to a function that tells whether a document matches.

    Any element of an array counts, objects inside arrays are flattened, null is no value, a field that is not mapped
    has none, and values compare as their type compares.

    Args:
        query: the query.
        field_types: the leaves of the mapping, see `fields.field_types`.
        now: what `now` means in date math, in milliseconds; 0 for the time of compilation.

    Raises:
        ApiError: 400, a clause does not go with the type of its field, or a value does not fit it.
    """
    return _Compiler(field_types, now).compile(query)


class _Compiler:
    def __init__(self, types: Mapping[str, FieldType], now: int) -> None:
        self._types = types
        self._now = now

    def compile(self, query: Query) -> Matcher:
        match query:
            case MatchAll():
                return lambda id, source: True
            case MatchNone():
                return _nothing
            case Ids(values):
                ids = frozenset(values)
                return lambda id, source: id in ids
            case Exists(path):
                return self._exists(path)
            case Bool():
                return self._bool(query)
            case Term() | Terms() | Range() | Prefix() | Wildcard():
                type = self._types.get(query.field)
                return _nothing if type is None else _any_value(type, self._test(query, type))

    def _test(self, query: Term | Terms | Range | Prefix | Wildcard, type: FieldType) -> Test:
        """The test of one value."""
        match query:
            case Term(case_insensitive=True):
                check_keyword("term", query.field, type.type, RUNNER)
                text = ascii_lower(text_of(query.value))
                return lambda value: ascii_lower(value) == text
            case Term(field, value):
                equal = equal_to("term", field, type.type, value, format=type.format, runner=RUNNER)
                return _nothing_equals if equal is None else equal.contains
            case Terms(field, values):
                points, intervals = one_of(field, type.type, values, format=type.format, runner=RUNNER)
                return lambda value: value in points or any(interval.contains(value) for interval in intervals)
            case Range():
                return inside(query, type.type, format=type.format, now=self._now, runner=RUNNER).contains
            case Prefix(field, value, insensitive):
                check_keyword("prefix", field, type.type, RUNNER)
                start = ascii_lower(value) if insensitive else value
                return lambda value: (ascii_lower(value) if insensitive else value).startswith(start)
            case Wildcard(field, value, insensitive):
                check_keyword("wildcard", field, type.type, RUNNER)
                pattern = expression(value, case_insensitive=insensitive)
                return lambda value: bool(pattern.fullmatch(ascii_lower(value) if insensitive else value))

    def _exists(self, path: str) -> Matcher:
        below = f"{path}."
        types = [type for name, type in self._types.items() if name == path or name.startswith(below)]
        if not types:
            return _nothing
        tests = [_any_value(type, lambda value: True) for type in types]
        return lambda id, source: any(test(id, source) for test in tests)

    def _bool(self, query: Bool) -> Matcher:
        needed = query.should_needed
        if needed > len(query.should):
            return _nothing
        required = [self.compile(clause) for clause in (*query.must, *query.filter)]
        refused = [self.compile(clause) for clause in query.must_not]
        optional = [self.compile(clause) for clause in query.should]

        def matches(id: str, source: dict[str, Any]) -> bool:
            return (
                all(test(id, source) for test in required)
                and not any(test(id, source) for test in refused)
                and (needed == 0 or sum(test(id, source) for test in optional) >= needed)
            )

        return matches


def _nothing(id: str, source: dict[str, Any]) -> bool:
    return False


def _nothing_equals(value: IndexValue) -> bool:
    return False


def _any_value(type: FieldType, test: Test) -> Matcher:
    path = tuple(type.source.split("."))
    read = _reader(type)

    def matches(id: str, source: dict[str, Any]) -> bool:
        return any(test(value) for leaf in _leaves_at(source, path) for value in read(leaf))

    return matches


def _leaves_at(source: dict[str, Any], path: tuple[str, ...]) -> Iterator[Any]:
    """What a document holds at the path of a leaf; names with dots stand for nested objects, as in mappings."""
    for length in range(1, len(path) + 1):
        name = ".".join(path[:length])
        if name not in source:
            continue
        if length == len(path):
            yield source[name]
        else:
            for inner in _elements(source[name]):
                if isinstance(inner, dict):
                    yield from _leaves_at(inner, path[length:])


def _reader(type: FieldType) -> Read:
    """The values that a field's leaf is compared as; what the mapping would have refused gives none."""
    if type.type in CHECKS:
        check = CHECKS[type.type]
        return lambda leaf: _converted(lambda value: 1 if check(value) else None, leaf)
    if type.type not in CONVERTERS:
        return lambda leaf: (1 for value in _elements(leaf) if value is not None)
    convert = converter(type.definition)
    takes_null = type.definition.get("null_value") is not None
    return lambda leaf: (
        found for value in _elements(leaf) if value is not None or takes_null for found in _converted(convert, value)
    )


def _elements(value: Any) -> Iterator[Any]:
    """The elements of an array, those of arrays in it included; what is no array is its own element."""
    if isinstance(value, list):
        for element in value:
            yield from _elements(element)
    else:
        yield value


def _converted(convert: Convert, value: Any) -> Iterator[IndexValue]:
    with contextlib.suppress(Refused):
        indexed = convert(value)
        if indexed is not None:
            yield indexed
