"""What runs here: version, routes, limits, settings (router-protocol 5.1)."""

from __future__ import annotations

import os
import platform
import resource
import time
from importlib.metadata import version
from typing import Any

from device_manager.controllers.server.server_parts import ServerPart, ServerParts
from device_manager.controllers.shown_settings import shown_settings
from device_manager.router.controller import action
from device_manager.security.scope import Scope


class Describing(ServerPart):
    """`server`: `now`, `info`, `publicApi`, `capabilities`, `getConfig`."""

    def __init__(self, parts: ServerParts) -> None:
        super().__init__(parts)
        self._started = time.monotonic()

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
        usage = resource.getrusage(resource.RUSAGE_SELF)
        kuzzle = {
            "api": {"routes": self._parts.router.registry.public_api()},
            "application": {"name": "device-manager"},
            "memoryUsed": usage.ru_maxrss * 1024,
            "nodeVersion": f"Python {platform.python_version()}",
            "plugins": dict(self._parts.plugins),
            "system": {"cpus": os.cpu_count(), "memory": _memory()},
            "uptime": f"{int(time.monotonic() - self._started)}s",
            "version": version("device-manager"),
        }
        return {"serverInfo": {"kuzzle": kuzzle, "services": self._parts.backends}}

    @action(http=["GET /_publicApi"])
    def public_api(self) -> dict[str, Any]:
        """All actions with their routes, in the order by which SDKs choose.

        Example request:

            {"controller": "server", "action": "publicApi"}

        Example result:

            {"server": {"now": {"http": [{"verb": "GET", "url": "/_now", "path": "/_now"}]}}}
        """
        return self._parts.router.registry.public_api()

    @action(http=["GET /_capabilities"])
    def capabilities(self) -> dict[str, Any]:
        """What clients may count on: limits, plugins, routes, what does the work of each service, version.

        Example request:

            {"controller": "server", "action": "capabilities"}

        Example result:

            {"limits": {"concurrentRequests": 512, "documentsFetchCount": 10000, "documentsWriteCount": 200,
                        "requestsBufferSize": 50000, "maxRequestSize": 16777216},
             "plugins": {}, "routes": {"server": {"now": {"http": [{"verb": "GET", "url": "/_now", "path": "/_now"}]}}},
             "services": {"publicStorage": {"backend": "sqlite"}}, "version": "0.1.0"}
        """
        settings = self._parts.settings
        return {
            "limits": {
                "concurrentRequests": settings.requests_running,
                "documentsFetchCount": settings.search_size,
                "documentsWriteCount": settings.documents_write_count,
                "requestsBufferSize": settings.requests_waiting,
                "maxRequestSize": settings.max_message_bytes,
            },
            "plugins": dict(self._parts.plugins),
            "routes": self._parts.router.registry.public_api(),
            "services": self._parts.backends,
            "version": version("device-manager"),
        }

    @action(http=["GET /_getConfig"], scope=Scope.PLATFORM)
    def get_config(self) -> dict[str, Any]:
        """The settings that the server runs with, without passwords in addresses, and without the values of plugins.

        Example request:

            {"controller": "server", "action": "getConfig"}

        Example result:

            {"host": "127.0.0.1", "port": 7512, "store": "elasticsearch:http://***@search.example:9200",
             "plugins": {"weather": {"apiKey": "***"}}}
        """
        return shown_settings(self._parts.settings)


def _memory() -> dict[str, int]:
    page = os.sysconf("SC_PAGE_SIZE")
    return {"free": os.sysconf("SC_AVPHYS_PAGES") * page, "total": os.sysconf("SC_PHYS_PAGES") * page}
