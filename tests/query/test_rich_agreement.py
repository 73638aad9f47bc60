"""Words, nested objects and places: the embedded store, Elasticsearch and the matcher find the same (design 12)."""

from __future__ import annotations

from typing import Any, Protocol

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.query.analysis import words_of
from device_manager.query.clauses import parse_query
from device_manager.query.dsl import search_body
from device_manager.query.search import Search, SearchResult, Sort
from device_manager.query.tree import Query

EVERYTHING = 1000


class Corpus(Protocol):
    """What the fixture `rich` offers."""

    documents: dict[str, dict[str, Any]]

    def embedded(self, search: Search) -> SearchResult: ...
    def elastic(self, search: Search) -> SearchResult: ...
    def matching(self, query: Query) -> set[str]: ...
    def raw(self, body: dict[str, Any]) -> httpx.Response: ...
    def analysed(self, text: str) -> list[str]: ...


Clauses = st.SearchStrategy[dict[str, Any]]

TEXT_FIELDS = ["words", "title.text", "both", "meta.note"]
WORDS = ["red", "blue", "pump", "PUMP", "pumps", "42", "3", "sensor", "a", "é", "É", "漢字", "none", "re", "pu", ""]
VALUES: dict[str, list[Any]] = {
    "title": ["red", "red blue", "Pump", ""],
    "both.raw": ["red", "42", "pump pump"],
    "number": [0, "1", 10, 1000],
    "at": ["2020-06-15", "2020", 1601510400000],
    "flag": [True, "false"],
    "unmapped": ["red", 1],
}
texts = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)
minimums = st.sampled_from([None, None, 1, 2, "2", "-1", "50%", "-30%", "2<50%", "1<-1 3<75%", 0, 5])


@st.composite
def matches(draw: st.DrawFn, prefix: str = "", fields: list[str] | None = None) -> dict[str, Any]:
    field = draw(st.sampled_from(fields or TEXT_FIELDS))
    kind = draw(st.sampled_from(["match", "match", "match_phrase", "match_phrase_prefix"]))
    options: dict[str, Any] = {"query": draw(texts)}
    if draw(st.booleans()):
        options["zero_terms_query"] = draw(st.sampled_from(["none", "all"]))
    if kind == "match":
        options["operator"] = draw(st.sampled_from(["or", "and", "OR"]))
        minimum = draw(minimums)
        if minimum is not None:
            options["minimum_should_match"] = minimum
    return {kind: {prefix + field: options}}


