"""The controller `device-manager/engine`: engines, the tenants (device-manager 2.1)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.controllers.calls import call_of
from device_manager.errors import api_error
from device_manager.router.controller import Controller, action
from device_manager.router.request import Request
from device_manager.security.scope import Scope
from device_manager.twins.domain import Twins
from device_manager.twins.places import COMMONS


class EngineBody(msgspec.Struct):
    """What can be set of an engine."""

    retention: dict[str, Any] = {}


NOTHING = EngineBody()


class EngineController(Controller):
    """`device-manager/engine`: create, update, delete, list."""

    name = "device-manager/engine"
    scope = Scope.PLATFORM

    def __init__(self, twins: Twins) -> None:
        self._twins = twins
        self._engines = twins.engines

    @action(http=["POST /_/device-manager/engine/:index"], writes=True)
    async def create(
        self, request: Request, index: str, group: str = COMMONS, body: EngineBody = NOTHING
    ) -> dict[str, Any]:
        """Make an index an engine. Called again after an interruption, it completes what is missing.

        `retention` says for how many days the engine keeps `measures` and `payloads`; without it they are kept forever.

        Example request:

            {"controller": "device-manager/engine", "action": "create", "index": "tenant-a", "group": "commons",
             "body": {"retention": {"measures": 365, "payloads": 30}}}

        Example result:

            {"index": "tenant-a",
             "collections": ["config", "assets", "assets-history", "groups", "devices", "measures"]}

        Raises:
            ApiError: `device_manager.engines.already_exists`, `reserved_index`, `unusable_retention`,
                `payloads_outlast_measures` or `collection_failed`, `services.storage.invalid_index_name`.
        """
        collections = await self._engines.create(index, group, call_of(request), body.retention)
        return {"index": index, "collections": collections}

    @action(http=["PUT /_/device-manager/engine/:index"], writes=True)
    async def update(
        self, request: Request, index: str, group: str | None = None, body: EngineBody = NOTHING
    ) -> dict[str, Any]:
        """Bring an engine's collections up to date with the models of its engine group, or move it to another group.

        `retention` sets for how many days the engine keeps `measures` and `payloads`; null of either is for ever.

        Example request:

            {"controller": "device-manager/engine", "action": "update", "index": "tenant-a", "group": "air-quality",
             "body": {"retention": {"measures": null}}}

        Example result:

            {"index": "tenant-a", "collections": ["assets", "assets-history", "groups", "devices", "measures"]}

        Raises:
            ApiError: `device_manager.engines.not_found`, `closing`, `unusable_retention`, `payloads_outlast_measures`
                or `collection_failed`.
        """
        collections = await self._engines.update(index, group, call_of(request), body.retention)
        return {"index": index, "collections": collections}

    @action(http=["DELETE /_/device-manager/engine/:index"], writes=True)
    async def delete(self, request: Request, index: str) -> dict[str, Any]:
        """Delete an engine with its twins and measures; its devices stay provisioned and become free.

        The work is a task, which goes on after a crash. If it takes more than a minute the answer names it in `task`.

        Example request:

            {"controller": "device-manager/engine", "action": "delete", "index": "tenant-a"}

        Example result:

            {"index": "tenant-a", "collections": ["assets", "assets-history", "groups", "devices", "measures"]}

        Raises:
            ApiError: `device_manager.engines.not_found`.
        """
        collections, task = await self._twins.engine_deletion.delete(index, call_of(request))
        return {"index": index, "collections": collections} | ({"task": task} if task else {})

    @action(http=["GET /_/device-manager/engine/:index/_exists"])
    async def exists(self, index: str) -> dict[str, bool]:
        """Whether an index is an engine.

        Example request:

            {"controller": "device-manager/engine", "action": "exists", "index": "tenant-a"}

        Example result:

            {"exists": true}
        """
        return {"exists": await self._engines.exists(index)}

    @action(http=["GET /_/device-manager/engine/:index/_check"])
    async def check(self, index: str) -> dict[str, Any]:
        r"""Check the invariants of an engine: links alike on both sides, slots used once, history up to date.

        Reads the whole engine, changes nothing.

        Example request:

            {"controller": "device-manager/engine", "action": "check", "index": "tenant-a"}

        Example result:

            {"findings": [{"engine": "tenant-a", "kind": "one_sided_link", "document": "devices/DummyTemp-1",
                           "text": "Its link with \"Container-A-1\" is not the same on both sides."}]}

        Raises:
            ApiError: `device_manager.engines.not_found`.
        """
        if not await self._engines.exists(index):
            raise api_error("device_manager.engines.not_found", index)
        return {"findings": await self._twins.examine(index)}

    @action(http=["POST /_/device-manager/engine/:index/_repair"], writes=True)
    async def repair(self, request: Request, index: str) -> dict[str, Any]:
        r"""Repair what `check` finds in an engine, each repair in one transaction; `dryRun` tells the plan.

        About a link the device's side decides; what cannot be repaired carries the reason in `error`.

        Example request:

            {"controller": "device-manager/engine", "action": "repair", "index": "tenant-a", "dryRun": true}

        Example result:

            {"repairs": [{"engine": "tenant-a", "document": "devices/DummyTemp-1", "error": null,
                          "text": "Remove the link of device 'DummyTemp-1' with asset 'Gone', which does not exist."}],
             "dryRun": true}

        Raises:
            ApiError: `device_manager.engines.not_found`.
        """
        if not await self._engines.exists(index):
            raise api_error("device_manager.engines.not_found", index)
        return {"repairs": await self._twins.repair(index, call_of(request))}

    @action(http=["GET /_/device-manager/engines"])
    async def list(self, group: str | None = None) -> dict[str, Any]:
        """All engines, or those of one engine group.

        Example request:

            {"controller": "device-manager/engine", "action": "list"}

        Example result:

            {"engines": [{"group": "commons", "index": "tenant-a", "name": "device-manager"}]}
        """
        return {"engines": await self._engines.all(group)}
