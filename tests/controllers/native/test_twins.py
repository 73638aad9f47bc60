"""Native writes to the collections of an engine and of the platform: nothing falls apart (design 6)."""

from __future__ import annotations

import contextlib
import uuid
from typing import Any

import pytest
import pytest_asyncio

from device_manager.errors import ApiError

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEMBER = "device_manager.native.managed_member"
COLLECTION = "device_manager.native.managed_collection"
LINK = [{"assetId": "Container-1", "measureSlots": [{"device": "temperature", "asset": "temperatureExt"}]}]


class Engine:
    """Native documents of the platform's engine, one device linked to one asset."""

    def __init__(self, platform: Any) -> None:
        self.platform = platform
        self.index = platform.engine

    async def do(self, action: str, collection: str, **payload: Any) -> Any:
        return await self.platform.do(f"document:{action}", index=self.index, collection=collection, **payload)

    async def refused(self, action: str, collection: str, **payload: Any) -> Any:
        return await self.platform.refused(f"document:{action}", index=self.index, collection=collection, **payload)

    async def record(self, device_id: str) -> Any:
        """What the platform says of a device, None for an unknown one."""
        here = {"index": self.platform.settings.platform_index, "collection": "devices", "ids": [device_id]}
        found = (await self.platform.do("document:mGet", **here))["successes"]
        return found[0]["_source"] if found else None

    async def events(self, asset_id: str) -> list[str]:
        """The names of the asset's history entries, oldest first."""
        return [entry["event"]["name"] for entry in await self.platform.history(asset_id)]


@pytest_asyncio.fixture(loop_scope="session")
async def engine(platform: Any) -> Engine:
    await platform.asset("1")
    await platform.device("1")
    await platform.do("devices:linkAssets", _id="Dummy-1", body={"linkedMeasures": LINK})
    return Engine(platform)


async def test_changed_metadata_is_historised(engine: Engine) -> None:
    await engine.do("update", "assets", _id="Container-1", body={"metadata": {"weight": 7}})
    assert await engine.events("Container-1") == ["metadata", "link", "metadata"]
    last = (await engine.platform.history("Container-1"))[-1]
    assert last["event"]["metadata"]["names"] == ["weight"]
    assert last["asset"]["metadata"]["weight"] == 7
    await engine.do("update", "assets", _id="Container-1", body={"modelLocales": {}})
    assert len(await engine.events("Container-1")) == 3
    stored = (await engine.do("get", "assets", _id="Container-1"))["_source"]
    for action, body in (("replace", stored), ("createOrReplace", stored | {"metadata": {"note": "x"}})):
        await engine.do(action, "assets", _id="Container-1", body=body)
    assert len(await engine.events("Container-1")) == 4
    await engine.do("upsert", "assets", _id="Container-1", body={"changes": {"metadata": {"note": "y"}}})
    await engine.do("deleteFields", "assets", _id="Container-1", body={"fields": ["metadata.note"]})
    await engine.do(
        "mUpdate", "assets", body={"documents": [{"_id": "Container-1", "body": {"metadata": {"note": "z"}}}]}
    )
    assert await engine.events("Container-1") == ["metadata", "link", *["metadata"] * 5]
    await engine.platform.check()


async def test_versions_count_on(engine: Engine) -> None:
    first = await engine.do("update", "assets", _id="Container-1", body={"metadata": {"weight": 7}})
    second = await engine.do("update", "assets", _id="Container-1", body={"metadata": {"weight": 8}}, source=True)
    assert second["_version"] == first["_version"] + 1
    assert (await engine.do("get", "assets", _id="Container-1"))["_version"] == second["_version"]


