"""The cells of CSV exports of twins and measures (device-manager 2.8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from device_manager.tables.csv import csv_row

LARGEST_PLAIN = 1e21
"""Whole numbers below it are written out."""


def csv_line(values: Iterable[Any]) -> bytes:
    """One line: null is empty, true is 1, false is empty, objects and arrays are JSON."""
    return csv_row([_cell(value) for value in values])


def _cell(value: Any) -> str:
    if value is None or value is False:
        return ""
    if isinstance(value, str):
        return value
    if value is True:
        return "1"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_PLAIN:
        return str(int(value))
    return orjson.dumps(value).decode()
