"""Rooms: the same filter on the same collection is the same room everywhere (router-protocol 5.7, 7.2)."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from device_manager.realtime.koncorde import normalise, room_id

A, B, C = {"equals": {"a": 1}}, {"equals": {"b": "x"}}, {"exists": "c"}
D = {"range": {"a": {"gt": 3, "lt": 9}}}

SAME: list[tuple[Any, Any]] = [
    (None, {}),
    ({"and": [A, B]}, {"and": [B, A]}),
    ({"and": [A, {"and": [B, C]}]}, {"and": [{"and": [C, A]}, B]}),
    ({"or": [A, {"or": [B, C]}]}, {"or": [C, B, A, A]}),
    ({"not": {"and": [A, B]}}, {"or": [{"not": B}, {"not": A}]}),
    ({"not": {"not": A}}, A),
    ({"and": [A]}, {"or": [A]}),
    ({"bool": {"must": [A], "must_not": [B]}}, {"and": [{"not": B}, A]}),
    ({"bool": {"should_not": [A, B]}}, {"not": {"and": [A, B]}}),
    ({"in": {"b": ["x", "y"]}}, {"or": [{"equals": {"b": "y"}}, B]}),
    ({"in": {"b": ["x", "y", "x"]}}, {"in": {"b": ["y", "x"]}}),
    ({"ids": {"values": ["one"]}}, {"equals": {"_id": "one"}}),
    ({"missing": "c"}, {"not": C}),
    ({"exists": {"field": "c"}}, C),
    ({"equals": {"a": 1.0}}, A),
    ({"match": {"a": 1, "b": "x"}}, {"and": [A, B]}),
    ({"match": {"o": {"p": 1}}}, {"equals": {"o.p": 1}}),
    ({"match": {"c": [1]}}, {"exists": "c[1]"}),
    ({"or": [A, {"and": [A, B]}]}, A),
    ({"and": [A, {"exists": "a"}]}, A),
    ({"or": [A, {"not": A}]}, {}),
    ({"and": [A, {"not": A}]}, {"nothing": 1}),
    ({"and": [A, {"equals": {"a": 2}}]}, {"nothing": 1}),
    ({"and": [A, {"range": {"a": {"gt": 1}}}]}, {"nothing": 1}),
    ({"and": [A, {"missing": "a"}]}, {"nothing": 1}),
    ({"and": [A, {"missing": "a.b"}, {"nothing": 1}]}, {"nothing": 1}),
    ({"and": [{"range": {"a": {"gte": 1}}}, {"range": {"a": {"lte": 1}}}]}, A),
    ({"and": [{"range": {"a": {"gt": 1}}}, {"range": {"a": {"gt": 3, "lt": 9}}}]}, D),
    ({"regexp": {"a": {"value": "x", "flags": "gu"}}}, {"regexp": {"a": "x"}}),
    ({"geoDistance": {"p": "1,2", "distance": "1km"}}, {"geoDistance": {"p": [1, 2], "distance": "1000 M"}}),
    ({"geoDistanceRange": {"p": "1,2", "from": "0m", "to": "1km"}}, {"geoDistance": {"p": "1,2", "distance": "1km"}}),
    (
        {"select": {"field": "a", "index": 0, "query": {"and": [{"exists": "value.x"}, {"equals": {"value.y": 1}}]}}},
        {"select": {"index": 0, "field": "a", "query": {"and": [{"equals": {"value.y": 1}}, {"exists": "value.x"}]}}},
    ),
]  # fmt: skip

DIFFERENT: list[Any] = [
    {}, {"nothing": 1}, A, B, C, {"and": [A, B]}, {"or": [A, B]}, {"not": A}, {"equals": {"a": "1"}},
    {"equals": {"a": True}}, {"equals": {"a": None}}, {"missing": "a"}, {"exists": "a"}, {"exists": "a[1]"},
    {"exists": 'a["1"]'}, {"range": {"a": {"gt": 1}}}, {"range": {"a": {"gte": 1}}}, {"range": {"a": {"lt": 1}}},
    {"regexp": {"a": "x"}}, {"regexp": {"a": {"value": "x", "flags": "i"}}}, {"match": {"a": [1, 1]}},
    {"match": {"a": []}}, {"match": {"a": {}}}, {"match": {"a": [{}]}},
    {"select": {"field": "a", "index": 0, "query": {"exists": "value"}}},
    {"select": {"field": "a", "index": 1, "query": {"exists": "value"}}},
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME, ids=[str(one)[:70] for one, _ in SAME])
def test_filters_that_say_the_same_share_a_room(one: Any, other: Any) -> None:
    assert room_id("i", "c", normalise(one)) == room_id("i", "c", normalise(other))


def test_other_filters_and_other_collections_have_other_rooms() -> None:
    rooms = [room_id("i", "c", normalise(filter)) for filter in DIFFERENT]
    rooms += [room_id(*place, normalise({})) for place in (("i", "d"), ("j", "c"), ('i", "c', ""), ("", "i"))]
    assert len(set(rooms)) == len(rooms)
    for room in rooms:
        assert len(room) == 64
        assert set(room) <= set("0123456789abcdef")


def test_rooms_are_the_same_in_another_process() -> None:
    filter = {"or": [{"in": {"a": list("abcdefgh")}}, {"bool": {"must": [A, B], "should_not": [C, {"exists": "é"}]}}]}
    program = (
        "from device_manager.realtime.koncorde import normalise, room_id\n"
        f"print(room_id('i', 'c', normalise({filter!r})))"
    )
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        assert found.stdout.strip() == room_id("i", "c", normalise(filter))
    assert room_id("foo", "bar", normalise({})) == "6041a06eb27cd661d7c2e6160c8c6c293450640887a2b3ae9232b4c573b76c22"
