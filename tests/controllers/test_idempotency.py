"""Requests with an idempotency key: one effect, one answer, whatever happens between; on both stores (design 9)."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from device_manager.errors import ApiError, api_error
from device_manager.storage.journal import Journal

pytestmark = pytest.mark.asyncio(loop_scope="session")

BEFORE = "device-manager:device:link-asset:before"
AFTER = "device-manager:device:link-asset:after"
LINK = {"linkedMeasures": [{"assetId": "Container-1", "implicitMeasuresLinking": True}]}
RECORDS = {"records": [{"deviceId": "Dummy-1", "assetId": "Container-1", "implicitMeasuresLinking": True}]}
_keys = itertools.count(1)


def new_key(platform: Any) -> str:
    return f"{platform.engine}-{next(_keys)}"


@pytest.fixture
def no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every server died after its last commit and before its answer was kept."""

    async def lost(journal: Journal, answer: str) -> None:
        raise api_error("services.storage.unavailable", "it was killed")

    monkeypatch.setattr(Journal, "complete", lost)


async def twins(platform: Any) -> None:
    for number in ("1", "2"):
        await platform.device(number)
        await platform.asset(number)


async def test_a_retry_gets_the_same_answer(platform: Any) -> None:
    await twins(platform)
    key = new_key(platform)
    first = await platform.ask("devices:linkAssets", _id="Dummy-1", body=LINK, idempotencyKey=key, requestId="1")
    await platform.do("devices:unlinkAssets", _id="Dummy-1", body={"allMeasures": True})
    again = await platform.ask("devices:linkAssets", _id="Dummy-1", body=LINK, idempotencyKey=key, requestId="2")
    assert again == first | {"requestId": "2"}
    assert (again["collection"], again["index"]) == ("devices", platform.engine)
    assert await platform.links("devices", "Dummy-1") == []
    assert [entry["event"]["name"] for entry in await platform.history("Container-1")] == ["metadata", "link", "unlink"]


async def test_a_key_belongs_to_one_request_of_one_user_action_and_engine(platform: Any) -> None:
    await twins(platform)
    key = new_key(platform)
    await platform.do("devices:linkAssets", _id="Dummy-1", body=LINK, idempotencyKey=key)
    others: list[dict[str, Any]] = [{"_id": "Dummy-2"}, {"body": {"linkedMeasures": []}}]
    for other in others:
        request = {"_id": "Dummy-1", "body": LINK, "idempotencyKey": key, **other}
        error = await platform.refused("devices:linkAssets", **request)
        assert (error["status"], error["id"]) == (409, "api.process.idempotency_mismatch")
    await platform.do("devices:unlinkAssets", _id="Dummy-1", body={"allMeasures": True}, idempotencyKey=key)


async def test_failures_are_not_kept(platform: Any) -> None:
    key = new_key(platform)
    request = {"_id": "Dummy-1", "body": LINK, "idempotencyKey": key}
    assert (await platform.refused("devices:linkAssets", **request))["status"] == 404
    await twins(platform)
    await platform.do("devices:linkAssets", **request)


async def test_keys_that_are_none(platform: Any) -> None:
    for key in ("", "x" * 256, 5, None):
        error = await platform.refused("devices:linkAssets", _id="Dummy-1", body=LINK, idempotencyKey=key)
        assert (error["status"], error["id"]) == (400, "api.assert.invalid_argument")


async def test_dry_runs_and_reads_leave_nothing(platform: Any) -> None:
    await twins(platform)
    key = new_key(platform)
    request = {"_id": "Dummy-1", "body": LINK, "idempotencyKey": key}
    assert (await platform.do("devices:linkAssets", dryRun=True, **request))["dryRun"] is True
    await platform.do("devices:get", _id="Dummy-1", idempotencyKey=key)
    await platform.do("devices:linkAssets", **request)
    assert (await platform.do("devices:linkAssets", dryRun=True, **request))["dryRun"] is True


