"""Metadata as cells of a CSV: what is written is read back as it was."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_manager.errors import ApiError
from device_manager.twins.bulk.cells import Field, fields_of, read_cell, read_metadata, write_cell, write_metadata
from device_manager.twins.bulk.csv import read_records

MAPPINGS: dict[str, Any] = {
    "name": {"type": "keyword"},
    "size": {"type": "integer"},
    "place": {"type": "geo_point"},
    "address": {"properties": {"city": {"type": "keyword"}, "door": {"properties": {"number": {"type": "integer"}}}}},
    "rooms": {"type": "nested", "properties": {"width": {"type": "float"}}},
}

text = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('",;\n\r\t[]{}'), max_size=8)
text |= st.sampled_from(["null", "true", "1", "1.0", "1,2", "[", '"'])
long = st.integers(-(2**63), 2**63 - 1)
number = long | st.floats(allow_nan=False, allow_infinity=False)
scalar = st.none() | st.booleans() | number | text
anything = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3))
mapping = st.dictionaries(text, anything, max_size=3)
words = text | st.lists(scalar, max_size=3)
numbers = number | number.map(str) | st.lists(number)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "keyword": words,
    "text": words,
    "boolean": st.booleans() | st.sampled_from(["true", "false", ""]) | st.lists(st.booleans()),
    "integer": numbers,
    "float": numbers,
    "date": long | text | st.lists(text),
    "geo_point": st.fixed_dictionaries({"lat": number, "lon": number}) | text | st.lists(number),
    "object": mapping | st.lists(mapping, max_size=2),
    "nested": mapping | st.lists(mapping, max_size=2),
}
"""What fields hold beside null. Numbers and booleans in text fields come back as the text that they are found by."""

door = st.none() | st.fixed_dictionaries({}, optional={"number": st.none() | VALUES["integer"]})
address = st.fixed_dictionaries({}, optional={"city": st.none() | words, "door": door})
metadata = st.fixed_dictionaries(
    {},
    optional={
        "name": st.none() | VALUES["keyword"],
        "size": st.none() | VALUES["integer"],
        "place": st.none() | VALUES["geo_point"],
        "address": st.none() | address | st.lists(address, max_size=2),
        "rooms": st.none() | VALUES["nested"],
    },
)


def through_csv(cells: list[str]) -> list[str]:
    """The cells as the server finds them in a file that `csv.writer` made."""
    file = io.StringIO()
    names = [f"column{place}" for place in range(len(cells))]
    csv.writer(file, lineterminator="\n").writerows([[*names, "end"], [*cells, "x"]])
    (record,) = read_records(file.getvalue(), ["column0"], limit=1)
    return [record.values[name] for name in names]


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda type: st.tuples(st.just(type), st.none() | VALUES[type])))
def test_a_cell_is_read_as_it_was_written(case: tuple[str, Any]) -> None:
    type, value = case
    field = Field("field", type)
    (cell,) = through_csv([write_cell(value, field)])
    read = read_cell(cell, field)
    assert (read, repr(read)) == (value, repr(value))


@given(metadata)
def test_metadata_is_read_as_it_was_written(metadata: dict[str, Any]) -> None:
    fields = list(fields_of(MAPPINGS, ["name"]))
    cells = write_metadata(metadata, fields)
    texts = through_csv([cells.get(field.path, "") for field in fields])
    read = read_metadata(zip(fields, texts, strict=True))
    # Null is no value, except where a default would take its place.
    assert read == {name: value for name, value in metadata.items() if value is not None or name == "name"}


@pytest.mark.parametrize(
    ("text", "type", "value"),
    [
        ("12", "integer", 12),
        ("007", "long", 7),
        ("+1.5e3", "float", 1500.0),
        ("TRUE", "boolean", True),
        ("1700000000000", "date", 1700000000000),
        ("-9223372036854775808", "date", -(2**63)),
        ("9223372036854775808", "date", "9223372036854775808"),
        ("-9223372036854775808", "long", -(2**63)),
        ("2024-02-29", "date", "2024-02-29"),
        ("48.85, -2", "geo_point", {"lat": 48.85, "lon": -2}),
        ('{"lat": 1, "lon": 2}', "geo_point", {"lat": 1, "lon": 2}),
        ("u09tvw0f6", "geo_point", "u09tvw0f6"),
        ('["a", "b"]', "keyword", ["a", "b"]),
        ("[open", "keyword", "[open"),
        ('"null"', "keyword", "null"),
        ("null", "keyword", None),
        ('{"a": 1}', "keyword", '{"a": 1}'),
        ('{"a": 1}', "object", {"a": 1}),
        ('[{"width": 1}]', "nested", [{"width": 1}]),
    ],
)
def test_what_people_write(text: str, type: str, value: Any) -> None:
    assert read_cell(text, Field("field", type)) == value


@pytest.mark.parametrize(
    ("text", "type", "expected"),
    [
        ("many", "integer", "integer"),
        ("1_000", "long", "integer"),
        ("1e999", "float", "number"),
        ("9" * 5000, "long", "integer"),
        ("1,1e999", "geo_point", "geo_point"),
        ("nan", "double", "number"),
        ("[1", "integer", "integer"),
        ("yes", "boolean", "boolean"),
        ("a,b", "object", "object"),
        ("{broken", "nested", "nested"),
    ],
)
def test_what_no_field_takes(text: str, type: str, expected: str) -> None:
    with pytest.raises(ApiError) as refused:
        read_cell(text, Field("a.b", type))
    assert refused.value.message == f'Wrong type for argument "metadata.a.b" (expected: {expected})'
