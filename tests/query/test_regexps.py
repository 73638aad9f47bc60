"""Patterns that both stores read alike are run, all others are refused before they reach a store."""

from __future__ import annotations

from typing import Any, Protocol

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.query.clauses import parse_query
from device_manager.query.dsl import search_body
from device_manager.query.regexps import InvalidPattern, searcher
from device_manager.query.search import Search, SearchResult
from device_manager.query.tree import Query, Regexp


class Corpus(Protocol):
    """What the fixture `corpus` offers."""

    def embedded(self, search: Search) -> SearchResult: ...
    def elastic(self, search: Search) -> SearchResult: ...
    def matching(self, query: Query) -> set[str]: ...
    def raw(self, body: dict[str, Any]) -> httpx.Response: ...


FIELDS = ["keyword", "text.raw", "object.keyword", "nested.keyword", "unmapped"]
PIECES = [
    "a", "b", "x", "5", "é", "É", "𐍈", ".", "[ab]", "[^a]", "[a-c]", "[0-9x]", "[é-ö]", "\\*", "\\?", "\\[", "\\]",
    "\\d",     "\\w", "\\D", "\\W", "true", "[*?]", "\\\\", "(ab|a)", "((a)|(b))", " ", "-", ",", "/", "=", "[.]",
]  # fmt: skip
REPEATS = ["", "", "*", "+", "?", "{2}", "{1,}", "{0,2}"]
patterns = st.recursive(
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(REPEATS)), min_size=1, max_size=4).map(
        lambda pieces: "".join(
            piece if len(piece) > 1 and piece.isalpha() else piece + repeat for piece, repeat in pieces
        )
    ),
    lambda inner: st.tuples(inner, inner, st.sampled_from(REPEATS)).map(
        lambda found: f"({found[0]}|{found[1]}){found[2]}"
    ),
    max_leaves=3,
)


@settings(max_examples=150, deadline=None)
@given(field=st.sampled_from(FIELDS), pattern=patterns)
def test_patterns_find_the_same_everywhere(corpus: Corpus, field: str, pattern: str) -> None:
    query = parse_query({"regexp": {field: {"value": pattern}}})
    assert query == Regexp(field, pattern)
    ids = {hit.id for hit in corpus.elastic(Search(query, size=1000)).hits}
    assert {hit.id for hit in corpus.embedded(Search(query, size=1000)).hits} == ids
    assert corpus.matching(query) == ids


REFUSED = [
    "", "^a", "a$", "a**", "a*?", "a+?", "*a", "|a", "a|", "(a", "a)", "()", "(?:a)", "(?i)a", "[a", "[]", "[^]",
    "[a-]", "[z-a]", "[[:alpha:]]", "[\\d]", "a{", "a}", "a{2,1}", "a{,2}", "~a", "a&b", "<1-5>", "a@", "a#", 'a"b"',
    "\\b", "\\s", "\\1", "\\", "a\\", "(a{1000}){1000}", "a{2000}", "x" * 1001,
]  # fmt: skip


@pytest.mark.parametrize("pattern", REFUSED, ids=lambda pattern: pattern[:20])
def test_patterns_that_are_read_differently_are_refused(pattern: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse_query({"regexp": {"f": pattern}})
    assert refusal.value.status == 400
    assert "regexp" in refusal.value.message


def test_options() -> None:
    assert parse_query({"regexp": {"f": {"value": "a", "flags": "COMPLEMENT|INTERVAL"}}}) == Regexp("f", "a")
    for wrong in ({"value": "a", "flags": "i"}, {"value": "a", "case_insensitive": True}, {"value": "a", "x": 1}, {}):
        with pytest.raises(ApiError) as refusal:
            parse_query({"regexp": {"f": wrong}})
        assert refusal.value.status == 400


@pytest.mark.parametrize("field", ["text", "integer", "date", "place"])
def test_only_keywords_are_asked(corpus: Corpus, field: str) -> None:
    query = parse_query({"regexp": {field: "a"}})
    for ask in (lambda: corpus.embedded(Search(query)), lambda: corpus.matching(query)):
        with pytest.raises(ApiError, match="regexp"):
            ask()
    if field in {"integer", "date"}:
        assert corpus.raw(search_body(Search(query))).status_code == 400


def test_a_pattern_takes_time_in_proportion_to_the_text() -> None:
    matches = searcher("(a+)+$")
    assert not matches("a" * 1_000_000 + "!")
    assert matches("a" * 1_000_000)
    assert not matches("\ud800")


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "\\1", "((a{100}){100}){10}", "[z-a]", "\ud800", "a" * 1001])
def test_what_is_no_pattern_says_why(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match=r"pattern|missing|invalid|bad"):
        searcher(pattern)


def test_flags() -> None:
    assert searcher("^b$", flags=frozenset("m"))("a\nb")
    assert not searcher("^b$")("a\nb")
    assert searcher("A.B", flags=frozenset("is"))("a\nb")
    assert not searcher("a.b")("a\nb")
    assert searcher("b|ab", whole=True)("ab")
    assert not searcher("a|b", whole=True)("ab")