@pytest.mark.parametrize("collection", ["assets", "devices"])
async def test_links_are_not_changed_natively(engine: Engine, collection: str) -> None:
    id, other = ("Container-1", "deviceId") if collection == "assets" else ("Dummy-1", "assetId")
    unlinked: list[tuple[str, Any]] = [
        ("update", {"linkedMeasures": []}),
        ("update", {"linkedMeasures": [{other: "x", "measureSlots": []}]}),
        ("replace", {"model": "M", "reference": "r", "metadata": {}}),
        ("createOrReplace", {"metadata": {}}),
        ("upsert", {"changes": {"linkedMeasures": None}}),
        ("deleteFields", {"fields": ["linkedMeasures"]}),
    ]
    before = await engine.do("get", collection, _id=id)
    for action, body in unlinked:
        error = await engine.refused(action, collection, _id=id, body=body)
        assert (error["id"], error["status"]) == (MEMBER, 400)
        assert error["props"][:2] == ["linkedMeasures", id]
    answer = await engine.do("mUpdate", collection, body={"documents": [{"_id": id, "body": {"linkedMeasures": []}}]})
    assert answer["errors"][0]["status"] == 400
    assert await engine.do("get", collection, _id=id) == before
    await engine.platform.check()


@pytest.mark.parametrize("collection", ["assets", "devices"])
async def test_twins_with_links_are_not_created_natively(engine: Engine, collection: str) -> None:
    body = {"model": "Container", "reference": "2", "linkedMeasures": [{"deviceId": "x"}]}
    assert (await engine.refused("create", collection, body=body))["id"] == MEMBER
    answer = await engine.do("mCreate", collection, body={"documents": [{"body": body}]})
    assert answer["successes"] == []
    await engine.platform.check()


async def test_force_stores_as_is_and_the_doctor_tells(engine: Engine) -> None:
    await engine.do("update", "assets", _id="Container-1", body={"linkedMeasures": []}, force=True)
    assert await engine.events("Container-1") == ["metadata", "link"]
    findings = await engine.platform.twins.examine(engine.index)
    assert {finding["kind"] for finding in findings} == {"one_sided_link", "history_differs"}


async def test_a_created_asset_has_a_history(engine: Engine) -> None:
    body = {"model": "Container", "reference": "2", "metadata": {"weight": 1}, "measureSlots": []}
    made = await engine.do("create", "assets", body=body)
    assert made["_id"] == "Container-2"
    await engine.do("create", "assets", _id="any", body={"metadata": None})
    await engine.do("mCreateOrReplace", "assets", body={"documents": [{"_id": "other", "body": {}}]})
    for id in ("Container-2", "any", "other"):
        assert await engine.events(id) == ["metadata"]
    assert (await engine.refused("create", "assets", body={"model": "Container"}))["props"] == ["_id"]
    error = await engine.refused("create", "assets", _id="listed", body={"metadata": [{"weight": 1}]})
    assert error["id"] == "api.assert.invalid_type"
    await engine.platform.check()


@pytest.mark.parametrize("action", ["delete", "mDelete", "deleteByQuery"])
async def test_a_deleted_asset_is_unlinked(engine: Engine, action: str) -> None:
    body = {"ids": ["Container-1"]} if action == "mDelete" else {}
    await engine.do(action, "assets", _id="Container-1", body=body)
    assert await engine.platform.links("devices", "Dummy-1") == []
    assert (await engine.events("Container-1"))[:3] == ["metadata", "link", "unlink"]
    await engine.platform.check()
    await engine.do("create", "assets", _id="Container-1", body={"model": "Container", "reference": "1"})
    await engine.platform.check()


@pytest.mark.parametrize("action", ["delete", "mDelete", "deleteByQuery"])
async def test_a_deleted_device_is_detached(engine: Engine, action: str) -> None:
    body = {"ids": ["Dummy-1"]} if action == "mDelete" else {}
    await engine.do(action, "devices", _id="Dummy-1", body=body)
    assert await engine.platform.links("assets", "Container-1") == []
    assert (await engine.record("Dummy-1"))["engineId"] is None
    assert await engine.events("Container-1") == ["metadata", "link", "unlink"]
    await engine.platform.check()
    await engine.platform.do("devices:attachEngine", _id="Dummy-1")
    await engine.platform.check()


