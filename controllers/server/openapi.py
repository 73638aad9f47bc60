"""The OpenAPI document of everything that is served (router-protocol 5.1)."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

import orjson
import yaml

from device_manager.controllers.server.server_parts import ServerPart, ServerParts
from device_manager.errors import api_error
from device_manager.router.controller import action
from device_manager.router.openapi import openapi_document
from device_manager.router.request import Request
from device_manager.router.response import Response

KUZZLE = frozenset(
    {
        "admin",
        "auth",
        "bulk",
        "cluster",
        "collection",
        "debug",
        "document",
        "index",
        "memoryStorage",
        "ms",
        "realtime",
        "security",
        "server",
    }
)
"""Controllers that a Kuzzle server has by itself; all others are the application's."""


class OpenApi(ServerPart):
    """`server`: `openapi`."""

    def __init__(self, parts: ServerParts) -> None:
        super().__init__(parts)
        self._openapi: dict[tuple[str, str | None], bytes] = {}
        self._writing = asyncio.Lock()

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
        names = set(self._parts.router.registry.table)
        controllers = {None: None, "kuzzle": names & KUZZLE, "app": names - KUZZLE}[scope]
        document = openapi_document(
            self._parts.router.registry, version=version("device-manager"), controllers=controllers
        )
        text = orjson.dumps(document)
        if format == "json":
            return text
        # Read back, so that shared parts are written out instead of as YAML anchors.
        content = orjson.loads(text)
        return yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, encoding="utf-8")
