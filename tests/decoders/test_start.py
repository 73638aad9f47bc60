"""What decoders bring along when a server starts (device-manager 5.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from device_manager.app import Application
from device_manager.decoders import Decoder
from device_manager.decoders.shipped import ChirpStackDecoder, JsonDeviceDecoder
from device_manager.decoders.shipped.measures import KINDS
from device_manager.errors import ApiError
from device_manager.events.bus import EventBus
from device_manager.plugins import ModelDeclaration
from device_manager.settings import Settings
from device_manager.storage.opening import open_store
from device_manager.twins.decoders import payloads_collection, with_models_of
from device_manager.twins.domain import Twins
from device_manager.twins.models import Models, measure_model


class TankDecoder(Decoder):
    measures = ({"name": "level", "type": "level"},)
    measure_models = ({"type": "level", "valuesMappings": {"level": {"type": "integer"}, "full": {"type": "boolean"}}},)
    device_members = {"metadataMappings": {"site": {"type": "keyword"}}}
    payloads_mappings = {"site": {"type": "keyword"}, "head": {"properties": {"id": {"type": "keyword"}}}}


def declared(models: list[ModelDeclaration]) -> dict[tuple[str, Any], dict[str, Any]]:
    return {(model.kind, model.body.get("model") or model.body.get("type")): model.body for model in models}


def test_models_of_decoders_join_those_of_plugins() -> None:
    models = declared(with_models_of([TankDecoder(), ChirpStackDecoder(), JsonDeviceDecoder()], [], Models()))
    assert models["device", "Tank"] == {
        "model": "Tank",
        "measures": [{"name": "level", "type": "level"}],
        "metadataMappings": {"site": {"type": "keyword"}},
    }
    assert {name for kind, name in models if kind == "measure"} == {"level", *KINDS}
    assert {name for kind, name in models if kind == "device"} == {"Tank", "ChirpStack", "JsonDevice"}


def test_a_measure_model_of_a_plugin_or_of_the_platform_counts_more() -> None:
    own = {"type": "level", "valuesMappings": {"level": {"type": "float"}}}
    models = with_models_of([TankDecoder()], [ModelDeclaration("measure", own)], Models())
    assert [model.body for model in models if model.kind == "measure"] == [own]
    stored = Models([measure_model("level", {"valuesMappings": {"level": {"type": "float"}}})])
    with capture_logs() as logs:
        models = with_models_of([TankDecoder()], [], stored)
    assert [model.kind for model in models] == ["device"]
    assert [(entry["measure"], entry["fields"]) for entry in logs] == [("level", ["full"])]


def test_the_device_model_of_a_decoder_is_nobody_elses() -> None:
    with pytest.raises(ApiError, match="a plugin declares that model"):
        with_models_of([TankDecoder()], [ModelDeclaration("device", {"model": "Tank", "measures": []})], Models())


def test_payloads_are_mapped_as_decoders_say() -> None:
    payload = payloads_collection([TankDecoder(), ChirpStackDecoder()])["properties"]["payload"]
    assert payload["dynamic"] == "false"
    assert payload["properties"] == dict(TankDecoder.payloads_mappings)
    assert payloads_collection([])["properties"]["payload"]["properties"] == {}


def test_a_decoder_that_does_not_exist_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match='No decoder named "sigfox"'):
        Application(Settings(store=f"sqlite:{tmp_path}", decoder=("sigfox",)))


async def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    settings = Settings(store=f"sqlite:{tmp_path}")
    store = open_store(settings)
    await store.start()
    decoders = [TankDecoder(), JsonDeviceDecoder()]
    versions = []
    for _ in range(2):
        twins = Twins(store, EventBus(), settings)
        await twins.start((), decoders)
        keys = {
            id: await store.get("device-manager", "models", id) for id in ("model-device-Tank", "model-measure-level")
        }
        versions.append([document.version for document in keys.values()])
        await twins.stop()
    assert versions == [[1, 1], [1, 1]]
    mapping = await store.mappings("device-manager", "payloads")
    assert mapping["properties"]["payload"]["properties"]["site"] == {"type": "keyword"}
    await store.close()
