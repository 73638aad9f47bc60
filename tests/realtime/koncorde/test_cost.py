"""What a document costs does not grow with the rooms that it cannot match; what leaves, leaves nothing behind.

The cost is counted, not timed: lines of Python that the index runs, the tests of conditions among them. One test times
it, so that what one line does inside counts as well.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from device_manager.realtime.koncorde import Filter, FilterIndex, normalise
from device_manager.realtime.koncorde.conditions import OneOf, Range

Make = Callable[[int], Any]

KINDS: dict[str, Make] = {
    "equals": lambda i: {"equals": {"state": f"s{i}"}},
    "equals on other fields": lambda i: {"equals": {f"f{i}": 1}},
    "in": lambda i: {"in": {"state": [f"s{i}", f"t{i}"]}},
    "ids": lambda i: {"ids": {"values": [f"id{i}"]}},
    "intervals": lambda i: {"range": {"level": {"gte": i, "lt": i + 1}}},
    "intervals around zero": lambda i: {"range": {"level": {"gt": -1e6 - i, "lt": 0 if i else 1}}},
    "upper parts": lambda i: {"range": {"level": {"gte": i}}},
    "outside of ranges": lambda i: {"not": {"range": {"level": {"gt": -1 - i}}}} if i else {"exists": "level"},
    "exists": lambda i: {"exists": f"f{i}"},
    "exists in arrays": lambda i: {"exists": f'tags["t{i}"]'},
    "match": lambda i: {"match": {"meta": {"serial": i}}},
    "select": lambda i: {"select": {"field": "tags", "index": 0, "query": {"equals": {"value": f"t{i}"}}}},
    "patterns": lambda i: {"regexp": {"name": f"^device-{i}$"}},
    "patterns in any case": lambda i: {"regexp": {"name": {"value": f"^DEVICE-{i}$", "flags": "i"}}},
    "patterns inside": lambda i: {"regexp": {"name": f"{i}[$]?$"}} if i < 10 else {"regexp": {"name": f"-{i:05}[$]?$"}},
    "circles": lambda i: {"geoDistance": {"place": [(i % 100) * 0.5, (i // 100) * 0.5], "distance": "1km"}},
    "boxes": lambda i: (
        {
            "geoBoundingBox": {
                "place": {"top": i % 100 + 0.5, "left": i // 100, "bottom": i % 100 - 0.5, "right": i // 100 + 1}
            }
        }
        if i % 100 < 89
        else {"ids": {"values": [f"id{i}"]}}
    ),
    "polygons": lambda i: {"geoPolygon": {"place": {"points": [[i / 200, 0], [i / 200, 0.004], [i / 200 + 0.004, 0]]}}},
    "and with the same first part": lambda i: {"and": [{"equals": {"type": "t"}}, {"equals": {"state": f"s{i}"}}]},
    "and with an interval": lambda i: {
        "and": [{"equals": {"type": "t"}}, {"range": {"level": {"gte": i, "lt": i + 1}}}]
    },
    "and with not": lambda i: {"and": [{"not": {"equals": {"type": "x"}}}, {"equals": {"state": f"s{i}"}}]},
    "or": lambda i: {"or": [{"equals": {"state": f"s{i}"}}, {"exists": f"f{i}"}, {"ids": {"values": [f"id{i}"]}}]},
    "nested": lambda i: {
        "bool": {"must": [{"exists": "type"}], "should": [{"equals": {"state": f"s{i}"}}, {"exists": f"f{i}"}]}
    },
}
DOCUMENT: dict[str, Any] = {
    "state": "s0", "f0": 1, "level": 0.5, "tags": ["t0", "x"], "type": "t", "meta": {"serial": 0, "other": {"deep": 1}},
    "name": "device-0", "place": {"lat": 0.001, "lon": 0.001},
}  # fmt: skip


def index_of(make: Make, rooms: int) -> FilterIndex:
    index = FilterIndex()
    for number in range(rooms):
        index.add(f"room{number}", normalise(make(number)))
    return index


def lines(run: Callable[[], object]) -> int:
    """How many lines of the index, and of all that it calls, run."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_costs_the_same_with_many_rooms(kind: str) -> None:
    few, many = (index_of(KINDS[kind], rooms) for rooms in (10, 500))
    assert few.matching("id0", DOCUMENT) == many.matching("id0", DOCUMENT) == {"room0"}
    assert lines(lambda: many.matching("id0", DOCUMENT)) < 3 * lines(lambda: few.matching("id0", DOCUMENT))


MIXED = [
    "equals", "ids", "intervals", "upper parts", "exists",
    "match", "patterns", "circles", "and with an interval", "nested",
]  # fmt: skip


def mixed(number: int) -> Any:
    """Ten kinds in turn, so that ten rooms have one of each."""
    return KINDS[MIXED[number % 10]](number)


def test_ten_thousand_different_rooms_evaluate_no_more_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = index_of(mixed, 10), index_of(mixed, 10_000)
    evaluated = 0

    def counted(test: Any) -> Any:
        def counting(condition: Any, value: Any) -> bool:
            nonlocal evaluated
            evaluated += 1
            return bool(test(condition, value))

        return counting

    for condition in (OneOf, Range):
        monkeypatch.setattr(condition, "test", counted(condition.test))
    assert few.matching("id0", DOCUMENT) <= many.matching("id0", DOCUMENT) == {"room0"}
    evaluated = 0
    many.matching("id0", DOCUMENT)
    assert evaluated < 10
    assert lines(lambda: many.matching("id0", DOCUMENT)) < 3 * lines(lambda: few.matching("id0", DOCUMENT))


@pytest.mark.alone
def test_ten_thousand_different_rooms_take_little_more_time() -> None:
    def seconds(index: FilterIndex) -> float:
        def once() -> float:
            started = time.process_time()
            for _ in range(50):
                index.matching("id0", DOCUMENT)
            return time.process_time() - started

        return min(once() for _ in range(7))

    assert seconds(index_of(mixed, 10_000)) < 3 * seconds(index_of(mixed, 10))


def test_coming_and_going_costs_the_same_with_many_rooms_and_leaves_nothing() -> None:
    filters: list[Filter] = [normalise(mixed(number)) for number in range(500)]
    index = FilterIndex()

    def come_and_go(number: int) -> None:
        index.add("another", filters[number])
        index.remove("another")

    alone = max(lines(lambda number=number: come_and_go(number)) for number in range(50))  # type: ignore[misc]
    empty = sized(index)
    for number, filter in enumerate(filters):
        index.add(str(number), filter)
    crowded = max(lines(lambda number=number: come_and_go(number)) for number in range(50))  # type: ignore[misc]
    assert crowded < 3 * alone
    for number in range(len(filters)):
        index.remove(str(number))
    assert sized(index) == empty
    assert len(index) == 0


def sized(index: FilterIndex) -> dict[str, int]:
    return {name: len(value) for name, value in vars(index).items()}


def test_memory_is_given_back() -> None:
    def clients(count: int) -> None:
        index = FilterIndex()
        for number in range(count):
            index.add(str(number), normalise(mixed(number)))
        for number in range(count):
            index.remove(str(number))

    clients(300)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):
            clients(300)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()