@st.composite
def value_matches(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(st.sampled_from(sorted(VALUES)))
    return {draw(st.sampled_from(["match", "match_phrase"])): {field: draw(st.sampled_from(VALUES[field]))}}


@st.composite
def multi_matches(draw: st.DrawFn) -> dict[str, Any]:
    fields = draw(st.lists(st.sampled_from([*TEXT_FIELDS, "title", "unmapped"]), min_size=1, max_size=3, unique=True))
    type = draw(st.sampled_from(["best_fields", "most_fields", "phrase"]))
    options: dict[str, Any] = {"query": draw(texts), "fields": [f"{field}^2" for field in fields], "type": type}
    if type != "phrase":
        options["operator"] = draw(st.sampled_from(["or", "and"]))
        minimum = draw(minimums)
        if minimum is not None:
            options["minimum_should_match"] = minimum
    return {"multi_match": options}


@st.composite
def word_values(draw: st.DrawFn) -> dict[str, Any]:
    field, word = draw(st.sampled_from(TEXT_FIELDS)), draw(st.sampled_from(WORDS))
    kind = draw(st.sampled_from(["term", "terms", "prefix"]))
    return {kind: {field: [word, "red"] if kind == "terms" else word}}


CENTERS: list[Any] = [{"lat": 48.85, "lon": 2.35}, [179.95, 0.05], "90,0", "POINT (151 -34)", {"lat": -89, "lon": 100}]
DISTANCES = ["1m", "500m", "2km", "11km", 30000, "60mi", "3000km", "19000km", "10 nmi"]
BOXES: list[Any] = [
    {"top": 49, "left": 2, "bottom": 48, "right": 3},
    {"top_left": {"lat": 48.86, "lon": 2.35}, "bottom_right": "48.85,2.36"},
    {"top_left": [179, 1], "bottom_right": [-179, -1]},
    {"top_right": [180, 90], "bottom_left": [-180, -90]},
    {"wkt": "BBOX (2.3, 2.4, 48.9, 48.8)"},
    {"top": 48.85, "left": 2.35, "bottom": 48.85, "right": 2.35},
]


POLYGONS: list[Any] = [
    [{"lat": 49, "lon": 2}, "48,2", [3, 48], {"lat": 48.9, "lon": 3.1}],
    ["48.7,2.2", "49.1,2.36", "48.7,2.5", "48.85,2.4", "48.7,2.2"],
    ["-80,-170", "80,-170", "80,170", "-80,170"],
    ["48.9,2", "48.1,3", "48.9,3", "48.1,2"],
    [{"lat": "0", "lon": "0"}, {"lat": 50, "lon": 0}, {"lat": 20, "lon": 100}, {"lat": 5, "lon": 8}],
]


@st.composite
def places(draw: st.DrawFn, fields: tuple[str, ...] = ("place", "meta.place")) -> dict[str, Any]:
    field = draw(st.sampled_from(fields))
    if draw(st.integers(0, 2)) == 0:
        return {"geo_polygon": {field: {"points": draw(st.sampled_from(POLYGONS))}}}
    if draw(st.booleans()):
        return {"geo_bounding_box": {field: draw(st.sampled_from(BOXES))}}
    return {"geo_distance": {field: draw(st.sampled_from(CENTERS)), "distance": draw(st.sampled_from(DISTANCES))}}


in_parts: Clauses = st.one_of(
    matches(prefix="parts.", fields=["name.text", "note"]),
    st.sampled_from(WORDS).map(lambda word: {"term": {"parts.name": word}}),
    st.integers(0, 4).map(lambda size: {"range": {"parts.size": {"gte": size}}}),
    st.sampled_from(["parts.name", "parts.size", "words", "parts.deep.tag", "parts"]).map(
        lambda path: {"exists": {"field": path}}
    ),
    st.sampled_from(WORDS).map(lambda word: {"term": {"title": word}}),
    st.sampled_from(WORDS).map(
        lambda word: {"nested": {"path": "parts.deep", "query": {"term": {"parts.deep.tag": word}}}}
    ),
    places(fields=("parts.spot",)),
    st.just({"match_all": {}}),
)


def bools(clauses: Clauses) -> Clauses:
    some = st.lists(clauses, max_size=3)
    return st.fixed_dictionaries({"must": some, "filter": some, "should": some, "must_not": some}).map(
        lambda content: {"bool": content}
    )


nested_clauses: Clauses = st.one_of(
    st.recursive(in_parts, bools, max_leaves=4).map(lambda query: {"nested": {"path": "parts", "query": query}}),
    st.sampled_from(WORDS).map(
        lambda word: {"nested": {"path": "parts.deep", "query": {"term": {"parts.deep.tag": word}}}}
    ),
    st.sampled_from(WORDS).map(
        lambda word: {"nested": {"path": "box.parts", "query": {"term": {"box.parts.name": word}}}}
    ),
    st.just({"nested": {"path": "no.such", "query": {"match_all": {}}, "ignore_unmapped": True}}),
)
plain: Clauses = st.one_of(
    st.sampled_from(["a", "b"]).map(lambda kind: {"term": {"kind": kind}}),
    st.integers(0, 250).map(lambda serial: {"range": {"serial": {"lt": serial}}}),
)
leaves: Clauses = st.one_of(
    matches(), matches(), value_matches(), multi_matches(), word_values(), places(), nested_clauses, plain
)
queries: Clauses = st.recursive(leaves, bools, max_leaves=6)


@settings(max_examples=100, deadline=None)
@given(clause=queries)
def test_the_same_clause_finds_the_same_documents(rich: Corpus, clause: dict[str, Any]) -> None:
    answer = rich.raw({"query": clause, "size": EVERYTHING, "_source": False})
    assert answer.status_code == 200, answer.text
    ids = {hit["_id"] for hit in answer.json()["hits"]["hits"]}
    query = parse_query(clause)
    assert {hit.id for hit in rich.elastic(Search(query, size=EVERYTHING)).hits} == ids
    found = rich.embedded(Search(query, sort=(Sort("serial"),), size=EVERYTHING))
    assert [hit.id for hit in found.hits] == sorted(ids)
    assert found.total == len(ids)
    assert rich.matching(query) == ids
    assert rich.embedded(Search(query, size=0)).total == len(ids)


REFUSED: list[dict[str, Any]] = [
    {"match": {"number": "x"}},
    {"match": {"at": "yesterday"}},
    {"match": {"place": "red"}},
    {"match_phrase_prefix": {"title": "re"}},
    {"match_phrase_prefix": {"number": "1"}},
    {"multi_match": {"query": "x", "fields": ["words", "number"]}},
    {"multi_match": {"query": "x", "fields": ["words", "title"], "type": "phrase_prefix"}},
    {"nested": {"path": "no.such", "query": {"match_all": {}}}},
    {"nested": {"path": "meta", "query": {"match_all": {}}}},
    {"nested": {"path": "words", "query": {"match_all": {}}}},
    {"geo_distance": {"no.such": "1,1", "distance": "1km"}},
    {"geo_distance": {"words": "1,1", "distance": "1km"}},
    {"geo_bounding_box": {"number": {"top": 1, "left": 0, "bottom": 0, "right": 1}}},
    {"geo_polygon": {"words": {"points": ["0,0", "0,1", "1,1"]}}},
    {"nested": {"path": "parts", "query": {"match": {"parts.size": "x"}}}},
]


@pytest.mark.parametrize("clause", REFUSED, ids=str)
def test_what_elasticsearch_refuses_is_refused(rich: Corpus, clause: dict[str, Any]) -> None:
    query = parse_query(clause)
    assert rich.raw(search_body(Search(query))).status_code == 400
    for ask in (lambda: rich.embedded(Search(query)), lambda: rich.matching(query)):
        with pytest.raises(ApiError) as refusal:
            ask()
        assert refusal.value.status == 400


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.sampled_from("abzAZ09 _.:,;'\u2019-/@éÉßΣſİ漢字ひ한ก\u0301٣Ⅷ½"), max_size=12))
def test_texts_are_split_alike(rich: Corpus, text: str) -> None:
    assert words_of(text) == rich.analysed(text)


