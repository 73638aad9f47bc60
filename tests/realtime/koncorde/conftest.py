"""Random filters and documents, and what filters mean, said a second time without any of the product's code."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

Filter = dict[str, Any]
Document = dict[str, Any]

SCALARS: list[Any] = ["", "a", "b", "ab", "1", 0, 1, 1.0, 2, 1.5, -3, 2**53 + 1, True, False, None]
NAMES = ["a", "b", "c", "o.a", "o.b", "o.p.a", "o"]
PATTERNS = ["a", "^a", "b$", "^$", "a|1", "[ab]+", "A", ".", "ab", "^ab?$", "aa+b"]
POINTS: list[Any] = [
    {"lat": 48.85, "lon": 2.35}, {"latLon": "48.86,2.36"}, {"lat_lon": {"lat": 0, "lon": 179.99}}, [0.5, -179.99],
    "48.8, 2.3", "u09tvw0", {"lat": "1", "lon": "2"},
]  # fmt: skip
IDS = ["one", "two", "three"]

scalars = st.sampled_from(SCALARS)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)
objects = st.dictionaries(
    st.sampled_from("abcp"), values | st.dictionaries(st.sampled_from("ab"), values, max_size=2), max_size=3
)
documents: st.SearchStrategy[Document] = st.dictionaries(
    st.sampled_from(["a", "b", "c", "o", "place"]), values | objects | st.sampled_from(POINTS), max_size=5
)


def leaves() -> st.SearchStrategy[Filter]:
    names = st.sampled_from(NAMES)
    numbers = st.sampled_from([-3, 0, 1, 1.5, 2, 2**53])
    parts = st.dictionaries(st.sampled_from("abo"), values, min_size=1, max_size=2)
    bracketed = st.builds(lambda name, value: f"{name}[{value}]", names, st.sampled_from(['"a"', "1", "true", "null"]))
    places = st.sampled_from(["place", "o"])
    return st.one_of(
        st.builds(lambda name, value: {"equals": {name: value}}, names, scalars),
        st.builds(lambda name, value: {"equals": {name: value}}, names, scalars),
        st.builds(
            lambda name, texts: {"in": {name: texts}},
            names,
            st.lists(st.sampled_from(["a", "b", "1"]), min_size=1, max_size=3),
        ),
        st.builds(lambda ids: {"ids": {"values": ids}}, st.lists(st.sampled_from(IDS), min_size=1, max_size=2)),
        st.builds(
            lambda keyword, name: {keyword: name},
            st.sampled_from(["exists", "missing"]),
            names | bracketed | names.map(lambda name: {"field": name}),
        ),
        st.builds(ranges, names, *[numbers] * 2, st.sampled_from(["gt", "gte", None]), st.sampled_from(["lt", "lte"])),
        st.builds(lambda name, pattern: {"regexp": {name: pattern}}, names, st.sampled_from(PATTERNS)),
        st.builds(
            lambda name, pattern: {"regexp": {name: {"value": pattern, "flags": "i"}}}, names, st.sampled_from(PATTERNS)
        ),
        parts.map(lambda part: {"match": part}),
        st.builds(
            lambda name, index, query: {"select": {"field": name, "index": index, "query": query}},
            names,
            st.integers(-2, 2),
            st.sampled_from(
                [
                    {"equals": {"value": 1}}, {"missing": "value.a"}, {"not": {"equals": {"value.a": 1}}},
                    {"or": [{"exists": "value.b"}, {"regexp": {"value": "a"}}]},
                ]
            ),
        ),
        st.builds(lambda field, box: {"geoBoundingBox": {field: box}}, places, st.sampled_from(BOXES)),
        st.builds(
            lambda field, point, distance: {"geoDistance": {field: point, "distance": distance}},
            places,
            st.sampled_from(POINTS),
            st.sampled_from(["10m", "1 000,5 Ft", "5KM", "3000 km"]),
        ),
        st.builds(
            lambda field, point, near: {"geoDistanceRange": {field: point, "from": near, "to": "6000km"}},
            places,
            st.sampled_from(POINTS),
            st.sampled_from(["0m", "1km", "500 miles"]),
        ),
        st.just({"nothing": True}),
    )  # fmt: skip


BOXES: list[Any] = [
    {"top": 49, "left": 2, "bottom": 48, "right": 3},
    {"top": "49", "left": "2", "bottom": "48", "right": "3"},
    {"topLeft": {"lat": 48.86, "lon": 2.35}, "bottomRight": [48.85, 2.36]},
    {"top_left": "1,179", "bottom_right": "-1,-179"},
]


def ranges(name: str, one: float, other: float, lower: str | None, upper: str) -> Filter:
    low, high = (one, other) if one < other else (other, one + 1 if one == other else one)
    return {"range": {name: {upper: high} if lower is None else {lower: low, upper: high}}}


def compounds(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    some = st.lists(inner, min_size=1, max_size=3)
    groups = st.sampled_from(["must", "must_not", "should", "should_not"])
    return st.one_of(
        some.map(lambda filters: {"and": filters}),
        some.map(lambda filters: {"or": filters}),
        inner.map(lambda filter: {"not": filter}),
        st.dictionaries(groups, some, min_size=1, max_size=2).map(lambda content: {"bool": content}),
    )


filters = st.recursive(leaves(), compounds, max_leaves=8)
ABSENT = object()


def same(one: Any, other: Any) -> bool:
    """JavaScript's `===` on scalars."""
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return False
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def find(document: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return ABSENT
        document = document[name]
    return document


def meaning(filter: Filter, id: str, document: Document) -> bool | None:
    """Whether a document matches, from the specification alone; None where only the places decide."""
    ((keyword, content),) = filter.items()
    return KEYWORDS[keyword](content, id, document)


def every(results: list[bool | None]) -> bool | None:
    if False in results:
        return False
    return None if None in results else True


def negate(result: bool | None) -> bool | None:
    return None if result is None else not result


def some(results: list[bool | None]) -> bool | None:
    return negate(every([negate(result) for result in results]))


def _bool(content: Any, id: str, document: Document) -> bool | None:
    results: list[bool | None] = []
    for name, filters in content.items():
        each = [meaning(filter, id, document) for filter in filters]
        results.append(
            {
                "must": lambda each: every(each),
                "must_not": lambda each: negate(some(each)),
                "should": lambda each: some(each),
                "should_not": lambda each: negate(every(each)),
            }[name](each)
        )
    return every(results)


def _exists(content: Any, id: str, document: Document) -> bool:
    path = content["field"] if isinstance(content, dict) else content
    if "[" not in path:
        return find(document, path) is not ABSENT
    path, _, wanted = path[:-1].partition("[")
    value = find(document, path)
    scalar = {'"a"': "a", "1": 1, "true": True, "null": None}[wanted]
    return isinstance(value, list) and any(same(element, scalar) for element in value)


def _range(content: Any, id: str, document: Document) -> bool:
    ((path, bounds),) = content.items()
    value = find(document, path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    compare: dict[str, Callable[[Any], bool]] = {
        "gt": lambda bound: value > bound,
        "gte": lambda bound: value >= bound,
        "lt": lambda bound: value < bound,
        "lte": lambda bound: value <= bound,
    }
    return all(compare[name](bound) for name, bound in bounds.items())


def _regexp(content: Any, id: str, document: Document) -> bool:
    ((path, pattern),) = content.items()
    flags = 0
    if isinstance(pattern, dict):
        pattern, flags = pattern["value"], re.IGNORECASE
    value = find(document, path)
    return isinstance(value, str) and re.search(pattern.replace("$", r"\Z"), value, flags) is not None


def part(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(name in value and part(pattern[name], value[name]) for name in pattern)
    if isinstance(pattern, list):
        return isinstance(value, list) and placed(pattern, value)
    return same(pattern, value)


def placed(patterns: list[Any], values: list[Any]) -> bool:
    """Whether each pattern gets an element of its own, by trying everything."""
    if not patterns:
        return True
    return any(
        part(patterns[0], value) and placed(patterns[1:], values[:place] + values[place + 1 :])
        for place, value in enumerate(values)
    )


def _select(content: Any, id: str, document: Document) -> bool | None:
    value, index = find(document, content["field"]), content["index"]
    if not isinstance(value, list) or not -len(value) <= index < len(value):
        return False
    return meaning(content["query"], "", {"value": value[index]})


def _equals(content: Any, id: str, document: Document) -> bool:
    ((path, wanted),) = content.items()
    value = find(document, path)
    return value is not ABSENT and same(value, wanted)


def _in(content: Any, id: str, document: Document) -> bool:
    ((path, texts),) = content.items()
    value = find(document, path)
    return isinstance(value, str) and value in texts


KEYWORDS: dict[str, Callable[[Any, str, Document], bool | None]] = {
    "and": lambda content, id, document: every([meaning(filter, id, document) for filter in content]),
    "or": lambda content, id, document: some([meaning(filter, id, document) for filter in content]),
    "not": lambda content, id, document: negate(meaning(content, id, document)),
    "bool": _bool,
    "equals": _equals,
    "in": _in,
    "ids": lambda content, id, document: id in content["values"],
    "exists": _exists,
    "missing": lambda content, id, document: not _exists(content, id, document),
    "range": _range,
    "regexp": _regexp,
    "match": lambda content, id, document: part(content, document),
    "select": _select,
    "nothing": lambda content, id, document: False,
    **dict.fromkeys(("geoBoundingBox", "geoDistance", "geoDistanceRange"), lambda content, id, document: None),
}


class Examples:
    """What the tests of this area draw from and compare with."""

    filters = filters
    documents = documents
    ids = st.sampled_from(IDS)
    meaning = staticmethod(meaning)


@pytest.fixture(scope="session")
def examples() -> type[Examples]:
    return Examples
