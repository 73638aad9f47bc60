"""Payloads over the wire: what is stored of them, and what is archived (device-manager 2.7, 3.2)."""

from __future__ import annotations

from typing import Any

import pytest

from device_manager.router.openapi import openapi_document

AT = 1_700_000_000_000
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_decoders_are_listed_and_have_routes(site: Any) -> None:
    listed = (await site.do("GET", "decoders"))["decoders"]
    assert [decoder["action"] for decoder in listed] == ["the-things-stack", "chirp-stack", "json", "gauge", "twice"]
    slots = [{"name": "heat", "type": "heat"}, {"name": "outside", "type": "temperature"}]
    assert listed[3] == {"deviceModel": "Gauge", "action": "gauge", "measures": slots}
    actions = (await site.do("GET", "/_publicApi"))["device-manager/payloads"]
    assert [route["path"] for route in actions["gauge"]["http"]] == ["/_/device-manager/payload/gauge"]
    assert [route["path"] for route in actions["twice"]["http"]] == [
        "/vendors/two-routes",
        "/_/device-manager/payload/two",
    ]
    registry = site.application.router.registry
    described = openapi_document(registry, version="1", controllers=["device-manager/payloads"])["paths"]
    assert described["/_/device-manager/payload/gauge"]["post"]["operationId"] == "device-manager/payloads:gauge"
    assert "model `Gauge`" in described["/_/device-manager/payload/gauge"]["post"]["summary"]
    for verb, route in (("POST", "/vendors/two-routes"), ("PUT", "payload/two")):
        answer = await site.ask(verb, route, {})
        assert (answer["action"], answer["result"]) == ("twice", {"valid": True})


async def test_old_names_of_the_controllers(site: Any) -> None:
    call = site.application.router.call
    body = {"id": "linked", "heat": 5, "at": AT + 5}
    assert await call("device-manager/payload", "gauge", args={"uuid": "old-name"}, body=body) == {"valid": True}
    assert (await site.archived("old-name"))["apiAction"] == "device-manager/payloads:gauge"
    listed = await call("device-manager/decoder", "list")
    assert listed == await site.do("GET", "decoders")


async def test_models_come_with_the_decoder(site: Any) -> None:
    device = (await site.do("GET", "models/device/Gauge"))["_source"]["device"]
    assert [slot["name"] for slot in device["measures"]] == ["heat", "outside"]
    assert device["metadataMappings"] == {"color": {"type": "keyword"}}
    assert (await site.do("GET", "models/measure/heat"))["_source"]["measure"]["valuesMappings"]["heat"]
    assert (await site.do("GET", "models/measure/position"))["_source"]["measure"]["valuesMappings"]["position"] == {
        "type": "geo_point"
    }


async def test_a_payload_becomes_measures_and_metadata(site: Any) -> None:
    body = {"id": "linked", "heat": 61.5, "color": "red", "gateway": {"id": "roof", "raw": {"deep": [1]}}}
    assert await site.payload(body, uuid="first") == {"valid": True}
    (measure,) = await site.measures("first")
    assert (measure["type"], measure["measuredAt"], measure["values"]) == ("heat", AT, {"heat": 61.5})
    assert (measure["asset"]["_id"], measure["asset"]["measureName"]) == ("Boiler-1", "inside")
    assert (measure["origin"]["_id"], measure["origin"]["measureName"]) == ("Gauge-linked", "heat")
    assert await site.archived("first") == {
        "uuid": "first",
        "deviceModel": "Gauge",
        "payload": body,
        "valid": True,
        "apiAction": "device-manager/payloads:gauge",
        "state": "VALID",
    }
    device = await site.do("GET", f"{site.engine}/devices/Gauge-linked")
    assert device["_source"]["metadata"] == {"color": "red"}
    assert await site.payload(body, uuid="first") == {"valid": True}
    assert len(await site.measures("first")) == 1

    await site.store.refresh(site.platform, "payloads")
    query = {"query": {"term": {"payload.gateway.id": "roof"}}}
    found = await site.do("POST", f"/{site.platform}/payloads/_search", query)
    assert [hit["_id"] for hit in found["hits"]] == ["first"]


