"""A platform that takes payloads of the device model `Dummy`, on either store."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest_asyncio

from device_manager.controllers.decoders import DecodersController
from device_manager.controllers.payloads import PayloadsController
from device_manager.decoders import DecodedPayload, Decoder, Decoders, SkipPayload
from device_manager.events.bus import EventBus
from device_manager.plugins.models import ModelDeclaration
from device_manager.storage.contract import Key
from device_manager.twins.domain import Twins
from device_manager.twins.ingestion.service import ReceivedPayload

NUMBERS = itertools.count(1)
START = 1_732_000_000_000
HUMIDITY = {
    "type": "humidity",
    "valuesMappings": {"humidity": {"type": "integer"}},
    "validationSchema": {
        "type": "object",
        "properties": {"humidity": {"type": "integer", "minimum": 0, "maximum": 100}},
        "required": ["humidity"],
    },
}
SLOTS = [{"name": "temperature", "type": "temperature"}, {"name": "humidity", "type": "humidity"}]
WEATHER = {"model": "Weather", "measures": SLOTS, "metadataMappings": {"color": {"type": "keyword"}}}
ROOM = {
    "model": "Room",
    "engineGroup": "commons",
    "metadataMappings": {"weight": {"type": "integer"}},
    "measures": [*SLOTS, {"name": "dew", "type": "temperature"}],
}


class WeatherDecoder(Decoder):
    """Payloads are `{measures: [[reference, slot, at, value]], metadata: {reference: {}}, skip?, fail?}`."""

    measures = SLOTS

    def validate(self, payload: Any, request: Any) -> bool:
        if "fail" in payload:
            self.ensure_properties(payload, ["checksum"])
        return not payload.get("skip")

    def decode(self, decoded: DecodedPayload, payload: Any, request: Any) -> None:
        if payload.get("empty"):
            raise SkipPayload("nothing inside")
        for reference, slot, at, value in payload.get("measures", ()):
            decoded.add_measurement(reference, slot, measured_at=at, values={slot: value})
        for reference, metadata in payload.get("metadata", {}).items():
            decoded.add_metadata(reference, metadata)


class GhostDecoder(WeatherDecoder):
    """Its device model is not stored."""


class Gateway:
    """A platform, and short words for what its payloads do.

    Attributes:
        platform: asked for everything else.
        decoder: that of the device model `Weather`.
    """

    def __init__(self, platform: Any) -> None:
        self.platform = platform
        self.decoder = WeatherDecoder()
        decoders = Decoders([self.decoder, GhostDecoder()])
        for controller in (PayloadsController, DecodersController):
            platform.router.register(controller(platform.twins, decoders))
        platform.router.compile()

    async def send(self, *measures: tuple[str, str, int, Any], uuid: Any = ..., **body: Any) -> Any:
        """The result of a payload that has to be taken."""
        body |= {"measures": list(measures)} if measures else {}
        return await self.platform.do("payloads:weather", engineId=..., uuid=uuid, body=body)

    async def refused(self, *measures: tuple[str, str, int, Any], uuid: Any = ..., **body: Any) -> dict[str, Any]:
        """The error of a payload that has to be refused."""
        body |= {"measures": list(measures)}
        error: dict[str, Any] = await self.platform.refused("payloads:weather", engineId=..., uuid=uuid, body=body)
        return error

    def payload(self, *measures: tuple[str, str, int, Any], uuid: str) -> ReceivedPayload:
        """A payload as the controller hands it over."""
        return ReceivedPayload(uuid, {"measures": list(measures)}, "device-manager/payloads:weather", True)

    async def measures(self, device: str | None = None, *, asset: str | None = None) -> list[dict[str, Any]]:
        """Stored measures of a device or an asset, oldest first."""
        platform = self.platform
        await platform.store.refresh(platform.engine, "measures")
        found = []
        async for page in platform.store.scan(platform.engine, "measures"):
            for document in page:
                source = document.source
                about = source["asset"] and source["asset"]["_id"]
                if device in (None, source["origin"]["_id"]) and asset in (None, about):
                    found.append(source | {"_id": document.id})
        return sorted(found, key=lambda measure: (measure["measuredAt"], measure["type"]))

    async def archived(self, uuid: str) -> dict[str, Any] | None:
        """An archived payload."""
        key = Key(self.platform.twins.platform, "payloads", uuid)
        document = (await self.platform.store.read((key,))).get(key)
        return document.source if document else None

    async def record(self, device: str) -> Any:
        """The platform's record of a device."""
        return (await self.platform.store.get(self.platform.twins.platform, "devices", device)).source

    async def last(self, kind: str, id: str) -> dict[str, Any]:
        """Slot -> values and time of the last measure."""
        envelope = await self.platform.ask(f"{kind}:getLastMeasures", _id=id)
        result = envelope["result"] or {}
        return {slot: (last["measuredAt"], last["values"]) for slot, last in result.items()}

    async def linked(self, **links: str) -> tuple[str, str]:
        """A device and an asset of new references, linked by `device slot=asset slot`; the two references."""
        number = f"g{next(NUMBERS)}"
        device = await self.platform.device(number, "Weather")
        asset = await self.platform.asset(number, "Room")
        pairs = [{"device": slot, "asset": place} for slot, place in links.items()]
        if pairs:
            await self.platform.link(device, asset, *pairs)
        return device, asset


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def weather_models(prepared: Any) -> None:
    """The models that payloads need, once a store."""
    bus = EventBus()
    twins = Twins(prepared.store, bus, prepared.settings)
    await twins.start(
        [ModelDeclaration("measure", HUMIDITY), ModelDeclaration("device", WEATHER), ModelDeclaration("asset", ROOM)]
    )
    await twins.stop()
    await bus.close()


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(weather_models: None, platform: Any) -> Gateway:
    """The platform with the decoder, with no twins in it."""
    return Gateway(platform)


@pytest_asyncio.fixture(loop_scope="session")
async def make_gateway(weather_models: None, make_platform: Any) -> Callable[..., Any]:
    """Opens the platform with settings of its own."""

    async def make(**options: Any) -> Gateway:
        return Gateway(await make_platform(**options))

    return make
