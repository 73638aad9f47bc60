"""Twins that come into groups and leave them; on both stores (device-manager 2.4)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_twins_come_and_go(groups: Any) -> None:
    await groups.create("a", "a.b")
    first, second = [await groups.platform.asset(number) for number in "12"]
    device = await groups.platform.device("1")
    before = await groups.platform.source("assets", first)
    result = await groups.do("groups:addAssets", _id="b", body={"path": "a.b", "assetIds": [second, first, second]})
    assert [success["_id"] for success in result["successes"]] == [second, first]
    assert (result["errors"], result["group"]["_id"]) == ([], "b")
    success = result["successes"][1]
    version = (await groups.platform.store.get(groups.engine, "assets", first)).version
    assert (success["_version"], success["created"], success["status"]) == (version, False, 200)
    (entry,) = success["_source"]["groups"]
    assert entry == {"path": "a.b", "date": result["group"]["_source"]["lastUpdate"]}
    assert success["_source"] == await groups.platform.source("assets", first)
    info = success["_source"]["_kuzzle_info"]
    assert (info["author"], info["createdAt"], info["updater"]) == (
        before["_kuzzle_info"]["author"],
        before["_kuzzle_info"]["createdAt"],
        "-1",
    )
    history = await groups.platform.history(first)
    assert history[-1]["event"] == {"name": "groups", "groups": {"added": ["a.b"], "removed": []}}
    assert history[-1]["asset"] == success["_source"]

    again = await groups.do("groups:addAssets", body={"path": "a.b", "assetIds": [first]})
    assert again["successes"][0]["_source"] == success["_source"]
    assert again["group"]["_source"]["lastUpdate"] >= result["group"]["_source"]["lastUpdate"]
    assert len(await groups.platform.history(first)) == len(history)
    await groups.add("a", first)
    assert await groups.of(first) == ["a.b", "a"]
    added = await groups.do("groups:addDevices", body={"path": "a.b", "deviceIds": [device]})
    assert await groups.of(device) == ["a.b"] and len(added["successes"]) == 1

    gone = await groups.do("groups:removeAssets", body={"path": "a", "assetIds": [first, second]})
    assert [success["_id"] for success in gone["successes"]] == [first, second]
    assert (await groups.of(first), await groups.of(second)) == (["a.b"], ["a.b"])
    assert (await groups.platform.history(first))[-1]["event"]["groups"] == {"added": [], "removed": ["a"]}
    gone = await groups.do("groups:removeDevices", body={"path": "a.b", "deviceIds": [device]})
    assert (gone["successes"][0]["_source"]["groups"], await groups.of(device)) == ([], [])
    await groups.check()


async def test_what_is_refused(groups: Any) -> None:
    await groups.create("a", "a.b")
    asset, device = await groups.platform.asset("1"), await groups.platform.device("1")

    for kind, known in (("assets", asset), ("devices", device)):
        ids = f"{kind[:-1]}Ids"
        for verb in ("add", "remove"):
            action = f"groups:{verb}{kind.title()}"
            assert await groups.refusal(action, body=...) == (400, "The request must specify a body.")
            assert await groups.refusal(action, body={ids: []}) == (400, 'Missing argument "body.path".')
            assert await groups.refusal(action, body={"path": "a"}) == (400, f'Missing argument "body.{ids}".')
            assert await groups.refusal(action, body={"path": "b", ids: [known]}) == (
                400,
                'The group with path "b" does not exist',
            )
            assert await groups.refusal(action, body={"path": "a.b", ids: [known, "x", "y"]}) == (
                400,
                f'The {kind} with ids "x, y" do not exist',
            )
            assert await groups.refusal(action, engineId="nowhere", body={"path": "a", ids: []}) == (
                groups.platform.unknown_engine()
            )
        not_found = groups.platform.not_found(groups.engine, "groups", "x")
        assert await groups.refusal(f"groups:add{kind.title()}", body={"path": "a.x", ids: []}) == not_found
        assert await groups.refusal(f"groups:remove{kind.title()}", body={"path": "a.x", ids: []}) == (
            400,
            'The group with path "a.x" does not exist',
        )
    assert await groups.refusal("groups:addAssets", _id="a", body={"path": "a.b", "assetIds": [asset]}) == (
        400,
        'The last part of the path "a.b" should be the group ID "a"',
    )
    assert (await groups.of(asset), await groups.of(device)) == ([], [])


async def test_affinity(groups: Any) -> None:
    await groups.do("groups:create", _id="p", body={"name": "P", "model": "Parking"})
    await groups.do("groups:create", _id="s", body={"name": "S", "model": "Stable"})
    await groups.do("groups:create", _id="y", body={"name": "Y", "model": "Yard"})
    container, hall = await groups.platform.asset("1"), await groups.platform.asset("1", model="Hall")
    device = await groups.platform.device("1")
    assert await groups.refusal("groups:addAssets", body={"path": "s", "assetIds": [container]}) == (
        400,
        "The group s of model Stable can not contain assets",
    )
    assert await groups.refusal("groups:addDevices", body={"path": "y", "deviceIds": [device]}) == (
        400,
        "The group y of model Yard can not contain devices",
    )
    assert await groups.refusal("groups:addAssets", body={"path": "p", "assetIds": [container, hall]}) == (
        400,
        "Groups of model Parking can not contain assets of model Hall",
    )
    assert await groups.refusal("groups:addDevices", body={"path": "p", "deviceIds": [device]}) == (
        400,
        "Groups of model Parking can not contain devices of model Dummy",
    )
    assert [await groups.of(id) for id in (container, hall, device)] == [[], [], []]
    await groups.add("p", container)
    await groups.add("s", device)
    assert [await groups.of(id) for id in (container, hall, device)] == [["p"], [], ["s"]]


async def test_more_twins_than_two_hundred(groups: Any) -> None:
    await groups.create("a")
    records = [{"model": "Container", "reference": str(number)} for number in range(230)]
    await groups.do("assets:importAssets", body={"records": records})
    ids = [f"Container-{number}" for number in range(230)]
    added = await groups.add("a", *ids)
    assert [success["_id"] for success in added["successes"]] == ids
    await groups.platform.do("collection:refresh", index=groups.engine, collection="assets")
    assert (await groups.do("groups:listItems", _id="a"))["assets"]["total"] == 230
    await groups.do("groups:delete", _id="a", refresh="wait_for")
    found = await groups.do("assets:search", body={"query": {"exists": {"field": "groups.path"}}})
    assert found["total"] == 0
    small = groups.platform.settings.bulk_records
    body = {"path": "a", "assetIds": ["x"] * (small + 1)}
    assert (await groups.refusal("groups:addAssets", body=body))[0] == 413


async def test_nothing_else_of_a_twin_is_lost_meanwhile(groups: Any) -> None:
    await groups.create(*(f"g{number}" for number in range(6)))
    asset, device = await groups.platform.asset("1"), await groups.platform.device("1")
    pair = {"asset": "temperatureExt", "device": "temperature"}
    await asyncio.gather(
        *(groups.add(f"g{number}", id) for number in range(6) for id in (asset, device)),
        groups.do("assets:update", _id=asset, body={"metadata": {"note": "new"}}),
        groups.platform.link(device, asset, pair),
    )
    stored = await groups.platform.source("assets", asset)
    assert stored["metadata"]["note"] == "new"
    assert stored["linkedMeasures"] == [{"deviceId": device, "measureSlots": [pair]}]
    for id in (asset, device):
        assert sorted(await groups.of(id)) == [f"g{number}" for number in range(6)]
    await groups.check()
