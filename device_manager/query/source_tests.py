"""Clauses that the embedded store answers from documents: texts without a keyword, nested objects, points.

Nothing of these is indexed beyond presence, so that writing costs nothing. The matcher decides on what stands at the
path of the clause; an expression that SQLite evaluates by itself comes first and passes over most documents that cannot
match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from device_manager.query.conversions import text_of
from device_manager.query.distances import MARGIN_DEGREES
from device_manager.query.fields import FieldType
from device_manager.query.fragments import TRUE, Fragment, joined
from device_manager.query.matcher import Tested, compile_leaf, compile_matcher, find_nested
from device_manager.query.polygons import box_of
from device_manager.query.tree import Bool, GeoBox, GeoDistance, GeoPolygon, Nested, Query, Term, Words

TextTest = Callable[[str, str | None], bool]
"""Takes the id of a document and JSON text."""

MAX_EXTRACTED_DEPTH = 2
"""Longest path that is looked up before the document is parsed; a longer one can be spelt in many ways."""


@dataclass(frozen=True, slots=True)
class SourceTest:
    """The test of one clause.

    Attributes:
        likely: a condition on `s.source` that holds for every document that matches.
        holds: the condition on `s.id` and `s.source` that decides.
        path: the field that has a value in every document that matches; None where presence is not indexed.
    """

    likely: Fragment
    holds: Fragment
    path: str | None

    def condition(self, row: str) -> Fragment:
        """The condition on the document of `row`."""
        return Fragment(
            f"EXISTS (SELECT 1 FROM doc AS s WHERE s.rid = {row} AND {self.likely.sql} AND {self.holds.sql})",
            self.likely.parameters + self.holds.parameters,
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a document holds a value, for SQL: `path` is exact for the documents that `is_plain` holds for."""

    path: str
    is_plain: Fragment

    @classmethod
    def of(cls, names: tuple[str, ...]) -> _Place | None:
        """None for a place that cannot be looked up."""
        if len(names) > MAX_EXTRACTED_DEPTH or any('"' in name or "\\" in name for name in names):
            return None
        path = "$" + "".join(f'."{name}"' for name in names)
        if len(names) == 1:
            return cls(path, TRUE)
        plain = "(ifnull(json_type(s.source, ?), 'object') = 'object' AND json_type(s.source, ?) IS NULL)"
        return cls(path, Fragment(plain, (f'$."{names[0]}"', f'$."{".".join(names)}"')))

    def choose(self, there: Fragment, otherwise: Fragment) -> Fragment:
        """`there` for documents whose value stands at the path, `otherwise` for all others."""
        if self.is_plain is TRUE:
            return there
        return Fragment(
            f"CASE WHEN {self.is_plain.sql} THEN {there.sql} ELSE {otherwise.sql} END",
            self.is_plain.parameters + there.parameters + otherwise.parameters,
        )


def source_test(query: Tested, types: Mapping[str, FieldType], now: int) -> SourceTest | None:
    """How to test documents for a clause; None when it finds nothing because its field is missing.

    Raises:
        ApiError: 400, the field cannot be asked this.
    """
    found = compile_leaf(query, types, now=now)
    if found is None:
        return None
    names, at_leaf = found
    matches = compile_matcher(query, types, now=now)
    whole = Fragment("has_source(?, s.id, json(s.source))", (_on_json(matches),))
    place = _Place.of(names)
    holds = whole
    if place is not None:
        holds = place.choose(Fragment("has_source(?, s.id, s.source -> ?)", (_on_json(at_leaf), place.path)), whole)
    match query:
        case Words(field, words):
            return SourceTest(_likely_text(max(words, key=len), place), holds, field)
        case Nested():
            return SourceTest(_likely_nested(query, types), holds, None)
        case GeoDistance() | GeoBox() | GeoPolygon():
            box = box_of(query)
            return SourceTest(TRUE if place is None else _likely_point(place, box), holds, query.field)


def _on_json(matches: Callable[[str, Any], bool]) -> TextTest:
    return lambda id, text: text is not None and matches(id, orjson.loads(text))


def likely_value(word: str, text: Fragment) -> Fragment:
    """A condition that holds for every `text` with a word; letters beyond ASCII may fold to ASCII."""
    if not word.isascii():
        return TRUE
    pattern = "".join(f"\\{character}" if character in "\\%_" else character for character in word)
    return Fragment(
        f"({text.sql} LIKE ? ESCAPE '\\' OR length({text.sql}) < octet_length({text.sql}))",
        (*text.parameters, f"%{pattern}%", *text.parameters, *text.parameters),
    )


def _likely_text(word: str, place: _Place | None) -> Fragment:
    whole = Fragment("json(s.source)")
    if place is None:
        return likely_value(word, whole)
    return likely_value(word, place.choose(Fragment("(s.source ->> ?)", (place.path,)), whole))


def _likely_nested(query: Nested, types: Mapping[str, FieldType]) -> Fragment:
    """Keywords that have to be equal to a text stand in the document as they are, unless JSON escapes them."""
    nested = find_nested(types, query.path)
    assert nested is not None  # noqa: S101  # otherwise there would be no test
    wanted = [
        text_of(term.value)
        for term in _required_terms(query.query)
        if (type := nested.inner.get(term.field)) is not None and type.type == "keyword"
    ]
    plain = [text for text in wanted if text and orjson.dumps(text).decode() == f'"{text}"']
    return joined("AND", [Fragment("instr(json(s.source), ?) > 0", (text,)) for text in plain[:4]])


def _required_terms(query: Query) -> Iterator[Term]:
    if isinstance(query, Term) and not query.case_insensitive:
        yield query
    elif isinstance(query, Bool):
        for clause in (*query.must, *query.filter):
            yield from _required_terms(clause)


def _likely_point(place: _Place, box: GeoBox) -> Fragment:
    """Points written as `{lat, lon}` are compared; where there is anything else, the matcher has to look."""
    lat, lon = f'{place.path}."lat"', f'{place.path}."lon"'
    either = "OR" if box.left > box.right else "AND"
    return Fragment(
        f"CASE WHEN {place.is_plain.sql} AND json_type(s.source, ?) IN ('real', 'integer') "
        "AND json_type(s.source, ?) IN ('real', 'integer') THEN (s.source ->> ?) BETWEEN ? AND ? "
        f"AND ((s.source ->> ?) >= ? {either} (s.source ->> ?) <= ?) ELSE 1 END",
        (
            *place.is_plain.parameters,
            *(lat, lon, lat, box.bottom - MARGIN_DEGREES, box.top + MARGIN_DEGREES),
            *(lon, box.left - MARGIN_DEGREES, lon, box.right + MARGIN_DEGREES),
        ),
    )
