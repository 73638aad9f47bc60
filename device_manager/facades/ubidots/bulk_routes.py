"""The routes of bulk operations (facades 4.3)."""

from __future__ import annotations

from device_manager.facades.ubidots.bodies import REQUIRED
from device_manager.facades.ubidots.bulk import ActAs, BulkSettings, BulkTasks
from device_manager.facades.ubidots.bulk_deletion import DeviceDeletion
from device_manager.facades.ubidots.bulk_keys import read_keys
from device_manager.facades.ubidots.bulk_variables import DEVICE, END, START, ValueDeletion, VariableDeletion, all_keys
from device_manager.facades.ubidots.bulk_writing import WHOLE, DeviceChanges, DeviceCreation, read_changes, read_new
from device_manager.facades.ubidots.content import LABEL_SIGN, device_id
from device_manager.facades.ubidots.errors import invalid
from device_manager.facades.ubidots.exchange import V2, Exchange
from device_manager.facades.ubidots.reading import DeviceReading, Twin
from device_manager.facades.ubidots.routes import Route
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.router.foreign import ForeignAnswer
from device_manager.storage.stamps import Source
from device_manager.tasks import Tasks

MOMENT = "A whole number of milliseconds since 1970 is required."


class BulkRoutes:
    """Takes what is done to many devices, variables or values at once.

    Args:
        tasks: runs the work.
        reading: finds devices.
        writing: writes them.
        act_as: see `BulkTasks`.
        settings: how bulk operations are taken.
    """

    def __init__(
        self, tasks: Tasks, reading: DeviceReading, writing: DeviceWriting, act_as: ActAs, settings: BulkSettings
    ) -> None:
        self._reading = reading
        self._accepts_delete = settings.accepts_delete
        self._deletion = DeviceDeletion(reading, writing)
        self._creation = DeviceCreation(reading, writing)
        self._changes = DeviceChanges(reading, writing)
        self._variables = VariableDeletion(reading, writing)
        self._values = ValueDeletion(reading, writing)
        works = (self._deletion, self._creation, self._changes, self._variables, self._values)
        self._bulk = BulkTasks(tasks, act_as, settings, works)

    def routes(self) -> list[Route]:
        """What there is."""
        verbs = "POST DELETE" if self._accepts_delete else "POST"
        return [
            Route(verbs, f"{V2}/devices/_/bulk/delete", self.delete_devices),
            Route("POST", f"{V2}/devices/_/bulk/create", self.create_devices),
            Route("PATCH", f"{V2}/devices/_/bulk/update", self.patch_devices),
            Route("POST", f"{V2}/devices/_/bulk/update", self.put_devices),
            Route("POST", f"{V2}/variables/_/bulk/delete", self.delete_variables),
            Route("POST", f"{V2}/devices/{{}}/variables/_/bulk/delete", self.delete_variables_of),
            Route("POST", f"{V2}/devices/{{}}/_/values/delete", self.delete_values_of),
            Route("POST", f"{V2}/variables/{{}}/_/values/delete", self.delete_values),
        ]

    async def delete_devices(self, exchange: Exchange) -> ForeignAnswer:
        """Delete devices."""
        return await self._bulk.begin(exchange, self._deletion, read_keys(self._bulk.read(exchange)))

    async def create_devices(self, exchange: Exchange) -> ForeignAnswer:
        """Create devices."""
        return await self._bulk.begin(exchange, self._creation, read_new(exchange.engine, self._bulk.read(exchange)))

    async def patch_devices(self, exchange: Exchange) -> ForeignAnswer:
        """Change some members of devices."""
        return await self._change(exchange, whole=False)

    async def put_devices(self, exchange: Exchange) -> ForeignAnswer:
        """Change all members of devices."""
        return await self._change(exchange, whole=True)

    async def _change(self, exchange: Exchange, *, whole: bool) -> ForeignAnswer:
        changes = read_changes(exchange.engine, self._bulk.read(exchange), whole=whole)
        return await self._bulk.begin(exchange, self._changes, changes, {WHOLE: whole})

    async def delete_variables(self, exchange: Exchange) -> ForeignAnswer:
        """Delete variables of whatever devices, by their ids: labels of variables are not unique."""
        keys = read_keys(self._bulk.read(exchange))
        if wrong := {key: ["The id of a variable is required."] for key in keys if key.startswith(LABEL_SIGN)}:
            raise invalid(wrong)
        return await self._bulk.begin(exchange, self._variables, keys)

    async def delete_variables_of(self, exchange: Exchange, device: str) -> ForeignAnswer:
        """Delete variables of a device."""
        keys = read_keys(self._bulk.read(exchange))
        twin = await self._reading.get(exchange.actor, device)
        return await self._bulk.begin(exchange, self._variables, keys, _of(exchange, twin))

    async def delete_values_of(self, exchange: Exchange, device: str) -> ForeignAnswer:
        """Remove what all variables of a device measured between two moments, both inclusive."""
        span = _span(exchange)
        twin = await self._reading.get(exchange.actor, device)
        keys = all_keys(exchange.engine, twin)
        return await self._bulk.begin(exchange, self._values, keys, span | _of(exchange, twin))

    async def delete_values(self, exchange: Exchange, id: str) -> ForeignAnswer:
        """Remove what a variable measured between two moments, both inclusive."""
        span = _span(exchange)
        await self._reading.variable(exchange.actor, id)
        return await self._bulk.begin(exchange, self._values, [id], span)


def _of(exchange: Exchange, twin: Twin) -> Source:
    return {DEVICE: device_id(exchange.engine, twin.id)}


def _span(exchange: Exchange) -> Source:
    """The two moments of a query. Raises 400001 without one of them."""
    span: Source = {}
    detail = {}
    for name, option in (("startDate", START), ("endDate", END)):
        text = exchange.incoming.argument(name)
        if text and text.isascii() and text.isdigit():
            span[option] = int(text)
        else:
            detail[name] = [MOMENT if text else REQUIRED]
    if detail:
        raise invalid(detail)
    return span
