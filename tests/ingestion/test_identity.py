"""The ids of measures: transactions 2, B1 and B2."""

from __future__ import annotations

import string
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.twins.ingestion.identity import ID_LENGTH, measure_id, payload_uuid, pushed_id

NUMBERS = st.integers(-(1 << 53) + 1, (1 << 53) - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=8,
)
VALUES = st.dictionaries(st.text(max_size=8), JSON, max_size=4)
TEXT = st.text(max_size=12)
PLACE = ("uuid", "device", "Dummy-1", "temperature", 1_732_000_000_000)


def backwards(value: Any) -> Any:
    """The same JSON with its members in another order, whole floats as integers and the other way round."""
    if isinstance(value, dict):
        return {key: backwards(member) for key, member in reversed(value.items())}
    if isinstance(value, list):
        return [backwards(item) for item in value]
    if type(value) is int and abs(value) < 1 << 53:
        return float(value)
    if type(value) is float and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    return value


@settings(deadline=None)
@given(VALUES)
def test_the_order_of_members_and_the_form_of_numbers_do_not_matter(values: dict[str, Any]) -> None:
    assert measure_id(*PLACE, values) == measure_id(*PLACE, backwards(values))
    assert measure_id(*PLACE, values) == measure_id(*PLACE, orjson.loads(orjson.dumps(values)))


@settings(deadline=None)
@given(st.tuples(TEXT, TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT, TEXT))
def test_other_parts_give_another_id(one: tuple[str, str, str, str], other: tuple[str, str, str, str]) -> None:
    values = {"temperature": 20.5}
    assert (measure_id(*one, 1, values) == measure_id(*other, 1, values)) == (one == other)


def test_time_and_values_count() -> None:
    uuid, kind, origin, slot, at = PLACE
    undated: Any = None
    ids = {
        measure_id(*PLACE, {"temperature": 20}),
        measure_id(*PLACE, {"temperature": 20.1}),
        measure_id(*PLACE, {"temperature": "20"}),
        measure_id(*PLACE, {"temperature": None}),
        measure_id(*PLACE, {}),
        measure_id(uuid, kind, origin, slot, at + 1, {"temperature": 20}),
        measure_id(uuid, kind, origin, slot, undated, {"temperature": 20}),
    }
    assert len(ids) == 7
    assert all(len(id) == ID_LENGTH for id in ids)
    assert all(set(id) <= set(string.ascii_letters + string.digits + "-_") for id in ids)


def test_values_without_a_form_in_json_are_refused() -> None:
    with pytest.raises(ApiError) as refusal:
        measure_id(*PLACE, {"temperature": object()})
    assert refusal.value.id == "device_manager.ingestion.unusable_values"
    assert '"temperature"' in refusal.value.message


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_a_run_does_not_matter_to_what_pipes_push(run: list[str], chance: Any) -> None:
    shuffled = list(run)
    chance.shuffle(shuffled)
    assert pushed_id(run, "computed", "rule", "dew", "A-1", 1) == pushed_id(
        shuffled, "computed", "rule", "dew", "A-1", 1
    )


def test_each_pushed_measure_has_its_own_id() -> None:
    parts: list[tuple[Any, ...]] = [
        (["a"], "computed", "rule", "dew", "A-1", 1),
        (["b"], "computed", "rule", "dew", "A-1", 1),
        (["a"], "device", "rule", "dew", "A-1", 1),
        (["a"], "computed", "other", "dew", "A-1", 1),
        (["a"], "computed", "rule", "frost", "A-1", 1),
        (["a"], "computed", "rule", "dew", "A-2", 1),
        (["a"], "computed", "rule", "dew", "A-1", 2),
    ]
    assert len({pushed_id(*part) for part in parts}) == len(parts)


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1), st.lists(TEXT, min_size=1))
def test_the_uuid_of_a_key_tells_scopes_apart(one: list[str], other: list[str]) -> None:
    assert (payload_uuid(*one) == payload_uuid(*other)) == (one == other)
