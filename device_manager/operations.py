"""The wiring of what operators use: what a server tells of itself, what looks after it (router-protocol 5.1, 5.8)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from device_manager.controllers.admin import AdminController, SupportArchive, Upkeep
from device_manager.controllers.cluster import ClusterController
from device_manager.controllers.debug import DebugController
from device_manager.controllers.memory_storage import MemoryStorageController
from device_manager.controllers.server import ServerController, ServerParts
from device_manager.controllers.server.pipes import listed_chains
from device_manager.controllers.shown_settings import shown_settings
from device_manager.documents.domain import Documents
from device_manager.errors import ApiError
from device_manager.router.controller import Controller
from device_manager.router.observing import AccessLog, Observe
from device_manager.security.reset import SecurityReset
from device_manager.settings import InvalidSettings, Settings
from device_manager.storage.contract import Store

if TYPE_CHECKING:
    from device_manager.app import Application
    from device_manager.telemetry import Telemetry


def server_parts_of(application: Application) -> ServerParts:
    """What the controller `server` tells of an application."""
    return ServerParts(
        router=application.router,
        metrics=application.metrics,
        statistics=application.statistics,
        settings=application.settings,
        storage=application.settings.store.partition(":")[0],
        services={
            "internalCache": application.memory_storage.is_healthy,
            "memoryStorage": application.memory_storage.is_healthy,
            "storageEngine": application.store.is_healthy,
        },
        plugins={name: {} for name in application.plugins.names},
        first_admin=application.security.first_admin,
        connections=lambda: application.connections,
        realtime=lambda: (len(application.realtime.rooms), application.realtime.rooms.subscriptions),
    )


def operating_controllers(application: Application, documents: Documents, *, may_open: bool) -> list[Controller]:
    """The controllers that operators use.

    Args:
        application: whose; every other part of it has to be there.
        documents: loads mappings and documents.
        may_open: whether users and rights may be reset, after which everybody may do everything.
    """
    users, upkeep = application.security.accounts.users, upkeep_of(application, may_open=may_open)
    return [
        ServerController(server_parts_of(application)),
        AdminController(documents, users, application.router, upkeep),
        DebugController(allowed=application.settings.debug),
        ClusterController(application.servers),
        MemoryStorageController(application.memory_storage, application.settings.memory_storage_answer_bytes),
    ]


def open_telemetry(settings: Settings) -> Telemetry | None:
    """The traces that the settings ask for.

    Raises:
        InvalidSettings: what they need is not installed.
    """
    if not settings.telemetry:
        return None
    try:
        from device_manager.telemetry import telemetry_to  # takes a tenth of a second that others need not wait
    except ImportError as error:
        raise InvalidSettings(
            'Unusable setting "telemetry": install it with `pip install "device-manager[telemetry]"`.'
        ) from error
    return telemetry_to(settings.telemetry)


def observers_of(settings: Settings, telemetry: Telemetry | None) -> list[Observe]:
    """Those who look at every request."""
    observers: list[Observe] = []
    if telemetry is not None:
        observers.append(telemetry.observe)
    if settings.access_log:
        observers.append(AccessLog)
    return observers


def upkeep_of(application: Application, *, may_open: bool) -> Upkeep:
    """What the controller `admin` does for an application; see `operating_controllers`."""
    store, security, twins = application.store, application.security, application.twins

    async def forget() -> None:
        await security.memory.generation.look(again=True)
        await twins.catalogue.generation.look(again=True)

    async def empty() -> None:
        await application.memory_storage.run("FLUSHDB")

    return Upkeep(
        store=store,
        database_reset=twins.database_reset,
        security_reset=SecurityReset(
            store,
            security.accounts,
            twins.tasks,
            may_open=may_open,
            payload_gateway=len(application.decoders) > 0,
        ),
        archive=_archive(application),
        stop=application.stop_soon,
        caches={"internalCache": forget, "memoryStorage": empty},
    )


def _archive(application: Application) -> SupportArchive:
    settings, bus = application.settings, application.events

    async def shown() -> dict[str, Any]:
        return shown_settings(settings)

    async def figures() -> bytes:
        return application.metrics.text()

    async def statistics() -> Any:
        return msgspec.to_builtins(application.statistics.frames)

    async def pipes() -> Any:
        return listed_chains(bus.chains())

    async def routes() -> Any:
        return application.router.registry.public_api()

    async def tasks() -> Any:
        hidden = {"arguments", "cursor", "result"}  # these may quote documents
        listed = map(msgspec.to_builtins, await application.twins.tasks.list())
        return [{name: value for name, value in task.items() if name not in hidden} for task in listed]

    return SupportArchive(
        Path(settings.dump_directory),
        settings.dumps_kept,
        {
            "settings.json": shown,
            "figures.txt": figures,
            "statistics.json": statistics,
            "pipes.json": pipes,
            "routes.json": routes,
            "tasks.json": tasks,
            "collections.json": lambda: _mappings(application.store),
        },
    )


async def _mappings(store: Store) -> dict[str, dict[str, Any]]:
    """The mapping of every public collection; what is removed meanwhile does not stand there."""
    found: dict[str, dict[str, Any]] = {}
    for index in await store.indices():
        with unless_removed():
            found[index] = {}
            for name in await store.collections(index):
                with unless_removed():
                    found[index][name] = await store.mappings(index, name)
    return found


@contextlib.contextmanager
def unless_removed() -> Iterator[None]:
    """Go on behind this where an index or a collection is not there any more."""
    try:
        yield
    except ApiError as error:
        if not error.is_unknown_place:
            raise
