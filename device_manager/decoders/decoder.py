"""The class that turns the payloads of one device model into measures; authors subclass it (device-manager 3.1)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import structlog

from device_manager.errors import api_error

if TYPE_CHECKING:
    from device_manager.decoders.decoded_payload import DecodedPayload

Slot = Mapping[str, str]
"""A measure slot: `{"name": ..., "type": ...}`."""

SKIP_REASON = "Skip by user defined validation"
"""Why a payload is skipped when its decoder does not say."""


class SkipPayload(Exception):
    """Raised in `Decoder.validate` or `decode`: the payload is as it should be but holds no measures.

    It is archived with the state SKIP and the reason, and its sender gets `{valid: false}` with status 200.

    Args:
        reason: stored with the payload.
    """

    def __init__(self, reason: str = SKIP_REASON) -> None:
        super().__init__(reason)
        self.reason = reason


class Decoder:
    """Turns the payloads of one device model into measures.

    A subclass says `measures` and implements `decode`; what else it leaves out is derived from the name of its class:
    `DummyTempDecoder` decodes for the device model `DummyTemp`, is the action `dummy-temp` of `device-manager/payloads`
    and answers `POST /_/device-manager/payload/dummy-temp`.

    `validate` and `decode` may be coroutine functions. Plain ones run on the event loop, so they must not wait for
    anything. They may run again for a payload that is replayed, and then get the request of the replay.

    Attributes:
        device_model: name of the device model, in PascalCase.
        measures: the measure slots of its devices. Without any, payloads carry metadata only.
        action: name of the action.
        http: routes as `"VERB /path"`; a path without a leading `/` stands below `/_/`.
        payloads_mappings: mapping of the members of the payload by which archived payloads can be searched.
        device_members: further members of the device model, as `device-manager/models:writeDevice` takes them:
            `metadataMappings`, `defaultValues`, `metadataDetails`, `metadataGroups`.
        measure_models: measure models that come with the decoder, as bodies of `device-manager/models:writeMeasure`.
            They are stored where a model of that type is missing; one that is there already stays as it is.
        log: its logger.
    """

    measures: ClassVar[Sequence[Slot]] = ()
    payloads_mappings: ClassVar[Mapping[str, Any]] = {}
    device_members: ClassVar[Mapping[str, Any]] = {}
    measure_models: ClassVar[Sequence[Mapping[str, Any]]] = ()

    if TYPE_CHECKING:
        device_model: str
        action: str
        http: Sequence[str]
        log: Any
    else:

        def __getattr__(self, name: str) -> Any:
            """What the subclass does not say."""
            derive = _DERIVED.get(name)
            if derive is None:
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
            return derive(self)

    def validate(self, payload: Any, request: Any) -> bool | Awaitable[bool]:
        """Whether the payload is to be decoded; False skips it.

        Args:
            payload: the body of the request.
            request: the request, with `args` and `connection.headers`.

        Raises:
            SkipPayload: skips it too, and says why.
            Exception: refuses it; the sender gets the error, 400 unless it is an `ApiError`.
        """
        return True

    def decode(
        self, decoded: DecodedPayload, payload: Any, request: Any
    ) -> DecodedPayload | Awaitable[DecodedPayload | None] | None:
        """Put the measures and metadata of the payload into `decoded`.

        Args:
            decoded: what to fill. Returning it is welcome, None means the same.
            payload: the body of the request.
            request: the request.

        Raises:
            SkipPayload: there is nothing in it.
            Exception: it cannot be decoded; the sender gets the error, 400 unless it is an `ApiError`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method decode")

    def uuid_of(self, payload: Any, request: Any) -> str | None:
        """The id under which the vendor sends this very payload again when it retries; None if there is none.

        Payloads of one id are stored once. The argument `uuid` of a request wins over it.
        """
        return None

    def ensure_properties(self, payload: Any, paths: Iterable[str]) -> None:
        """Refuse payloads in which one of `paths` is missing: `"deviceId"`, `"data.temperature"`, `"rx.0.rssi"`.

        Raises:
            ApiError: `device_manager.decoders.missing_property` (412) for the first that is.
        """
        for path in paths:
            if not _has(payload, path.split(".")):
                raise api_error("device_manager.decoders.missing_property", path)

    @property
    def measure_names(self) -> list[str]:
        """Names of the slots."""
        return [slot["name"] for slot in self.measures]

    @property
    def measure_types(self) -> list[str]:
        """Types of the slots."""
        return [slot["type"] for slot in self.measures]

    def serialize(self) -> dict[str, Any]:
        """What `device-manager/decoders:list` shows of it."""
        measures = [{"name": slot["name"], "type": slot["type"]} for slot in self.measures]
        return {"action": self.action, "deviceModel": self.device_model, "measures": measures}

    def device_body(self) -> dict[str, Any]:
        """The device model that comes with it, as the body of `device-manager/models:writeDevice`."""
        measures = self.serialize()["measures"]
        return {"model": self.device_model, "measures": measures} | dict(self.device_members)


def kebab_case(name: str) -> str:
    """`DummyTempPosition` as `dummy-temp-position`: a digit begins no word."""
    return re.sub(r"[ _]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name)).lower()


_DERIVED = {
    "device_model": lambda decoder: type(decoder).__name__.replace("Decoder", "", 1),
    "action": lambda decoder: kebab_case(decoder.device_model),
    "http": lambda decoder: (f"POST device-manager/payload/{decoder.action}",),
    "log": lambda decoder: structlog.get_logger(f"decoder.{decoder.device_model}"),
}


def _has(value: Any, path: Sequence[str]) -> bool:
    for step in path:
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return False
    return True
