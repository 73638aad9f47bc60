"""Merge patches of metadata: what pipes changed, applied to whatever is stored by then (design 5)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.events.documents import fresh
from device_manager.twins.patches import difference, forbidden_change, patched, patched_paths

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner)
)
metadata = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@settings(max_examples=300)
@given(metadata, metadata)
def test_the_difference_leads_from_one_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    result = patched(before, difference(before, after))
    assert result == after


@settings(max_examples=300)
@given(metadata)
def test_no_change_makes_no_patch(before: dict[str, Any]) -> None:
    assert difference(before, fresh(before)) == {}


def test_members_that_a_pipe_left_alone_are_taken_from_what_is_stored_by_then() -> None:
    patch = difference({"a": 1, "deep": {"x": 1, "y": 1}}, {"a": 1, "deep": {"x": 2, "y": 1}})
    assert patched({"a": 7, "deep": {"x": 1, "y": 8}}, patch) == {"a": 7, "deep": {"x": 2, "y": 8}}


def test_null_is_a_value_and_a_missing_member_a_removal() -> None:
    assert patched({"a": 1, "b": 1}, difference({"a": 1, "b": 1}, {"a": None})) == {"a": None}


def test_the_paths_of_a_patch_are_its_leaves() -> None:
    patch = difference({"gone": 1, "deep": {"x": 1}}, {"deep": {"x": 2}, "new": [1]})
    assert list(patched_paths(patch)) == ["gone", "deep.x", "new"]


def test_only_metadata_may_change() -> None:
    stored: dict[str, Any] = {"_id": "a", "_source": {"model": "M", "metadata": {"x": 1}}}
    assert forbidden_change(stored, {"_id": "a", "_source": {"model": "M", "metadata": {"x": 2}}}) is None
    assert forbidden_change(stored, {"_id": "b", "_source": stored["_source"]}) == "_id"
    assert forbidden_change(stored, {"_id": "a", "_source": {"model": "N", "metadata": {}}}) == "_source.model"
    assert forbidden_change(stored, {"_id": "a", "_source": {"model": "M", "metadata": {}, "x": 1}}) == "_source.x"
    assert forbidden_change(stored, {"_id": "a", "_source": {"metadata": {}}}) == "_source.model"
    assert forbidden_change(stored, {"_id": "a", "_source": {"model": "M", "metadata": None}}) == "_source.metadata"
    assert forbidden_change(stored, None) == "_source"
