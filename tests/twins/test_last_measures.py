"""Records of last measures are a function of the measures (transactions 2)."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from device_manager.storage.contract import Key
from device_manager.storage.mappings.names import MAX_ID_BYTES, is_usable_name
from device_manager.twins.measures.last_measures import (
    END_OF_TIME,
    Slot,
    embedded,
    last_measure_puts,
    measure_version,
    measured_at,
    record_key,
    record_version,
    records_collection,
    slot_of,
    slots_of,
)

MARCH = 1_772_323_200_000
NAMES = st.text(min_size=1, max_size=8)
TIMES = st.integers(0, END_OF_TIME - 1)


def device_measure(at: Any) -> dict[str, Any]:
    """A measure of a linked device."""
    return {
        "type": "temperature",
        "measuredAt": at,
        "values": {"temperature": 20},
        "asset": {"_id": "Container-1", "measureName": "inside"},
        "origin": {"type": "device", "_id": "Dummy-1", "measureName": "temperature", "payloadUuids": ["u"]},
    }


@given(st.tuples(TIMES, NAMES), st.tuples(TIMES, NAMES))
def test_versions_order_by_time_first(one: tuple[int, str], other: tuple[int, str]) -> None:
    versions = [measure_version(id, at) for at, id in (one, other)]
    assert all(0 <= version < 1 << 63 for version in versions)
    if one[0] != other[0]:
        assert (versions[0] < versions[1]) == (one[0] < other[0])


def test_measures_of_one_moment_have_an_order() -> None:
    ids = [f"-O{number:018}" for number in range(200)]
    assert len({measure_version(id, MARCH) for id in ids}) == len(ids)


@given(st.lists(st.tuples(st.sampled_from(["asset", "device"]), NAMES, NAMES), unique=True))
def test_slots_do_not_share_records(slots: list[Any]) -> None:
    assert len({record_key("tenant", Slot(*slot)) for slot in slots}) == len(slots)


def test_long_names_have_records_too() -> None:
    slots = [Slot("asset", "é" * 500 + end, "slot" * 100) for end in "ab"]
    first, second = (record_key("t" * 126, slot) for slot in slots)
    assert first != second
    assert len(first.id.encode()) <= MAX_ID_BYTES
    assert is_usable_name(first.collection)
    assert records_collection("t" * 126) != records_collection("t" * 125)


def test_puts_of_a_measure() -> None:
    measure = device_measure(MARCH)
    puts = last_measure_puts("tenant", "m1", measure)
    slots = [Slot("asset", "Container-1", "inside"), Slot("device", "Dummy-1", "temperature")]
    assert list(slots_of(measure)) == slots == [slot_of(put.source) for put in puts]
    assert [put.key for put in puts] == [record_key("tenant", slot) for slot in slots]
    assert {put.version for put in puts} == {measure_version("m1", MARCH)} == {record_version(puts[0].source)}
    assert embedded(puts[0].source) == {
        "name": "inside",
        "type": "temperature",
        "measuredAt": MARCH,
        "values": {"temperature": 20},
        "originId": "Dummy-1",
        "payloadUuids": ["u"],
    }
    assert isinstance(puts[0].key, Key)


def test_measures_without_slots_have_no_records() -> None:
    for change in (
        {"asset": None, "origin": {"type": "api", "_id": "station"}},
        {"asset": {"_id": "Container-1"}, "origin": {"type": "computed", "_id": "rule", "measureName": "x"}},
        {"asset": {"_id": ["Container-1"], "measureName": "x"}, "origin": None},
        {"measuredAt": END_OF_TIME},
        {"measuredAt": -1},
        {"measuredAt": "yesterday"},
        {"measuredAt": None},
        {"measuredAt": True},
    ):
        assert last_measure_puts("tenant", "m1", device_measure(MARCH) | change) == []


def test_times_as_native_writes_may_give_them() -> None:
    times = (MARCH, str(MARCH), "2026-03-01T00:00:00Z", float(MARCH))
    assert [measured_at(device_measure(at)) for at in times] == [MARCH] * len(times)


@given(st.permutations([(at, f"m{number}") for at in (MARCH, MARCH + 1) for number in range(3)]))
def test_any_order_of_puts_ends_with_the_same_record(order: list[tuple[int, str]]) -> None:
    def newest(measures: Any) -> Any:
        puts = itertools.chain.from_iterable(last_measure_puts("t", id, device_measure(at)) for at, id in measures)
        return max(puts, key=lambda put: put.version).source["measureId"]

    assert newest(order) == newest(sorted(order))
