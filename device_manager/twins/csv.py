"""Reading the CSV text of bulk calls (device-manager 6.3): pure, in linear time, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from device_manager.errors import ApiError, api_error

DELIMITERS = (",", ";", "\t")
BYTE_ORDER_MARK = "\ufeff"


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
    cells: list[str]
    error: str | None


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
    delimiter = _delimiter(text, required)
    lines = _lines(text, delimiter, argument)
    header = next(lines, None)
    if header is None:
        raise _refusal(argument, required, "the text is empty")
    columns = _columns(header, required, argument)
    return _records(lines, columns, limit)


def _records(lines: Iterator[_Cells], columns: list[str], limit: int) -> list[CsvRecord]:
    width = len(columns)
    unnamed = "" in columns
    records: list[CsvRecord] = []
    for row, (cells, error) in enumerate(lines, 1):
        if row > limit:
            raise api_error("services.storage.write_limit_exceeded")
        if error is None and len(cells) != width:
            error = f"The row has {len(cells)} values, the header has {width} columns."
        if error is not None:
            records.append(CsvRecord(row, {}, error))
            continue
        values = dict(zip(columns, cells, strict=True))
        if unnamed:
            del values[""]
        records.append(CsvRecord(row, values))
    return records


def _delimiter(text: str, required: Sequence[str]) -> str:
    """The delimiter that explains the first line that is not blank best."""
    header = next((line for line in text.split("\n") if not line.isspace() and line), "")
    wanted = set(required)

    def explains(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(_lines(header, delimiter, ""), _Cells([], None)).cells
        except ApiError:
            cells = []
        return len(wanted.intersection(cells)), len(cells)

    return max(DELIMITERS, key=explains)


def _columns(header: _Cells, required: Sequence[str], argument: str) -> list[str]:
    if header.error is not None:
        raise _refusal(argument, required, f"the header cannot be read: {header.error}")
    columns = [cell.strip() for cell in header.cells]
    missing = [name for name in required if name not in columns]
    if missing:
        raise _refusal(argument, required, f"missing: {_quoted(missing)}")
    doubled = sorted({name for name in columns if name and columns.count(name) > 1})
    if doubled:
        raise _refusal(argument, required, f"named more than once: {_quoted(doubled)}")
    return columns


def _lines(text: str, delimiter: str, argument: str) -> Iterator[_Cells]:
    """The cells of every line that is not blank."""
    blanks = " " if delimiter == "\t" else " \t"
    position, length = 0, len(text)
    while position < length:
        end = text.find("\n", position)
        if end < 0:
            end = length
        line = text[position:end]
        if '"' in line:
            found, position = _quoted_line(text, position, delimiter, blanks, argument)
            yield found
            continue
        position = end + 1
        if line.strip(blanks):
            yield _Cells([cell.strip(blanks) for cell in line.split(delimiter)], None)


def _quoted_line(text: str, position: int, delimiter: str, blanks: str, argument: str) -> tuple[_Cells, int]:
    """Read one record that holds quotes and may span lines; returns where the next one starts."""
    cells: list[str] = []
    error: str | None = None
    length = len(text)
    while True:
        while position < length and text[position] in blanks:
            position += 1
        if text.startswith('"', position):
            cell, position = _quoted_cell(text, position + 1, argument)
        else:
            cell = ""
        end = _cell_end(text, position, delimiter)
        rest = text[position:end].strip(blanks)
        if rest and cell:
            error = f"Text {rest[:40]!r} follows a closing quote."
        cells.append(cell or rest)
        position = end + 1
        if end >= length or text[end] == "\n":
            return _Cells(cells, error), position


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


def _cell_end(text: str, position: int, delimiter: str) -> int:
    """Where the next delimiter or line end is, else the end of the text."""
    line_end = text.find("\n", position)
    if line_end < 0:
        line_end = len(text)
    end = text.find(delimiter, position, line_end)
    return line_end if end < 0 else end


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _refusal(argument: str, required: Sequence[str], why: str) -> ApiError:
    return api_error("api.assert.invalid_argument", argument, f"CSV with the columns {_quoted(required)}; {why}")