def test_long_words_are_cut(rich: Corpus) -> None:
    for text in ("a" * 600, "b " * 200, "é" * 300):
        assert words_of(text) == rich.analysed(text)


EMBEDDED_ONLY_REFUSES: list[tuple[dict[str, Any], str]] = [
    ({"match": {"words": {"query": "rad", "fuzziness": "AUTO"}}}, 'the option "fuzziness" of the clause "match"'),
    ({"match_phrase": {"words": {"query": "red blue", "slop": 2}}}, 'the option "slop" of the clause "match_phrase"'),
    ({"match": {"words": {"query": "red", "analyzer": "simple"}}}, 'the option "analyzer" of the clause "match"'),
    (
        {"match_phrase_prefix": {"words": {"query": "re", "max_expansions": 2}}},
        'the option "max_expansions" of the clause "match_phrase_prefix"',
    ),
    (
        {"multi_match": {"query": "red", "fields": ["words"], "fuzziness": 1}},
        'the option "fuzziness" of the clause "match"',
    ),
]


@pytest.mark.parametrize(("clause", "said"), EMBEDDED_ONLY_REFUSES, ids=str)
def test_what_only_elasticsearch_runs_is_refused_by_name(rich: Corpus, clause: dict[str, Any], said: str) -> None:
    query = parse_query(clause)
    assert rich.raw(search_body(Search(query))).status_code == 200
    for ask, runner in (
        (lambda: rich.embedded(Search(query)), "embedded store"),
        (lambda: rich.matching(query), "matcher"),
    ):
        with pytest.raises(ApiError) as refusal:
            ask()
        assert refusal.value.status == 400
        assert f"The {runner} cannot run {said}" in refusal.value.message


def test_scores_are_one_in_the_embedded_store(rich: Corpus) -> None:
    found = rich.embedded(Search(parse_query({"match": {"words": "red blue"}}), size=EVERYTHING))
    assert {hit.score for hit in found.hits} == {1.0}
    serials = [hit.source["serial"] for hit in found.hits if hit.source is not None]
    assert serials == sorted(serials)
