"""The routes of organizations: each engine is one, to which all of its devices belong (facades 4.3, 4.4)."""

from __future__ import annotations

from device_manager.facades.ubidots import shapes
from device_manager.facades.ubidots.content import LABEL_SIGN
from device_manager.facades.ubidots.devices import DeviceRoutes
from device_manager.facades.ubidots.errors import not_found
from device_manager.facades.ubidots.exchange import V2, Exchange, answer
from device_manager.facades.ubidots.filters import ORGANIZATION_ATTRIBUTES, read_selection
from device_manager.facades.ubidots.pages import enveloped, read_page, with_fields
from device_manager.facades.ubidots.routes import Route
from device_manager.router.foreign import ForeignAnswer
from device_manager.storage.stamps import Source

PAGE_SIZE = 50


class OrganizationRoutes:
    """Lists and reads the organization, and lists its devices.

    Args:
        devices: lists them.
    """

    def __init__(self, devices: DeviceRoutes) -> None:
        self._devices = devices

    def routes(self) -> list[Route]:
        """What there is."""
        return [
            Route("GET", f"{V2}/organizations", self.page),
            Route("GET", f"{V2}/organizations/{{}}", self.get),
            Route("GET", f"{V2}/organizations/{{}}/devices", self.devices_of),
        ]

    async def page(self, exchange: Exchange) -> ForeignAnswer:
        """A page of the organizations that the query asks for."""
        incoming = exchange.incoming
        selection = read_selection(incoming.query, ORGANIZATION_ATTRIBUTES)
        page = read_page(incoming, PAGE_SIZE)
        rows = selection.apply([_organization(exchange)])
        return answer(enveloped(incoming, page, page.of(rows), len(rows)))

    async def get(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """One organization."""
        return answer(with_fields(exchange.incoming, _found(exchange, key)))

    async def devices_of(self, exchange: Exchange, key: str) -> ForeignAnswer:
        """A page of the devices of an organization that the query asks for."""
        _found(exchange, key)
        return await self._devices.page(exchange)


def _organization(exchange: Exchange) -> Source:
    known = shapes.organization(exchange)
    return {"url": known["url"], **known, "devices": f"{known['url']}devices/"}


def _found(exchange: Exchange, key: str) -> Source:
    """The organization with a key. Raises 404001."""
    found = _organization(exchange)
    if key not in (found["id"], LABEL_SIGN + found["label"]):
        raise not_found()
    return found
