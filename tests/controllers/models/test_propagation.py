"""What a model's twins are told to become, and what is said when they cannot (device-manager 2.5, refresh)."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOTS = [{"name": "t", "type": "temperature"}]


async def test_a_write_that_cannot_wait_says_so(platform: Any, name: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = name("Crate")
    body = {"engineGroup": "commons", "model": model}
    await platform.do("models:writeAsset", body=body)
    asset = await platform.asset("1", model)
    monkeypatch.setattr("device_manager.twins.model_writing.PATIENCE", 0.0)
    written = await platform.do("models:writeAsset", body=body | {"measures": SLOTS})
    assert (written["_version"], written["task"]["state"]) == (2, "running")
    updated = await platform.do("models:updateAsset", engineGroup="commons", model=model, body={"measures": SLOTS})
    assert "task" not in updated  # nothing that twins take from their model has changed
    record = await platform.twins.tasks.wait(written["task"]["_id"], 30)
    assert (record.state, record.done, record.total) == ("finished", 1, 1)
    assert (await platform.source("assets", asset))["measureSlots"] == SLOTS


async def test_twins_that_cannot_follow_do_not_keep_others_from_it(platform: Any, name: Any) -> None:
    """An adopted index may hold assets with members that no engine has."""
    model, index = name("Crate"), f"adopted{uuid.uuid4().hex[:8]}"
    await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": model})
    await platform.store.create_index(index)
    await platform.store.create_collection(
        index, "assets", {"dynamic": "false", "properties": {"model": {"type": "keyword"}}}
    )
    where = {"index": index, "collection": "assets"}
    for number in range(3):
        odd = {"odd": True} if number == 1 else {}
        body = {"model": model, "reference": str(number), "metadata": {}, **odd}
        await platform.do("document:create", _id=f"{model}-{number}", body=body, **where)
    await platform.do("engine:create", index=index, engineId=...)
    written = await platform.do("models:writeAsset", body={"engineGroup": "commons", "model": model, "measures": SLOTS})
    task = written["task"]
    assert (task["state"], task["result"]["refused"]) == ("finished", 1)
    (refused,) = task["result"]["first"]
    assert (refused["index"], refused["_id"]) == (index, f"{model}-1") and "odd" in refused["reason"]
    for number, expected in ((0, SLOTS), (1, None), (2, SLOTS)):
        stored = (await platform.store.get(index, "assets", f"{model}-{number}")).source
        assert stored.get("measureSlots") == expected
    await platform.do("engine:delete", index=index, engineId=...)


async def test_new_twins_follow_a_model_that_changed_while_pipes_ran(make_platform: Any, name: Any) -> None:
    platform = await make_platform()
    model, field = name("Crate"), name("F").lower()
    bodies = {
        "asset": {"engineGroup": "commons", "model": model},
        "device": {"model": model, "measures": []},
    }
    for kind, body in bodies.items():
        await platform.do(f"models:write{kind.capitalize()}", body=body)
    reached, let_go = asyncio.Event(), asyncio.Event()

    async def wait(documents: Any, request: Any) -> None:
        reached.set()
        await let_go.wait()

    platform.bus.add_pipe("generic:document:beforeWrite", wait, owner="test")
    changes = {"measures": SLOTS, "metadataMappings": {field: {"type": "integer"}}, "defaultValues": {field: 7}}
    for kind, body in bodies.items():
        for action in ("create", "upsert"):
            reached.clear()
            let_go.clear()
            twin = {"model": model, "reference": action, "metadata": {}}
            making = asyncio.create_task(platform.do(f"{kind}s:{action}", body=twin))
            asked = asyncio.create_task(reached.wait())
            await asyncio.wait((making, asked), return_when=asyncio.FIRST_COMPLETED)
            assert asked.done(), making.result()
            await platform.do(f"models:write{kind.capitalize()}", body=body | changes)
            let_go.set()
            made = await making
            stored = await platform.source(f"{kind}s", made["_id"])
            assert stored["measureSlots"] == SLOTS
            assert kind == "device" or stored["metadata"] == {field: 7}
            await platform.do(f"models:write{kind.capitalize()}", body=body)
    await platform.check()


async def test_models_written_at_once_do_not_contradict_each_other(platform: Any, name: Any) -> None:
    field = name("F").lower()
    answers = await asyncio.gather(
        *(
            platform.ask(
                "models:writeAsset",
                body={
                    "engineGroup": "commons",
                    "model": name("Crate"),
                    "metadataMappings": {field: {"type": type}},
                },
            )
            for type in ("keyword", "integer", "boolean")
        )
    )
    assert sorted(answer["status"] for answer in answers) == [200, 409, 409]
    refused = {answer["error"]["id"] for answer in answers if answer["error"]}
    assert refused == {"device_manager.models.mappings_conflict"}


async def test_only_collections_that_a_model_changes_are_mapped(
    platform: Any, name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped: list[tuple[str, str]] = []
    create = platform.store.create_collection

    async def noted(index: str, collection: str, mappings: Any, **options: Any) -> None:
        mapped.append((index, collection))
        await create(index, collection, mappings, **options)

    monkeypatch.setattr(platform.store, "create_collection", noted)
    engine, top = platform.engine, platform.twins.platform
    field = name("F").lower()
    mappings = {"metadataMappings": {field: {"type": "keyword"}}}
    common = {"engineGroup": "commons"}
    for action, body, expected in (
        ("writeDevice", {"model": name("Probe"), "measures": SLOTS}, set()),
        ("writeDevice", {"model": name("Probe"), "measures": [], **mappings}, {"devices", "measures"}),
        ("writeGroup", {"model": name("Park"), **common, **mappings}, {"groups"}),
        ("writeAsset", {"model": name("Site"), **common, **mappings}, {"assets", "assets-history", "measures"}),
        ("writeAsset", {"model": name("Site"), "engineGroup": "elsewhere", **mappings}, set()),
        ("writeMeasure", {"type": field, "valuesMappings": {field: {"type": "float"}}}, {"measures", (top, "devices")}),
    ):  # fmt: skip
        mapped.clear()
        await platform.do(f"models:{action}", body=body)
        wanted = {place if isinstance(place, tuple) else (engine, place) for place in expected}
        assert {place for place in mapped if place[0] in (engine, top)} == wanted, action
