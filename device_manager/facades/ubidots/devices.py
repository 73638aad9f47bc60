"""The routes of devices (facades 4.3, 4.4, 4.5)."""

from __future__ import annotations

from device_manager.facades.ubidots import shapes
from device_manager.facades.ubidots.content import LABEL_SIGN, device_id
from device_manager.facades.ubidots.device_queries import (
    Listing,
    named_ids,
    needs_survey,
    plan,
    read_survey,
    survey_body,
)
from device_manager.facades.ubidots.exchange import V2, Exchange, answer, no_content
from device_manager.facades.ubidots.filters import DEVICE_ATTRIBUTES, Selection, read_selection
from device_manager.facades.ubidots.pages import Page, enveloped, read_page, wanted_fields, with_fields
from device_manager.facades.ubidots.reading import DeviceReading, Twin
from device_manager.facades.ubidots.routes import Route
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.router.foreign import ForeignAnswer
from device_manager.storage.stamps import Source

PAGE_SIZE = 50


class DeviceRoutes:
    """Lists, reads, creates, changes and deletes devices.

    Args:
        reading: finds them.
        writing: writes them.
        window: the deepest that a search may reach into a list, setting `search_size`.
    """

    def __init__(self, reading: DeviceReading, writing: DeviceWriting, window: int) -> None:
        self._reading = reading
        self._writing = writing
        self._window = window

    def routes(self) -> list[Route]:
        """What there is."""
        return [
            Route("GET", f"{V2}/devices", self.page),
            Route("POST", f"{V2}/devices", self.create),
            Route("GET", f"{V2}/devices/{{}}", self.get),
            Route("PATCH", f"{V2}/devices/{{}}", self.patch),
            Route("PUT", f"{V2}/devices/{{}}", self.put),
            Route("DELETE", f"{V2}/devices/{{}}", self.delete),
        ]

    async def page(self, exchange: Exchange) -> ForeignAnswer:
        """A page of the devices that the query asks for."""
        incoming = exchange.incoming
        selection = read_selection(incoming.query, DEVICE_ATTRIBUTES)
        page = read_page(incoming, PAGE_SIZE)
        rows, count = await self.select(exchange, selection, page)
        return answer(enveloped(incoming, page, rows, count))

    async def select(self, exchange: Exchange, selection: Selection, page: Page) -> tuple[list[Source], int]:
        """The devices of a page, and how many there are on all: from the store, as far as it can tell."""
        listing = await self._plan(exchange, selection)
        if listing.sort is not None and listing.rest is None and page.offset + page.size <= self._window:
            twins, count = await self._reading.page(
                exchange.actor, page.offset, page.size, query=listing.query, sort=listing.sort
            )
            return await self._shown(exchange, twins), count
        twins = await self._reading.all(exchange.actor, listing.query)
        return await self._select_of(exchange, twins, listing.rest or selection._replace(filters=(), search=""), page)

    async def _plan(self, exchange: Exchange, selection: Selection) -> Listing:
        survey, twins = None, {}
        if needs_survey(selection):
            survey = read_survey(await self._reading.figures(exchange.actor, survey_body(exchange.engine)))
        if ids := named_ids(selection):
            found = await self._reading.resolve(exchange.engine, [id for id in ids if not id.startswith(LABEL_SIGN)])
            twins = {id: twin for id, twin in found.items() if device_id(exchange.engine, twin) == id}
        return plan(exchange.engine, selection, twins, survey)

    async def _select_of(
        self, exchange: Exchange, twins: list[Twin], selection: Selection, page: Page
    ) -> tuple[list[Source], int]:
        """The same of devices that were read."""
        if "lastActivity" in selection.attributes:
            rows = selection.apply(await self._shown(exchange, twins))
            return page.of(rows), len(rows)
        by_id = {device_id(exchange.engine, twin.id): twin for twin in twins}
        rows = selection.apply([shapes.device(exchange, twin, None) for twin in twins])
        return await self._shown(exchange, [by_id[row["id"]] for row in page.of(rows)]), len(rows)

    async def _shown(self, exchange: Exchange, twins: list[Twin]) -> list[Source]:
        wanted = wanted_fields(exchange.incoming)
        measuring = [twin.id for twin in twins] if wanted is None or "lastActivity" in wanted else []
        last = await self._reading.last_measured(exchange.actor, measuring)
        return [shapes.device(exchange, twin, last.get(twin.id)) for twin in twins]

    async def create(self, exchange: Exchange) -> ForeignAnswer:
        """Create a device."""
        twin = await self._writing.create(exchange.actor, exchange.incoming.json_object())
        return answer(shapes.device(exchange, twin, None), 201)

    async def get(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """One device."""
        twin = await self._reading.get(exchange.actor, key)
        [row] = await self._shown(exchange, [twin])
        return answer(with_fields(exchange.incoming, row))

    async def patch(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """Change some members of a device."""
        return await self._change(exchange, key, whole=False)

    async def put(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """Change all members of a device."""
        return await self._change(exchange, key, whole=True)

    async def _change(self, exchange: Exchange, key: str, *, whole: bool) -> ForeignAnswer:
        body = exchange.incoming.json_object()
        twin = await self._reading.get(exchange.actor, key)
        [row] = await self._shown(exchange, [await self._writing.change(exchange.actor, twin, body, whole=whole)])
        return answer(row)

    async def delete(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """Delete a device."""
        await self._writing.delete(exchange.actor, await self._reading.get(exchange.actor, key))
        return no_content()
