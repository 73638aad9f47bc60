"""The controller `device-manager/payloads`: what vendors' devices and gateways send (device-manager 2.7, 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType
from typing import Any

import msgspec

from device_manager.call import Call
from device_manager.controllers.calls import call_of
from device_manager.decoders import Decoder, Decoders, State, uuid_of
from device_manager.errors import api_error
from device_manager.query.dates import parse_date
from device_manager.router.controller import (
    ActionDeclaration,
    Controller,
    ControllerAlias,
    DeclaredAction,
    action,
    routes_of,
)
from device_manager.router.idempotency import ARGUMENT
from device_manager.router.request import Connection, Request
from device_manager.security.scope import Scope
from device_manager.storage.contract import Document
from device_manager.storage.mappings import check_id
from device_manager.twins.domain import Twins
from device_manager.twins.ingestion.identity import fresh_uuid, payload_uuid
from device_manager.twins.ingestion.service import ReceivedPayload
from device_manager.twins.payload_replay import PayloadReplay
from device_manager.twins.payloads import PayloadFilter, arrival_of

UNKNOWN_MODEL = "unknownModel"
MOST_UUIDS = 1000
"""Payloads that `replay` takes by their uuids."""

RECEIVE = """Take a payload of a device of the model `{model}`, and store its measures.

The payload is archived whatever becomes of it: as VALID, as SKIP when it holds nothing to decode (then `valid` is
false), or as ERROR with the reason when it is refused. `uuid` identifies it: a payload that is sent again under the
same one stores nothing twice. Without it the id counts that the vendor gave to the payload, if the decoder knows it.

Example request:

    {{"controller": "device-manager/payloads", "action": "{action}", "uuid": "5b1e6a3c",
     "body": {{"reference": "1", "measuredAt": 1732000000000}}}}

Example result:

    {{"valid": true}}

Raises:
    ApiError: `api.assert.body_required`, what the decoder refuses, and what the measures' models do.
