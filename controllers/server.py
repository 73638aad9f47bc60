"""The controller `server`: what the server says about itself (router-protocol 5.1)."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any

import orjson
import yaml

from device_manager.errors import api_error
from device_manager.router.controller import Controller, action
from device_manager.router.openapi import openapi_document
from device_manager.router.registry import Registry
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.security.scope import Scope

HealthCheck = Callable[[], Awaitable[bool]]
KUZZLE = frozenset({"admin", "auth", "bulk", "collection", "document", "index", "realtime", "security", "server"})
"""Controllers that a Kuzzle server has by itself; all others are the application's."""


class ServerController(Controller):
    """`server`: the time, the routes, the health.

    Args:
        registry: knows the controllers and their routes.
        storage: name of the store behind everything, such as `sqlite`.
        services: health checks by service name; the store's is called `storageEngine`.
        plugins: plugin name -> what is told about it.
    """

    name = "server"
    scope = Scope.NONE

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
        self._openapi: dict[tuple[str, str | None], bytes] = {}
        self._writing = asyncio.Lock()

    @action(http=["GET /_now"])
    def now(self) -> dict[str, int]:
        """The server's time in milliseconds since 1970.

        Example request:

            {"controller": "server", "action": "now"}

        Example result:

            {"now": 1795392000000}
        """
        return {"now": int(time.time() * 1000)}

    @action(http=["GET /", "GET /_serverInfo"])
    def info(self) -> dict[str, Any]:
        """What runs here: version, routes, plugins, memory, store.

        Example request:

            {"controller": "server", "action": "info"}

        Example result:

            {"serverInfo": {"kuzzle": {"version": "0.1.0", "uptime": "12s", "application": {"name": "device-manager"}},
                            "services": {"internalStorage": {"backend": "sqlite"}}}}
        """
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
        """All actions with their routes, in the order by which SDKs choose.

        Example request:

            {"controller": "server", "action": "publicApi"}

        Example result:

            {"server": {"now": {"http": [{"verb": "GET", "url": "/_now", "path": "/_now"}]}}}
        """
        return self._registry.public_api()

    @action(http=["GET /_healthCheck"])
    async def health_check(self, request: Request, services: str | None = None) -> Response:
        """Whether the server and what it rests on are well, each `green` or `red`; 500 with the result if any is red.

        The argument `services` is a list of names with commas; without it all are checked.

        Example request:

            {"controller": "server", "action": "healthCheck", "services": "storageEngine"}

        Example result:

            {"status": "green", "services": {"storageEngine": "green"}}

        Raises:
            ApiError: `core.fatal.service_unavailable`.
        """
        names = self._services if services is None else [name for name in services.split(",") if name in self._services]
        colours = {name: "green" if await self._services[name]() else "red" for name in names}
        red = [name for name, colour in colours.items() if colour == "red"]
        result = {"status": "red" if red else "green", "services": colours}
        if not red:
            return Response(request, result=result)
        error = api_error("core.fatal.service_unavailable", ", ".join(red))
        return Response(request, status=error.status, result=result, error=error)

    @action(http=["GET /_openapi"])
    async def openapi(self, request: Request, format: str = "json", scope: str | None = None) -> Response:
        """The OpenAPI 3.1 document of all routes; over HTTP it is the body itself, without an envelope.

        `scope` is `kuzzle` for the controllers that a Kuzzle server has by itself, `app` for all others.

        Example request:

            {"controller": "server", "action": "openapi", "format": "json", "scope": "app"}

        Example result:

            {"openapi": "3.1.0", "info": {"title": "Device manager", "version": "0.1.0"}, "paths": {}}

        Raises:
            ApiError: `api.assert.unexpected_argument`.
        """
        if format not in ("json", "yaml"):
            raise api_error("api.assert.unexpected_argument", format, "json, yaml")
        if scope not in (None, "kuzzle", "app"):
            raise api_error("api.assert.unexpected_argument", scope, "kuzzle, app")
        async with self._writing:
            text = self._openapi.get((format, scope))
            if text is None:
                # Takes some tenths of a second, in which other requests are answered.
                text = self._openapi[format, scope] = await asyncio.to_thread(self._write_openapi, format, scope)
        headers = {"content-type": f"application/{format}"}
        if request.connection.protocol == "http":
            return Response(request, result=text, raw=True, headers=headers)
        return Response(request, result=orjson.loads(text) if format == "json" else text.decode(), headers=headers)

    def _write_openapi(self, format: str, scope: str | None) -> bytes:
        names = set(self._registry.table)
        controllers = {None: None, "kuzzle": names & KUZZLE, "app": names - KUZZLE}[scope]
        document = openapi_document(self._registry, version=version("device-manager"), controllers=controllers)
        text = orjson.dumps(document)
        if format == "json":
            return text
        # Read back, so that shared parts are written out instead of as YAML anchors.
        content = orjson.loads(text)
        return yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, encoding="utf-8")


def _memory() -> dict[str, int]:
    page = os.sysconf("SC_PAGE_SIZE")
    return {"free": os.sysconf("SC_AVPHYS_PAGES") * page, "total": os.sysconf("SC_PHYS_PAGES") * page}