async def test_unknown_devices_are_provisioned(site: Any) -> None:
    assert await site.payload({"id": "new", "heat": 5}) == {"valid": True}
    record = (await site.store.get(site.platform, "devices", "Gauge-new")).source
    assert (record["engineId"], record["lastMeasuredAt"], record["lastMeasures"][0]["values"]) == (
        None,
        AT,
        {"heat": 5},
    )


async def test_what_holds_nothing_is_skipped(site: Any) -> None:
    assert await site.payload({"ping": 1}, uuid="ping") == {"valid": False}
    archived = await site.archived("ping")
    assert archived["valid"] is False and archived["state"] == "SKIP"
    assert archived["reason"] == "Skip by user defined validation"
    assert await site.payload({"test": True}, uuid="test") == {"valid": False}
    assert (await site.archived("test"))["reason"] == "A test frame"


@pytest.mark.parametrize(
    ("body", "status", "id", "message"),
    [
        ({}, 412, "device_manager.decoders.missing_property", 'Missing property "id" in payload'),
        (
            {"id": "linked", "slot": "cold"},
            400,
            "device_manager.decoders.unknown_slot",
            'Decoder "Gauge" has no measure named "cold"',
        ),
        (
            {"id": "linked", "heat": 5, "at": 1_700_000_000},
            400,
            "device_manager.decoders.invalid_measured_at",
            'Invalid payload: "measuredAt" should be a timestamp in milliseconds',
        ),
        (
            {"id": "linked", "hex": "no"},
            400,
            "device_manager.decoders.failed",
            'The decoder for "Gauge" failed on this payload: ValueError: non-hexadecimal number found in fromhex() arg'
            " at position 0",
        ),
        (
            {"id": "linked", "heat": "hot"},
            400,
            "device_manager.ingestion.invalid_values",
            "The provided measures do not comply with their respective schemas",
        ),
    ],
)
async def test_what_cannot_be_decoded_is_refused_and_archived(
    site: Any, body: Any, status: int, id: str, message: str
) -> None:
    uuid = f"wrong-{message}"
    assert await site.refused("POST", "payload/gauge", body, uuid=uuid) == (status, id, message)
    archived = await site.archived(uuid)
    assert (archived["valid"], archived["state"], archived["reason"]) == (False, "ERROR", message)
    assert archived["payload"] == body
    assert await site.measures(uuid) == []


async def test_payloads_of_unknown_models_are_archived(site: Any) -> None:
    assert await site.do("POST", "payload/Prototype", {"x": 1}, uuid="proto") is None
    assert await site.archived("proto") == {
        "uuid": "proto",
        "deviceModel": "Prototype",
        "payload": {"x": 1},
        "valid": False,
        "apiAction": "device-manager/payloads:receiveUnknown",
    }
    message = {"controller": "device-manager/payloads", "action": "receiveUnknown", "uuid": "unnamed"}
    await site.application.router.call(message["controller"], message["action"], args=message, body={"x": 2})
    assert (await site.archived("unnamed"))["deviceModel"] == "unknownModel"


async def test_a_payload_needs_a_body_and_a_usable_uuid(site: Any) -> None:
    for path in ("payload/gauge", "payload/Prototype"):
        assert await site.refused("POST", path) == (
            400,
            "api.assert.body_required",
            "The request must specify a body.",
        )
        status, _, message = await site.refused("POST", path, {"id": "x"}, uuid="x" * 513)
        assert status == 400 and "512" in message


async def test_a_dry_run_stores_nothing(site: Any) -> None:
    result = await site.payload({"id": "dry", "heat": 5}, uuid="dry", dryRun="")
    assert result == {"valid": True, "dryRun": True}
    assert await site.archived("dry") is None
    assert (await site.refused("POST", "payload/gauge", {}, uuid="dry", dryRun=""))[0] == 412
    await site.do("POST", "payload/Prototype", {"x": 1}, uuid="dry", dryRun="")
    assert await site.archived("dry") is None


