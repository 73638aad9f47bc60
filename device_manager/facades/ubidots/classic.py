"""The routes of v1.6 that the client on PyPI uses: data sources and their variables (facades 4.3, 4.4)."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.facades.ubidots import shapes
from device_manager.facades.ubidots.bodies import REQUIRED
from device_manager.facades.ubidots.content import LABEL_SIGN, Variable, slug, variables_of, with_digits
from device_manager.facades.ubidots.errors import invalid
from device_manager.facades.ubidots.exchange import V1, Exchange, answer, no_content
from device_manager.facades.ubidots.pages import Page, enveloped, read_page
from device_manager.facades.ubidots.reading import DeviceReading, Twin
from device_manager.facades.ubidots.routes import Route
from device_manager.facades.ubidots.variables import Owned, VariableRoutes, labelled, owned_by
from device_manager.facades.ubidots.writing import VARIABLE, DeviceWriting, device_checks
from device_manager.router.foreign import ForeignAnswer
from device_manager.storage.stamps import Source

PAGE_SIZE = 30
CONTEXT = "context"
"""What data sources call the properties of devices."""


class ClassicRoutes:
    """Devices as data sources.

    Args:
        reading: finds devices.
        writing: writes them.
        variables: shows variables.
    """

    def __init__(self, reading: DeviceReading, writing: DeviceWriting, variables: VariableRoutes) -> None:
        self._reading = reading
        self._writing = writing
        self._variables = variables

    def routes(self) -> list[Route]:
        """What there is."""
        return [
            Route("GET", f"{V1}/datasources", self.page),
            Route("POST", f"{V1}/datasources", self.create),
            Route("GET", f"{V1}/datasources/{{}}", self.get),
            Route("DELETE", f"{V1}/datasources/{{}}", self.delete),
            Route("GET", f"{V1}/datasources/{{}}/variables", self.list_variables_of),
            Route("POST", f"{V1}/datasources/{{}}/variables", self.create_variable),
            Route("GET", f"{V1}/variables", self.list_variables),
            Route("GET", f"{V1}/variables/{{}}", self.get_variable),
            Route("DELETE", f"{V1}/variables/{{}}", self._variables.delete),
        ]

    async def page(self, exchange: Exchange) -> ForeignAnswer:
        """A page of data sources in the order of creation."""
        page = read_page(exchange.incoming, PAGE_SIZE)
        await self._reading.refresh(exchange.engine)
        twins, count = await self._reading.page(exchange.actor, page.offset, page.size)
        rows = await self._shown(exchange, twins)
        return answer(enveloped(exchange.incoming, page, rows, count))

    async def create(self, exchange: Exchange) -> ForeignAnswer:
        """Create a data source; without a label it gets one from its name."""
        body = dict(exchange.incoming.json_object())
        if CONTEXT in body:
            body["properties"] = body[CONTEXT]
        if "label" not in body:
            label = slug(_name(body))
            is_taken = await self._reading.find(exchange.actor, LABEL_SIGN + label)
            body["label"] = with_digits(label) if is_taken else label
        known = {name: value for name, value in body.items() if name in device_checks(exchange.engine)}
        twin = await self._writing.create(exchange.actor, known)
        return answer((await self._shown(exchange, [twin]))[0], 201)

    async def get(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """One data source."""
        twin = await self._reading.get(exchange.actor, key)
        return answer((await self._shown(exchange, [twin]))[0])

    async def delete(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """Delete a data source."""
        await self._writing.delete(exchange.actor, await self._reading.get(exchange.actor, key))
        return no_content()

    async def list_variables_of(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """A page of the variables of a data source."""
        page = read_page(exchange.incoming, PAGE_SIZE)
        owned = owned_by(exchange.engine, [await self._reading.get(exchange.actor, key)])
        return await self._list(exchange, page, owned[page.offset : page.offset + page.size], len(owned))

    async def list_variables(self, exchange: Exchange) -> ForeignAnswer:
        """A page of all variables, device by device in the order of creation."""
        page, wanted, count = read_page(exchange.incoming, PAGE_SIZE), [], 0
        await self._reading.refresh(exchange.engine)
        async for twins in self._reading.slices(exchange.actor):
            owned = owned_by(exchange.engine, twins)
            wanted += owned[max(0, page.offset - count) : max(0, page.offset + page.size - count)]
            count += len(owned)
        return await self._list(exchange, page, wanted, count)

    async def _list(self, exchange: Exchange, page: Page, owned: Sequence[Owned], count: int) -> ForeignAnswer:
        rows = await self._shown_variables(exchange, owned)
        return answer(enveloped(exchange.incoming, page, rows, count))

    async def create_variable(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """Create a variable; without a label it gets one from its name."""
        body = dict(exchange.incoming.json_object())
        twin = await self._reading.get(exchange.actor, key)
        if "label" not in body:
            taken = {one.label for one in variables_of(exchange.engine, twin.id, twin.source)}
            label = slug(_name(body))
            body["label"] = with_digits(label) if label in taken else label
        known = {name: value for name, value in body.items() if name in VARIABLE}
        grown = await self._writing.add_variables(exchange.actor, twin, (known,))
        made = labelled(exchange.engine, grown, body["label"])
        return answer((await self._shown_variables(exchange, [(grown, made)]))[0], 201)

    async def get_variable(self, exchange: Exchange, id: str) -> ForeignAnswer:
        """One variable."""
        owned = await self._reading.variable(exchange.actor, id)
        return answer((await self._shown_variables(exchange, [owned]))[0])

    async def _shown(self, exchange: Exchange, twins: Sequence[Twin]) -> list[Source]:
        last = await self._reading.last_measured(exchange.actor, [twin.id for twin in twins])
        return [_datasource(shapes.device(exchange, twin, last.get(twin.id)), exchange) for twin in twins]

    async def _shown_variables(self, exchange: Exchange, owned: Sequence[Owned]) -> list[Source]:
        rows = await self._variables.shown(exchange, owned)
        return [_variable(row, one, exchange) for row, (_, one) in zip(rows, owned, strict=True)]


def _datasource(device: Source, exchange: Exchange) -> Source:
    url = exchange.url(f"{V1}/datasources/{device['id']}")
    return {
        "id": device["id"],
        "owner": None,
        "parent": None,
        "label": device["label"],
        "name": device["name"],
        "url": url,
        "context": device["properties"],
        "tags": device["tags"],
        "created_at": device["createdAt"],
        "variables_url": f"{url}/variables",
        "number_of_variables": device["variablesCount"],
        "last_activity": device["lastActivity"],
        "description": device["description"],
    }


def _variable(row: Source, one: Variable, exchange: Exchange) -> Source:
    device = row["device"]
    url = exchange.url(f"{V1}/datasources/{device['id']}")
    return {
        "id": row["id"],
        "label": one.label,
        "name": row["name"],
        "icon": row["icon"],
        "unit": row["unit"],
        "datasource": {"id": device["id"], "name": device["name"], "url": url},
        "url": exchange.url(f"{V1}/variables/{row['id']}"),
        "description": row["description"],
        "properties": row["properties"],
        "tags": row["tags"],
        "values_url": row["valuesUrl"],
        "created_at": row["createdAt"],
        "last_value": row["lastValue"],
        "last_activity": row["lastActivity"],
        "type": 0,
        "derived_expr": "",
    }


def _name(body: Source) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise invalid({"name": [REQUIRED]})
    return name
