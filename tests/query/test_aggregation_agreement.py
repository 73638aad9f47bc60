"""Aggregations: the embedded store and Elasticsearch give the same buckets and numbers (design 12)."""

from __future__ import annotations

import math
from typing import Any, Protocol

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.query.dsl import search_body
from device_manager.query.elasticsearch import parse_search
from device_manager.query.search import Search, SearchResult

Body = dict[str, Any]
Bodies = st.SearchStrategy[Body]


class Corpus(Protocol):
    """What the fixture `rich` offers."""

    documents: dict[str, dict[str, Any]]

    def embedded(self, search: Search) -> SearchResult: ...
    def elastic(self, search: Search) -> SearchResult: ...
    def raw(self, body: dict[str, Any]) -> httpx.Response: ...


NUMERIC = ["number", "whole", "ratio", "single", "at", "seen", "flag", "unmapped"]
COUNTED = [*NUMERIC, "kind", "title", "both.raw"]
ZONES = [None, "+02:00", "-05:30", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]

metrics: Bodies = st.one_of(
    st.tuples(st.sampled_from(["avg", "min", "max", "sum", "stats"]), st.sampled_from(NUMERIC)),
    st.tuples(st.sampled_from(["value_count", "cardinality"]), st.sampled_from(COUNTED)),
).map(lambda pair: {pair[0]: {"field": pair[1]}})


@st.composite
def top_hits(draw: st.DrawFn) -> Body:
    options: Body = {
        "sort": [{"whole": draw(st.sampled_from(["asc", "desc"]))}, {"serial": "asc"}],
        "_source": draw(st.sampled_from([False, ["kind", "serial"], {"excludes": ["p*"]}])),
    }
    if draw(st.booleans()):
        options |= {"size": draw(st.integers(1, 4)), "from": draw(st.integers(0, 2))}
    return {"top_hits": options}


@st.composite
def terms(draw: st.DrawFn) -> Body:
    order = draw(st.sampled_from([None, {"_key": "asc"}, {"_key": "desc"}, [{"_count": "desc"}, {"_key": "desc"}]]))
    options: Body = {"field": draw(st.sampled_from([*COUNTED, "serial"])), "size": draw(st.sampled_from([2, 10, 300]))}
    return {"terms": options if order is None else options | {"order": order}}


@st.composite
def histograms(draw: st.DrawFn) -> Body:
    options: Body = {"field": draw(st.sampled_from(["at", "at", "seen", "unmapped"]))}
    zone = draw(st.sampled_from(ZONES))
    if draw(st.booleans()):
        unit = draw(st.sampled_from(["day", "1w", "month", "1q", "year", "1M", "hour"]))
        options["calendar_interval"] = unit
    else:
        unit = draw(st.sampled_from(["1d", "12h", "36h", "100d", "7d", "3h", "90m"]))
        options["fixed_interval"] = unit
    if unit in ("hour", "3h", "90m") or options["field"] == "seen":
        options["min_doc_count"] = draw(st.sampled_from([1, 2]))
    elif draw(st.booleans()):
        options["min_doc_count"] = draw(st.sampled_from([0, 1, 3]))
    if zone is not None:
        options["time_zone"] = zone
    if draw(st.booleans()):
        options["offset"] = draw(st.sampled_from(["+6h", "-30m", "1d", "90m"]))
    if draw(st.booleans()):
        options["format"] = draw(
            st.sampled_from(["yyyy-MM-dd'T'HH:mm:ssXXX", "epoch_millis", "yyyy/MM/dd||epoch_millis"])
        )
        options["keyed"] = options["format"] != "yyyy/MM/dd||epoch_millis" and draw(st.booleans())
    order = draw(st.sampled_from([None, {"_key": "desc"}, {"_count": "asc"}]))
    return {"date_histogram": options if order is None or options.get("keyed") else options | {"order": order}}


queries: Bodies = st.one_of(
    st.just({"match_all": {}}),
    st.sampled_from(["red", "pump"]).map(lambda word: {"match": {"words": word}}),
    st.integers(0, 250).map(lambda serial: {"range": {"serial": {"lt": serial}}}),
    st.integers(0, 9).map(lambda serial: {"range": {"serial": {"lt": serial}}}),  # few: read from the documents
    st.sampled_from(["a", "b"]).map(lambda kind: {"bool": {"must_not": {"term": {"kind": kind}}}}),
    st.just({"nested": {"path": "parts", "query": {"range": {"parts.size": {"gte": 2}}}}}),
)
filters: Bodies = st.one_of(
    queries.map(lambda query: {"filter": query}),
    st.lists(queries, min_size=1, max_size=3).map(lambda listed: {"filters": {"filters": listed}}),
    st.lists(queries, min_size=1, max_size=2).map(
        lambda listed: {"filters": {"filters": {f"f{place}": query for place, query in enumerate(listed)}}}
    ),
)


