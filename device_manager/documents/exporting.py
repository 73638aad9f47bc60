"""Documents as files (router-protocol 5.6, `export`): JSON lines, or CSV that spreadsheets read without harm."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from device_manager.documents.addresses import Target, check_address
from device_manager.errors import api_error
from device_manager.query.search import Search, SourceFilter
from device_manager.query.source import filter_source
from device_manager.storage.contract import Document, Store
from device_manager.storage.finding import read_search
from device_manager.storage.stamps import INFO
from device_manager.tables.csv import csv_row, harmless
from device_manager.tables.paths import value_at, value_paths

PAGE = 500
"""Documents of one read."""
FORMATS: dict[str, str] = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
"""The formats, with their content types."""


class FileForm(NamedTuple):
    """How a file is to look.

    Attributes:
        format: one of `FORMATS`.
        fields: paths of what it shows; empty for everything that is mapped (CSV) or stored (JSON lines).
        names: path of a field -> header of its column in CSV.
        separator: between the cells of CSV.
    """

    format: str = "jsonl"
    fields: Sequence[str] = ()
    names: Mapping[str, str] = {}
    separator: str = ","

    def check(self) -> None:
        """Refuse what no file can look like. Raises `api.assert.invalid_argument`."""
        if self.format not in FORMATS:
            raise api_error("api.assert.invalid_argument", "format", ", ".join(f'"{known}"' for known in FORMATS))
        if len(self.separator) != 1 or self.separator in '"\r\n':
            raise api_error("api.assert.invalid_argument", "separator", "one character, no quote and no line break")


class DocumentExporting:
    """Writes documents down.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def export(
        self, target: Target, body: dict[str, Any], lang: str, form: FileForm
    ) -> AsyncGenerator[bytes, None]:
        """The file of what matches, a chunk for each line; it is read at the reader's pace, from one state of all.

        Args:
            target: the collection.
            body: `query`, written in `lang`, and `sort`.
            lang: `elasticsearch` or `koncorde`.
            form: how it is to look.

        Raises:
            ApiError: at once what `FileForm.check` raises, a 400 for what is wrong with the query,
                `services.storage.unknown_index`, `unknown_collection`; the store's 503 at any time.
        """
        check_address(*target)
        form.check()
        search = read_search(body, offset=0, size=0, lang=lang, limit=PAGE)
        mappings = await self._store.mappings(*target)
        if form.format == "jsonl":
            return self._json_lines(target, search, form)
        return self._csv(target, search, form, list(form.fields) or _leaves(mappings))

    async def _json_lines(self, target: Target, search: Search, form: FileForm) -> AsyncGenerator[bytes, None]:
        head = orjson.dumps({"collection": target.collection, "index": target.index, "type": "collection"})
        shown = SourceFilter(includes=tuple(form.fields))
        async with contextlib.aclosing(self._pages(target, search)) as pages:
            async for page in pages:
                if head:
                    yield head + b"\n"
                    head = b""
                for document in page:
                    content = {"_id": document.id, "body": filter_source(document.source, shown)}
                    yield orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)

    async def _csv(
        self, target: Target, search: Search, form: FileForm, fields: Sequence[str]
    ) -> AsyncGenerator[bytes, None]:
        columns = [field for field in fields if field != "_id"]
        paths = [tuple(field.split(".")) for field in columns]
        head = csv_row([_text(form.names.get(field, field)) for field in ("_id", *columns)], form.separator)
        async with contextlib.aclosing(self._pages(target, search)) as pages:
            async for page in pages:
                if head:
                    yield head
                    head = b""
                for document in page:
                    values = [document.id, *(value_at(document.source, path) for path in paths)]
                    yield csv_row(map(_text, values), form.separator)

    async def _pages(self, target: Target, search: Search) -> AsyncGenerator[list[Document], None]:
        """The documents in pages; one empty page when there are none, so that the first lines are written."""
        is_empty = True
        async with contextlib.aclosing(self._store.scan(*target, search.query, page=PAGE, sort=search.sort)) as scan:
            async for page in scan:
                is_empty = False
                yield page
        if is_empty:
            yield []


def _leaves(mappings: dict[str, Any]) -> list[str]:
    """Everything that is mapped but `_kuzzle_info`, by path: not every store keeps the order of a mapping."""
    properties = {name: definition for name, definition in mappings["properties"].items() if name != INFO}
    return sorted(".".join(path) for path, _ in value_paths(properties))


def _text(value: Any) -> str:
    """What a cell shows: nothing for null, texts as they are, the rest as JSON."""
    if value is None:
        return ""
    return harmless(value) if isinstance(value, str) else orjson.dumps(value).decode()
