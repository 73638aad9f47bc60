"""Random Koncorde filters: both stores, the matcher of searches and the one of subscriptions find the same documents.

Searches agree with each other on everything (`corpus` has odd documents). Subscriptions compare more strictly: they
know no mapping. They agree with searches on the documents of `plain` and the filters that `plain_filters` draws:

- fields hold one scalar of their mapped type, keyword, number or boolean, or are absent: no null, no array, no object;
- `exists` and `missing` with a value in brackets ask fields that always hold an array, for a text that is not empty;
- points are `{lat, lon}` or `"lat,lon"`;
- `equals` compares with a value of the field's type; `range` asks numbers, with bounds of the field's type;
- a pattern of `regexp` is made to cover the whole text in subscriptions, as it always does in searches.
"""

from __future__ import annotations

from typing import Any, Protocol

from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.query.koncorde import parse_koncorde
from device_manager.query.search import Search, SearchResult
from device_manager.query.tree import Query
from device_manager.realtime.koncorde import FilterIndex, normalise

EVERYTHING = 1000


class Corpus(Protocol):
    """What the fixtures `corpus` and `plain` offer."""

    documents: dict[str, dict[str, Any]]

    def embedded(self, search: Search) -> SearchResult: ...
    def elastic(self, search: Search) -> SearchResult: ...
    def matching(self, query: Query) -> set[str]: ...


Filters = st.SearchStrategy[dict[str, Any]]


def compounds(filters: Filters) -> Filters:
    some = st.lists(filters, min_size=1, max_size=3)
    return st.one_of(
        some.map(lambda found: {"and": found}),
        some.map(lambda found: {"or": found}),
        filters.map(lambda found: {"not": found}),
    )


def found_by_searches(corpus: Corpus, filter: Any) -> set[str]:
    """What both stores and the matcher of searches find, which has to be the same."""
    query = parse_koncorde(filter)
    ids = {hit.id for hit in corpus.elastic(Search(query, size=EVERYTHING)).hits}
    assert {hit.id for hit in corpus.embedded(Search(query, size=EVERYTHING)).hits} == ids
    assert corpus.matching(query) == ids
    return ids


TEXTS = ["", "a", "ab", "abc", "A", "é", "x*y", "5", "true"]
FIELDS: dict[str, list[Any]] = {
    "keyword": [*TEXTS, 5, True],
    "object.keyword": TEXTS,
    "integer": [-5, 0, 1, "5", 5.7],
    "long": [0, 5, 2**53 + 1, 4.5],
    "double": [1.1, 2, "-2.5"],
    "date": ["2020", "2020-06-01", 1590969600000],
    "boolean": [True, "false"],
    "unmapped": ["a", 5],
}
CENTERS = ["1,2", [2, 1], {"lat": 0, "lon": 0}]
fields = st.sampled_from(sorted(FIELDS))


@st.composite
def bounds(draw: st.DrawFn) -> dict[str, Any]:
    field = draw(fields.filter(lambda field: field != "date"))
    return {field: {draw(st.sampled_from(["gt", "gte", "lt", "lte"])): draw(st.sampled_from(FIELDS[field]))}}


odd_leaves: Filters = st.one_of(
    fields.flatmap(lambda field: st.sampled_from(FIELDS[field]).map(lambda value: {"equals": {field: value}})),
    fields.flatmap(lambda field: st.lists(st.sampled_from(FIELDS[field])).map(lambda found: {"in": {field: found}})),
    st.builds(
        lambda keyword, field: {keyword: field},
        st.sampled_from(["exists", "missing"]),
        st.sampled_from(
            [*FIELDS, "object", "nested", "no.such", 'keyword["a"]', "integer[5]", "long[0]", 'keyword[""]']
        ),
    ),
    bounds().map(lambda content: {"range": content}),
    st.sampled_from(TEXTS).map(lambda text: {"prefix": {"keyword": text}}),
    st.sampled_from(["a.*", "[ab]+", "..", "x\\*y"]).map(lambda pattern: {"regexp": {"keyword": pattern}}),
    st.sampled_from(["a000", "B001", "none"]).map(lambda id: {"ids": {"values": [id]}}),
    st.builds(
        lambda center, near: {"geoDistanceRange": {"place": center, "from": near, "to": "300km"}},
        st.sampled_from(CENTERS),
        st.sampled_from(["0m", "1m", "200km"]),
    ),
    st.sampled_from(CENTERS).map(lambda center: {"geoDistance": {"place": center, "distance": "50km"}}),
    st.just({"geoPolygon": {"place": {"points": ["0,0", "0,3", "3,3"]}}}),
    st.just({"geoBoundingBox": {"place": {"top": 2, "left": 1, "bottom": 0, "right": 2}}}),
    st.just({"nothing": {}}),
)
odd_filters = st.recursive(odd_leaves, compounds, max_leaves=6)


