"""Rows as lines of CSV: newlines alone, quotes only where they are needed (device-manager 2.8, router-protocol 5.6)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text begins with that spreadsheets take for a formula."""


def csv_row(cells: Iterable[str], separator: str = ",") -> bytes:
    """One line of cells.

    Args:
        cells: their texts.
        separator: one character between them, no quote and no line break.
    """
    needs_quotes = _search(separator)
    line = separator.join(['"' + cell.replace('"', '""') + '"' if needs_quotes(cell) else cell for cell in cells])
    return (line + "\n").encode()


def harmless(text: str) -> str:
    """`text` so that no spreadsheet runs it: what looks like a formula gets an apostrophe in front."""
    return f"'{text}" if text.startswith(FORMULA) else text


@lru_cache(maxsize=64)
def _search(separator: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(f'[{re.escape(separator)}"\r\n]').search
