"""The formats of exports by their names, and how rows become lines (device-manager 2.8)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple, Protocol

import orjson

from device_manager.errors import api_error
from device_manager.twins.exports.columns import Column, Row
from device_manager.twins.exports.csv import csv_line
from device_manager.twins.exports.parquet import check_parquet, parquet_chunks

Pages = AsyncGenerator[list[Row], None]


class Encode(Protocol):
    """A way to write rows."""

    def __call__(self, columns: Sequence[Column], pages: Pages, *, by_page: bool) -> AsyncGenerator[bytes, None]:
        """The bytes of a file, each item being one chunk; pages are read when they are needed."""
        ...


class Format(NamedTuple):
    """A format.

    Attributes:
        name: the argument `format`, which is the extension of files too.
        content_type: MIME type.
        encode: makes the chunks: one for each line, or for each page.
    """

    name: str
    content_type: str
    encode: Encode


def format_named(name: str) -> Format:
    """The format of a name.

    Raises:
        ApiError: `api.assert.invalid_argument` for an unknown one, `device_manager.exports.no_parquet` when the
            library for Parquet is not installed.
    """
    if name not in FORMATS:
        raise api_error("api.assert.invalid_argument", "format", ", ".join(f'"{known}"' for known in FORMATS))
    if name == "parquet":
        check_parquet()
    return FORMATS[name]


def distinct_names(columns: Sequence[Column]) -> list[str]:
    """The names of columns, made different where slots and values add up to the same name."""
    seen: dict[str, int] = {}
    names = []
    for column in columns:
        count = seen[column.name] = seen.get(column.name, 0) + 1
        names.append(column.name if count == 1 else f"{column.name} ({count})")
    return names


async def _csv(columns: Sequence[Column], pages: Pages, *, by_page: bool) -> AsyncGenerator[bytes, None]:
    head = csv_line([column.name for column in columns])
    async for chunk in _lines(head, csv_line, pages, by_page=by_page):
        yield chunk


async def _json_lines(columns: Sequence[Column], pages: Pages, *, by_page: bool) -> AsyncGenerator[bytes, None]:
    names = distinct_names(columns)

    def line(row: Row) -> bytes:
        return orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)

    async for chunk in _lines(b"", line, pages, by_page=by_page):
        yield chunk


async def _parquet(columns: Sequence[Column], pages: Pages, *, by_page: bool) -> AsyncGenerator[bytes, None]:
    async for chunk in parquet_chunks(columns, distinct_names(columns), pages):
        yield chunk


async def _lines(
    head: bytes, line: Callable[[Row], bytes], pages: Pages, *, by_page: bool
) -> AsyncGenerator[bytes, None]:
    """The head, once the first page is there, and a line for each row."""
    async for rows in pages:
        if by_page:
            yield head + b"".join(map(line, rows))
        else:
            if head:
                yield head
            for row in rows:
                yield line(row)
        head = b""
    if head:
        yield head


FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        Format("csv", "text/csv", _csv),
        Format("jsonl", "application/x-ndjson", _json_lines),
        Format("parquet", "application/vnd.apache.parquet", _parquet),
    )
}
CHUNKS = ("line", "page")


def is_page(value: str) -> bool:
    """Whether each chunk is a page. Raises `api.assert.invalid_argument`."""
    if value not in CHUNKS:
        raise api_error("api.assert.invalid_argument", "chunk", ", ".join(f'"{known}"' for known in CHUNKS))
    return value == "page"