@settings(max_examples=100, deadline=None)
@given(filter=odd_filters)
def test_searches_find_the_same_in_odd_documents(corpus: Corpus, filter: dict[str, Any]) -> None:
    found_by_searches(corpus, filter)


PLAIN: dict[str, list[Any]] = {
    "kind": ["", "a", "b", "ab", "A", "é", "5"],
    "meta.kind": ["a", "b"],
    "count": [-1, 0, 1, 2, 2**53 + 1],
    "size": [-0.5, 0.25, 1.0, 2, 1e300],
    "on": [True, False],
}
PLACES: list[Any] = [
    {"lat": 48.85, "lon": 2.35}, {"lat": 48, "lon": 2}, "48.86,2.36", {"lat": 0.0, "lon": 179.9}, "0.1,-179.9",
    {"lat": 89.9, "lon": 10.0}, {"lat": -33.9, "lon": 151.2}, "47.6, -122.3",
]  # fmt: skip
places = st.sampled_from(PLACES)
plain_fields = st.sampled_from(sorted(PLAIN))
plain_leaves: Filters = st.one_of(
    plain_fields.flatmap(lambda field: st.sampled_from(PLAIN[field]).map(lambda value: {"equals": {field: value}})),
    st.lists(st.sampled_from(PLAIN["kind"]), min_size=1, max_size=3).map(lambda texts: {"in": {"kind": texts}}),
    st.lists(st.integers(0, 120).map(lambda number: f"{number:03}"), min_size=1).map(
        lambda ids: {"ids": {"values": ids}}
    ),
    st.builds(
        lambda keyword, field: {keyword: field},
        st.sampled_from(["exists", "missing"]),
        st.sampled_from([*PLAIN, "tags", 'tags["red"]', 'tags["blue"]', 'tags["no"]', "place", "meta", "no.such"]),
    ),
    st.sampled_from(["count", "size"]).flatmap(
        lambda field: st.builds(
            lambda name, bound: {"range": {field: {name: bound}}},
            st.sampled_from(["gt", "gte", "lt", "lte"]),
            st.sampled_from(PLAIN[field]),
        )
    ),
    st.just({"range": {"size": {"gte": 0.25, "lt": 2}}}),
    st.sampled_from(["a", "a.*", "[a-b]+", "\\d|é", "..", "(ab?)+"]).map(lambda pattern: {"regexp": {"kind": pattern}}),
    st.builds(
        lambda center, distance: {"geoDistance": {"place": center, "distance": distance}},
        places,
        st.sampled_from(["1m", "11km", "100 mi", "9000km"]),
    ),
    st.builds(
        lambda center, near: {"geoDistanceRange": {"place": center, "from": near, "to": "9000km"}},
        places,
        st.sampled_from(["0m", "1m", "20km"]),
    ),
    st.sampled_from(
        [
            {"top": 49, "left": 2, "bottom": 47, "right": 3},
            {"top": 1, "left": 179, "bottom": -1, "right": -179},
            {"top_left": {"lat": 48.86, "lon": 2.35}, "bottom_right": "48.85,2.36"},
        ]
    ).map(lambda box: {"geoBoundingBox": {"place": box}}),
    st.lists(places, min_size=3, max_size=5, unique_by=str).map(
        lambda points: {"geoPolygon": {"place": {"points": points}}}
    ),
    st.just({"nothing": {}}),
)
plain_filters = st.recursive(plain_leaves, compounds, max_leaves=6)


def as_subscription(filter: Any) -> Any:
    """The filter with patterns that cover the whole text."""
    if isinstance(filter, list):
        return [as_subscription(inner) for inner in filter]
    ((keyword, content),) = filter.items()
    if keyword == "regexp":
        return {"regexp": {field: f"^(?:{pattern})$" for field, pattern in content.items()}}
    return {keyword: as_subscription(content)} if keyword in {"and", "or", "not"} else filter


@settings(max_examples=200, deadline=None)
@given(filter=plain_filters)
def test_subscriptions_find_what_searches_find_in_plain_documents(plain: Corpus, filter: dict[str, Any]) -> None:
    ids = found_by_searches(plain, filter)
    subscribed = normalise(as_subscription(filter))
    index = FilterIndex()
    index.add("room", subscribed)
    assert {id for id, source in plain.documents.items() if subscribed.matches(id, source)} == ids
    assert {id for id, source in plain.documents.items() if index.matching(id, source)} == ids
