"""The structures that find conditions: what each finds is what looking at everything finds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.query.regexps import InvalidPattern, searcher
from device_manager.query.tree import GeoBox
from device_manager.realtime.koncorde import FilterIndex, normalise
from device_manager.realtime.koncorde.grid import Grid
from device_manager.realtime.koncorde.intervals import Intervals
from device_manager.realtime.koncorde.literals import required_texts
from device_manager.realtime.koncorde.substrings import Substrings

numbers = st.one_of(
    st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**400), 10**400),
    st.sampled_from([0.0, -0.0, 5e-324, 1e308, -1e308, 2**53, 2**53 + 1]),
)  # fmt: skip


def in_order(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return (high, low) if low is not None and high is not None and low > high else (low, high)


bounds = st.builds(in_order, st.none() | numbers, st.none() | numbers)


def near(number: float) -> float:
    """The double that the structure takes a number for."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


@settings(max_examples=100, deadline=None)
@given(st.lists(bounds, max_size=20), st.lists(numbers, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_intervals(
    intervals: list[tuple[float | None, float | None]], asked: list[float], chance: random.Random
) -> None:
    tree: Intervals[int] = Intervals()
    items = {1000 + place: interval for place, interval in enumerate(intervals)}
    for item, interval in items.items():
        tree.add(*interval, item)
    while True:
        for number in asked:
            expected = sorted(
                item
                for item, (low, high) in items.items()
                if (low is None or near(low) <= near(number)) and (high is None or near(number) <= near(high))
            )
            assert sorted(tree.around(number)) == expected
        assert bool(tree) is bool(items)
        if not items:
            break
        for item in chance.sample(sorted(items), len(items) // 2 + 1):
            tree.remove(*items.pop(item), item)


degrees = st.floats(-90, 90) | st.sampled_from([-90.0, 0.0, 90.0])
longitudes = st.floats(-180, 180) | st.sampled_from([-180.0, 0.0, 180.0])
boxes = st.builds(
    lambda one, other, left, right: GeoBox("f", max(one, other), left, min(one, other), right),
    degrees, degrees, longitudes, longitudes,
) | st.builds(
    lambda lat, lon, size: GeoBox("f", min(90.0, lat + size), lon, lat, min(180.0, lon + size)),
    degrees, longitudes, st.floats(0, 0.01),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(boxes, max_size=10), st.lists(st.tuples(degrees, longitudes), max_size=5))
def test_places(listed: list[GeoBox], points: list[tuple[float, float]]) -> None:
    grid: Grid[int] = Grid()
    for place, box in enumerate(listed):
        grid.add(box, place)
    corners = [(box.top, box.left) for box in listed] + [(box.bottom, box.right) for box in listed]
    for lat, lon in points + corners:
        inside = {
            place
            for place, box in enumerate(listed)
            if box.bottom <= lat <= box.top
            and (box.left <= lon <= box.right if box.left <= box.right else lon >= box.left or lon <= box.right)
        }
        assert inside <= set(grid.around((lat, lon)))
    for place, box in enumerate(listed):
        grid.remove(box, place)
    assert not grid


pieces = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "\\.",
        ".",
        "[ab]",
        "[^a]",
        "(a|b)",
        "(ab)",
        "(a(b)?)",
        "|",
        "^",
        "$",
        "\\d",
        "\\b",
        "(?i)a",
        "1",
        "[]a]",
    ]
)
repeats = st.sampled_from(["", "", "", "*", "+", "?", "{0}", "{2}", "{0,1}", "{1,}", "*?", "+?", "??"])
patterns = st.lists(st.tuples(pieces, repeats), max_size=6).map(lambda found: "".join(a + b for a, b in found))


@settings(max_examples=200, deadline=None)
@given(patterns, st.lists(st.text("aAb1. ", max_size=8), max_size=5))
def test_required_texts_are_in_every_match(pattern: str, texts: list[str]) -> None:
    try:
        matches = searcher(pattern)
    except InvalidPattern:
        return
    for text in texts:
        if matches(text):
            assert all(required in text for required in required_texts(pattern))


def test_patterns_in_any_case_are_found_by_folded_pieces() -> None:
    index = FilterIndex()
    for number, pattern in enumerate(["desk", "MASK", "^ink", "é-x", "straße", "(ask)", "k"]):
        index.add(f"{number} {pattern}", normalise({"regexp": {"name": {"value": pattern, "flags": "i"}}}))
    rooms = {found.partition(" ")[2] for found in index.matching("id", {"name": "DE\u017f\u212a Ma\u017fK"})}
    assert rooms == {"desk", "MASK", "(ask)", "k"}
    assert {found.partition(" ")[2] for found in index.matching("id", {"name": "İNK STRAẞE É-X"})} == {
        "é-x",
        "straße",
        "k",
    }


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("^device-42$", ["device-42"]),
        ("a\\.b\\dc+d", ["a.b", "c", "d"]),
        ("ab*c{2}d?", ["a", "c"]),
        ("x(y|z)ab", ["x", "ab"]),
        ("ab|cd", []),
        ("(?i)ab", []),
        ("\\x41b", []),
    ],
)
def test_required_texts(pattern: str, texts: list[str]) -> None:
    assert required_texts(pattern) == texts


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab", max_size=20), max_size=10), st.text("ab", max_size=40))
def test_substrings(listed: list[str], text: str) -> None:
    found: Substrings[int] = Substrings()
    added = {place for place, piece in enumerate(listed) if found.add([piece], place)}
    assert added == {place for place, piece in enumerate(listed) if len(piece) >= 2}
    assert {place for place in added if listed[place] in text} <= set(found.inside(text))
    for place in range(len(listed)):
        found.discard(place)
    assert not found
