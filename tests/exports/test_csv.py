"""The CSV dialect: readers read what was written, and nothing is quoted without need (device-manager 2.8)."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_manager.twins.exports.csv import csv_line

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(",\"\n\r a;\t'=", max_size=8)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def means(cell: str, value: Any) -> bool:
    """Whether a cell says what the value is."""
    if value is None or value is False:
        return cell == ""
    if value is True:
        return cell == "1"
    if isinstance(value, str):
        return cell == value
    if isinstance(value, int | float):
        return float(cell) == value if isinstance(value, float) else int(cell) == value
    return bool(json.loads(cell) == value)


@given(st.lists(st.lists(VALUES, min_size=2, max_size=4), max_size=4))
def test_a_reader_reads_what_was_written(rows: list[list[Any]]) -> None:
    cells = read(b"".join(map(csv_line, rows)))
    assert len(cells) == len(rows)
    for row, line in zip(rows, cells, strict=True):
        assert len(line) == len(row)
        assert all(means(cell, value) for cell, value in zip(line, row, strict=True)), (row, line)


@given(TEXTS)
def test_only_what_needs_quotes_has_them(text: str) -> None:
    line = csv_line([text, "x"]).decode()
    needs = any(sign in text for sign in ',"\n\r')
    assert line == ('"' + text.replace('"', '""') + '"' if needs else text) + ",x\n"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "1"),
        (False, ""),
        (0, "0"),
        (-1, "-1"),
        (23.0, "23"),
        (-0.5, "-0.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        ("", ""),
        ("plain text; with = signs", "plain text; with = signs"),
        ('say "hi"', '"say ""hi"""'),
        ("a,b", '"a,b"'),
        ("two\nlines", '"two\nlines"'),
        ({"lat": 1.5, "lon": 2}, '"{""lat"":1.5,""lon"":2}"'),
        ([1], "[1]"),
        (["é"], '"[""é""]"'),
    ],
)
def test_how_values_are_written(value: Any, cell: str) -> None:
    assert csv_line([value]).decode() == cell + "\n"
