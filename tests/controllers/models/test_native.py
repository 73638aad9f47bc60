"""Native writes of models keep the rules of the actions, and what follows from them happens (device-manager 2.5)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_native_writes_of_models(platform: Any, name: Any) -> None:
    model, field = name("Box"), name("A").lower()
    records = {"index": platform.twins.platform, "collection": "models"}
    content = {"model": model, "measures": [], "metadataMappings": {field: {"type": "integer"}}}
    body: dict[str, Any] = {"type": "asset", "engineGroup": "commons", "asset": content}
    created = await platform.do("document:create", body=body, **records)
    assert created["_id"] == f"model-asset-{model}"
    await _followed(platform)
    asset = await platform.asset("1", model)
    change = {"asset": {"measures": [{"name": "t", "type": "temperature"}], "defaultMetadata": {field: 7}}}
    await platform.do("document:update", _id=created["_id"], body=change, **records)
    await _followed(platform)
    stored = await platform.source("assets", asset)
    assert stored["measureSlots"] == change["asset"]["measures"]
    second = await platform.asset("2", model)
    assert (await platform.source("assets", second))["metadata"] == {field: 7}
    await platform.check()
    refused: list[tuple[str, dict[str, Any], int, str]] = [
        ("create", {"type": "asset", "engineGroup": "commons", "asset": {"model": "my_box"}}, 400, "not_pascal_case"),
        ("create", {"type": "asset", "engineGroup": "commons", "asset": content | {"model": "X"}}, 409, "conflict"),
        ("create", {"type": "asset", "asset": {"model": "X"}}, 400, "unusable_document"),
        ("create", {"type": "asset", "engineGroup": "commons", "asset": 7}, 400, "unusable_document"),
        ("create", {"type": "thing", "thing": {}}, 400, "unusable_document"),
        ("create", {"type": "asset", "engineGroup": "commons", "asset": {"model": "X", "odd": 1}}, 400, "strict"),
        ("create", {"type": "measure", "measure": {"type": "x", "valuesMappings": {}, "validationSchema": {"a": 1}}},
         400, "invalid_schema"),
        ("create", {"type": "device", "device": {"model": "X", "measures": [{"name": "a", "type": "smell"}]}}, 400,
         "undeclared_measure_type"),
    ]  # fmt: skip
    refused[1][1]["asset"]["metadataMappings"] = {field: {"type": "keyword"}}
    for action, wrong, status, id in refused:
        error = await platform.refused(f"document:{action}", body=wrong, **records)
        assert error["status"] == status and id in error["id"], error
    renamed = {"asset": {"model": name("Other")}}
    error = await platform.refused("document:update", _id=created["_id"], body=renamed, **records)
    assert error["id"] == "device_manager.models.unusable_document"
    error = await platform.refused("document:create", _id="my-own", body=body | {"engineGroup": "x"}, **records)
    assert error["id"] == "device_manager.models.unusable_document"
    error = await platform.refused("document:delete", _id=created["_id"], **records)
    assert error["id"] == "device_manager.native.managed_collection"


async def _followed(platform: Any) -> None:
    """Wait until no task runs."""
    for task in (await platform.do("tasks:list", engineId=..., state="running"))["tasks"]:
        await platform.twins.tasks.wait(task["_id"], 30)
