"""Whatever is sent for a filter or published as a document, nothing but a refusal comes of it."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.realtime.koncorde import FilterIndex, normalise, room_id

WORDS = [
    "equals", "in", "ids", "values", "exists", "missing", "field", "range", "gt", "gte", "lt", "lte", "regexp", "value",
    "flags", "match", "select", "index", "query", "nothing", "geoBoundingBox", "topLeft", "bottomRight", "top", "left",
    "bottom", "right", "geoDistance", "distance", "geoDistanceRange", "from", "to", "geoPolygon", "points", "and", "or",
    "not", "bool", "must", "should", "must_not", "should_not", "lat", "lon", "latLon", "lat_lon", "a", "a.b", "",
]  # fmt: skip
names = st.sampled_from(WORDS) | st.text(max_size=3)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**320), 10**320), st.floats(), st.text(max_size=4),
    st.sampled_from(["1,2", "10km", "u09tvw0", "^a", "a[1]", "a[", "(", "\\", "\ud800", "x" * 20_000, [], {}]),
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3), max_leaves=12
)
KEYWORDS = [
    "equals",
    "in",
    "exists",
    "range",
    "regexp",
    "match",
    "select",
    "geoDistance",
    "geoPolygon",
    "geoBoundingBox",
]
likely = st.builds(
    lambda keyword, name, content: {keyword: {name: content}}, st.sampled_from(KEYWORDS), names, anything
) | st.lists(anything, max_size=3).map(lambda filters: {"and": filters})


@settings(max_examples=150, deadline=None)
@given(filter=anything | likely, document=st.dictionaries(names, anything, max_size=4))
def test_filters_are_read_or_refused(filter: Any, document: dict[str, Any]) -> None:
    with contextlib.suppress(ApiError):
        found = normalise(filter)
        index = FilterIndex()
        index.add(room_id("i", "c", found), found)
        assert bool(index.matching("id", document)) is found.matches("id", document)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), document=st.dictionaries(st.sampled_from(["a", "o", "place"]), anything, min_size=1, max_size=3))
def test_every_document_can_be_asked(examples: Any, data: st.DataObject, document: dict[str, Any]) -> None:
    found = normalise(data.draw(examples.filters))
    index = FilterIndex()
    index.add("room", found)
    assert bool(index.matching(None, document)) is found.matches(None, document)
