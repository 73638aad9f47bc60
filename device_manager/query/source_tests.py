"""Clauses that the embedded store answers from documents: texts without a keyword, nested objects, points.

Nothing of these is indexed beyond presence, so that writing costs nothing. The matcher decides; an expression that
SQLite evaluates by itself comes first and passes over most documents that cannot match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import orjson

from device_manager.query.conversions import text_of
from device_manager.query.distances import MARGIN_DEGREES, box_around
from device_manager.query.fields import FieldType
from device_manager.query.fragments import RUNNER, TRUE, Fragment, joined
from device_manager.query.matcher import Matcher, compile_matcher, find_nested, geo_type, nested_type
from device_manager.query.tree import Bool, GeoBox, GeoDistance, Nested, Query, Term, Words

Tested = Words | Nested | GeoDistance | GeoBox
"""The clauses that are answered from documents."""

MAX_EXTRACTED_DEPTH = 2
"""Longest path of a point that is looked up before the document is parsed; a longer one can be spelt in many ways."""


@dataclass(frozen=True, slots=True)
class SourceTest:
    """The test of one clause.

    Attributes:
        likely: a condition on `s.source` that holds for every document that matches.
        test: takes id and source, as JSON text, of a document.
        path: the field that has a value in every document that matches; None where presence is not indexed.
    """

    likely: Fragment
    test: Callable[[str, str], bool]
    path: str | None

    def condition(self, row: str) -> Fragment:
        """The condition on the document of `row`."""
        return Fragment(
            f"EXISTS (SELECT 1 FROM doc AS s WHERE s.rid = {row} AND {self.likely.sql} AND {self.holds.sql})",
            self.likely.parameters + self.holds.parameters,
        )

    @property
    def holds(self) -> Fragment:
        """The condition that the document itself decides."""
        return Fragment("has_source(?, s.id, json(s.source))", (self.test,))


def source_test(query: Tested, types: Mapping[str, FieldType], now: int) -> SourceTest | None:
    """How to test documents for a clause; None when it finds nothing because its field is missing.

    Raises:
        ApiError: 400, the field cannot be asked this.
    """
    path: str | None = None
    likely = TRUE
    match query:
        case Words():
            path, likely = query.field, _likely_text(max(query.words, key=len))
        case Nested():
            if nested_type(types, query, RUNNER) is None:
                return None
            likely = _likely_nested(query, types)
        case GeoDistance() | GeoBox():
            if geo_type(types, query, RUNNER) is None:
                return None
            path = query.field
            likely = _likely_point(path, box_around(query) if isinstance(query, GeoDistance) else query)
    return SourceTest(likely, _on_text(compile_matcher(query, types, now=now)), path)


def _on_text(matches: Matcher) -> Callable[[str, str], bool]:
    return lambda id, source: matches(id, orjson.loads(source))


def likely_value(word: str, column: str) -> Fragment:
    """A condition that holds for every text in `column` with a word: letters beyond ASCII may fold to ASCII."""
    if not word.isascii():
        return TRUE
    pattern = "".join(f"\\{character}" if character in "\\%_" else character for character in word)
    return Fragment(f"({column} LIKE ? ESCAPE '\\' OR {column} GLOB '*[^ -~]*')", (f"%{pattern}%",))


def _likely_text(word: str) -> Fragment:
    return likely_value(word, "json(s.source)")


def _likely_nested(query: Nested, types: Mapping[str, FieldType]) -> Fragment:
    """Keywords that have to be equal to a text stand in the document as they are, unless JSON escapes them."""
    nested = find_nested(types, query.path)
    assert nested is not None  # noqa: S101  # the caller looked
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


def _likely_point(path: str, box: GeoBox) -> Fragment:
    """Points written as `{lat, lon}` are compared; where there is anything else, the document has to be parsed."""
    names = path.split(".")
    if len(names) > MAX_EXTRACTED_DEPTH or '"' in path or "\\" in path:
        return TRUE
    place = "$" + "".join(f'."{name}"' for name in names)
    lat, lon = f'{place}."lat"', f'{place}."lon"'
    either = "OR" if box.left > box.right else "AND"
    return Fragment(
        "CASE WHEN json_type(s.source, ?) IN ('real', 'integer') AND json_type(s.source, ?) IN ('real', 'integer') "
        "AND (? OR json_type(s.source, ?) IS NULL) THEN (s.source ->> ?) BETWEEN ? AND ? "
        f"AND ((s.source ->> ?) >= ? {either} (s.source ->> ?) <= ?) ELSE 1 END",
        (
            *(lat, lon, len(names) == 1, f'$."{path}"', lat, box.bottom - MARGIN_DEGREES, box.top + MARGIN_DEGREES),
            *(lon, box.left - MARGIN_DEGREES, lon, box.right + MARGIN_DEGREES),
        ),
    )
