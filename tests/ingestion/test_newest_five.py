"""The five newest measures of a device without an engine (device-manager 1.4, transactions 2, B5)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.twins.ingestion.newest_five import KEPT, with_newest

EMPTY: dict[str, Any] = {"model": "Dummy", "lastMeasures": [], "lastMeasuredAt": None}


def measure(at: int, name: str = "temperature", value: float = 20) -> dict[str, Any]:
    return {"type": name, "measuredAt": at, "values": {name: value}, "origin": {"measureName": name}, "asset": None}


MEASURES = st.lists(
    st.builds(measure, st.integers(0, 9), st.sampled_from(["temperature", "battery"]), st.integers(0, 2)), max_size=12
)


def test_they_are_in_order_and_the_time_is_that_of_the_newest() -> None:
    record = with_newest(EMPTY, [measure(at) for at in (3, 9, 1, 7, 5, 8, 2)])
    assert [kept["measuredAt"] for kept in record["lastMeasures"]] == [9, 8, 7, 5, 3]
    assert record["lastMeasuredAt"] == 9
    assert record["lastMeasures"][0] == {
        "type": "temperature",
        "measureName": "temperature",
        "measuredAt": 9,
        "values": {"temperature": 20},
    }


def test_what_is_older_than_all_five_changes_nothing() -> None:
    record = with_newest(EMPTY, [measure(at) for at in (5, 6, 7, 8, 9)])
    assert with_newest(record, [measure(1)]) is record


@settings(deadline=None)
@given(MEASURES, MEASURES)
def test_the_same_measures_in_any_order_and_number_give_the_same_times(
    first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    one = with_newest(with_newest(EMPTY, first), second)
    other = with_newest(with_newest(with_newest(EMPTY, second), first), second)
    assert [kept["measuredAt"] for kept in one["lastMeasures"]] == [
        kept["measuredAt"] for kept in other["lastMeasures"]
    ]
    assert len(one["lastMeasures"]) <= KEPT
    assert with_newest(one, [*first, *second]) is one
