"""Paths of groups are compared and rewritten by segments (device-manager 2.4)."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from device_manager.twins.groups.names import folded
from device_manager.twins.groups.paths import (
    completed,
    is_below,
    is_within,
    last_segment,
    moved,
    moved_memberships,
    parent_path,
    stored_path,
)

SEGMENTS = st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=4)
PATHS = SEGMENTS.map(".".join)


@given(SEGMENTS, SEGMENTS)
def test_what_is_within_begins_with_the_same_segments(path: list[str], ancestor: list[str]) -> None:
    assert is_within(".".join(path), ".".join(ancestor)) == (path[: len(ancestor)] == ancestor)
    assert is_below(".".join(path), ".".join(ancestor)) == (path != ancestor and path[: len(ancestor)] == ancestor)


@given(SEGMENTS, SEGMENTS, SEGMENTS | st.just([]))
def test_moving_replaces_the_first_segments(path: list[str], old: list[str], new: list[str]) -> None:
    expected = new + path[len(old) :] if path[: len(old)] == old else path
    assert moved(".".join(path), ".".join(old), ".".join(new)) == ".".join(expected)


@given(PATHS, PATHS, PATHS)
def test_moving_there_and_back_changes_nothing(path: str, old: str, new: str) -> None:
    assume(not is_within(path, new) and not is_within(new, old) and not is_within(old, new))
    assert moved(moved(path, old, new), new, old) == path


@given(st.lists(PATHS, unique=True, max_size=5), PATHS, PATHS | st.just(""))
def test_memberships_move_without_doubling(paths: list[str], old: str, new: str) -> None:
    before = [{"path": path, "date": 1} for path in paths]
    after = moved_memberships(before, old, new, 2)
    expected = list(dict.fromkeys(path for entry in paths if (path := moved(entry, old, new))))
    assert [entry["path"] for entry in after] == expected
    for entry in after:
        assert entry["date"] == 2 or entry in before
    assert [entry for entry in after if entry["date"] == 1] == [entry for entry in before if entry in after]


@given(PATHS, st.text("ab", min_size=1, max_size=2))
def test_a_path_of_the_parent_is_completed(path: str, id: str) -> None:
    whole = completed(path, id)
    assert id in whole.split(".")
    assert whole in (path, f"{path}.{id}")
    assert parent_path(f"{path}.{id}") == path and last_segment(f"{path}.{id}") == id


def test_an_id_inside_of_another_one_completes_the_path() -> None:
    assert completed("root-a", "a") == "root-a.a"
    assert completed("a.b", "a") == "a.b"


def test_groups_without_a_path_are_roots() -> None:
    assert [stored_path("a", group) for group in ({}, {"path": None}, {"path": ""}, {"path": "b.a"})] == [
        "a",
        "a",
        "a",
        "b.a",
    ]


def test_names_are_compared_without_case_and_form() -> None:
    assert folded("Hall (1)") == folded("hALL (1)") != folded("Hall 1")
    assert folded("STRASSE") == folded("Straße")
    assert folded("Caf\u00e9") == folded("CAFE\u0301")
