"""The pipe at work in a running server."""

from __future__ import annotations

from device_manager.plugins import ModelDeclaration
from device_manager.testing import StartServer, TestServer

PROBE = ModelDeclaration("device", {"model": "Probe", "measures": [{"name": "temperature", "type": "temperature"}]})
BOX = ModelDeclaration(
    "asset",
    {"engineGroup": "commons", "model": "Box", "measures": [{"name": "inside", "type": "temperature"}]},
)


def test_links_enrich_their_assets(device_manager: TestServer) -> None:
    device_manager.write_models(PROBE, BOX)
    engine = device_manager.create_engine("workshop")
    device_manager.create_device(engine, "Probe", "1")
    device_manager.create_device(engine, "Probe", "2")
    device_manager.create_asset(engine, "Cabinet", "A")
    device_manager.create_asset(engine, "Box", "B")

    assert device_manager.asset(engine, "Cabinet-A")["metadata"]["enrichedByBeforeLinkAsset"] is None
    device_manager.link(engine, "Probe-1", "Cabinet-A")
    enriched = device_manager.asset(engine, "Cabinet-A")
    assert enriched["metadata"] == {"enrichedByBeforeLinkAsset": True, "lastLinkedDeviceModel": "Probe"}
    assert enriched["linkedMeasures"][0]["deviceId"] == "Probe-1"

    device_manager.link(engine, "Probe-2", "Box-B")
    assert device_manager.asset(engine, "Box-B")["metadata"] == {}


def test_ignored_models_leave_assets_alone(start_device_manager: StartServer) -> None:
    server = start_device_manager(plugin_settings={"link_enricher": {"ignored_models": ["Probe"]}})
    server.write_models(PROBE)
    engine = server.create_engine("workshop")
    server.create_device(engine, "Probe", "1")
    server.create_asset(engine, "Cabinet", "A")
    server.link(engine, "Probe-1", "Cabinet-A")
    assert server.asset(engine, "Cabinet-A")["metadata"]["enrichedByBeforeLinkAsset"] is None
