"""Reading the CSV file of a bulk command row by row, whatever its size; writing back the rows that were not applied."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

RESULT_COLUMNS = ("row", "status", "id", "reason")
"""What the errors file adds to the columns of the input; ignored when such a file is fed in again."""
DELIMITERS = ",;\t"


class InvalidInput(ValueError):
    """The file cannot be used at all; the text says why and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the input.

    Attributes:
        number: from 1; neither the header nor blank lines count.
        cells: its values as they are in the file, without the result columns.
        values: column name to value.
        problem: why the row cannot be sent, None for a good one.
    """

    number: int
    cells: tuple[str, ...]
    values: dict[str, str]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row was not applied: what the server said, or what kept the row from being sent."""

    status: int | None
    id: str | None
    reason: str


class InputFile:
    """The CSV file at `path`: UTF-8 with or without a byte order mark, comma, semicolon or tab between the values.

    Raises:
        InvalidInput: on entering, when the file cannot be read or its header lacks a column of `required`.
    """

    def __init__(self, path: Path, required: Sequence[str]) -> None:
        self.path = path
        self.columns: tuple[str, ...] = ()
        self.delimiter = ","
        self._required = required

    def __enter__(self) -> Self:
        try:
            # Bytes that are not UTF-8 survive the way into the errors file.
            self._file = self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
        except OSError as error:
            raise InvalidInput(f"Cannot read {self.path}: {error.strerror}") from error
        try:
            self._read_header()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def rows(self) -> Iterator[Row]:
        """The records in order. When the text cannot be read on, the last row carries the problem."""
        numbers = itertools.count(1)
        while True:
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                yield Row(next(numbers), (), {}, f"The CSV cannot be read from here on: {error}.")
                return
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield self._row(next(numbers), cells)

    def count_lines(self) -> int:
        """How many lines follow the header; about the number of records."""
        with self.path.open("rb") as content:
            return max(0, sum(chunk.count(b"\n") for chunk in iter(lambda: content.read(1 << 20), b"")) - 1)

    def _read_header(self) -> None:
        try:
            first = self._file.readline(1 << 16)
        except OSError as error:  # a folder, for example
            raise InvalidInput(f"Cannot read {self.path}: {error.strerror}") from error
        self.delimiter = max(DELIMITERS, key=first.count)
        header = next(csv.reader([first], delimiter=self.delimiter, skipinitialspace=True), [])
        self._header = [name.strip() for name in header]
        missing = [name for name in self._required if name not in self._header]
        if missing:
            wanted = ", ".join(self._required)
            raise InvalidInput(
                f"The first line of {self.path} has to name the columns {wanted}; missing: {', '.join(missing)}"
            )
        self._kept = [place for place, name in enumerate(self._header) if name not in RESULT_COLUMNS]
        self.columns = tuple(self._header[place] for place in self._kept)
        blanks = re.compile(rf'"[ \t]+(?={self.delimiter}|\r?\n?$)' if self.delimiter != "\t" else r'" +(?=\t|\r?\n?$)')
        lines = (blanks.sub('"', line) if '"' in line else line for line in self._file)
        self._reader = csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)

    def _row(self, number: int, cells: list[str]) -> Row:
        problem = None
        if len(cells) != len(self._header):
            problem = f"The row has {len(cells)} values, the header has {len(self._header)} columns."
        elif any("\udc80" <= character <= "\udcff" for cell in cells if not cell.isascii() for character in cell):
            problem = "The row is not UTF-8."
        padded = [cell.strip() for cell in cells] + [""] * (len(self._header) - len(cells))
        kept = tuple(padded[place] for place in self._kept)
        return Row(number, kept, dict(zip(self.columns, kept, strict=True)), problem)


class ErrorsFile:
    """The rows that were not applied, with the reason of each; made when the first one comes.

    It has the columns of the input followed by `RESULT_COLUMNS`, so that it can be corrected and fed in again.
    """

    def __init__(self, path: Path, columns: Sequence[str], delimiter: str) -> None:
        self.path = path
        self._header = (*columns, *RESULT_COLUMNS)
        self._delimiter = delimiter
        self.count = 0

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.count:
            self._file.close()

    def add(self, row: Row, refusal: Refusal) -> None:
        """Write one row."""
        if not self.count:
            self._file = self.path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
            self._writer = csv.writer(self._file, delimiter=self._delimiter, lineterminator="\n")
            self._writer.writerow(self._header)
        self.count += 1
        cells = row.cells or ("",) * (len(self._header) - len(RESULT_COLUMNS))
        self._writer.writerow((*cells, row.number, refusal.status or "", refusal.id or "", refusal.reason))


def errors_path(path: Path) -> Path:
    """Where the refused rows of the input at `path` go: `links.csv` gives `links.errors.csv`."""
    return path.with_suffix(".errors.csv")
