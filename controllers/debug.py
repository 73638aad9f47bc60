"""The controller `debug`: what a server is doing right now, for those who look for a fault (router-protocol 5.9).

The incumbent opens the inspector of its runtime here, through which whoever is connected can run any code and read all
memory. There is nothing of that kind: a session offers a few methods that show where the code is and what takes memory.
"""

from __future__ import annotations

import asyncio
import platform
import tracemalloc
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from device_manager.controllers.admin.support_archive import tasks_and_threads
from device_manager.errors import api_error
from device_manager.router.controller import Controller, action
from device_manager.security.scope import Scope

MONITOR = "memory"
MOST_SITES = 50
"""Places in the code of which `Memory.snapshot` tells."""


class DebugBody(msgspec.Struct):
    """The body of `post`: a method, and what it takes."""

    method: str
    params: dict[str, Any] = {}


class DebugController(Controller):
    """`debug`: a session that shows tasks, threads and memory.

    Args:
        allowed: whether sessions can be opened here, the setting `debug`.
    """

    name = "debug"
    scope = Scope.ALL

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed
        self._is_open = False
        self._methods: dict[str, Callable[[], Any]] = {
            "Tasks.list": lambda: tasks_and_threads().splitlines(),
            "Memory.start": _start_tracing,
            "Memory.snapshot": _snapshot,
            "Memory.stop": _stop_tracing,
        }

    @action(http=["GET /debug/_nodeVersion"])
    def node_version(self) -> str:
        """The version of Python that the server runs on.

        Example request:

            {"controller": "debug", "action": "nodeVersion"}

        Example result:

            "3.11.9"
        """
        return platform.python_version()

    @action(http=["POST /debug/_enable"])
    def enable(self) -> bool:
        """Open a session, for all who have the right to it; it needs the setting `debug`.

        Example request:

            {"controller": "debug", "action": "enable"}

        Example result:

            true

        Raises:
            ApiError: `core.debugger.native_debug_protocol_usage_denied`.
        """
        if not self._allowed:
            raise api_error("core.debugger.native_debug_protocol_usage_denied")
        self._is_open = True
        return True

    @action(http=["POST /debug/_disable"])
    def disable(self) -> bool:
        """Close the session, and end what it has begun.

        Example request:

            {"controller": "debug", "action": "disable"}

        Example result:

            true

        Raises:
            ApiError: `core.debugger.not_enabled`.
        """
        self._check_open()
        self._is_open = False
        tracemalloc.stop()
        return True

    @action(http=["POST /debug/_post"])
    async def post(self, body: DebugBody) -> Any:
        """Call a method of the session.

        `Tasks.list` tells where in the code each task and thread is; `Memory.start` begins to note where memory is
        taken, which makes the server slower, `Memory.snapshot` lists the places that hold most, `Memory.stop` ends it.

        Example request:

            {"controller": "debug", "action": "post", "body": {"method": "Memory.snapshot"}}

        Example result:

            {"traced": 1048576, "peak": 2097152, "sites": [{"place": "router.py:120", "bytes": 52428, "blocks": 310}]}

        Raises:
            ApiError: `core.debugger.not_enabled`, `method_not_found`,
                `monitor_already_running`, `monitor_not_running`.
        """
        self._check_open()
        method = self._methods.get(body.method)
        if method is None:
            raise api_error("core.debugger.method_not_found", body.method)
        return await asyncio.to_thread(method) if method is _snapshot else method()

    @action()
    def add_listener(self, event: str) -> NoReturn:
        """Listen to an event of the session; it has none, so every event is refused.

        Example request:

            {"controller": "debug", "action": "addListener", "event": "Debugger.paused"}

        Raises:
            ApiError: `core.debugger.not_enabled`, `method_not_found`.
        """
        self._check_open()
        raise api_error("core.debugger.method_not_found", event)

    @action()
    def remove_listener(self, event: str) -> None:
        """Listen to an event no longer; nobody listens to any.

        Example request:

            {"controller": "debug", "action": "removeListener", "event": "Debugger.paused"}

        Example result:

            null

        Raises:
            ApiError: `core.debugger.not_enabled`.
        """
        self._check_open()

    def _check_open(self) -> None:
        if not self._is_open:
            raise api_error("core.debugger.not_enabled")


def _start_tracing() -> bool:
    if tracemalloc.is_tracing():
        raise api_error("core.debugger.monitor_already_running", MONITOR)
    tracemalloc.start()
    return True


def _stop_tracing() -> bool:
    if not tracemalloc.is_tracing():
        raise api_error("core.debugger.monitor_not_running", MONITOR)
    tracemalloc.stop()
    return True


def _snapshot() -> dict[str, Any]:
    if not tracemalloc.is_tracing():
        raise api_error("core.debugger.monitor_not_running", MONITOR)
    traced, peak = tracemalloc.get_traced_memory()
    sites = tracemalloc.take_snapshot().statistics("lineno")[:MOST_SITES]
    return {
        "traced": traced,
        "peak": peak,
        "sites": [{"place": str(site.traceback), "bytes": site.size, "blocks": site.count} for site in sites],
    }
