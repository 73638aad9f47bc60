"""The controller `device-manager/decoders`: what decodes payloads, and how long these are kept (device-manager 2.6)."""

from __future__ import annotations

from typing import Any

import msgspec

from device_manager.decoders import Decoders
from device_manager.errors import api_error
from device_manager.router.controller import Controller, ControllerAlias, action
from device_manager.router.request import Request
from device_manager.security.scope import Scope
from device_manager.twins.domain import Twins


class PruneBody(msgspec.Struct, rename="camel"):
    """The body of `prunePayloads`."""

    days: float
    device_model: str | None = None
    only_valid: bool = True


class DecodersController(Controller):
    """`device-manager/decoders`: list decoders, remove old payloads."""

    name = "device-manager/decoders"
    aliases = (ControllerAlias("device-manager/decoder", {}),)
    scope = Scope.PLATFORM

    def __init__(self, twins: Twins, decoders: Decoders) -> None:
        self._archive = twins.payloads
        self._decoders = decoders

    @action(http=["GET /_/device-manager/decoders"])
    async def list(self) -> dict[str, Any]:
        """All decoders: the device model that each is for, its action of `device-manager/payloads`, its measure slots.

        Example request:

            {"controller": "device-manager/decoders", "action": "list"}

        Example result:

            {"decoders": [{"deviceModel": "DummyTemp", "action": "dummy-temp",
                           "measures": [{"name": "temperature", "type": "temperature"}]}]}
        """
        return {"decoders": [decoder.serialize() for decoder in self._decoders]}

    @action(http=["DELETE /_/device-manager/decoders/_prunePayloads"], writes=True)
    async def prune_payloads(self, request: Request, body: PruneBody) -> dict[str, int]:
        """Remove archived payloads that arrived more than a number of days ago; 0 stands for all so far.

        Unless `onlyValid` is false, payloads stay that were skipped, refused, or sent by unknown devices. With a
        `deviceModel`, only its payloads go. Measures stay in any case.

        Example request:

            {"controller": "device-manager/decoders", "action": "prunePayloads",
             "body": {"days": 90, "deviceModel": "DummyTemp", "onlyValid": true}}

        Example result:

            {"deleted": 1200}

        Raises:
            ApiError: `api.assert.invalid_argument` for a negative number of days.
        """
        if not 0 <= body.days < float("inf"):
            raise api_error("api.assert.invalid_argument", "body.days", "a number of days, 0 or more")
        deleted = await self._archive.prune(
            body.days, device_model=body.device_model, only_valid=body.only_valid, dry_run=request.dry_run
        )
        return {"deleted": deleted}
