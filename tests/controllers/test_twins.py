"""Creating, getting, searching and attaching twins on both stores (device-manager 2.2, 2.3)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_asset_is_created_with_defaults_and_history(platform: Any) -> None:
    envelope = await platform.ask(
        "assets:create", body={"model": "Container", "reference": "A-1", "metadata": {"note": "new"}}
    )
    assert (envelope["index"], envelope["collection"]) == (platform.engine, "assets")
    made = envelope["result"]
    info = made["_source"].pop("_kuzzle_info")
    assert made == {
        "_id": "Container-A-1",
        "_source": {
            "model": "Container",
            "reference": "A-1",
            "modelLocales": {},
            "metadata": {"weight": 10, "note": "new"},
            "measureSlots": [
                {"name": "temperatureExt", "type": "temperature"},
                {"name": "temperatureInt", "type": "temperature"},
                {"name": "power", "type": "battery"},
            ],
            "linkedMeasures": [],
            "groups": [],
        },
    }
    assert (info["author"], info["updater"], info["updatedAt"]) == ("-1", None, None)
    (entry,) = await platform.history("Container-A-1")
    assert entry["event"] == {"name": "metadata", "metadata": {"names": ["weight", "note"]}}
    assert entry["asset"] == made["_source"] | {"_kuzzle_info": info}
    assert (await platform.do("assets:get", _id="Container-A-1"))["_source"]["reference"] == "A-1"
    error = await platform.refused("assets:create", body={"model": "Container", "reference": "A-1"})
    assert (error["status"], error["message"]) == (400, "Document already exists.")


async def test_what_creating_an_asset_refuses(platform: Any) -> None:
    async def refusal(body: Any, **more: Any) -> tuple[int, str]:
        error = await platform.refused("assets:create", body=body, **more)
        return error["status"], error["message"]

    good = {"model": "Container", "reference": "1"}
    assert await refusal(good, engineId="nowhere") == (
        404,
        f'Document "engine-device-manager--nowhere" not found in "{platform.twins.platform}":"config".',
    )
    assert await refusal(good, engineId=...) == (400, 'Missing argument "engineId".')
    assert await refusal(good | {"model": "Nope"}) == (404, 'Unknown Asset model "Nope".')
    assert await refusal(good | {"metadata": {"color": 1}}) == (
        400,
        f'Field "metadata.color" is not allowed by the mapping of "{platform.engine}":"assets".',
    )
    assert (await refusal(good | {"metadata": {"weight": "heavy"}}))[0] == 400
    assert await refusal({"model": "Container"}) == (400, 'Missing argument "body.reference".')
    assert await refusal(good | {"reference": 5}) == (
        400,
        'Wrong type for argument "body.reference" (expected: string)',
    )
    assert (await platform.refused("assets:get", _id="Container-1"))["id"] == "services.storage.not_found"
    assert await platform.history("Container-1") == []


async def test_a_device_is_provisioned_and_attached_in_one_step(platform: Any) -> None:
    made = await platform.do(
        "devices:create", body={"model": "Dummy", "reference": "1", "metadata": {"color": "red", "unknown": 1}}
    )
    assert made["_source"]["metadata"] == {"color": "red"}
    assert made["_source"]["engineId"] == platform.engine
    provisioning = await platform.do("devices:get", engineId=platform.twins.platform, _id="Dummy-1")
    source = provisioning["_source"]
    assert source["engineId"] == platform.engine
    assert source["measureSlots"] == made["_source"]["measureSlots"]
    assert (source["lastMeasuredAt"], source["lastMeasures"]) == (None, [])
    assert "metadata" not in source
    error = await platform.refused("devices:create", body={"model": "Dummy", "reference": "1"})
    assert (error["status"], error["message"]) == (400, "Document already exists.")
    error = await platform.refused("devices:create", body={"model": "Nope", "reference": "1"})
    assert (error["status"], error["message"]) == (404, 'Unknown Device model "Nope".')
    error = await platform.refused("devices:create", engineId="nowhere", body={"model": "Dummy", "reference": "5"})
    assert (error["status"], error["message"]) == (400, 'Engine "nowhere" does not exists.')
    missing = await platform.refused("devices:get", engineId=platform.twins.platform, _id="Dummy-5")
    assert missing["status"] == 404


async def test_a_provisioned_device_is_attached_later(platform: Any) -> None:
    index = platform.twins.platform
    made = await platform.do("devices:create", engineId=index, body={"model": "Dummy", "reference": "1"})
    assert made["_source"]["engineId"] is None
    assert made["_source"]["linkedMeasures"] == []
    assert await platform.do("devices:attachEngine", _id="Dummy-1", dryRun=True) == {"dryRun": True}
    assert (await platform.refused("devices:get", _id="Dummy-1"))["status"] == 404
    envelope = await platform.ask("devices:attachEngine", _id="Dummy-1")
    assert (envelope["status"], envelope["error"], envelope["result"]) == (200, None, None)
    attached = await platform.do("devices:get", _id="Dummy-1")
    assert attached["_source"]["metadata"] == {"color": "grey"}
    assert (await platform.do("devices:get", engineId=index, _id="Dummy-1"))["_source"]["engineId"] == platform.engine
    for action, id, engine, status, message in [
        ("attachEngine", "Dummy-1", platform.engine, 400, 'Device "Dummy-1" is already attached to an engine.'),
        ("attachEngine", "Dummy-9", platform.engine, 404, f'Document "Dummy-9" not found in "{index}":"devices".'),
    ]:
        error = await platform.refused(f"devices:{action}", _id=id, engineId=engine)
        assert (error["status"], error["message"]) == (status, message)
    await platform.do("devices:create", engineId=index, body={"model": "Dummy", "reference": "2"})
    error = await platform.refused("device:attachTenant", _id="Dummy-2", engineId=..., index="nowhere")
    assert (error["status"], error["message"]) == (400, 'Engine "nowhere" does not exists.')
    await platform.check()


async def test_twins_are_searched_in_both_languages(platform: Any) -> None:
    for number in range(3):
        await platform.asset(str(number), refresh="wait_for")
        await platform.device(str(number), refresh="wait_for")
    body = {"query": {"term": {"model": "Container"}}, "sort": [{"reference": "desc"}]}
    result = await platform.do("assets:search", body=body, size=2)
    assert [hit["_id"] for hit in result["hits"]] == ["Container-2", "Container-1"]
    assert (result["total"], result["fetched"]) == (3, 2)
    assert result["hits"][0].keys() == {"_id", "_score", "_source", "index", "collection"}
    assert (result["hits"][0]["index"], result["hits"][0]["collection"]) == (platform.engine, "assets")
    result = await platform.do("assets:search", body=body, size=2, **{"from": 2})
    assert [hit["_id"] for hit in result["hits"]] == ["Container-0"]
    koncorde = {"query": {"equals": {"reference": "1"}}}
    result = await platform.do("devices:search", body=koncorde, lang="koncorde")
    assert [hit["_id"] for hit in result["hits"]] == ["Dummy-1"]
    result = await platform.do("devices:search")
    assert result["total"] == 3
    counted = {"size": 0, "aggregations": {"models": {"terms": {"field": "model"}}}}
    result = await platform.do("devices:search", body=counted)
    assert result["aggregations"]["models"]["buckets"] == [{"key": "Dummy", "doc_count": 3}]
    provisioned = await platform.do("devices:search", engineId=platform.twins.platform, body={})
    assert provisioned["total"] == 3


async def test_what_searching_refuses(platform: Any) -> None:
    cases: list[tuple[dict[str, Any], str | None]] = [
        ({"lang": "sql"}, "api.assert.invalid_argument"),
        ({"body": {"query": 5}}, None),
        ({"body": {"nonsense": 5}}, "services.storage.invalid_search_query"),
        ({"size": 10_001}, "services.storage.get_limit_exceeded"),
        ({"size": "many"}, "api.assert.invalid_type"),
        ({"engineId": "nowhere"}, "services.storage.unknown_index"),
    ]
    for arguments, id in cases:
        for action in ("assets:search", "devices:search"):
            error = await platform.refused(action, **arguments)
            assert 400 <= error["status"] < 500
            assert error["id"] is not None
            assert id in (None, error["id"])
