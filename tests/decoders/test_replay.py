"""Archived payloads: decoding them again, and removing old ones (device-manager 2.6, 3.2)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from device_manager.storage.contract import Key, Put, PutKind
from device_manager.twins import payload_replay

pytestmark = pytest.mark.asyncio(loop_scope="session")
DAY = 86_400_000
numbers = itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def broken(site: Any) -> AsyncIterator[Any]:
    """The site, with a decoder that fails on `0x...`; what is in the archive was not there before."""
    await site.application.twins.payloads.prune(0, only_valid=False)
    yield site
    site.gauges.Mended.now = False


async def refuse(site: Any, uuid: str, **body: Any) -> None:
    body = {"id": "linked", "hex": "0x3d", "at": 1_700_000_000_000 + next(numbers)} | body
    assert (await site.refused("POST", "payload/gauge", body, uuid=uuid))[1] == "device_manager.decoders.failed"


async def replay(site: Any, **body: Any) -> Any:
    return await site.do("POST", "payloads/_replay", body)


async def test_a_repaired_decoder_decodes_by_uuid(broken: Any) -> None:
    await refuse(broken, "r1", color="green")
    assert await replay(broken, uuids=["r1"]) == {
        "taskId": None,
        "total": 1,
        "states": {"ERROR": 1},
        "errors": [{"uuid": "r1"} | (await broken.ask("POST", "payload/gauge", {"id": "x", "hex": "0x3d"}))["error"]],
    }
    broken.gauges.Mended.now = True
    for _ in range(2):
        answer = await replay(broken, uuids=["r1", "r1"])
        assert answer == {"taskId": None, "total": 1, "states": {"VALID": 1}, "errors": []}
        (measure,) = await broken.measures("r1")
        assert (measure["values"], measure["asset"]["_id"]) == ({"heat": 61}, "Boiler-1")
        archived = await broken.archived("r1")
        assert (archived["valid"], archived["state"], archived.get("reason")) == (True, "VALID", None)
    device = await broken.do("GET", f"{broken.engine}/devices/Gauge-linked")
    assert device["_source"]["metadata"] == {"color": "green"}


async def test_the_archive_tells_of_what_is_no_longer_valid(broken: Any) -> None:
    broken.gauges.Mended.now = True
    await broken.payload({"id": "linked", "hex": "0x3e"}, uuid="v1")
    broken.gauges.Mended.now = False
    answer = await replay(broken, uuids=["v1"])
    assert answer["states"] == {"ERROR": 1}
    archived = await broken.archived("v1")
    assert (archived["valid"], archived["state"]) == (False, "ERROR")
    assert archived["reason"] == answer["errors"][0]["message"]
    assert len(await broken.measures("v1")) == 1


async def test_what_a_wrong_decoder_stored_is_deleted_first(broken: Any) -> None:
    at = 1_700_000_500_000
    await broken.payload({"id": "linked", "hex": "0a", "at": at}, uuid="w1")
    wrong = {"query": {"term": {"origin.payloadUuids": "w1"}}}
    await broken.do("DELETE", f"/{broken.engine}/measures/_query", wrong)
    assert await broken.measures("w1") == []
    assert (await replay(broken, uuids=["w1"]))["states"] == {"VALID": 1}
    (measure,) = await broken.measures("w1")
    assert (measure["measuredAt"], measure["asset"]["_id"]) == (at, "Boiler-1")


async def test_payloads_see_when_they_came(broken: Any) -> None:
    await broken.payload({"id": "linked", "arrived": 1}, uuid="a1")
    (before,) = await broken.measures("a1")
    await replay(broken, uuids=["a1"])
    stored = await broken.store.get(broken.platform, "payloads", "a1")
    times = {measure["measuredAt"] for measure in await broken.measures("a1")}
    assert times <= {before["measuredAt"], stored.source["_kuzzle_info"]["createdAt"]}
    answer = await replay(broken, uuids=["a1"])
    assert answer["states"] == {"VALID": 1}
    assert {measure["measuredAt"] for measure in await broken.measures("a1")} == times


async def test_unknown_models_get_a_decoder_later(broken: Any) -> None:
    await broken.do("POST", "payload/Gauge", {"id": "linked", "heat": 3, "at": 1_700_000_000_001}, uuid="u1")
    await broken.do("POST", "payload/Nothing", {"x": 1}, uuid="u2")
    body = {"payloadUuids": ["u3"], "measures": [{"measureName": "heat", "type": "heat", "values": {"heat": 1}}]}
    await broken.do("PUT", f"{broken.engine}/devices/Gauge-linked/measures", body)
    await broken.payload({"ping": 1}, uuid="u4")
    answer = await replay(broken, uuids=["u1", "u2", "u3", "u4", "u5"])
    assert answer["states"] == {"ERROR": 3, "SKIP": 1, "VALID": 1}
    assert [(error["uuid"], error["id"], error["message"]) for error in answer["errors"]] == [
        ("u2", "device_manager.decoders.unknown", 'Cannot find decoder for "Nothing"'),
        (
            "u3",
            "device_manager.decoders.not_decodable",
            'The payload "u3" came by device-manager/devices:receiveMeasure, which needs no decoder.',
        ),
        ("u5", "device_manager.decoders.not_archived", 'No payload "u5" is archived.'),
    ]
    assert (await broken.archived("u1"))["state"] == "VALID"
    assert (await broken.archived("u4"))["state"] == "SKIP"
    assert "state" not in await broken.archived("u2")
    assert len(await broken.measures("u1")) == 1


async def test_many_are_decoded_by_a_task(broken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload_replay, "PAGE", 10)
    uuids = [f"t{number}" for number in range(23)]
    await asyncio.gather(*(refuse(broken, uuid) for uuid in uuids))
    await refuse(broken, "still", hex="no")
    await broken.payload({"ping": 1}, uuid="ping")
    broken.gauges.Mended.now = True
    dry = await broken.do("POST", "payloads/_replay", {"state": "ERROR"}, dryRun="")
    assert dry == {"taskId": None, "total": 24, "states": {}, "errors": [], "dryRun": True}
    begun = await replay(broken, deviceModel="Gauge", state="ERROR", startAt="2020-01-01", endAt="2100-01-01T00:00:00Z")
    assert begun["total"] == 24
    task = (await broken.application.twins.tasks.wait(begun["taskId"], 60)).result
    shown = await broken.do("GET", f"tasks/{begun['taskId']}")
    assert (shown["kind"], shown["state"], shown["done"], shown["total"]) == ("payload-replay", "finished", 24, 24)
    assert shown["result"] == task
    assert task["states"] == {"VALID": 23, "ERROR": 1}
    assert [error["uuid"] for error in task["errors"]] == ["still"]
    for uuid in ("t0", "t22"):
        assert len(await broken.measures(uuid)) == 1
        assert (await broken.archived(uuid))["state"] == "VALID"


@pytest.mark.parametrize(
    ("body", "id"),
    [
        ({}, "device_manager.decoders.nothing_to_replay"),
        ({"uuids": ["u"] * 1001}, "api.assert.invalid_argument"),
        ({"state": "LOST"}, "api.assert.invalid_argument"),
        ({"startAt": "yesterday"}, "api.assert.invalid_type"),
        ({"endAt": 5}, "api.assert.invalid_type"),
    ],
)
async def test_a_replay_says_what_is_meant(site: Any, body: Any, id: str) -> None:
    assert (await site.refused("POST", "payloads/_replay", body))[:2] == (400, id)


async def test_old_payloads_are_removed(broken: Any) -> None:
    site = broken
    now = await site.application.router.call("server", "now")
    ages = {"old": 31, "older": 400, "young": 29, "skipped": 31, "other": 31}
    puts = []
    for uuid, days in ages.items():
        source = {
            "uuid": uuid,
            "deviceModel": "Other" if uuid == "other" else "Gauge",
            "payload": {},
            "valid": uuid != "skipped",
            "apiAction": "device-manager/payloads:gauge",
            "_kuzzle_info": {"createdAt": now["now"] - days * DAY},
        }
        puts.append(Put(PutKind.CREATE, Key(site.platform, "payloads", uuid), source))
    await site.store.put(puts)

    async def prune(body: Any, **args: Any) -> int:
        return int((await site.do("DELETE", "decoders/_prunePayloads", body, **args))["deleted"])

    async def left() -> set[str]:
        return {uuid for uuid in ages if await site.archived(uuid) is not None}

    body = {"days": 30, "deviceModel": "Gauge"}
    assert await prune(body, dryRun="") == 2
    assert await left() == set(ages)
    assert await prune(body) == 2
    assert await left() == {"young", "skipped", "other"}
    assert await prune({"days": 30.5, "onlyValid": False}) == 2
    for ever in (3e16, 1e308):
        assert await prune({"days": ever, "onlyValid": False}) == 0, "nothing has arrived before time began"
    assert await left() == {"young"}
    await site.payload({"ping": 1}, uuid="ping")
    assert await prune({"days": 0}) == 1
    assert await prune({"days": 0, "onlyValid": False}) == 1
    assert await site.archived("ping") is None


async def test_pruning_needs_days(site: Any) -> None:
    for body, id in (
        ({}, "api.assert.missing_argument"),
        ({"days": "many"}, "api.assert.invalid_type"),
        ({"days": -1}, "api.assert.invalid_argument"),
    ):
        assert (await site.refused("DELETE", "decoders/_prunePayloads", body))[:2] == (400, id)
