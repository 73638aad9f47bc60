"""Canonical filters mean what was written, and the index finds what trying every filter finds (router-protocol 7)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device_manager.realtime.koncorde import FilterIndex, normalise, room_id


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_filter_means_what_was_written(examples: Any, data: st.DataObject) -> None:
    filter = data.draw(examples.filters, label="filter")
    normalised = normalise(filter)
    opposite = normalise({"not": filter})
    for _ in range(4):
        id, document = data.draw(examples.ids), data.draw(examples.documents)
        expected = examples.meaning(filter, id, document)
        found = normalised.matches(id, document)
        assert expected is None or found is expected, (document, normalised.form)
        assert opposite.matches(id, document) is not found


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_the_index_finds_what_trying_every_filter_finds(examples: Any, data: st.DataObject) -> None:
    filters = data.draw(st.lists(examples.filters, min_size=1, max_size=12), label="filters")
    rooms = {room_id("i", "c", found): found for found in map(normalise, [*filters, {}])}
    index = FilterIndex()
    for room, filter in rooms.items():
        index.add(room, filter)
    documents = data.draw(st.lists(st.tuples(examples.ids, examples.documents), min_size=1, max_size=5))
    while True:
        for id, document in documents:
            expected = {room for room, filter in rooms.items() if filter.matches(id, document)}
            assert index.matching(id, document) == expected
        assert len(index) == len(rooms)
        if not rooms:
            break
        for room in list(rooms)[: len(rooms) // 2 + 1]:
            index.remove(room)
            del rooms[room]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_order_of_operands_makes_no_other_room(examples: Any, data: st.DataObject) -> None:
    filter = data.draw(examples.filters, label="filter")
    chance = data.draw(st.randoms(use_true_random=False))

    def shuffled(filter: Any) -> Any:
        if isinstance(filter, list):
            return chance.sample([shuffled(inner) for inner in filter], len(filter))
        if isinstance(filter, dict):
            return {name: filter[name] for name in chance.sample(list(filter), len(filter))} | {
                name: shuffled(inner)
                for name, inner in filter.items()
                if name in {"and", "or", "not", "bool", "must", "should", "must_not", "should_not", "in", "values"}
                and isinstance(inner, dict | list)
            }
        return filter

    assert normalise(shuffled(filter)).form == normalise(filter).form
    assert normalise({"not": {"not": filter}}).form == normalise(filter).form
    assert normalise({"and": [filter, filter]}).form == normalise(filter).form