@pytest.mark.parametrize("patience", [0.05, 60.0], ids=["impatient", "patient"])
async def test_a_second_call_while_the_first_runs(make_platform: Any, patience: float) -> None:
    platform = await make_platform(idempotency_wait=patience)
    await twins(platform)
    asked, free = asyncio.Event(), asyncio.Event()

    async def hold(payload: Any, request: Any) -> None:
        asked.set()
        await free.wait()

    platform.bus.add_pipe(BEFORE, hold, owner="test")
    platform.bus.compile()
    request = {"_id": "Dummy-1", "body": LINK, "idempotencyKey": new_key(platform)}
    first = asyncio.create_task(platform.do("devices:linkAssets", **request))
    await asked.wait()
    second = asyncio.create_task(platform.ask("devices:linkAssets", **request))
    if patience < 1:
        error = (await second)["error"]
        assert (error["status"], error["id"]) == (429, "api.process.idempotent_request_running")
    free.set()
    result = await first
    if patience > 1:
        assert (await second)["result"] == result
    assert len(await platform.history("Container-1")) == 2


async def test_after_pipes_that_failed_run_again(platform: Any) -> None:
    await twins(platform)
    told: list[str] = []

    async def fail_once(payload: Any, request: Any) -> None:
        told.append(payload["device"]["_id"])
        if len(told) == 1:
            raise ApiError("not now", status=503)

    platform.bus.add_pipe(AFTER, fail_once, owner="test")
    platform.bus.compile()
    request = {"_id": "Dummy-1", "body": LINK, "idempotencyKey": new_key(platform)}
    assert (await platform.refused("devices:linkAssets", **request))["committed"] is True
    result = await platform.do("devices:linkAssets", **request)
    assert result["device"]["_id"] == "Dummy-1"
    await platform.do("devices:linkAssets", **request)
    assert told == ["Dummy-1", "Dummy-1"]
    assert len(await platform.history("Container-1")) == 2


ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("devices:linkAssets", {"_id": "Dummy-1", "body": LINK}),
    ("devices:linkAsset", {"_id": "Dummy-1", "assetId": "Container-1", "implicitMeasuresLinking": True, "body": {}}),
    (
        "assets:linkDevices",
        {"_id": "Container-1", "body": {"linkedMeasures": [{"deviceId": "Dummy-1", "implicitMeasuresLinking": True}]}},
    ),
    ("devices:mLinkAssets", {"body": RECORDS}),
    ("devices:unlinkAssets", {"_id": "Dummy-2", "body": {"allMeasures": True}}),
    (
        "assets:unlinkDevices",
        {"_id": "Container-2", "body": {"linkedMeasures": [{"deviceId": "Dummy-2", "allMeasures": True}]}},
    ),
    ("devices:mUnlinkAssets", {"body": {"records": [{"deviceId": "Dummy-2", "allMeasures": True}]}}),
    ("assets:create", {"body": {"model": "Container", "reference": "new"}}),
    ("assets:update", {"_id": "Container-1", "body": {"metadata": {"weight": 7}}}),
    ("assets:replaceMetadata", {"_id": "Container-1", "body": {"metadata": {"weight": 8}}}),
    ("assets:upsert", {"body": {"model": "Container", "reference": "new", "metadata": {"weight": 9}}}),
    ("assets:delete", {"_id": "Container-2"}),
    ("devices:create", {"body": {"model": "Dummy", "reference": "new"}}),
    ("devices:update", {"_id": "Dummy-1", "body": {"metadata": {"color": "blue"}}}),
    ("devices:upsert", {"body": {"model": "Dummy", "reference": "new", "metadata": {}}}),
    ("devices:detachEngine", {"_id": "Dummy-2"}),
    ("devices:mDetachEngines", {"body": {"deviceIds": ["Dummy-2"]}}),
    ("devices:delete", {"_id": "Dummy-2"}),
]


