"""The interface as the server mounts it (facades 4): who calls, what they want, and their answer."""

from __future__ import annotations

from collections.abc import Sequence

from device_manager.errors import ApiError
from device_manager.facades.acting import Actor
from device_manager.facades.ubidots.authentication import Authentication
from device_manager.facades.ubidots.bulk import BulkSettings
from device_manager.facades.ubidots.bulk_routes import BulkRoutes
from device_manager.facades.ubidots.classic import ClassicRoutes
from device_manager.facades.ubidots.devices import DeviceRoutes
from device_manager.facades.ubidots.errors import UbidotsError, translated
from device_manager.facades.ubidots.exchange import V1, V2, Exchange, Incoming, answer, read, refusal
from device_manager.facades.ubidots.measuring import Measuring
from device_manager.facades.ubidots.models import DeviceModels
from device_manager.facades.ubidots.notices import TaskNotices
from device_manager.facades.ubidots.organizations import OrganizationRoutes
from device_manager.facades.ubidots.provisioning import ProvisionRoutes
from device_manager.facades.ubidots.reading import DeviceReading
from device_manager.facades.ubidots.routes import Routes, segments
from device_manager.facades.ubidots.tasks import TaskRoutes
from device_manager.facades.ubidots.values import ValueRoutes
from device_manager.facades.ubidots.variables import VariableRoutes
from device_manager.facades.ubidots.writing import DeviceWriting
from device_manager.router.foreign import ForeignAnswer, ForeignInterface, ForeignRequest
from device_manager.router.request import Connection
from device_manager.router.router import Router
from device_manager.security.foreign_credentials import ForeignCaller, ForeignCredentials
from device_manager.settings import Settings
from device_manager.storage.contract import Store
from device_manager.twins.domain import Twins

TOKEN = segments(f"{V1}/auth/token".encode())
"""The one path that needs no token."""
INSIDE = Connection("ubidots-tasks", "internal")
"""Where the calls of tasks come from, whose senders may have left."""


class Ubidots(ForeignInterface):
    """Devices, variables and values as Ubidots has them.

    Args:
        router: runs actions.
        store: where everything is.
        credentials: knows what clients show.
        twins: the domain.
        settings: the server's.
    """

    name = "ubidots"
    finds_callers = True
    mounts: Sequence[str] = (V2, V1)

    def __init__(
        self, router: Router, store: Store, credentials: ForeignCredentials, twins: Twins, settings: Settings
    ) -> None:
        self._router = router
        self._platform = settings.platform_index
        self._authentication = Authentication(credentials, settings.ubidots_token_lifetime, settings.ubidots_rate)
        reading = DeviceReading(store, settings.search_size)
        writing = DeviceWriting(reading, DeviceModels(), twins.measures.purging, purges=settings.ubidots_purge_measures)
        bulk = BulkSettings(
            settings.ubidots_bulk_status,
            settings.ubidots_bulk_most,
            settings.ubidots_bulk_accepts_delete,
            settings.ubidots_task_kept,
        )
        TaskNotices(router, store)
        devices, variables = DeviceRoutes(reading, writing), VariableRoutes(reading, writing)
        self._routes = Routes(
            [
                *BulkRoutes(twins.tasks, reading, writing, self._act_as, bulk).routes(),
                *devices.routes(),
                *OrganizationRoutes(devices).routes(),
                *ProvisionRoutes(reading, writing, variables).routes(),
                *variables.routes(),
                *ValueRoutes(reading, writing, Measuring(store, reading, writing)).routes(),
                *ClassicRoutes(reading, writing, variables).routes(),
                *TaskRoutes().routes(),
            ]
        )

    def _act_as(self, caller: ForeignCaller, connection: Connection = INSIDE) -> Actor:
        return Actor(self._router, caller, self._platform, connection)

    async def answer(self, request: ForeignRequest) -> ForeignAnswer:
        """See `ForeignInterface.answer`."""
        try:
            return await self._answer(request, read(request, segments(request.path)))
        except UbidotsError as error:
            return refusal(error)

    async def _answer(self, request: ForeignRequest, incoming: Incoming) -> ForeignAnswer:
        if incoming.path == TOKEN and incoming.verb == "POST":
            request.asks_for(f"POST {V1}/auth/token")
            holder = await self._authentication.key_holder(incoming)
            await request.comes_from(holder.kuid, holder.engine)
            return answer({"token": await self._authentication.new_token(holder)}, 201)
        caller = await self._authentication.caller(incoming)
        found = self._routes.find(incoming.verb, incoming.path)
        request.asks_for(f"{incoming.verb} {found.path}")
        await request.comes_from(caller.kuid, caller.engine)
        return await found.run(Exchange(incoming, self._act_as(caller, request.connection), caller.engine))

    def refuse(self, request: ForeignRequest, error: ApiError) -> ForeignAnswer:
        """See `ForeignInterface.refuse`."""
        return refusal(translated(error))
