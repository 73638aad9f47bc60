"""Compiler from the tree to a test of one document in memory, which says what Elasticsearch would say (design 6)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from device_manager.query.conversions import CONVERTERS, Convert, IndexValue, Refused, converter, text_of
from device_manager.query.distances import is_inside, is_near
from device_manager.query.fields import FieldType
from device_manager.query.geo import CHECKS, Point, geo_points
from device_manager.query.patterns import ascii_lower, expression
from device_manager.query.polygons import is_within
from device_manager.query.refusals import not_run_by, wrong_field
from device_manager.query.regexp_clauses import compiled
from device_manager.query.tree import (
    Bool,
    Exists,
    GeoBox,
    GeoDistance,
    GeoPolygon,
    Ids,
    MatchAll,
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

RUNNER = "matcher"
"""How errors name who cannot run a clause."""

Matcher = Callable[[str, dict[str, Any]], bool]
"""Takes the id and the source of a document."""

LeafMatcher = tuple[tuple[str, ...], Callable[[str, Any], bool]]
"""A path, and a test that takes the id of a document and what it holds there."""

Tested = Words | Nested | GeoDistance | GeoBox | GeoPolygon
"""The clauses that look at one place of a document."""

Places = GeoDistance | GeoBox | GeoPolygon
"""The clauses about points."""

_PLACES = {GeoDistance: "geo_distance", GeoBox: "geo_bounding_box", GeoPolygon: "geo_polygon"}

Test = Callable[[Any], bool]
Read = Callable[[Any], Iterator[Any]]


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


def compile_leaf(query: Tested, field_types: Mapping[str, FieldType], *, now: int = 0) -> LeafMatcher | None:
    """The path at which a clause looks, and a test of id and value there; None when nothing can match.

    Raises:
        ApiError: what `compile_matcher` raises.
    """
    return _Compiler(field_types, now).at_leaf(query)


class _Compiler:
    """Compiles for one level: the root of documents, or the objects of a nested field at `base`."""

    def __init__(self, types: Mapping[str, FieldType], now: int, base: str = "") -> None:
        self._types = types
        self._now = now
        self._base = base
        self._words = WordFields(types, RUNNER)

    def compile(self, query: Query) -> Matcher:
        query = self._words.plain(query)
        match query:
            case MatchAll() | MatchNone():
                return _everything if isinstance(query, MatchAll) else _nothing
            case Ids(values):
                ids = frozenset(values)
                return lambda id, source: id in ids
            case Exists(path):
                return self._exists(path)
            case Bool():
                return self._bool(query)
            case Nested() | GeoDistance() | GeoBox() | GeoPolygon() | Words():
                return self._tested(query)
            case Term() | Terms() | Range() | Prefix() | Wildcard() | Regexp():
                type = self._types.get(query.field)
                if type is None or type.type == "nested":
                    return _nothing
                return self._any_value(type, self._test(query, type), reader(type))
        raise TypeError(query)

    def at_leaf(self, query: Tested) -> LeafMatcher | None:
        """The path at which a clause looks, and what it asks of the value there; None when nothing can match."""
        match query:
            case Nested():
                type = nested_type(self._types, query, RUNNER)
                if type is None:
                    return None
                matches = _Compiler(type.inner, self._now, f"{query.path}.").compile(query.query)
                return self._path(query.path), lambda id, leaf: any(
                    isinstance(inner, dict) and matches(id, inner) for inner in _elements(leaf)
                )
            case GeoDistance() | GeoBox() | GeoPolygon():
                type = geo_type(self._types, query, RUNNER)
                if type is None:
                    return None
                test = place_test(query)
                return self._path(type.source), lambda id, leaf: any(map(test, _points(leaf)))
            case Words(field, words, open_end):
                path = self._path(self._types[field].source)
                return path, lambda id, leaf: any(has_words(text, words, open_end) for text in _texts(leaf))

    def _tested(self, query: Tested) -> Matcher:
        found = self.at_leaf(query)
        if found is None:
            return _nothing
        path, test = found
        return lambda id, source: any(test(id, leaf) for leaf in leaves_at(source, path))

    def _path(self, source: str) -> tuple[str, ...]:
        """The path of a field from the objects of this level."""
        return tuple(source.removeprefix(self._base).split("."))

    def _any_value(self, type: FieldType, test: Test, read: Read) -> Matcher:
        path = self._path(type.source)

        def matches(id: str, source: dict[str, Any]) -> bool:
            return any(test(value) for leaf in leaves_at(source, path) for value in read(leaf))

        return matches

    def _test(self, query: Term | Terms | Range | Prefix | Wildcard | Regexp, type: FieldType) -> Test:
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
            case Regexp(field, value):
                check_keyword("regexp", field, type.type, RUNNER)
                return compiled(value)

    def _exists(self, path: str) -> Matcher:
        below = f"{path}."
        types = [
            type
            for name, type in self._types.items()
            if type.type != "nested" and (name == path or name.startswith(below))
        ]
        if not types:
            return _nothing
        tests = [self._any_value(type, lambda value: True, reader(type)) for type in types]
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


def _everything(id: str, source: dict[str, Any]) -> bool:
    return True


def _nothing(id: str, source: dict[str, Any]) -> bool:
    return False


def _nothing_equals(value: IndexValue) -> bool:
    return False


def nested_type(types: Mapping[str, FieldType], query: Nested, runner: str) -> FieldType | None:
    """The nested field that a clause names; None when it may be missing and is.

    Raises:
        ApiError: 400, the path is no nested field.
    """
    type = find_nested(types, query.path)
    if type is None and not query.ignore_unmapped:
        raise not_run_by(runner, f'the clause "nested" on "{query.path}", which is no field of type "nested"')
    return type


def find_nested(types: Mapping[str, FieldType], path: str) -> FieldType | None:
    """The nested field at `path`, also within others."""
    for name, type in types.items():
        if type.type == "nested":
            if name == path:
                return type
            if path.startswith(f"{name}."):
                return find_nested(type.inner, path)
    return None


def geo_type(types: Mapping[str, FieldType], query: Places, runner: str) -> FieldType | None:
    """The field of points that a clause names; None when it may be missing and is.

    Raises:
        ApiError: 400, the field holds no points.
    """
    clause = _PLACES[type(query)]
    field = types.get(query.field)
    if field is None:
        if query.ignore_unmapped:
            return None
        raise not_run_by(runner, f'the clause "{clause}" on the field "{query.field}", which is not mapped')
    if field.type != "geo_point":
        raise wrong_field(clause, query.field, field.type, runner)
    return field


def place_test(query: Places) -> Callable[[Point], bool]:
    """The test of one point."""
    match query:
        case GeoDistance():
            return partial(is_near, query)
        case GeoBox():
            return partial(is_inside, query)
        case GeoPolygon():
            return partial(is_within, query)


def _texts(leaf: Any) -> Iterable[str]:
    """The texts that the words of a field are found in."""
    return (leaf,) if leaf.__class__ is str else _texts_in(leaf)


def _texts_in(leaf: Any) -> Iterator[str]:
    for value in _elements(leaf):
        if value is not None:
            with contextlib.suppress(Refused):
                yield text_of(value)


def _points(leaf: Any) -> Iterator[Point]:
    with contextlib.suppress(Refused):
        yield from geo_points(leaf)


def leaves_at(source: dict[str, Any], path: tuple[str, ...]) -> Iterator[Any]:
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
                    yield from leaves_at(inner, path[length:])


def reader(type: FieldType) -> Read:
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