@pytest.mark.usefixtures("no_answers")
@pytest.mark.parametrize(("action", "request_"), ACTIONS, ids=[name for name, _ in ACTIONS])
async def test_a_retry_after_a_crash_behind_the_commit_repeats_nothing(
    platform: Any, action: str, request_: dict[str, Any]
) -> None:
    """Device and asset 2 are linked before; most of these would be refused, or would tell otherwise, a second time."""
    await twins(platform)
    await platform.do(
        "devices:linkAssets",
        _id="Dummy-2",
        body={"linkedMeasures": [{"assetId": "Container-2", "implicitMeasuresLinking": True}]},
    )
    key = new_key(platform)
    first = await platform.do(action, idempotencyKey=key, **request_)
    before = await state(platform)
    assert await platform.do(action, idempotencyKey=key, **request_) == first
    assert await state(platform) == before
    await platform.check()


async def state(platform: Any) -> dict[str, Any]:
    """All twins with their versions, and the history."""
    found: dict[str, Any] = {}
    for collection in ("devices", "assets", "assets-history"):
        await platform.store.refresh(platform.engine, collection)
        async for page in platform.store.scan(platform.engine, collection):
            found |= {f"{collection}/{document.id}": document.source for document in page}
    return found


@pytest.mark.usefixtures("no_answers")
async def test_engines_and_native_documents_after_a_crash(platform: Any) -> None:
    engine = f"k{platform.engine}"
    for action in ("engine:create", "engine:delete"):
        key = new_key(platform)
        first = await platform.do(action, index=engine, engineId=..., idempotencyKey=key)
        assert await platform.do(action, index=engine, engineId=..., idempotencyKey=key) == first
    target = {"index": platform.engine, "collection": "notes"}
    mappings = {"mappings": {"properties": {"n": {"type": "integer"}}}}
    await platform.do("collection:create", **target, body=mappings)
    made = await _twice(platform, "document:create", **target, body={"n": 1})
    assert (await platform.do("document:count", **target))["count"] == 1
    await _twice(platform, "document:delete", **target, _id=made["_id"])
    documents = [{"_id": str(number), "body": {"n": number}} for number in range(5)]
    await _twice(platform, "document:mCreate", **target, body={"documents": documents})
    gone = await _twice(platform, "document:deleteByQuery", **target, body={"query": {"range": {"n": {"gte": 2}}}})
    assert len(gone["ids"]) == 3
    await platform.store.drop_collection(platform.engine, "notes")


async def _twice(platform: Any, action: str, **request: Any) -> Any:
    key = new_key(platform)
    first = await platform.do(action, **request, refresh="wait_for", idempotencyKey=key)
    assert await platform.do(action, **request, refresh="wait_for", idempotencyKey=key) == first
    return first


async def test_requests_without_a_key_cost_no_round_trip_more(platform: Any) -> None:
    await twins(platform)
    trips = platform.store.round_trips
    before = trips.reads, trips.commits
    await platform.do("devices:linkAssets", _id="Dummy-1", body=LINK)
    plain = trips.reads - before[0], trips.commits - before[1]
    assert plain == (1, 1 if platform.settings.store.startswith("sqlite") else 3)
    request = {"_id": "Dummy-2", "body": LINK, "idempotencyKey": new_key(platform)}
    request["body"] = {"linkedMeasures": [{"assetId": "Container-2", "implicitMeasuresLinking": True}]}
    before = trips.reads, trips.commits
    await platform.do("devices:linkAssets", **request)
    # One look for an earlier attempt, one commit of the answer, which looks whether another attempt was faster.
    assert (trips.reads - before[0], trips.commits - before[1]) == (plain[0] + 2, plain[1] + 1)
    before = trips.reads, trips.commits
    await platform.do("devices:linkAssets", **request)
    assert (trips.reads - before[0], trips.commits - before[1]) == (1, 0)
