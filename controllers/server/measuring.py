"""Figures: now, for Prometheus, and over the last hour (router-protocol 5.1)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.server.server_parts import ServerPart
from device_manager.errors import api_error
from device_manager.metrics import CONTENT_TYPE
from device_manager.query.instants import DEFAULT_FORMAT, compile_format
from device_manager.router.controller import action
from device_manager.router.request import Request
from device_manager.router.response import Response
from device_manager.router.statistics import Frame
from device_manager.security.scope import Scope

_READ_DATE = compile_format(DEFAULT_FORMAT)


class Measuring(ServerPart):
    """`server`: `metrics`, `prometheus`, `getAllStats`, `getLastStats`, `getStats`."""

    @action(http=["GET /_metrics"])
    def metrics(self) -> dict[str, Any]:
        """What goes on now: requests that run and wait, connections, rooms and subscriptions of this process.

        Example request:

            {"controller": "server", "action": "metrics"}

        Example result:

            {"api": {"concurrentRequests": 3, "pendingRequests": 0}, "network": {"connections": {"websocket": 12}},
             "realtime": {"rooms": 4, "subscriptions": 9}}
        """
        admission = self._parts.router.admission
        rooms, subscriptions = self._parts.realtime()
        return {
            "api": {"concurrentRequests": admission.running, "pendingRequests": admission.waiting},
            "network": {"connections": dict(self._parts.connections())},
            "realtime": {"rooms": rooms, "subscriptions": subscriptions},
        }

    @action(http=["GET /metrics"], scope=Scope.PLATFORM)
    def prometheus(self, request: Request) -> Response:
        r"""All figures in Prometheus' text format; over HTTP it is the body itself. They name engines.

        Callers in the networks of the setting `metrics_networks` get `GET /metrics` without asking for any right.

        Example request:

            {"controller": "server", "action": "prometheus"}

        Example result:

            "# HELP device_manager_requests_running Requests that have a slot.\n"
        """
        text = self._parts.metrics.text()
        headers = {"content-type": CONTENT_TYPE}
        if request.connection.protocol == "http":
            return Response(request, result=text, raw=True, headers=headers)
        return Response(request, result=text.decode(), headers=headers)

    @action(http=["GET /_getAllStats"])
    def get_all_stats(self) -> dict[str, Any]:
        """What happened in the last hour: a frame every ten seconds, with numbers by protocol.

        Example request:

            {"controller": "server", "action": "getAllStats"}

        Example result:

            {"hits": [{"completedRequests": {"websocket": 148}, "failedRequests": {"websocket": 1},
                       "ongoingRequests": {"websocket": 8}, "connections": {"websocket": 13},
                       "timestamp": 1795392000000}],
             "total": 1}
        """
        return _hits(self._parts.statistics.frames)

    @action(http=["GET /_getLastStats"])
    def get_last_stats(self) -> dict[str, Any]:
        """The last frame of `getAllStats`.

        Example request:

            {"controller": "server", "action": "getLastStats"}

        Example result:

            {"completedRequests": {"websocket": 148}, "failedRequests": {"websocket": 1},
             "ongoingRequests": {"websocket": 8}, "connections": {"websocket": 13}, "timestamp": 1795392000000}
        """
        frame: dict[str, Any] = msgspec.to_builtins(self._parts.statistics.last)
        return frame

    @action(http=["GET /_getStats"])
    def get_stats(self, start_time: str | float | None = None, stop_time: str | float | None = None) -> dict[str, Any]:
        """The frames of `getAllStats` between two moments: dates, or milliseconds since 1970.

        Example request:

            {"controller": "server", "action": "getStats", "startTime": "2026-11-23T07:00:00Z",
             "stopTime": 1795392000000}

        Example result:

            {"hits": [{"completedRequests": {"websocket": 148}, "failedRequests": {"websocket": 1},
                       "ongoingRequests": {"websocket": 8}, "connections": {"websocket": 13},
                       "timestamp": 1795392000000}],
             "total": 1}

        Raises:
            ApiError: `api.assert.invalid_argument`.
        """
        return _hits(self._parts.statistics.between(_moment("startTime", start_time), _moment("stopTime", stop_time)))


def _hits(frames: list[Frame]) -> dict[str, Any]:
    return {"hits": msgspec.to_builtins(frames), "total": len(frames)}


def _moment(name: str, given: str | float | None) -> float | None:
    """Milliseconds since 1970. Raises `api.assert.invalid_argument`."""
    if given is None or isinstance(given, float):
        return given
    moment = _READ_DATE(given) if _READ_DATE is not None else None
    if moment is None:
        raise api_error("api.assert.invalid_argument", name, "a date, or milliseconds since 1970")
    return moment
