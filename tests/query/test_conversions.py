"""Values of single fields: what is read exactly, and what is refused rather than broken."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.query.conversions import CONVERTERS, Refused, converter, number_of


@pytest.mark.parametrize(
    ("type", "value", "number"),
    [
        ("long", "9007199254740993.0", 2**53 + 1),
        ("long", "4.5", 4.5),
        ("integer", " 5 ", 5),
        ("double", "5d", 5.0),
        ("double", "-1e-3", -0.001),
    ],
)
def test_numbers_of_queries_are_exact(type: str, value: Any, number: float) -> None:
    assert number_of(type, value) == number


@pytest.mark.parametrize(
    ("type", "value"),
    [("long", " 5 "), ("long", "5d"), ("long", "1e" + "9" * 20), ("double", "\u00a05"), ("integer", "1e400"),
     ("double", True), ("double", None), ("double", float("nan"))],
)  # fmt: skip
def test_what_is_no_number_is_refused(type: str, value: Any) -> None:
    with pytest.raises(Refused, match="expects"):
        number_of(type, value)


@pytest.mark.parametrize("type", ["integer", "long", "boolean", "date"])
def test_integers_beyond_64_bits_are_refused(type: str) -> None:
    with pytest.raises(Refused, match=str(2**70)):
        CONVERTERS[type]({})(2**70)


def test_null_value_stands_for_null() -> None:
    number = converter({"type": "integer", "null_value": "7"})
    assert [number(None), number(""), number("8")] == [7, 7, 8]
    text = converter({"type": "keyword", "null_value": "none"})
    assert [text(None), text("")] == ["none", ""]
