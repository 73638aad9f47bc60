"""The controller `server`: what the server says about itself (router-protocol 5.1)."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any

from device_manager.errors import api_error
from device_manager.router.controller import Controller, action
from device_manager.router.registry import Registry
from device_manager.router.request import Request
from device_manager.router.response import Response

HealthCheck = Callable[[], Awaitable[bool]]


class ServerController(Controller):
    """`server`: the time, the routes, the health.

    Args:
        registry: knows the controllers and their routes.
        storage: name of the store behind everything, such as `sqlite`.
        services: health checks by service name; the store's is called `storageEngine`.
        plugins: plugin name -> what is told about it.
    """

    name = "server"

    def __init__(
        self,
        registry: Registry,
        *,
        storage: str = "",
        services: Mapping[str, HealthCheck] | None = None,
        plugins: Mapping[str, Any] | None = None,
    ) -> None:
        self._registry = registry
        self._storage = storage
        self._services = dict(services or {})
        self._plugins = plugins if plugins is not None else {}
        self._started = time.monotonic()

    @action(http=["GET /_now"])
    def now(self) -> dict[str, int]:
        """The server's time in milliseconds: `{now}`."""
        return {"now": int(time.time() * 1000)}

    @action(http=["GET /", "GET /_serverInfo"])
    def info(self) -> dict[str, Any]:
        """What runs here: version, routes, plugins, memory, store."""
        backend = {"backend": self._storage}
        usage = resource.getrusage(resource.RUSAGE_SELF)
        kuzzle = {
            "api": {"routes": self._registry.public_api()},
            "application": {"name": "device-manager"},
            "memoryUsed": usage.ru_maxrss * 1024,
            "nodeVersion": f"Python {platform.python_version()}",
            "plugins": dict(self._plugins),
            "system": {"cpus": os.cpu_count(), "memory": _memory()},
            "uptime": f"{int(time.monotonic() - self._started)}s",
            "version": version("device-manager"),
        }
        in_process = {"backend": "memory"}
        services = {
            "internalCache": in_process,
            "internalStorage": backend,
            "memoryStorage": in_process,
            "publicStorage": backend,
        }
        return {"serverInfo": {"kuzzle": kuzzle, "services": services}}

    @action(http=["GET /_publicApi"])
    def public_api(self) -> dict[str, Any]:
        """All actions with their routes, in the order by which SDKs choose: `{controller: {action: {http: [...]}}}`."""
        return self._registry.public_api()

    @action(http=["GET /_healthCheck"])
    async def health_check(self, request: Request, services: str | None = None) -> Response:
        """`{status, services}`, each `green` or `red`; 500 with the same result if any is red.

        The argument `services` is a list of names with commas; without it all are checked.
        """
        names = self._services if services is None else [name for name in services.split(",") if name in self._services]
        colours = {name: "green" if await self._services[name]() else "red" for name in names}
        red = [name for name, colour in colours.items() if colour == "red"]
        result = {"status": "red" if red else "green", "services": colours}
        if not red:
            return Response(request, result=result)
        error = api_error("core.fatal.service_unavailable", ", ".join(red))
        return Response(request, status=error.status, result=result, error=error)


def _memory() -> dict[str, int]:
    page = os.sysconf("SC_PAGE_SIZE")
    return {"free": os.sysconf("SC_AVPHYS_PAGES") * page, "total": os.sysconf("SC_PHYS_PAGES") * page}