def with_subs(inner: Bodies) -> Bodies:
    subs = st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2)
    return st.tuples(st.one_of(terms(), histograms(), filters), subs).map(
        lambda pair: pair[0] | ({"aggs": pair[1]} if pair[1] else {})
    )


aggregations: Bodies = st.recursive(st.one_of(metrics, metrics, top_hits()), with_subs, max_leaves=4)


def comparable(value: Any) -> Any:
    """A result without what differs by nature: names of indices, bounds of errors, the last digits of sums."""
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if name not in ("_index", "doc_count_error_upper_bound")}
        if "value_as_string" in kept:  # of a mean between two instants
            kept.pop("value_as_string")
        return {name: comparable(inner) for name, inner in kept.items()}
    if isinstance(value, list):
        return [comparable(inner) for inner in value]
    if isinstance(value, float):
        return 0.0 if value == 0 else float(f"{value:.12g}")
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@settings(max_examples=100, deadline=None)
@given(query=queries, aggs=st.dictionaries(st.sampled_from(["p", "q"]), aggregations, min_size=1, max_size=2))
def test_aggregations_agree(rich: Corpus, query: Body, aggs: dict[str, Body]) -> None:
    body = {"query": query, "size": 0, "aggs": aggs}
    answer = rich.raw(body)
    assert answer.status_code == 200, answer.text
    search = parse_search(body, limit=1000)
    expected = comparable(answer.json()["aggregations"])
    assert comparable(rich.elastic(search).aggregations) == expected
    assert comparable(rich.embedded(search).aggregations) == expected


def test_instants_show_as_dates(rich: Corpus) -> None:
    kinds = ("avg", "min", "max", "sum", "stats")
    aggs = {f"{kind} {field}": {kind: {"field": field}} for kind in kinds for field in ("at", "seen", "flag")}
    few = {"range": {"serial": {"lt": 20}}}  # sums of more dates lead out of the calendar
    search = parse_search({"query": few, "size": 0, "aggs": aggs}, limit=10)
    expected, found = rich.elastic(search).aggregations, rich.embedded(search).aggregations
    assert expected is not None
    assert found is not None
    for name, result in expected.items():
        assert found[name].keys() == result.keys()
        for key, value in result.items():
            if isinstance(value, str | bool):
                assert found[name][key] == value, (name, key)
            else:
                assert math.isclose(found[name][key], value), (name, key)


def test_stretches_can_be_shown_beyond_the_dates(rich: Corpus) -> None:
    bounds = {"min": "2019-10-05", "max": "2021-02"}
    histogram = {"field": "at", "calendar_interval": "month", "extended_bounds": bounds}
    for clause in ("match_all", "match_none"):
        body = {"query": {clause: {}}, "size": 0, "aggs": {"months": {"date_histogram": histogram}}}
        search = parse_search(body, limit=10)
        expected, found = rich.elastic(search).aggregations, rich.embedded(search).aggregations
        assert found == expected
        assert found is not None
        assert len(found["months"]["buckets"]) == 17


REFUSED: list[Body] = [
    {"avg": {"field": "kind"}},
    {"sum": {"field": "words"}},
    {"date_histogram": {"field": "number", "calendar_interval": "day", "format": "yyyy"}},
    {"date_histogram": {"field": "kind", "calendar_interval": "day"}},
    {"terms": {"field": "words"}},
    {"date_histogram": {"field": "at", "fixed_interval": "1s", "min_doc_count": 0}},
    {"top_hits": {"sort": "words"}},
    {"terms": {"field": "kind"}, "aggs": {"x": {"max": {"field": "title"}}}},
]


@pytest.mark.parametrize("aggregation", REFUSED, ids=str)
def test_what_elasticsearch_refuses_is_refused(rich: Corpus, aggregation: Body) -> None:
    search = parse_search({"size": 0, "aggs": {"x": aggregation}}, limit=10)
    assert rich.raw(search_body(search)).status_code == 400
    with pytest.raises(ApiError) as refusal:
        rich.embedded(search)
    assert refusal.value.status == 400


def test_a_format_that_only_elasticsearch_writes_is_refused_by_name(rich: Corpus) -> None:
    histogram = {"field": "at", "calendar_interval": "day", "format": "EEEE"}
    search = parse_search({"size": 0, "aggs": {"x": {"date_histogram": histogram}}}, limit=10)
    with pytest.raises(ApiError, match="embedded store cannot write dates as 'EEEE'") as refusal:
        rich.embedded(search)
    assert refusal.value.status == 400
