"""The routes of devices (facades 4.3, 4.4, 4.5)."""

from __future__ import annotations

from device_manager.facades.ubidots import shapes
from device_manager.facades.ubidots.device_lists import DeviceLists
from device_manager.facades.ubidots.exchange import V2, Exchange, answer, no_content
from device_manager.facades.ubidots.filters import DEVICE_ATTRIBUTES, read_selection
from device_manager.facades.ubidots.pages import enveloped, read_page, wanted_fields, with_fields
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
    """

    def __init__(self, reading: DeviceReading, writing: DeviceWriting) -> None:
        self._reading = reading
        self._writing = writing
        self._lists = DeviceLists(reading)

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
        twins, count = await self._lists.select(exchange, selection, page)
        return answer(enveloped(incoming, page, await self._shown(exchange, twins), count))

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