"""


class ReplayBody(msgspec.Struct, rename="camel"):
    """The body of `replay`."""

    uuids: list[str] | None = None
    device_model: str | None = None
    state: str | None = None
    start_at: str | None = None
    end_at: str | None = None

    def to_filter(self) -> PayloadFilter:
        """What the body says beside uuids.

        Raises:
            ApiError: see `PayloadsController.replay`.
        """
        if (self.device_model, self.state, self.start_at, self.end_at) == (None, None, None, None):
            raise api_error("device_manager.decoders.nothing_to_replay")
        if self.state is not None and self.state not in set(State):
            raise api_error("api.assert.invalid_argument", "body.state", " or ".join(f'"{state}"' for state in State))
        start, end = _instant(self.start_at, "startAt"), _instant(self.end_at, "endAt")
        return PayloadFilter(self.device_model, self.state, start=start, end=end)


def _instant(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        return parse_date(text, format="strict_date_optional_time")
    except ValueError:
        raise api_error("api.assert.invalid_type", f"body.{name}", "date") from None


class PayloadsController(Controller):
    """`device-manager/payloads`: one action for each decoder, and one for what no decoder is known for."""

    name = "device-manager/payloads"
    aliases = (ControllerAlias("device-manager/payload", {}),)
    scope = Scope.PLATFORM

    def __init__(self, twins: Twins, decoders: Decoders) -> None:
        self._ingestion = twins.ingestion
        self._decoders = decoders
        self._replay = PayloadReplay(twins.payloads, twins.ingestion, twins.tasks, decoders, _as_it_came)

    def declared_actions(self) -> Iterator[DeclaredAction]:
        """The actions of the class, and one for each decoder under the decoder's name and routes."""
        yield from super().declared_actions()
        for decoder in self._decoders:
            yield self._receiving(decoder)

    def _receiving(self, decoder: Decoder) -> DeclaredAction:
        async def receive(
            self: PayloadsController, request: Request, body: Any, uuid: str | None = None
        ) -> dict[str, bool]:
            return await self._receive(decoder, request, body, uuid)

        receive.__doc__ = RECEIVE.format(model=decoder.device_model, action=decoder.action)
        declaration = ActionDeclaration(routes_of(decoder.http), writes=True, outlasts_store=self._ingestion.spools)
        return DeclaredAction(decoder.action, MethodType(receive, self), declaration)

    async def _receive(self, decoder: Decoder, request: Request, body: Any, uuid: str | None) -> dict[str, bool]:
        if body is None:
            raise api_error("api.assert.body_required")
        known = uuid or uuid_of(decoder, body, request) or _uuid_of_key(request)
        api_action = f"{self.name}:{decoder.action}"
        payload = ReceivedPayload(_usable(known), body, api_action, is_repeatable=bool(known), request=request)
        return await self._ingestion.receive_payload(payload, decoder, call_of(request))

    @action(http=["POST /_/device-manager/payload/:deviceModel"], writes=True)
    async def receive_unknown(
        self, request: Request, body: Any, device_model: str = UNKNOWN_MODEL, uuid: str | None = None
    ) -> None:
        """Archive a payload that no decoder is known for. Once there is one, `replay` decodes it.

        Example request:

            {"controller": "device-manager/payloads", "action": "receiveUnknown", "deviceModel": "Prototype",
             "body": {"raw": "0167FFD7"}}

        Example result:

            null

        Raises:
            ApiError: `api.assert.body_required`.
        """
        if body is None:
            raise api_error("api.assert.body_required")
        id = _usable(uuid or _uuid_of_key(request))
        await self._ingestion.archive_unknown(id, device_model, body, call_of(request))

    @action(http=["POST /_/device-manager/payloads/_replay"], writes=True)
    async def replay(self, request: Request, body: ReplayBody) -> dict[str, Any]:
        """Decode archived payloads again, after a decoder was repaired or added, each under its uuid.

        Measures that are stored already stay as they are and are not stored twice; those that only now come out of a
        payload are added, and the archive gets the state and reason of now. The payloads are named by `uuids`, at most
        1,000, and the answer tells what became of each: `states` counts them, `errors` lists what is refused. Or they
        are found by `deviceModel`, `state` and their time of arrival, from `startAt` until before `endAt` in ISO-8601;
        then a task does it in the order of arrival: `taskId`, for `device-manager/tasks:get`, and in `total` how many
        there are. The task's `result` has `states` and the first 100 `errors`.

        Example request:

            {"controller": "device-manager/payloads", "action": "replay",
             "body": {"deviceModel": "DummyTemp", "state": "ERROR", "startAt": "2026-11-01T00:00:00Z"}}

        Example result:

            {"taskId": "0b5e3b2c", "total": 250, "states": {}, "errors": []}

        Raises:
            ApiError: `device_manager.decoders.nothing_to_replay` when the body says neither, `api.assert.invalid_type`
                for a time that is none, `invalid_argument` for too many uuids or an unknown state.
        """
        call = call_of(request)
        if body.uuids is not None:
            if len(body.uuids) > MOST_UUIDS:
                raise api_error("api.assert.invalid_argument", "body.uuids", f"at most {MOST_UUIDS} uuids")
            uuids = list(dict.fromkeys(body.uuids))
            return {"taskId": None, "total": len(uuids)} | await self._replay.named(uuids, call)
        filter = body.to_filter()
        return {"states": {}, "errors": []} | await self._replay.start(filter, call)


def _usable(uuid: str | None) -> str:
    """The uuid that is known of a payload, or a fresh one. Raises what no document can have as its id."""
    if not uuid:
        return fresh_uuid()
    check_id(uuid)
    return uuid


def _uuid_of_key(request: Request) -> str | None:
    """The same uuid for a retry with the same idempotency key, whose first attempt may have been cut off."""
    key = request.args.get(ARGUMENT)
    return payload_uuid(request.user_id or "", request.action, key) if isinstance(key, str) else None


def _as_it_came(archived: Document, call: Call) -> Request:
    """What a decoder sees of the request when a payload is decoded again: the action, the body, and when it came."""
    source = archived.source
    controller, _, name = source["apiAction"].rpartition(":")
    args = {"uuid": archived.id, "timestamp": arrival_of(archived)}
    connection = Connection(id="replay", protocol="internal")
    request = Request(controller, name, args=args, body=source["payload"], id=archived.id, connection=connection)
    request.user_id, request.dry_run, request.engines = call.user_id, call.dry_run, call.engines
    return request
