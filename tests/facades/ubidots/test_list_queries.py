"""What a list asks for as queries, and pages out of everything (facades 4.5)."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import hypothesis
import hypothesis.strategies as st

from device_manager.facades.ubidots.filters import DEVICE_ATTRIBUTES, read_selection
from device_manager.facades.ubidots.pages import Page
from device_manager.facades.ubidots.ranking import ranked
from device_manager.facades.ubidots.texts import Place, text_query
from device_manager.query.clauses import parse_query
from device_manager.query.dsl import to_dsl
from device_manager.query.fields import field_types
from device_manager.query.matcher import compile_matcher
from device_manager.query.tree import Regexp

TYPES = field_types({"properties": {"field": {"type": "keyword"}}})
OPERATORS = (
    *("exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"),
    "in",
)


@hypothesis.given(
    st.sampled_from(OPERATORS), st.text("aB-*?\\,é", max_size=3), st.text("aB-", max_size=3), st.text("abB-*?\\,é")
)
def test_texts(operator: str, value: str, prefix: str, wanted: str) -> None:
    """A query finds what the filter lets through, for texts that are there in parts."""
    for place in (Place("field", prefix), Place("", prefix)):
        if place.field and not value:
            continue  # a field counts only where it has a value
        text = prefix + value if place.field else prefix
        query = text_query(place, operator, wanted)
        assert query is not None
        [one] = read_selection([(f"label__{operator}", wanted)], DEVICE_ATTRIBUTES).filters
        document = {"field": value} if value else {}
        assert parse_query(to_dsl(query)) == query
        assert compile_matcher(query, TYPES)("id", document) is one.passes(text), (place, query)


def test_texts_in_any_case() -> None:
    """Whatever becomes a letter in lower case is found by it; what depends on letters around it is left to memory."""
    forms: dict[str, set[str]] = defaultdict(set)
    for code in range(sys.maxunicode + 1):
        small = chr(code).lower()
        if len(small) == 1 and small != chr(code) and small not in "\u03c3":
            forms[small] |= {small, chr(code)}
    for small, others in forms.items():
        query = text_query(Place("field"), "iexact", f"{small}\u00e9")
        assert isinstance(query, Regexp)
        assert set(query.value.partition("]")[0][1:]) == others
    for wanted in ("\u039f\u03a3", "\u0130", "\u00e9" * 400):
        assert text_query(Place("field"), "icontains", wanted) is None


@hypothesis.given(st.data())
def test_pages_out_of_everything(data: st.DataObject) -> None:
    """However little is kept in memory, a page is the one of the whole list."""
    labels = data.draw(st.lists(st.sampled_from("abcd") | st.none(), max_size=20))
    order, search = data.draw(st.sampled_from(["label", "-label", "name"])), data.draw(st.sampled_from(["", "a"]))
    selection = read_selection([("sort_by", order), ("search", search)], DEVICE_ATTRIBUTES)
    page = Page(data.draw(st.integers(1, 6)), data.draw(st.integers(1, 5)))
    items: list[tuple[int, dict[str, Any]]] = [
        (place, {"label": label, "place": place}) for place, label in enumerate(labels)
    ]

    async def read() -> AsyncIterator[list[tuple[int, dict[str, Any]]]]:
        for start in range(0, len(items), 3):
            yield items[start : start + 3]

    found = asyncio.run(ranked(read, selection, page, data.draw(st.integers(1, 10))))
    expected = selection.apply([row for _, row in items])
    assert found == ([row["place"] for row in page.of(expected)], len(expected))