async def test_a_created_device_is_provisioned_and_attached(engine: Engine) -> None:
    body = {"model": "Dummy", "reference": "2", "measureSlots": [{"name": "temperature", "type": "temperature"}]}
    made = await engine.do("create", "devices", body=body)
    assert (made["_id"], made["_source"]["engineId"]) == ("Dummy-2", engine.index)
    assert (await engine.record("Dummy-2"))["engineId"] == engine.index
    linked = [{"assetId": "Container-1", "measureSlots": [{"device": "temperature", "asset": "temperatureInt"}]}]
    await engine.platform.do("devices:linkAssets", _id="Dummy-2", body={"linkedMeasures": linked})
    await engine.do("delete", "devices", _id="Dummy-2")
    again = await engine.do("create", "devices", body=body | {"engineId": engine.index})
    assert again["_source"]["measureSlots"] == body["measureSlots"]
    taken = await engine.refused("create", "devices", body=body)
    assert taken["status"] == 400
    assert (await engine.refused("create", "devices", _id="x", body={}))["props"] == ["body.model"]
    elsewhere = await engine.refused("create", "devices", _id="y", body=body | {"engineId": "elsewhere"})
    assert (elsewhere["id"], elsewhere["props"][0]) == (MEMBER, "engineId")
    await engine.platform.check()


async def test_a_device_stays_in_its_engine(engine: Engine) -> None:
    for value in ("elsewhere", None):
        error = await engine.refused("update", "devices", _id="Dummy-1", body={"engineId": value})
        assert (error["id"], error["props"][0]) == (MEMBER, "engineId")
    await engine.do("update", "devices", _id="Dummy-1", body={"metadata": {"color": "red"}})
    await engine.platform.check()


class Records(Engine):
    """Native documents of the platform's index."""

    def __init__(self, platform: Any) -> None:
        super().__init__(platform)
        self.index = platform.settings.platform_index


async def test_the_platform_record_of_a_device(engine: Engine) -> None:
    records = Records(engine.platform)
    for value in ("elsewhere", None):
        error = await records.refused("update", "devices", _id="Dummy-1", body={"engineId": value})
        assert (error["id"], error["props"][0]) == (MEMBER, "engineId")
    await records.do("update", "devices", _id="Dummy-1", body={"lastMeasuredAt": 5})
    body = {"model": "Dummy", "reference": "2"}
    assert (await records.refused("create", "devices", body=body | {"engineId": engine.index}))["id"] == MEMBER
    assert (await records.do("create", "devices", body=body))["_id"] == "Dummy-2"
    await records.do("delete", "devices", _id="Dummy-2")
    assert await engine.record("Dummy-2") is None
    await engine.platform.check()


@pytest.mark.parametrize("action", ["delete", "mDelete", "deleteByQuery"])
async def test_a_deleted_record_takes_the_device_along(engine: Engine, action: str) -> None:
    body = {"ids": ["Dummy-1"]} if action == "mDelete" else {}
    await Records(engine.platform).do(action, "devices", _id="Dummy-1", body=body)
    assert await engine.do("exists", "devices", _id="Dummy-1") is False
    assert await engine.platform.links("assets", "Container-1") == []
    await engine.platform.check()


async def test_engines_and_the_end_of_models_are_left_to_their_actions(engine: Engine) -> None:
    records = Records(engine.platform)
    error = await records.refused("delete", "models", _id="model-asset-Hall")
    assert (error["id"], error["props"][1]) == (COLLECTION, "models")
    config = f"engine-device-manager--{engine.index}"
    for action in ("update", "delete", "createOrReplace"):
        error = await records.refused(action, "config", _id=config, body={"group": "x"})
        assert (error["id"], error["props"][1]) == (COLLECTION, "config")
    body = {"type": "engine-device-manager", "engine": {"index": "x"}}
    assert (await records.refused("create", "config", body=body))["id"] == COLLECTION
    strategy = {"device-manager": {"provisioningStrategy": "catalog"}}
    changed = await records.do("update", "config", _id="plugin--device-manager", body=strategy, source=True)
    assert changed["_source"]["device-manager"]["provisioningStrategy"] == "catalog"


