"""Preparing exports and producing their rows, page by page in constant memory (device-manager 2.8)."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncGenerator
from typing import Any

from device_manager.query.search import Search, Sort
from device_manager.query.tree import Bool
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.storage.finding import read_search
from device_manager.twins.catalogue import Catalogue
from device_manager.twins.exports.columns import Column, MeasureTable, Row, TwinTable
from device_manager.twins.exports.formats import Pages, format_named, is_page
from device_manager.twins.exports.tickets import Subject, Tickets
from device_manager.twins.measures.last_measures import TwinKind
from device_manager.twins.measures.reading import MeasureReading, Window, measures_of
from device_manager.twins.places import ASSETS, MEASURES

PAGE = 1000
"""Rows of one read."""
NEWEST_FIRST = Sort("measuredAt", "desc")


class Exports:
    """Exports of twins and measures.

    Attributes:
        tickets: what was prepared and not downloaded yet.
        lifetime: seconds for which a ticket is good.

    Args:
        store: where they are.
        catalogue: the engines and models.
        measures: reads the newest measures of twins.
        settings: how long tickets are good.
    """

    def __init__(self, store: Store, catalogue: Catalogue, measures: MeasureReading, settings: Settings) -> None:
        self.lifetime = settings.export_lifetime
        self.tickets = Tickets(store, self.lifetime)
        self._store = store
        self._catalogue = catalogue
        self._measures = measures

    async def prepare_twins(self, engine: str, collection: str, body: dict[str, Any], lang: str) -> str:
        """The ticket for an export of the twins of an engine, of what was acknowledged so far at least.

        Args:
            engine: the engine.
            collection: `assets` or `devices`.
            body: `query`, written in `lang`, and `sort`.
            lang: `elasticsearch` or `koncorde`.

        Raises:
            ApiError: an unknown engine.
        """
        await self._catalogue.engine(engine)
        await self._store.refresh(engine, collection)
        return await self.tickets.issue(Subject(engine, collection), body | {"lang": lang})

    async def prepare_measures(self, subject: Subject, window: Window, body: dict[str, Any], lang: str) -> str:
        """The ticket for an export of the measures of a twin, of what was acknowledged so far at least.

        Args:
            subject: the twin.
            window: which measures; its size and offset do not count.
            body: `query`, written in `lang`, and `sort`.
            lang: `elasticsearch` or `koncorde`.

        Raises:
            ApiError: `api.assert.invalid_type` for a date, an unknown engine, `services.storage.not_found` for an
                unknown twin.
        """
        twin = subject.twin or ""
        measures_of(_kind(subject), twin, window)
        await self._catalogue.engine(subject.engine)
        found = await self._store.get(subject.engine, subject.collection, twin)
        await self._store.refresh(subject.engine, MEASURES)
        wanted = body | {"lang": lang, "model": found.source.get("model"), "window": list(window)}
        return await self.tickets.issue(subject, wanted)

    async def download(self, subject: Subject, ticket: str, format: str, chunk: str) -> AsyncGenerator[bytes, None]:
        """The file that a ticket stands for, which is used up by this; what is read is read at the reader's pace.

        Args:
            subject: what the path of the link says.
            ticket: its id.
            format: name of the format.
            chunk: what each item holds, a `line` or a `page`.

        Raises:
            ApiError: before the first item what `format_named` and `is_page` raise, `device_manager.exports.not_found`,
                an unknown engine, a 400 for what is wrong with the query; the store's 503 at any time.
        """
        encode, by_page = format_named(format).encode, is_page(chunk)
        wanted = await self.tickets.redeem(ticket, subject)
        group = (await self._catalogue.engine(subject.engine)).group
        columns, pages = (
            self._twins(subject, group, wanted) if subject.twin is None else self._history(subject, group, wanted)
        )
        async with (
            contextlib.aclosing(pages),
            contextlib.aclosing(encode(columns, pages, by_page=by_page)) as chunks,
        ):
            async for part in chunks:
                yield part

    def _twins(self, subject: Subject, group: str, wanted: dict[str, Any]) -> tuple[list[Column], Pages]:
        table = TwinTable(self._catalogue.models, subject.collection, group)
        return table.columns, self._twin_pages(subject, table, _search(wanted))

    async def _twin_pages(self, subject: Subject, table: TwinTable, search: Search) -> AsyncGenerator[list[Row], None]:
        kind = _kind(subject)
        scan = self._store.scan(subject.engine, subject.collection, search.query, page=PAGE, sort=search.sort)
        async with contextlib.aclosing(scan):
            async for page in scan:
                last = await self._measures.last(subject.engine, kind, [twin.id for twin in page], sys.maxsize)
                yield [table.row(twin, last.get(twin.id) or {}) for twin in page]

    def _history(self, subject: Subject, group: str, wanted: dict[str, Any]) -> tuple[list[Column], Pages]:
        models = self._catalogue.models
        name = str(wanted["model"])
        model = models.asset(name, group) if subject.collection == ASSETS else models.device(name)
        table = MeasureTable(models, model)
        search = _search(wanted)
        filters = measures_of(_kind(subject), subject.twin or "", Window(*wanted["window"]))
        query = Bool(filter=(*filters, search.query))
        return table.columns, self._measure_pages(subject.engine, table, query, search.sort or (NEWEST_FIRST,))

    async def _measure_pages(
        self, engine: str, table: MeasureTable, query: Bool, sort: tuple[Sort, ...]
    ) -> AsyncGenerator[list[Row], None]:
        async with contextlib.aclosing(self._store.scan(engine, MEASURES, query, page=PAGE, sort=sort)) as scan:
            async for page in scan:
                yield [table.row(measure) for measure in page]


def _kind(subject: Subject) -> TwinKind:
    return "asset" if subject.collection == ASSETS else "device"


def _search(wanted: dict[str, Any]) -> Search:
    """Query and order as the request wrote them. Raises a 400 that names the clause."""
    body = {name: wanted[name] for name in ("query", "sort") if wanted.get(name) is not None}
    return read_search(body, offset=0, size=0, lang=wanted["lang"], limit=PAGE)
