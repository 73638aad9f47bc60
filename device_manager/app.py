"""The wiring: settings to store, events, domain, plugins, router and gateway, and the life of a serving process."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import signal
import socket
import sys
import time
from typing import Any

import structlog

from device_manager.controllers.assets import AssetsController
from device_manager.controllers.auth import AuthController
from device_manager.controllers.credentials import CredentialsController
from device_manager.controllers.decoders import DecodersController
from device_manager.controllers.devices import DevicesController
from device_manager.controllers.engine import EngineController
from device_manager.controllers.groups import GroupsController
from device_manager.controllers.models import ModelsController
from device_manager.controllers.native import native_controllers
from device_manager.controllers.password import PasswordController
from device_manager.controllers.payloads import PayloadsController
from device_manager.controllers.realtime import RealtimeController
from device_manager.controllers.security import SecurityController
from device_manager.controllers.shown_settings import without_credentials
from device_manager.controllers.tasks import TasksController
from device_manager.decoders import Decoders
from device_manager.decoders.shipped import shipped_decoders
from device_manager.documents.domain import Documents
from device_manager.errors import ApiError
from device_manager.events import Answers, EventBus, UnknownEvent
from device_manager.facades.shipped import at_own_port, shipped_interfaces
from device_manager.facades.teos.audit import TeosController
from device_manager.figures import figures_of
from device_manager.gateways.server import Gateway
from device_manager.lifecycle import Lifecycle, UncleanStop, cancelled
from device_manager.logs import configure_logging
from device_manager.memory_storage import open_memory_storage
from device_manager.operations import observers_of, open_telemetry, operating_controllers
from device_manager.plugins import PluginContext, PluginError, Plugins
from device_manager.realtime.inside import InsideSubscriptions
from device_manager.realtime.koncorde import normalise
from device_manager.router.controller import Controller
from device_manager.router.envelope import NODE
from device_manager.router.foreign import ForeignInterface, ForeignInterfaces
from device_manager.router.idempotency import Idempotency
from device_manager.router.observing import ObservedRouter
from device_manager.router.router import Router
from device_manager.router.statistics import Statistics
from device_manager.router.subscriptions import open_realtime
from device_manager.security.service import Security
from device_manager.settings import InvalidSettings, Settings
from device_manager.storage.contract import StoreError
from device_manager.storage.opening import open_store
from device_manager.storage.patience import start_patiently
from device_manager.storage.servers import Servers
from device_manager.storage.watching import StoreWatch
from device_manager.twins.domain import Twins
from device_manager.twins.ingestion.questions import answer_questions
from device_manager.twins.measures.questions import answer_last_measures

START_ERRORS = (ApiError, OSError, PluginError, StoreError, UnknownEvent)
"""What keeps a server from starting, each with a text that says what to do; beside `InvalidSettings`."""

HEALTH_INTERVAL = 1.0
"""Seconds between two looks at the store for `GET /_ready`."""
REMINDER_INTERVAL = 3600.0
"""Seconds between two log lines that remind of a server on which everybody may do everything."""
THREADS_TURN = 0.001
"""Seconds for which a computing thread keeps the interpreter: each part of a large answer waits for it."""

log = structlog.get_logger("app")


class Application:
    """The parts of one server, built from its settings and connected.

    Args:
        settings: what to build.

    Raises:
        InvalidSettings: a store that does not exist.
        PluginError: a plugin that cannot be loaded.
        ApiError: a decoder or a strategy that cannot be registered.
        UnknownEvent: a plugin listens to an event that nothing declares.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.store = open_store(settings)
        self.telemetry = open_telemetry(settings)
        self.store.watch = self.store_watch = StoreWatch(self.telemetry.around if self.telemetry else None)
        self.events = EventBus(warning=settings.pipe_warning, deadline=settings.pipe_deadline)
        self.servers = Servers(self.store, NODE)
        self.memory_storage = open_memory_storage(settings)
        self.answers = Answers()
        self.security = Security(self.store, settings)
        self.twins = Twins(self.store, self.events, settings)
        answer_questions(self.answers, self.twins.ingestion)
        answer_last_measures(self.answers, self.twins.measures.reading)
        self.documents = Documents(self.store, self.events, settings, self.twins.native_writes, normalise)
        self.idempotency = Idempotency(self.store, kept=settings.idempotency_kept, patience=settings.idempotency_wait)
        self.router = Router(
            self.events,
            self.security.guard,
            running=settings.requests_running,
            waiting=settings.requests_waiting,
            streams=settings.streams_running,
            strict_sdk=settings.strict_sdk_version,
            idempotency=self.idempotency,
            is_engine=lambda name: name in self.twins.catalogue.engines,
        )
        self.statistics = Statistics(self.router, lambda: self.connections)
        self.security.accounts.roles.actions = self.router.registry.table
        self.realtime = open_realtime(self.store, self.events, settings, self.security, self.router.registry)
        self.metrics = figures_of(self)
        self.documents.collections.followed = self.realtime.collections
        self.plugins = self._load_plugins()
        self.security.accounts.add_logins(self.plugins.strategies())
        self.decoders = Decoders([*shipped_decoders(settings.decoder), *self.plugins.decoders()])
        for controller in self._controllers():
            self.router.register(controller)
        self.router.compile()
        shipped = self._shipped_interfaces()
        self._observers = observers_of(settings, self.telemetry)
        self.gateway = Gateway(
            ObservedRouter(self.router, self._observers) if self._observers else self.router,
            settings,
            ready=lambda: self._healthy and not self.router.admission.overloaded,
            events=self.events,
            metrics=self.metrics,
            foreign=self._foreign([*shipped, *self.plugins.foreign_interfaces()]),
        )
        own = at_own_port(shipped)
        self.sitewise_gateway = self._own_gateway(own) if own and settings.sitewise_port >= 0 else None
        self._healthy = False
        self._lifecycle = Lifecycle()

    def _shipped_interfaces(self) -> list[ForeignInterface]:
        credentials, collections = self.security.foreign_credentials, self.security.collections
        return shipped_interfaces(
            self.router, self.store, self.events, credentials, collections, self.twins, self.settings
        )

    def _own_gateway(self, interfaces: list[ForeignInterface]) -> Gateway:
        """A port on which there is nothing but foreign interfaces."""
        return Gateway(
            self.router,
            self.settings,
            ready=lambda: self._healthy,
            events=self.events,
            foreign=self._foreign(interfaces),
            websockets=False,
            beside=self.gateway,
        )

    @property
    def connections(self) -> dict[str, int]:
        """Connections that are open at all ports, by protocol."""
        own = self.sitewise_gateway.connections if self.sitewise_gateway else {}
        return {protocol: count + own.get(protocol, 0) for protocol, count in self.gateway.connections.items()}

    def _foreign(self, interfaces: list[ForeignInterface]) -> ForeignInterfaces:
        return ForeignInterfaces(self.router, interfaces, self._observers)

    def _load_plugins(self) -> Plugins:
        plugins = Plugins()
        plugins.load(self.settings.plugin)
        plugins.attach(self.events)
        plugins.prepare(self._context, self.settings.plugins)
        return plugins

    def _context(self, name: str, settings: dict[str, Any]) -> PluginContext:
        return PluginContext(
            name,
            settings=settings,
            router=self.router,
            store=self.store,
            events=self.events,
            questions=self.answers,
            subscriptions=InsideSubscriptions(self.realtime),
        )

    def _controllers(self) -> list[Controller]:
        twins = self.twins
        tokens = self.security.tokens
        exporting = [AssetsController(twins, tokens), DevicesController(twins, tokens)]
        domain: list[Controller]
        domain = [EngineController(twins), ModelsController(twins), *exporting]
        domain.append(GroupsController(twins))
        domain.append(TasksController(twins.tasks, twins.platform))
        if self.settings.teos:
            domain.append(TeosController(self.store, twins.catalogue))
        domain.append(CredentialsController(self.security.foreign_credentials, twins.catalogue))
        domain += [DecodersController(twins, self.decoders), PayloadsController(twins, self.decoders)]
        documents = self.documents
        native = [*native_controllers(documents), RealtimeController(self.realtime, documents, self.router)]
        operating = operating_controllers(self, documents, may_open=self._may_open)
        accounts = [
            controller(self.security, self.router.registry, self.settings, self.events)
            for controller in (AuthController, SecurityController, PasswordController)
        ]
        return [*operating, *accounts, *native, *domain, *self.plugins.controllers()]

    async def start(self) -> None:
        """Open the store, prepare the domain, start the plugins, and listen last.

        When something fails, or when the task is cancelled, all that was started is stopped before that is told.

        Raises:
            ApiError: the store cannot be opened, or not be reached for `store_start_wait` seconds.
            InvalidSettings: an address that would let strangers do everything.
            PluginError: a plugin fails to start.
            OSError: the address cannot be bound.
        """
        try:
            await self._start_inside()
            await self._start_listening()
        except BaseException as error:
            self._healthy = False
            try:
                await self._lifecycle.stop()
            except UncleanStop:
                log.error("the start failed, and not everything could be stopped", reason=str(error))
            raise
        _tune_interpreter()
        log.info(
            "serving", host=self.settings.host, port=self.gateway.port, store=without_credentials(self.settings.store)
        )

    async def _start_inside(self) -> None:
        """Start everything that needs no port."""
        start, twins, security = self._lifecycle.start, self.twins, self.security
        await start("traces", None, self._close_telemetry)
        await start("store", lambda: start_patiently(self.store, self.settings.store_start_wait), self.store.close)
        await start("events", None, self.events.close)
        await self.events.pipe("kuzzle:state:start", None)
        for name in security.accounts.logins:
            await self.events.pipe("core:auth:strategyAdded", {"name": name})
        await start("security", lambda: security.start(payload_gateway=len(self.decoders) > 0), security.stop)
        self._check_exposure()
        await start("documents", self.documents.start, self.documents.close)
        await start("memory storage", None, self.memory_storage.close)
        await start("realtime", self.realtime.start, self.realtime.stop)
        await start("twins", lambda: twins.start(self.plugins.models(), tuple(self.decoders)), twins.stop)
        await start("plugins", self.plugins.start, self.plugins.stop)
        await start("ingestion", twins.ingestion.start, twins.ingestion.stop)
        await start("idempotency", self.idempotency.start, self.idempotency.stop)

    async def _start_listening(self) -> None:
        """Open the ports, and tell other servers of this one."""
        start, settings = self._lifecycle.start, self.settings
        self._healthy = True
        await self.events.pipe("kuzzle:state:live", None)
        await start("requests", None, self.router.drain)
        await start("gateway", self.gateway.start, self.gateway.stop)
        if self.sitewise_gateway is not None:
            gateway = self.sitewise_gateway
            await start("SiteWise gateway", lambda: gateway.start(port=settings.sitewise_port), gateway.stop)
            log.info("serving clients of AWS IoT SiteWise", port=gateway.port)
        address = f"{settings.host}:{self.gateway.port}"
        await start("list of servers", lambda: self.servers.start(address), self.servers.stop)
        watch = asyncio.create_task(self._watch_health())
        await start("health watch", None, lambda: cancelled(watch))
        self.statistics.start()
        await start("statistics", None, self._stop_statistics)
        await self.events.pipe("kuzzle:state:ready", None)

    async def stop(self) -> None:
        """Answer what runs, close the port, then the plugins, the domain and the store.

        Raises:
            UncleanStop: some parts could not be stopped as they should; all others were.
        """
        try:
            await self.events.pipe("kuzzle:shutdown", None)
        except ApiError as error:
            log.error("a pipe refused the shutdown, which goes on", reason=error.message)
        await self._lifecycle.stop()

    async def _stop_statistics(self) -> None:
        self.statistics.stop()

    async def _close_telemetry(self) -> None:
        if self.telemetry is not None:
            await asyncio.to_thread(self.telemetry.close)

    def stop_soon(self) -> None:
        """Let `serve` stop the server."""
        self.stopping.set()

    @property
    def _may_open(self) -> bool:
        """Whether everybody may be allowed to do everything: strangers cannot reach the server, or it was said so."""
        return self.settings.insecure or _is_loopback(self.settings.host)

    def _check_exposure(self) -> None:
        """Refuse addresses that strangers may reach while they may do everything, and remind of it (design 8)."""
        settings = self.settings
        if not self.security.is_open:
            return
        if not self._may_open:
            raise InvalidSettings(
                f'Unusable setting "host": anonymous callers may do everything here, so only loopback addresses are '
                f"served, not {settings.host}. Make an administrator with `device-manager user create NAME "
                f"--first-admin --store {settings.store}`, or say --insecure if no stranger can reach that address."
            )
        self._remind()

    def _remind(self) -> None:
        if self.security.is_open:
            log.warning(
                "anonymous callers may do everything: `device-manager user create NAME --first-admin` ends that",
                host=self.settings.host,
            )

    async def _watch_health(self) -> None:
        reminded = time.monotonic()
        while True:
            self._healthy = await self.store.is_healthy()
            if time.monotonic() - reminded > REMINDER_INTERVAL:
                reminded = time.monotonic()
                self._remind()
            await asyncio.sleep(HEALTH_INTERVAL)


async def serve(settings: Settings) -> None:
    """Run a server until SIGTERM or SIGINT, then stop it gracefully; one that still starts begins no further part.

    Raises:
        InvalidSettings: see `Application`; and whatever `Application`, `Application.start` and `stop` raise.
    """
    configure_logging(settings.log_level, settings.log_format)
    application = Application(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, application.stop_soon)
    starting = asyncio.create_task(application.start())
    stopping = asyncio.create_task(application.stopping.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        log.warning("stopped before the start was complete")
        await cancelled(starting)
        return
    try:
        await starting
        await stopping
    finally:
        await cancelled(stopping)
    await application.stop()


def _is_loopback(host: str) -> bool:
    try:
        addresses = {found[4][0] for found in socket.getaddrinfo(host, None)}
    except socket.gaierror as error:
        raise InvalidSettings(
            f'Unusable setting "host": "{host}" is not an address of this machine: {error}'
        ) from error
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)


def _tune_interpreter() -> None:
    """For a long life with many small requests: objects that stay, and threads that compute beside the event loop."""
    gc.collect()
    gc.freeze()  # looking at it again and again would cost each request a few per cent
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(THREADS_TURN)
