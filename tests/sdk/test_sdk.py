"""The official SDK over WebSocket (the npm client and Node's global one) and over HTTP, on both stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from device_manager.cli.process import ServerProcess

StartSdk = Callable[[str, int], Any]
DEVICES = "device-manager/devices"


@pytest.fixture
def sdk(server: ServerProcess, start_sdk: StartSdk, kind: str) -> Any:
    return start_sdk(kind, server.port)


@pytest.fixture
def engine(sdk: Any, kind: str) -> str:
    """An engine with a container and a thermometer, named after the kind of client so that tests do not meet."""
    name = "sdk-" + kind.lower().replace(" ", "-")
    if sdk.result(controller="device-manager/engine", action="exists", index=name)["exists"]:
        return name
    models = "device-manager/models"
    slots = [{"name": "temperature", "type": "temperature"}]
    values = {"temperature": {"type": "float"}}
    sdk.result(controller=models, action="writeMeasure", body={"type": "temperature", "valuesMappings": values})
    sdk.result(
        controller=models,
        action="writeAsset",
        body={
            "engineGroup": "commons",
            "model": "Container",
            "metadataMappings": {"weight": {"type": "integer"}},
            "measures": slots,
        },
    )
    sdk.result(controller=models, action="writeDevice", body={"model": "Thermometer", "measures": slots})
    sdk.result(controller="device-manager/engine", action="create", index=name)
    return name


def create_pair(sdk: Any, engine: str, reference: str) -> tuple[str, str]:
    asset = sdk.result(
        controller="device-manager/assets",
        action="create",
        engineId=engine,
        body={"model": "Container", "reference": reference, "metadata": {"weight": 3}},
    )
    device = sdk.result(
        controller=DEVICES, action="create", engineId=engine, body={"model": "Thermometer", "reference": reference}
    )
    return asset["_id"], device["_id"]


def test_it_connects_and_is_anonymous(sdk: Any) -> None:
    now = sdk.result(controller="server", action="now")["now"]
    assert isinstance(now, int)
    token = sdk.result(controller="auth", action="checkToken", body={})
    assert (token["valid"], token["kuid"]) == (True, "-1")
    assert sdk.result(controller="auth", action="checkToken", body={"token": "x"})["valid"] is False


def test_it_links_and_unlinks(sdk: Any, engine: str) -> None:
    asset_id, device_id = create_pair(sdk, engine, f"{engine}-1")

    result = sdk.result(
        controller=DEVICES,
        action="mLinkAssets",
        engineId=engine,
        body={"records": [{"assetId": asset_id, "deviceId": device_id}]},
    )
    assert result["errors"] == []
    pair = {"asset": "temperature", "device": "temperature"}
    assert result["successes"][0]["measureSlots"] == [pair]
    device = sdk.result(controller=DEVICES, action="get", engineId=engine, _id=device_id)
    assert device["_source"]["linkedMeasures"] == [{"assetId": asset_id, "measureSlots": [pair]}]

    result = sdk.result(
        controller=DEVICES, action="unlinkAssets", engineId=engine, _id=device_id, body={"assets": [asset_id]}
    )
    assert result["device"]["_source"]["linkedMeasures"] == []
    assert [asset["_id"] for asset in result["assets"]] == [asset_id]


def test_errors_are_typed(sdk: Any, engine: str) -> None:
    error = sdk.ask(controller=DEVICES, action="get", engineId=engine, _id="Thermometer-nowhere")["error"]
    assert error["isKuzzleError"]
    assert (error["id"], error["status"]) == ("services.storage.not_found", 404)
    assert error["message"] == f'Document "Thermometer-nowhere" not found in "{engine}":"devices".'
    assert error["props"] == ["Thermometer-nowhere", engine, "devices"]
    assert isinstance(error["code"], int)

    _, device_id = create_pair(sdk, engine, f"{engine}-2")
    error = sdk.ask(
        controller=DEVICES, action="linkAssets", engineId=engine, _id=device_id, body={"linkedMeasures": []}
    )["error"]
    assert (error["status"], error["message"]) == (400, "You must provide at least one asset to be linked.")
    assert error["id"]


def test_a_search_returns_hits(sdk: Any, engine: str) -> None:
    asset_id, _ = create_pair(sdk, engine, f"{engine}-3")
    sdk.result(
        controller="device-manager/assets",
        action="create",
        engineId=engine,
        refresh="wait_for",
        body={"model": "Container", "reference": f"{engine}-4"},
    )
    found = sdk.result(
        controller="device-manager/assets",
        action="search",
        engineId=engine,
        body={"query": {"equals": {"reference": f"{engine}-3"}}},
        lang="koncorde",
    )
    assert [hit["_id"] for hit in found["hits"]] == [asset_id]