async def test_forced_models_reach_every_memory(make_platform: Any) -> None:
    writer, reader = await make_platform(), await make_platform()
    name = f"Forced{uuid.uuid4().hex[:6]}".translate(str.maketrans("0123456789", "ghijklmnop"))
    body = {"type": "asset", "engineGroup": "commons", "asset": {"model": name, "measures": []}}
    records = Records(writer)
    id = f"model-asset-{name}"
    await records.do("create", "models", _id=id, body=body, force=True)
    for platform in (writer, reader):
        await platform.twins.catalogue.look()
        assert (await platform.do("models:getAsset", engineGroup="commons", model=name))["_id"] == id
    await records.do("delete", "models", _id=id, force=True)
    for platform in (writer, reader):
        await platform.twins.catalogue.look()
        error = await platform.refused("models:getAsset", engineGroup="commons", model=name)
        assert error["id"] == "device_manager.models.unknown_asset"


async def test_history_is_written_by_changes_only(engine: Engine) -> None:
    await engine.platform.do("collection:refresh", index=engine.index, collection="assets-history")
    (entry, *_) = (await engine.do("search", "assets-history"))["hits"]
    for action in ("update", "delete", "replace"):
        error = await engine.refused(action, "assets-history", _id=entry["_id"], body={"id": "x"})
        assert (error["id"], error["props"][1]) == (COLLECTION, "assets-history")
    assert (await engine.refused("create", "assets-history", body={}))["id"] == COLLECTION
    await engine.platform.check()
    assert await engine.do("delete", "assets-history", _id=entry["_id"], force=True) == {"_id": entry["_id"]}


async def test_measures_are_free(engine: Engine) -> None:
    made = await engine.do("create", "measures", body={"type": "temperature"})
    assert await engine.do("delete", "measures", _id=made["_id"]) == {"_id": made["_id"]}


async def test_collections_of_engines_are_not_removed(engine: Engine) -> None:
    platform = engine.platform
    for index, names in (
        (engine.index, ("assets", "devices", "assets-history", "measures", "groups", "config")),
        (platform.settings.platform_index, ("devices", "models", "config")),
    ):
        for name in names:
            for action in ("delete", "truncate"):
                error = await platform.refused(f"collection:{action}", index=index, collection=name)
                assert (error["id"], error["status"]) == (COLLECTION, 400)
    assert (await platform.refused("index:delete", index=engine.index))["id"] == COLLECTION
    for options in ({}, {"force": True}):
        error = await platform.refused("index:delete", index=platform.settings.platform_index, **options)
        assert error["id"] == "services.storage.index_protected"
    await platform.check()


async def test_an_engine_can_be_removed_by_force(platform: Any) -> None:
    index = f"e{uuid.uuid4().hex[:10]}"
    platform.twins.catalogue.engines[index] = platform.twins.catalogue.engines[platform.engine]
    try:
        await platform.do("collection:create", index=index, collection="measures")
        await platform.do("collection:truncate", index=index, collection="measures", force=True)
        await platform.do("collection:delete", index=index, collection="measures", force=True)
        assert await platform.do("index:delete", index=index, force=True) == {"acknowledged": True}
    finally:
        del platform.twins.catalogue.engines[index]
        with contextlib.suppress(ApiError):
            await platform.store.drop_index(index)


async def test_fixtures_are_stored_as_they_are(engine: Engine) -> None:
    device = {"model": "Dummy", "reference": "9", "engineId": engine.index, "linkedMeasures": []}
    body = {engine.index: {"devices": [{"index": {"_id": "Dummy-9"}}, device]}}
    assert (await engine.platform.ask("admin:loadFixtures", body=body))["error"] is None
    findings = await engine.platform.twins.examine(engine.index)
    assert [finding["kind"] for finding in findings] == ["unknown_attachment"]
    record = {"model": "Dummy", "reference": "9", "engineId": engine.index}
    body = {engine.platform.settings.platform_index: {"devices": [{"index": {"_id": "Dummy-9"}}, record]}}
    assert (await engine.platform.ask("admin:loadFixtures", body=body))["error"] is None
    await engine.platform.check()