async def test_the_idempotency_key_of_a_request_identifies_its_payload(site: Any) -> None:
    before = await stored_payloads(site)
    for _ in range(2):
        assert await site.payload({"id": "linked", "heat": 7}, idempotencyKey="k1") == {"valid": True}
    (uuid,) = await stored_payloads(site) - before
    assert len(await site.measures(uuid)) == 1


async def stored_payloads(site: Any) -> set[str]:
    await site.store.refresh(site.platform, "payloads")
    return {one.id async for page in site.store.scan(site.platform, "payloads") for one in page}


async def test_a_webhook_that_is_retried_stores_nothing_twice(
    site: Any, the_things_stack: dict[str, Any], chirp_stack: dict[str, Any]
) -> None:
    body = {"model": "TheThingsStack", "reference": "0004A30B001C0530"}
    await site.do("POST", f"{site.engine}/devices", body)
    await site.do("POST", f"{site.engine}/devices", {"model": "ChirpStack", "reference": "0101010101AABBCC"})
    for _ in range(2):
        assert await site.do("POST", "payload/the-things-stack", the_things_stack) == {"valid": True}
        assert await site.do("POST", "payload/chirp-stack", chirp_stack, event="up") == {"valid": True}
    for uuid, device in (
        ("as:up:01E0WZGT6Y7657CPFPE5WEYDSQ", "TheThingsStack-0004A30B001C0530"),
        (chirp_stack["deduplicationId"], "ChirpStack-0101010101AABBCC"),
    ):
        measures = await site.measures(uuid)
        assert {measure["origin"]["_id"] for measure in measures} == {device}
        by_type = {measure["type"]: measure["values"] for measure in measures}
        assert len(by_type) == len(measures) == 8
        assert by_type["temperature"] == {"temperature": -4.1}
        assert by_type["position"] == {"position": {"lat": 42.3519, "lon": -87.9094}, "altitude": 10}
        assert (await site.archived(uuid))["state"] == "VALID"
    joined = {name: chirp_stack[name] for name in ("deduplicationId", "time", "deviceInfo", "devAddr")}
    assert await site.do("POST", "payload/chirp-stack", joined, event="join") == {"valid": False}
    assert (await site.archived(f"{chirp_stack['deduplicationId']}:join"))["state"] == "SKIP"


async def test_plain_json(site: Any) -> None:
    body = {"uuid": "json-1", "reference": "boiler-7", "measuredAt": AT, "measures": {"humidity": 40, "battery": 80}}
    assert await site.do("POST", "payload/json", body) == {"valid": True}
    record = (await site.store.get(site.platform, "devices", "JsonDevice-boiler-7")).source
    assert {last["measureName"]: last["values"] for last in record["lastMeasures"]} == {
        "humidity": {"humidity": 40},
        "battery": {"battery": 80},
    }
    wrong = body | {"uuid": "json-2", "measures": {"position": {"lat": 91, "lon": 0}}}
    assert (await site.refused("POST", "payload/json", wrong))[1] == "device_manager.ingestion.invalid_values"


async def test_gateways_may_send_payloads_and_nothing_else(site: Any) -> None:
    security = site.application.security
    token = (await security.tokens.issue("payload_gateway", 60_000)).token
    user = await site.do("GET", "/users/payload_gateway")
    assert user["_source"]["profileIds"] == ["payload_gateway"]
    site.client.headers["Authorization"] = f"Bearer {token}"
    try:
        assert await site.payload({"id": "linked", "heat": 9}, uuid="gateway") == {"valid": True}
        for verb, path in (("GET", "decoders"), ("GET", f"{site.engine}/devices/Gauge-linked")):
            assert (await site.refused(verb, path))[1] == "security.rights.forbidden"
    finally:
        del site.client.headers["Authorization"]
