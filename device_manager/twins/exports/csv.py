"""The CSV dialect of exports: commas, newlines alone, quotes only where they are needed (device-manager 2.8)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

_NEEDS_QUOTES = re.compile(r'[,"\r\n]').search

LARGEST_PLAIN = 1e21
"""Whole numbers below it are written out."""


def csv_line(values: Iterable[Any]) -> bytes:
    """One line: null is empty, true is 1, false is empty, objects and arrays are JSON."""
    return (",".join([_cell(value) for value in values]) + "\n").encode()


def _cell(value: Any) -> str:
    if value is None or value is False:
        return ""
    if isinstance(value, str):
        text = value
    elif value is True:
        return "1"
    elif isinstance(value, int):
        return str(value)
    elif isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_PLAIN:
        return str(int(value))
    else:
        text = orjson.dumps(value).decode()
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES(text) else text
