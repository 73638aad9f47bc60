"""Exports as Parquet, a row group at a time, for which `pyarrow` has to be installed (the extra `parquet`)."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import orjson

from device_manager.errors import api_error
from device_manager.query.conversions import INTEGER_BOUNDS, Refused, boolean, date, double, long
from device_manager.twins.exports.columns import Column, Row

ROW_GROUP = 20_000
"""Rows of one row group, which is what is held in memory."""

Convert = Callable[[Any], Any]


def check_parquet() -> None:
    """Raise `device_manager.exports.no_parquet` when the library is not installed."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise api_error("device_manager.exports.no_parquet") from None


async def parquet_chunks(
    columns: Sequence[Column], names: Sequence[str], pages: AsyncGenerator[list[Row], None]
) -> AsyncGenerator[bytes, None]:
    """The file in pieces: its beginning once the first page is there, one for each row group, the end."""
    file: _File | None = None
    waiting: list[Row] = []
    async for rows in pages:
        if file is None:
            file = _File(columns, names)
            yield file.take()
        waiting += rows
        if len(waiting) >= ROW_GROUP:
            yield await asyncio.to_thread(file.add, waiting)
            waiting = []
    yield await asyncio.to_thread((file or _File(columns, names)).end, waiting)


class _Pipe:
    """Takes what the writer writes until it is taken out."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        self._size += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """There is nothing behind it."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


class _File:
    """One file that is being written. Its types are those of the mappings; a value that does not fit is null."""

    def __init__(self, columns: Sequence[Column], names: Sequence[str]) -> None:
        self._arrow = importlib.import_module("pyarrow")
        kinds = [self._kind(column) for column in columns]
        self._converts = [convert for _, convert in kinds]
        self._schema = self._arrow.schema(list(zip(names, (type for type, _ in kinds), strict=True)))
        self._pipe = _Pipe()
        parquet = importlib.import_module("pyarrow.parquet")
        self._writer = parquet.ParquetWriter(self._pipe, self._schema, compression="snappy")

    def _kind(self, column: Column) -> tuple[Any, Convert]:
        arrow = self._arrow
        if column.type in INTEGER_BOUNDS:
            return arrow.int64(), _fitting(long({}))
        if column.type in ("float", "double"):
            return arrow.float64(), _fitting(double({}))
        if column.type == "boolean":
            return arrow.bool_(), _fitting(lambda value: bool(boolean({})(value)))
        if column.type == "date":
            return arrow.timestamp("ms", tz="UTC"), _fitting(date({"format": column.format} if column.format else {}))
        return arrow.string(), _text

    def take(self) -> bytes:
        """The bytes since the last time."""
        return self._pipe.take()

    def add(self, rows: Sequence[Row]) -> bytes:
        """Write a row group; the bytes that it became."""
        arrays = [
            self._arrow.array([convert(row[place]) for row in rows], type=field.type)
            for place, (convert, field) in enumerate(zip(self._converts, self._schema, strict=True))
        ]
        batch = self._arrow.record_batch(arrays, schema=self._schema)
        self._writer.write_batch(batch, row_group_size=len(rows))
        return self.take()

    def end(self, rows: Sequence[Row]) -> bytes:
        """Write the last rows, if any, and what says where everything is; the last bytes."""
        group = self.add(rows) if rows else b""
        self._writer.close()
        return group + self.take()


def _fitting(convert: Convert) -> Convert:
    def fitting(value: Any) -> Any:
        if value is None or isinstance(value, list | dict):
            return None
        try:
            return convert(value)
        except (Refused, ValueError, OverflowError):
            return None

    return fitting


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
