"""Filters of every size and shape are read or refused at once (router-protocol 7.2 and 9.43)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from device_manager.errors import ApiError
from device_manager.realtime.koncorde import FilterIndex, normalise

AT_ONCE = 0.2
"""Processor seconds, on a machine that does other things as well; the filters take some milliseconds."""


def equals(number: int) -> dict[str, Any]:
    return {"equals": {f"f{number}": number}}


def bomb(groups: int) -> dict[str, Any]:
    """Three conditions a group; its disjunctive form has 2 ** groups rows, and its truth table 8 ** groups."""
    return {
        "or": [
            {"and": [equals(3 * group), {"or": [equals(3 * group + 1), equals(3 * group + 2)]}]}
            for group in range(groups)
        ]
    }


def other_bomb(groups: int) -> dict[str, Any]:
    return {"and": [{"or": [equals(2 * group), equals(2 * group + 1)]} for group in range(groups)]}


@pytest.mark.parametrize("filter", [bomb(8), bomb(33), {"not": bomb(33)}, other_bomb(50), {"not": other_bomb(50)}])
def test_nothing_grows_beyond_the_filter(filter: dict[str, Any]) -> None:
    started = time.process_time()
    normalised = normalise(filter)
    index = FilterIndex()
    index.add("room", normalised)
    found = index.matching("id", {"f0": 0, "f1": 1})
    assert time.process_time() - started < AT_ONCE
    assert (found == {"room"}) is normalised.matches("id", {"f0": 0, "f1": 1})
    assert len(normalised.form) < 10_000


def nested(keyword: str, depth: int) -> Any:
    filter: Any = {"exists": "a"}
    for _ in range(depth):
        filter = {keyword: filter if keyword == "not" else [filter]}
    return filter


def deep(depth: int) -> Any:
    return {"a": deep(depth - 1)} if depth else 1


REFUSED: list[tuple[Any, str]] = [
    ({"and": [equals(number) for number in range(101)]}, '"and[100].equals": a filter has at most 100 conditions'),
    ({"in": {"a": [str(number) for number in range(101)]}}, '"in.a": a filter has at most 100 conditions'),
    ({"ids": {"values": ["x"] * 1_000_000}}, '"ids.values": a filter has at most 100 conditions'),
    (bomb(34), '"or[33].and[1].or[0].equals": a filter has at most 100 conditions'),
    ({"match": {str(number): number for number in range(101)}}, '"match": a filter has at most 100 conditions'),
    ({"match": {"a": [[number] for number in range(101)]}}, '"match": a filter has at most 100 conditions'),
    ({"match": deep(31)}, '"match": filters are nested at most 30 deep'),
    ({"match": {"a": [deep(500)]}}, '"match": filters are nested at most 30 deep'),
    (nested("not", 30), '"not.not'),
    (nested("and", 500), '"and[0].and[0]'),
    ({"equals": {"a": "x" * 16_384}}, '"equals.a": a filter has at most 16384 characters'),
    ({"equals": {"x" * 1_000_000: 1}}, '"equals": a filter has at most 16384 characters'),
    ({"exists": ".".join("a" * 51)}, '"exists": the path of a field has at most 50 names'),
    ({"regexp": {"a": "x" * 1001}}, '"regexp.a": not a regular expression of RE2: the pattern has more than 1000'),
    ({"regexp": {"a": "(.{900}x){2}"}}, '"regexp.a": not a regular expression of RE2'),
    ({"regexp": {"a": "\\pL" * 11}}, '"regexp.a": the patterns of a filter have at most 10 classes of Unicode'),
    ({"geoPolygon": {"a": {"points": ["1,1"] * 600}}}, '"geoPolygon.a.points": a filter has at most 16384 characters'),
    ({"x" * 1_000_000: 1}, f'"{"x" * 100}": unknown keyword'),
]


@pytest.mark.parametrize(("filter", "said"), REFUSED, ids=[said[:60] for _, said in REFUSED])
def test_what_is_too_large_is_refused_at_once(filter: Any, said: str) -> None:
    started = time.process_time()
    with pytest.raises(ApiError) as refusal:
        normalise(filter)
    assert time.process_time() - started < AT_ONCE
    assert refusal.value.id == "api.assert.koncorde_dsl_error"
    assert str(refusal.value.props[0]).startswith(said)
    assert len(refusal.value.message) < 2000


def test_what_is_just_small_enough_is_read() -> None:
    normalise({"and": [equals(number) for number in range(100)]})
    normalise({"ids": {"values": [str(number) for number in range(100)]}})
    normalise(nested("not", 29))
    normalise({"match": deep(30)})
    normalise({"and": [equals(number) for number in range(500)]}, max_conditions=500)
    normalise({"exists": ".".join("a" * 50)})


def test_patterns_run_in_time_proportional_to_the_text() -> None:
    filter = normalise({"regexp": {"a": "^(a+)+$"}})
    started = time.process_time()
    assert not filter.matches("id", {"a": "a" * 30_000 + "!"})
    assert time.process_time() - started < AT_ONCE


def test_elements_are_assigned_in_bounded_time() -> None:
    """Any order of trying would do for one pattern; together they need the one assignment that works."""
    patterns = [{"a": 1} for _ in range(40)] + [{} for _ in range(40)]
    filter = normalise({"match": {"list": patterns}})
    started = time.process_time()
    assert filter.matches("id", {"list": [{"a": 1}] * 40 + [{"b": 1}] * 40})
    assert not filter.matches("id", {"list": [{"a": 1}] * 39 + [{"b": 1}] * 500})
    assert time.process_time() - started < AT_ONCE
