"""importAssets and importDevices on both stores (device-manager 6.3, design 7)."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASSETS, DEVICES = "assets:importAssets", "devices:importDevices"


@pytest_asyncio.fixture(loop_scope="session")
async def platform(make_platform: Any) -> Any:
    """Chunks of two records."""
    return await make_platform(bulk_chunk=2, bulk_records=20)


async def metadata(platform: Any, collection: str, id: str) -> Any:
    return (await platform.store.get(platform.engine, collection, id)).source["metadata"]


async def test_assets_from_csv(platform: Any) -> None:
    csv = "model;reference;_id;metadata.weight;metadata.note\r\nContainer;1;;12;first\r\n"
    csv += "Container;2;Container-2;;\r\nContainer;3;Container-9;;\r\nContainer;4;;heavy;\r\n;5;;;\r\n"
    csv += "Nothing;6;;;\r\nContainer;1;;;\r\nContainer;7\r\n"
    result = await platform.do(ASSETS, body={"csv": csv})
    assert result["successes"] == [
        {
            "row": row,
            "_id": f"Container-{row}",
            "model": "Container",
            "reference": str(row),
            "created": True,
            "changed": True,
        }
        for row in (1, 2)
    ]
    assert [(error["row"], error["_id"], error["id"], error["status"]) for error in result["errors"]] == [
        (3, "Container-3", "device_manager.bulk.wrong_id", 400),
        (4, "Container-4", "api.assert.invalid_type", 400),
        (5, None, "api.assert.missing_argument", 400),
        (6, "Nothing-6", "device_manager.models.unknown_asset", 404),
        (7, "Container-1", "services.storage.document_already_exists", 400),
        (8, None, "device_manager.bulk.unreadable_row", 400),
    ]
    assert await metadata(platform, "assets", "Container-1") == {"weight": 12, "note": "first"}
    assert await metadata(platform, "assets", "Container-2") == {"weight": 10, "note": None}
    (entry,) = await platform.history("Container-1")
    assert entry["event"] == {"name": "metadata", "metadata": {"names": ["weight", "note"]}}
    await platform.check()


async def test_devices_with_engines_of_their_own_and_without(platform: Any) -> None:
    csv = f"model,reference,engineId,metadata.color\nDummy,1,{platform.engine},red\nDummy,2,,\nDummy,3,nowhere,\n"
    result = await platform.do(DEVICES, engineId=..., body={"csv": csv})
    assert [(success["_id"], success["engineId"]) for success in result["successes"]] == [
        ("Dummy-1", platform.engine),
        ("Dummy-2", None),
    ]
    assert [(error["row"], error["id"]) for error in result["errors"]] == [(3, "device_manager.engines.unknown")]
    assert await metadata(platform, "devices", "Dummy-1") == {"color": "red"}
    free = await platform.store.get(platform.twins.platform, "devices", "Dummy-2")
    assert free.source["engineId"] is None

    csv = "model,reference,metadata.color\nDummy,1,blue\nDummy,2,green\nDummy,3,\n"
    refused = await platform.do(DEVICES, body={"csv": csv})
    assert [error["id"] for error in refused["errors"]] == ["services.storage.document_already_exists"] * 2
    result = await platform.do(DEVICES, body={"csv": csv}, upsert=True)
    assert [(success["created"], success["changed"]) for success in result["successes"]] == [
        (False, True),
        (True, True),
        (False, False),
    ]
    assert await metadata(platform, "devices", "Dummy-1") == {"color": "blue"}
    assert await metadata(platform, "devices", "Dummy-2") == {"color": "green"}
    again = await platform.do(DEVICES, engineId=..., body={"csv": csv}, upsert=True)
    assert [success["changed"] for success in again["successes"]] == [False, False, False]
    await platform.check()


async def test_records_in_json_update_what_exists(platform: Any) -> None:
    record = {"model": "Container", "reference": "1", "metadata": {"weight": 5}}
    updated = {"model": "Container", "reference": "1", "metadata": {"note": "later"}}
    result = await platform.do(ASSETS, body={"records": [record, updated, updated]}, upsert=True)
    assert [(success["created"], success["changed"]) for success in result["successes"]] == [
        (True, True),
        (False, True),
        (False, False),
    ]
    assert await metadata(platform, "assets", "Container-1") == {"weight": 5, "note": "later"}
    assert len(await platform.history("Container-1")) == 2
    await platform.check()


async def test_metadata_that_the_mapping_refuses_fails_its_record_only(platform: Any) -> None:
    records = [{"model": "Container", "reference": str(row), "metadata": {"weight": row}} for row in range(4)]
    records[1]["metadata"] = {"weight": "heavy"}
    records[2]["metadata"] = {"unknown": 1}
    result = await platform.do(ASSETS, body={"records": records})
    assert [success["row"] for success in result["successes"]] == [1, 4]
    assert [error["row"] for error in result["errors"]] == [2, 3]
    devices = [{"model": "Dummy", "reference": str(row), "metadata": {"color": "red"}} for row in range(3)]
    devices[1]["metadata"] = {"color": {"not": "a keyword"}}
    result = await platform.do(DEVICES, body={"records": devices})
    assert [success["row"] for success in result["successes"]] == [1, 3]
    assert [error["row"] for error in result["errors"]] == [2]
    missing = await platform.refused("devices:get", engineId=platform.twins.platform, _id="Dummy-1")
    assert missing["status"] == 404
    await platform.check()


async def test_strict_and_dry_run(platform: Any) -> None:
    records = [{"model": "Container", "reference": str(row)} for row in range(3)]
    tried = await platform.do(ASSETS, body={"records": [*records, records[0]]}, dryRun=True)
    assert (tried["dryRun"], len(tried["successes"]), len(tried["errors"])) == (True, 3, 1)
    error = await platform.refused(ASSETS, body={"records": [*records, records[0]]}, strict=True)
    assert (error["status"], error["id"], error["count"]) == (400, "device_manager.bulk.refused", 1)
    assert [item["row"] for item in error["errors"]] == [4]
    assert (await platform.ask("assets:get", _id="Container-0"))["status"] == 404
    done = await platform.do(ASSETS, body={"records": records}, strict=True)
    assert len(done["successes"]) == 3


@pytest.mark.parametrize(
    ("body", "status", "id", "word"),
    [
        ({}, 400, "device_manager.bulk.malformed", "csv"),
        ({"records": []}, 400, "api.assert.empty_argument", "body.records"),
        ({"csv": "model\nContainer"}, 400, "api.assert.invalid_argument", '"reference"'),
        ({"csv": "model,reference,colour\nDummy,1,x"}, 400, "device_manager.bulk.unknown_column", '"colour"'),
        ({"csv": "model,reference,metadata.\nDummy,1,x"}, 400, "device_manager.bulk.unknown_column", '"metadata."'),
        (
            {"csv": "model,reference,metadata.colour\nDummy,1,x"},
            400,
            "device_manager.bulk.unknown_column",
            '"metadata.colour"',
        ),
        ({"records": [{"model": "Dummy"}]}, 400, "api.assert.missing_argument", "reference"),
        (
            {"records": [{"model": "D", "reference": "1", "colour": 1}]},
            400,
            "api.assert.unexpected_argument",
            '"body.records[0].colour" (accepted: model, reference, _id, metadata, engineId)',
        ),
        ({"csv": "model,reference\n" + "Dummy,1\n" * 21}, 413, "services.storage.write_limit_exceeded", ""),
    ],
)
async def test_what_is_refused_as_a_whole(platform: Any, body: Any, status: int, id: str, word: str) -> None:
    error = await platform.refused(DEVICES, body=body)
    assert (error["status"], error["id"]) == (status, id)
    assert word in error["message"]


async def test_what_both_imports_refuse_as_a_whole(platform: Any) -> None:
    for action in (ASSETS, DEVICES):
        for body, id in (
            ({}, "device_manager.bulk.malformed"),
            (
                {"csv": "model,reference,metadata.colour\nDummy,1,x\nContainer,1,x"},
                "device_manager.bulk.unknown_column",
            ),
            ({"csv": "model,reference\n" + "Dummy,1\n" * 21}, "services.storage.write_limit_exceeded"),
        ):
            assert (await platform.refused(action, body=body))["id"] == id
        error = await platform.refused(action, engineId="nowhere", body={"csv": "model,reference\nDummy,1"})
        assert error["id"] == "services.storage.not_found"
        records = [{"model": "Nothing", "reference": "1"}]
        error = await platform.refused(action, body={"records": records}, strict=True)
        assert (error["id"], error["count"]) == ("device_manager.bulk.refused", 1)
    records = [{"model": "Dummy", "reference": "1", "engineId": "nowhere"}]
    error = await platform.refused(DEVICES, body={"records": records}, strict=True)
    assert (error["id"], error["count"]) == ("device_manager.bulk.unknown_engines", 1)


async def test_only_devices_have_an_engine_column(platform: Any) -> None:
    error = await platform.refused(ASSETS, body={"csv": f"model,reference,engineId\nContainer,1,{platform.engine}"})
    assert error["id"] == "device_manager.bulk.unknown_column"
    assert (await platform.refused(ASSETS, engineId="nowhere", body={"csv": "model,reference\na,b"}))["status"] == 404


async def test_pipes_around_creation_attachment_and_change(platform: Any) -> None:
    told: list[tuple[str, str]] = []

    async def attaching(payload: Any, request: Any) -> Any:
        payload["device"]["_source"]["metadata"]["color"] += "!"
        told.append(("attaching", payload["device"]["_id"]))
        return payload

    async def changing(payload: Any, request: Any) -> Any:
        payload["metadata"]["color"] += "?"
        told.append(("changing", payload["device"]["_id"]))
        return payload

    async def changed(payload: Any, request: Any) -> None:
        told.append(("changed", payload["device"]["_source"]["metadata"]["color"]))

    async def attached(payload: Any, request: Any) -> None:
        told.append(("attached", payload["device"]["_source"]["metadata"]["color"]))

    for name, pipe in (
        ("attach-engine:before", attaching),
        ("update:before", changing),
        ("update:after", changed),
        ("attach-engine:after", attached),
    ):
        platform.bus.add_pipe(f"device-manager:device:{name}", pipe, owner="test")
    platform.bus.compile()
    records = [
        {"model": "Dummy", "reference": "1", "metadata": {"color": "red"}},
        {"model": "Dummy", "reference": "1", "metadata": {"color": "blue"}},
    ]
    result = await platform.do(DEVICES, body={"records": records}, upsert=True)
    assert [success["created"] for success in result["successes"]] == [True, False]
    assert await metadata(platform, "devices", "Dummy-1") == {"color": "blue?"}
    assert ("changing", "Dummy-1") in told
    assert ("changed", "blue?") in told
