"""Reading the CSV text of bulk calls (device-manager 6.3): pure, in linear time, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from device_manager.errors import ApiError, api_error

DELIMITERS = (",", ";", "\t")
BYTE_ORDER_MARK = "\ufeff"
MAX_COLUMNS = 100


class CsvRecord(NamedTuple):
    """One data row.

    Attributes:
        row: number of the row from 1; neither the header nor blank lines count.
        values: column name -> text, for the columns of the header that have a name; empty when there is an error.
        error: why the row cannot be used, None for a good row.
    """

    row: int
    values: dict[str, str]
    error: str | None = None


class _Cells(NamedTuple):
    """The cells of one line, why they cannot be used, and where the next line starts."""

    cells: list[str]
    error: str | None
    end: int


def read_records(text: str, required: Sequence[str], *, limit: int, argument: str = "body.csv") -> list[CsvRecord]:
    """Read `text`: a header line, then one record a line.

    The delimiter (comma, semicolon or tab) is the one under which the header names most of the required columns. Lines
    end in LF, CRLF or CR. Blanks around unquoted values are dropped; quoted values are kept as they are, may hold
    delimiters and line ends, and double their quotes. Columns that nobody asked for are kept.

    Args:
        text: the CSV, with or without a byte order mark.
        required: columns that the header must name.
        limit: most data rows accepted.
        argument: name of the argument, for error messages.

    Returns:
        The data rows in order. A row with too few or too many values carries an error instead of values.

    Raises:
        ApiError: `api.assert.invalid_argument` (400) without a header, with missing or doubled columns, or with a quote
            that is never closed; `services.storage.write_limit_exceeded` (413) with more rows than `limit`.
    """
    text = text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n").replace("\r", "\n")
    start = _skip_blank_lines(text)
    if start == len(text):
        raise _refusal(argument, required, "the text is empty")
    delimiter, header = max(
        ((delimiter, _line(text, start, delimiter, argument)) for delimiter in DELIMITERS),
        key=lambda choice: (len(set(required).intersection(choice[1].cells)), len(choice[1].cells)),
    )
    columns = _columns(header, required, argument)
    return _records(text, header.end, delimiter, columns, limit, argument)


def _records(
    text: str, position: int, delimiter: str, columns: list[str], limit: int, argument: str
) -> list[CsvRecord]:
    records: list[CsvRecord] = []
    width, blanks, length = len(columns), _blanks(delimiter), len(text)
    plain_quotes = _plain_quotes(delimiter, width)
    unnamed = "" in columns
    while position < length:
        end = text.find("\n", position)
        line = text[position : end if end >= 0 else length]
        error = None
        if '"' not in line:
            if not line.strip(blanks):
                position += len(line) + 1
                continue
            cells = [cell.strip(blanks) for cell in line.split(delimiter)]
            position += len(line) + 1
        elif match := plain_quotes.fullmatch(line):
            cells = [quoted if quoted is not None else bare.strip(blanks) for quoted, bare in _pairs(match.groups())]
            position += len(line) + 1
        else:
            cells, error, position = _line(text, position, delimiter, argument)
        if len(records) == limit:
            raise api_error("services.storage.write_limit_exceeded")
        if error is None and len(cells) != width:
            error = f"The row has {len(cells)} values, the header has {width} columns."
        values = dict(zip(columns, cells, strict=True)) if error is None else {}
        if unnamed:
            values.pop("", None)
        records.append(CsvRecord(len(records) + 1, values, error))
    return records


def _pairs(groups: tuple[str, ...]) -> Iterable[tuple[str | None, str]]:
    return zip(groups[::2], groups[1::2], strict=True)


def _plain_quotes(delimiter: str, width: int) -> re.Pattern[str]:
    """A whole line of `width` cells, some in quotes, without quotes inside: most of the quoted CSV that exists."""
    blanks = _blanks(delimiter)
    cell = f'(?:[{blanks}]*"([^"]*)"[{blanks}]*|([^"{delimiter}]*))'
    return re.compile(delimiter.join([cell] * width))


def _blanks(delimiter: str) -> str:
    return " " if delimiter == "\t" else " \t"


def _skip_blank_lines(text: str) -> int:
    """Where the first line starts that holds something."""
    start = len(text) - len(text.lstrip(" \t\n"))
    return start if start == len(text) else text.rfind("\n", 0, start) + 1


def _columns(header: _Cells, required: Sequence[str], argument: str) -> list[str]:
    if header.error is not None:
        raise _refusal(argument, required, f"the header cannot be read: {header.error}")
    columns = [cell.strip() for cell in header.cells]
    if len(columns) > MAX_COLUMNS:
        raise _refusal(argument, required, f"more than {MAX_COLUMNS} columns")
    missing = [name for name in required if name not in columns]
    if missing:
        raise _refusal(argument, required, f"missing: {_quoted(missing)}")
    doubled = sorted({name for name in columns if name and columns.count(name) > 1})
    if doubled:
        raise _refusal(argument, required, f"named more than once: {_quoted(doubled)}")
    return columns


def _line(text: str, position: int, delimiter: str, argument: str) -> _Cells:
    """Read the record at `position`, which may span lines when it holds quotes."""
    cells: list[str] = []
    error: str | None = None
    length, blanks = len(text), _blanks(delimiter)
    line_end = -1
    while True:
        while position < length and text[position] in blanks:
            position += 1
        quoted: str | None = None
        if text.startswith('"', position):
            quoted, position = _quoted_cell(text, position + 1, argument)
        if position > line_end:  # at the start, and behind a quoted cell that spans lines
            line_end = text.find("\n", position)
            line_end = length if line_end < 0 else line_end
        end = text.find(delimiter, position, line_end)
        end = line_end if end < 0 else end
        rest = text[position:end].strip(blanks)
        if rest and quoted is not None:
            error = f"Text {rest[:40]!r} follows a closing quote."
        cells.append(rest if quoted is None else quoted)
        position = end + 1
        if end == line_end:
            return _Cells(cells, error, position)


def _quoted_cell(text: str, start: int, argument: str) -> tuple[str, int]:
    """The value between the quote before `start` and its closing quote; returns the position after that."""
    position = start
    while True:
        position = text.find('"', position)
        if position < 0:
            line = text.count("\n", 0, start) + 1
            raise api_error("api.assert.invalid_argument", argument, f"CSV; the quote in line {line} is never closed")
        if not text.startswith('"', position + 1):
            return text[start:position].replace('""', '"'), position + 1
        position += 2


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _refusal(argument: str, required: Sequence[str], why: str) -> ApiError:
    return api_error("api.assert.invalid_argument", argument, f"CSV with the columns {_quoted(required)}; {why}")
