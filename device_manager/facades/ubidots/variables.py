"""The routes of variables (facades 4.3, 4.4, 4.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from device_manager.facades.acting import Actor
from device_manager.facades.ubidots import shapes
from device_manager.facades.ubidots.bodies import REQUIRED
from device_manager.facades.ubidots.content import Variable, find_variable, variable_id, variables_of
from device_manager.facades.ubidots.errors import invalid, not_found
from device_manager.facades.ubidots.exchange import V2, Exchange, answer, no_content
from device_manager.facades.ubidots.filters import VARIABLE_ATTRIBUTES, read_selection
from device_manager.facades.ubidots.pages import enveloped, read_page, with_fields
from device_manager.facades.ubidots.ranking import Rows, ranked
from device_manager.facades.ubidots.reading import DeviceReading, Twin
from device_manager.facades.ubidots.routes import Route
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.router.foreign import ForeignAnswer
from device_manager.storage.stamps import Source

PAGE_SIZE = 200
Owned = tuple[Twin, Variable]
ReadTwins = Callable[[], AsyncIterator[list[Twin]]]
"""Reads devices from the first on, some at a time."""


class VariableRoutes:
    """Lists, reads, creates, changes and deletes variables.

    Args:
        reading: finds them.
        writing: writes them.
    """

    def __init__(self, reading: DeviceReading, writing: DeviceWriting) -> None:
        self._reading = reading
        self._writing = writing

    def routes(self) -> list[Route]:
        """What there is."""
        return [
            Route("GET", f"{V2}/variables", self.list_all),
            Route("POST", f"{V2}/variables", self.create),
            Route("GET", f"{V2}/variables/{{}}", self.get),
            Route("PATCH", f"{V2}/variables/{{}}", self.patch),
            Route("PUT", f"{V2}/variables/{{}}", self.put),
            Route("DELETE", f"{V2}/variables/{{}}", self.delete),
            Route("GET", f"{V2}/devices/{{}}/variables", self.list_of_device),
            Route("POST", f"{V2}/devices/{{}}/variables", self.create_on_device),
        ]

    async def list_all(self, exchange: Exchange) -> ForeignAnswer:
        """A page of the variables of all devices that the query asks for."""
        await self._reading.refresh(exchange.engine)
        return await self._list(exchange, lambda: self._reading.slices(exchange.actor))

    async def list_of_device(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """A page of the variables of a device that the query asks for."""
        twin = await self._reading.get(exchange.actor, key)

        async def read() -> AsyncIterator[list[Twin]]:
            yield [twin]

        return await self._list(exchange, read)

    async def _list(self, exchange: Exchange, read: ReadTwins) -> ForeignAnswer:
        incoming = exchange.incoming
        selection = read_selection(incoming.query, VARIABLE_ATTRIBUTES)
        page = read_page(incoming, PAGE_SIZE)
        looks_at_last = "lastActivity" in selection.attributes

        async def rows() -> AsyncIterator[Rows[Owned]]:
            async for twins in read():
                owned = owned_by(exchange.engine, twins)
                shown = await self.shown(exchange, owned) if looks_at_last else _unmeasured(exchange, owned)
                yield zip(owned, shown, strict=True)

        wanted, count = await ranked(rows, selection, page, self._reading.window)
        return answer(enveloped(incoming, page, await self.shown(exchange, wanted), count))

    async def shown(self, exchange: Exchange, owned: Sequence[Owned]) -> list[Source]:
        """Variables with their last values."""
        last = await self._reading.last_measures(exchange.actor, list(dict.fromkeys(twin.id for twin, _ in owned)))
        return [shapes.variable(exchange, twin, one, last.get(twin.id, {}).get(one.label)) for twin, one in owned]

    async def create(self, exchange: Exchange) -> ForeignAnswer:
        """Create a variable on the device that the body names."""
        body = exchange.incoming.json_object()
        return await self._create(exchange, await self._device_of(exchange.actor, body), body)

    async def create_on_device(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """Create a variable on a device."""
        body = exchange.incoming.json_object()
        return await self._create(exchange, await self._reading.get(exchange.actor, key), body)

    async def _device_of(self, actor: Actor, body: Source) -> Twin:
        named = body.get("device")
        key: Any = named.get("id") if isinstance(named, dict) else named
        if not isinstance(key, str):
            raise invalid({"device": [REQUIRED]})
        twin = await self._reading.find(actor, key)
        if twin is None:
            raise invalid({"device": [f'There is no device "{key}".']})
        return twin

    async def _create(self, exchange: Exchange, twin: Twin, body: Source) -> ForeignAnswer:
        grown = await self._writing.add_variables(exchange.actor, twin, (body,))
        variable = labelled(exchange.engine, grown, body["label"])
        return answer(shapes.variable(exchange, grown, variable, None), 201)

    async def get(self, exchange: Exchange, id: str) -> ForeignAnswer:
        """One variable."""
        [row] = await self.shown(exchange, [await self._reading.variable(exchange.actor, id)])
        return answer(with_fields(exchange.incoming, row))

    async def patch(self, exchange: Exchange, id: str) -> ForeignAnswer:
        """Change some members of a variable."""
        return await self._change(exchange, id, whole=False)

    async def put(self, exchange: Exchange, id: str) -> ForeignAnswer:
        """Change all members of a variable."""
        return await self._change(exchange, id, whole=True)

    async def _change(self, exchange: Exchange, id: str, *, whole: bool) -> ForeignAnswer:
        body = exchange.incoming.json_object()
        twin, variable = await self._reading.variable(exchange.actor, id)
        changed = await self._writing.change_variable(exchange.actor, twin, variable, body, whole=whole)
        [row] = await self.shown(exchange, [(changed, labelled(exchange.engine, changed, variable.label))])
        return answer(row)

    async def delete(self, exchange: Exchange, id: str) -> ForeignAnswer:
        """Delete a variable."""
        twin, one = await self._reading.variable(exchange.actor, id)
        await self._writing.remove_variable(exchange.actor, twin, one.label)
        return no_content()


def _unmeasured(exchange: Exchange, owned: Sequence[Owned]) -> list[Source]:
    """Variables without their last values."""
    return [shapes.variable(exchange, twin, one, None) for twin, one in owned]


def owned_by(engine: str, twins: Sequence[Twin]) -> list[Owned]:
    """The variables of devices, each with its device."""
    return [(twin, one) for twin in twins for one in variables_of(engine, twin.id, twin.source)]


def labelled(engine: str, twin: Twin, label: str) -> Variable:
    """The variable of a device with a label. Raises 404001."""
    found = find_variable(engine, twin.id, twin.source, variable_id(engine, twin.id, label))
    if found is None:
        raise not_found()
    return found
