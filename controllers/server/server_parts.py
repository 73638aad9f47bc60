"""What the controller `server` talks about, and the base of its modules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from device_manager.metrics import Metrics
from device_manager.router.controller import Controller
from device_manager.router.router import Router
from device_manager.router.statistics import Statistics
from device_manager.security.first_admin import FirstAdmin
from device_manager.security.scope import Scope
from device_manager.settings import Settings

HealthCheck = Callable[[], Awaitable[bool]]


def no_connections() -> dict[str, int]:
    """A server without a port."""
    return {}


def no_realtime() -> tuple[int, int]:
    """A server without subscriptions."""
    return 0, 0


@dataclass(slots=True, kw_only=True)
class ServerParts:
    """What there is to tell of a server.

    Attributes:
        router: has the routes, the bounds and the pipes.
        metrics: figures for Prometheus.
        statistics: what happened in the last hour.
        settings: of the server.
        storage: name of the store behind everything, such as `sqlite`.
        services: health checks by service name; the store's is called `storageEngine`.
        plugins: plugin name -> what is told about it.
        first_admin: knows whether there is an administrator.
        connections: open connections by protocol.
        realtime: number of rooms and of subscriptions.
    """

    router: Router
    metrics: Metrics
    statistics: Statistics
    settings: Settings = field(default_factory=Settings)
    storage: str = ""
    services: Mapping[str, HealthCheck] = field(default_factory=dict)
    plugins: Mapping[str, Any] = field(default_factory=dict)
    first_admin: FirstAdmin | None = None
    connections: Callable[[], Mapping[str, int]] = no_connections
    realtime: Callable[[], tuple[int, int]] = no_realtime

    @property
    def backends(self) -> dict[str, dict[str, str]]:
        """What does the work of each service."""
        stored = {"backend": self.storage}
        cached = {"backend": "redis" if self.settings.redis else "memory"}
        return {
            "internalCache": cached,
            "internalStorage": stored,
            "memoryStorage": cached,
            "publicStorage": stored,
        }


class ServerPart(Controller):
    """One module of the controller."""

    name = "server"
    scope = Scope.NONE

    def __init__(self, parts: ServerParts) -> None:
        self._parts = parts
