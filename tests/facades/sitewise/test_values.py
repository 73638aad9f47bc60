"""Values of properties go in and come out (facades 2.5; cases 9 and 10 of 2.13)."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from device_manager.call import Call as Caller
from device_manager.errors import api_error
from device_manager.security.foreign_credentials import Interface

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Site = Any
ASSETS = "device-manager/assets"
PROPERTIES = [
    {"name": "flow", "dataType": "DOUBLE", "type": {"measurement": {}}},
    {"name": "count", "dataType": "INTEGER", "type": {"measurement": {}}},
    {"name": "state", "dataType": "STRING", "type": {"measurement": {}}},
    {"name": "running", "dataType": "BOOLEAN", "type": {"measurement": {}}},
    {"name": "maker", "dataType": "STRING", "type": {"attribute": {"defaultValue": "Acme"}}},
]


class Pump(NamedTuple):
    """An asset: its id, the native one, and the ids of its properties by name."""

    id: str
    native: str
    properties: dict[str, str]

    def key(self, name: str) -> dict[str, str]:
        """How requests name a property."""
        return {"assetId": self.id, "propertyId": self.properties[name]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def model(site: Site, call: Call) -> str:
    """An asset model with a property of each type."""
    name = f"Pump {uuid.uuid4()}"
    made = await call(site.client().create_asset_model, assetModelName=name, assetModelProperties=PROPERTIES)
    return str(made["assetModelId"])


@pytest_asyncio.fixture(loop_scope="session")
async def pump(site: Site, call: Call, model: str) -> Pump:
    """An asset of its own."""
    client = site.client()
    id = (await call(client.create_asset, assetName=f"Pump {uuid.uuid4()}", assetModelId=model))["assetId"]
    asset = await call(client.describe_asset, assetId=id)
    found = await site.native(ASSETS, "search", body={"query": {"term": {"reference": id}}})
    return Pump(id, found["hits"][0]["_id"], {one["name"]: one["id"] for one in asset["assetProperties"]})


def value(content: dict[str, Any], at: int, nanos: int = 0, quality: str = "GOOD") -> dict[str, Any]:
    """A value as clients put it."""
    return {
        "value": content,
        "timestamp": {"timeInSeconds": at, "offsetInNanos": nanos},
        "quality": quality,
    }


def entry(id: str, values: list[dict[str, Any]], **key: str) -> dict[str, Any]:
    """An entry of a request."""
    return {"entryId": id, "propertyValues": values, **key}


async def test_9_what_is_wrong_is_told_of_each_entry(site: Site, call: Call, pump: Pump) -> None:
    client, now = site.client(), int(time.time())
    good = value({"doubleValue": 21.5}, now, 123456789, "UNCERTAIN")
    answer = await call(
        client.batch_put_asset_property_value,
        entries=[
            entry("good", [good], **pump.key("flow")),
            entry("old", [value({"doubleValue": 1}, now - 8 * 86_400)], **pump.key("flow")),
            entry("unknown", [good], assetId=str(uuid.uuid4()), propertyId=pump.properties["flow"]),
        ],
    )
    errors = {one["entryId"]: one["errors"] for one in answer["errorEntries"]}
    assert list(errors) == ["old", "unknown"]
    assert [one["errorCode"] for one in errors["old"]] == ["TimestampOutOfRangeException"]
    assert errors["old"][0]["timestamps"] == [{"timeInSeconds": now - 8 * 86_400, "offsetInNanos": 0}]
    assert [one["errorCode"] for one in errors["unknown"]] == ["ResourceNotFoundException"]
    last = await call(client.get_asset_property_value, **pump.key("flow"))
    assert last["propertyValue"] == good
    assert "propertyValue" not in await call(client.get_asset_property_value, **pump.key("count"))
    (native,) = (await site.native(ASSETS, "getMeasures", _id=pump.native))["measures"]
    assert native["_source"]["measuredAt"] == now * 1000 + 123
    assert native["_source"]["values"] == {"doubleValue": 21.5}
    assert native["_source"]["origin"]["apiMetadata"] == {"quality": "UNCERTAIN", "offsetInNanos": 123456789}
    latest = await site.native(ASSETS, "getLastMeasures", _id=pump.native)
    assert latest["flow"]["values"] == {"doubleValue": 21.5}


async def test_10_values_go_by_aliases(site: Site, call: Call, pump: Pump) -> None:
    client, now = site.client(), int(time.time())
    alias = f"/Kühlung/flow rate {uuid.uuid4()}"
    await call(client.update_asset_property, propertyAlias=alias, **pump.key("flow"))
    put = value({"doubleValue": 3.25}, now)
    answer = await call(client.batch_put_asset_property_value, entries=[entry("1", [put], propertyAlias=alias)])
    assert answer["errorEntries"] == []
    assert (await call(client.get_asset_property_value, propertyAlias=alias))["propertyValue"] == put
    history = await call(client.get_asset_property_value_history, propertyAlias=alias)
    assert history["assetPropertyValueHistory"] == [put]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        await call(client.get_asset_property_value, propertyAlias=alias.upper())
    with pytest.raises(ClientError, match="InvalidRequestException"):
        await call(client.get_asset_property_value, assetId=pump.id)


async def test_a_value_replaces_that_of_its_moment_and_quality(site: Site, call: Call, pump: Pump) -> None:
    client, now = site.client(), int(time.time())

    async def put(number: float, nanos: int, quality: str) -> None:
        one = entry("1", [value({"doubleValue": number}, now, nanos, quality)], **pump.key("flow"))
        assert (await call(client.batch_put_asset_property_value, entries=[one]))["errorEntries"] == []

    for number, nanos, quality in ((1, 5, "GOOD"), (2, 5, "BAD"), (3, 7, "GOOD"), (4, 5, "GOOD"), (0, 7, "GOOD")):
        await put(number, nanos, quality)
    stored = (await site.native(ASSETS, "getMeasures", _id=pump.native))["measures"]
    assert sorted(one["_source"]["values"]["doubleValue"] for one in stored) == [0, 2, 4]
    last = (await call(client.get_asset_property_value, **pump.key("flow")))["propertyValue"]
    assert (last["value"]["doubleValue"], last["timestamp"]["offsetInNanos"]) == (0, 7)
    good = await call(client.get_asset_property_value_history, **pump.key("flow"))
    assert [one["value"]["doubleValue"] for one in good["assetPropertyValueHistory"]] == [4, 0]
    bad = await call(client.get_asset_property_value_history, qualities=["BAD"], **pump.key("flow"))
    assert [one["value"]["doubleValue"] for one in bad["assetPropertyValueHistory"]] == [2]
    latest = await site.native(ASSETS, "getLastMeasures", _id=pump.native)
    assert latest["flow"]["values"]["doubleValue"] in (0, 2, 4)


async def test_values_of_all_types(site: Site, call: Call, pump: Pump) -> None:
    client, now = site.client(), int(time.time())
    forms: dict[str, dict[str, Any]] = {
        "flow": {"doubleValue": -1.5},
        "count": {"integerValue": 7},
        "state": {"stringValue": "öffnet"},
        "running": {"booleanValue": True},
        "maker": {"stringValue": "Umbrella"},
    }
    entries = [entry(name, [value(form, now)], **pump.key(name)) for name, form in forms.items()]
    assert (await call(client.batch_put_asset_property_value, entries=entries))["errorEntries"] == []
    keys = [{"entryId": name, **pump.key(name)} for name in forms]
    unknown = {"entryId": "unknown", "assetId": str(uuid.uuid4()), "propertyId": pump.properties["flow"]}
    answer = await call(client.batch_get_asset_property_value, entries=[*keys, unknown])
    seen = {one["entryId"]: one["assetPropertyValue"]["value"] for one in answer["successEntries"]}
    assert seen == forms
    assert [(one["entryId"], one["errorCode"]) for one in answer["errorEntries"]] == [
        ("unknown", "ResourceNotFoundException")
    ]
    native = await site.native(ASSETS, "get", _id=pump.native)
    assert native["_source"]["metadata"]["maker"] == "Umbrella"

    # Stores know no numbers that are none, and nothing of no value.
    bad = [
        value({"doubleValue": math.nan}, now + 1, quality="BAD"),
        value({"nullValue": {"valueType": "D"}}, now + 2, quality="BAD"),
    ]
    answer = await call(client.batch_put_asset_property_value, entries=[entry("1", bad, **pump.key("flow"))])
    assert answer["errorEntries"] == []
    stored = await call(client.get_asset_property_value_history, qualities=["BAD"], **pump.key("flow"))
    nan, null = (one["value"] for one in stored["assetPropertyValueHistory"])
    assert math.isnan(nan["doubleValue"]) and null == {"nullValue": {"valueType": "D"}}


async def test_wrong_values_fail_their_entry_or_only_themselves(site: Site, call: Call, pump: Pump) -> None:
    client, now = site.client(), int(time.time())
    values = [value({"doubleValue": 1}, now), value({"stringValue": "1"}, now + 1), value({"doubleValue": 3}, now + 2)]
    entries = [
        entry("1", values, **pump.key("flow")),
        entry("2", [value({"integerValue": 1}, now)], **pump.key("count")),
    ]
    answer = await call(client.batch_put_asset_property_value, entries=entries)
    ((error,),) = (one["errors"] for one in answer["errorEntries"])
    assert (error["errorCode"], error["timestamps"]) == (
        "InvalidRequestException",
        [{"timeInSeconds": now + 1, "offsetInNanos": 0}],
    )
    history = client.get_asset_property_value_history
    assert (await call(history, **pump.key("flow")))["assetPropertyValueHistory"] == []
    assert len((await call(history, **pump.key("count")))["assetPropertyValueHistory"]) == 1
    answer = await call(client.batch_put_asset_property_value, entries=entries, enablePartialEntryProcessing=True)
    assert len(answer["errorEntries"]) == 1
    stored = (await call(history, **pump.key("flow")))["assetPropertyValueHistory"]
    assert [one["value"]["doubleValue"] for one in stored] == [1, 3]
    for wrong in (
        [entries[0], entries[0]],
        [entry("1", values[:1] * 11, **pump.key("flow"))],
        [entry("1", [value({"doubleValue": 1}, now, quality="FINE")], **pump.key("flow"))],
    ):
        with pytest.raises(ClientError, match="InvalidRequestException"):
            await call(client.batch_put_asset_property_value, entries=wrong)


async def test_whoever_may_only_read_changes_nothing(site: Site, call: Call, pump: Pump) -> None:
    router, name, now = site.application.router, f"reader-{uuid.uuid4().hex[:8]}", int(time.time())
    may = {
        "device-manager/assets": {"actions": {"get": True, "search": True, "getMeasures": True}},
        "device-manager/models": {"actions": {"getAsset": True, "listAssets": True, "listMeasures": True}},
    }
    await router.call("security", "createRole", args={"_id": name}, body={"controllers": may})
    await router.call("security", "createProfile", args={"_id": name}, body={"policies": [{"roleId": name}]})
    credentials = site.application.security.foreign_credentials
    keys = await credentials.create(Interface.SITEWISE, site.engine, name, Caller())
    reader = site.client(aws_access_key_id=keys["accessKeyId"], aws_secret_access_key=keys["secretAccessKey"])
    put = entry("1", [value({"doubleValue": 1}, now)], **pump.key("flow"))
    (refused,) = (await call(reader.batch_put_asset_property_value, entries=[put]))["errorEntries"]
    assert [error["errorCode"] for error in refused["errors"]] == ["AccessDeniedException"]
    assert "propertyValue" not in await call(reader.get_asset_property_value, **pump.key("flow"))
    edge = {"assetId": pump.id, "hierarchyId": str(uuid.uuid4()), "childAssetId": pump.id}
    for calling in (
        call(reader.update_asset_property, propertyAlias=name, **pump.key("flow")),
        call(reader.associate_assets, **edge),
        call(reader.create_asset_model, assetModelName=name),
        call(reader.delete_asset, assetId=pump.id),
    ):
        with pytest.raises(ClientError, match="AccessDeniedException"):
            await calling


async def test_history_comes_in_pages(site: Site, call: Call, pump: Pump) -> None:
    client, now = site.client(), int(time.time()) - 100
    # Several within a millisecond, so that pages end in the middle of one.
    values = [value({"integerValue": number}, now + number // 5, number % 5 * 1000) for number in range(20)]
    entries = [entry(str(at), values[at : at + 10], **pump.key("count")) for at in (10, 0)]
    assert (await call(client.batch_put_asset_property_value, entries=entries))["errorEntries"] == []
    paginator = client.get_paginator("get_asset_property_value_history")

    def read(**members: Any) -> list[list[int]]:
        pages = paginator.paginate(PaginationConfig={"PageSize": 8}, **pump.key("count"), **members)
        return [[one["value"]["integerValue"] for one in page["assetPropertyValueHistory"]] for page in pages]

    assert await call(read) == [list(range(8)), list(range(8, 16)), list(range(16, 20))]
    falling = [*range(19, -1, -1)]
    assert await call(read, timeOrdering="DESCENDING") == [falling[:8], falling[8:16], falling[16:]]
    # The beginning is exclusive, the end inclusive.
    assert await call(read, startDate=now + 1, endDate=now + 2) == [[6, 7, 8, 9, 10]]

    keys = [{"entryId": name, **pump.key(name)} for name in ("flow", "count", "maker")]
    first = await call(client.batch_get_asset_property_value_history, entries=keys, maxResults=15)
    assert [len(one["assetPropertyValueHistory"]) for one in first["successEntries"]] == [0, 15]
    second = await call(
        client.batch_get_asset_property_value_history, entries=keys, maxResults=15, nextToken=first["nextToken"]
    )
    assert [one["entryId"] for one in second["skippedEntries"]] == ["flow"]
    assert [len(one["assetPropertyValueHistory"]) for one in second["successEntries"]] == [5, 1]
    assert "nextToken" not in second


async def test_aggregates_are_computed_step_by_step(site: Site, call: Call, pump: Pump) -> None:
    client = site.client()
    start = (int(time.time()) // 60 - 10) * 60
    # A step ends at its last moment, which belongs to it.
    numbers = {0: 100, 1: 1, 60: 3, 61: 5, 190: 7}
    values = [value({"integerValue": number}, start + at) for at, number in numbers.items()]
    entries = [entry("1", values, **pump.key("count"))]
    assert (await call(client.batch_put_asset_property_value, entries=entries))["errorEntries"] == []
    types = ["COUNT", "AVERAGE", "MINIMUM", "MAXIMUM", "SUM", "STANDARD_DEVIATION"]
    paginator = client.get_paginator("get_asset_property_aggregates")
    asked = {"aggregateTypes": types, "resolution": "1m", "startDate": start, "endDate": start + 240}

    def read(**members: Any) -> list[list[tuple[float, dict[str, float]]]]:
        pages = paginator.paginate(PaginationConfig={"PageSize": 2}, **pump.key("count"), **asked, **members)
        return [
            [(one["timestamp"].timestamp() - start, one["value"]) for one in page["aggregatedValues"]] for page in pages
        ]

    first, second = await call(read)
    assert [at for at, _ in first + second] == [60, 120, 240]
    assert first[0][1] == {
        "count": 2,
        "average": 2,
        "minimum": 1,
        "maximum": 3,
        "sum": 4,
        "standardDeviation": 1,
    }
    assert [one["sum"] for _, one in first + second] == [4, 5, 7]
    falling = await call(read, timeOrdering="DESCENDING")
    assert [[at for at, _ in page] for page in falling] == [[240, 120], [60]]

    wanted = {**asked, "aggregateTypes": ["SUM"]}
    counted = {"entryId": "count", **pump.key("count"), **wanted}
    batch = [
        {**counted, "timeOrdering": "DESCENDING"},
        {"entryId": "none", **pump.key("flow"), **wanted},
        {"entryId": "state", **pump.key("state"), **wanted},
        {**counted, "entryId": "again"},
    ]
    get = client.batch_get_asset_property_aggregates
    one = await call(get, entries=batch, maxResults=2)
    assert [[step["value"]["sum"] for step in each["aggregatedValues"]] for each in one["successEntries"]] == [[7, 5]]
    two = await call(get, entries=batch, maxResults=3, nextToken=one["nextToken"])
    assert [[step["value"]["sum"] for step in each["aggregatedValues"]] for each in two["successEntries"]] == [
        [4],
        [],
        [4, 5],
    ]
    assert [(each["entryId"], each["errorCode"]) for each in two["errorEntries"]] == [
        ("state", "InvalidRequestException")
    ]
    three = await call(get, entries=batch, maxResults=3, nextToken=two["nextToken"])
    assert [each["entryId"] for each in three["skippedEntries"]] == ["count", "none", "state"]
    assert [step["value"]["sum"] for step in three["successEntries"][0]["aggregatedValues"]] == [7]
    assert "nextToken" not in three
    with pytest.raises(ClientError, match="InvalidRequestException"):
        await call(get, entries=[{**counted, "entryId": str(number)} for number in range(17)])
    with pytest.raises(ClientError, match="InvalidRequestException"):
        await call(client.get_asset_property_aggregates, **pump.key("state"), **asked)


async def test_values_between_the_stored_ones(site: Site, call: Call, pump: Pump) -> None:
    client, start = site.client(), int(time.time()) - 1000
    numbers = {-5: 0.0, 10: 10.0, 20: 20.0, 45: 45.0}
    entries = [
        entry("1", [value({"doubleValue": number}, start + at) for at, number in numbers.items()], **pump.key("flow")),
        entry("2", [value({"stringValue": "on"}, start + 5)], **pump.key("state")),
    ]
    assert (await call(client.batch_put_asset_property_value, entries=entries))["errorEntries"] == []
    span = {"startTimeInSeconds": start, "endTimeInSeconds": start + 60, "quality": "GOOD"}
    paginator = client.get_paginator("get_interpolated_asset_property_values")

    def read(name: str, type: str, interval: int, **members: Any) -> list[list[tuple[int, Any]]]:
        wanted = {"type": f"{type}_INTERPOLATION", "intervalInSeconds": interval, **span, **members}
        pages = paginator.paginate(PaginationConfig={"PageSize": 3}, **pump.key(name), **wanted)
        return [
            [
                (one["timestamp"]["timeInSeconds"] - start, next(iter(one["value"].values())))
                for one in page["interpolatedAssetPropertyValues"]
            ]
            for page in pages
        ]

    # A value at an end is itself; after the last one nothing is known.
    assert await call(read, name="flow", type="LINEAR", interval=10) == [[(10, 10), (20, 20), (30, 30)], [(40, 40)]]
    assert await call(read, name="flow", type="LINEAR", interval=30, intervalWindowInSeconds=9) == [[]]
    assert await call(read, name="flow", type="LINEAR", interval=25, intervalWindowInSeconds=20) == [[(25, 25)]]
    assert await call(read, name="flow", type="LOCF", interval=25) == [[(25, 20), (50, 45)]]
    assert await call(read, name="state", type="LOCF", interval=30) == [[(30, "on"), (60, "on")]]
    for wrong in (
        {"name": "state", "type": "LINEAR", "interval": 10},
        {"name": "flow", "type": "LOCF", "interval": 10, "intervalWindowInSeconds": 5},
        {"name": "flow", "type": "LINEAR", "interval": 10, "endTimeInSeconds": start - 1},
        {"name": "flow", "type": "CUBIC", "interval": 10},
    ):
        with pytest.raises(ClientError, match="InvalidRequestException"):
            await call(read, **wrong)


async def test_a_store_that_is_away_is_worth_another_try(site: Site, call: Call, pump: Pump) -> None:
    client, now = site.client(), int(time.time())
    refusal: list[Exception] = [api_error("services.storage.unavailable", "no node answers")]

    def refuse(request: Any) -> Any:
        if refusal:
            raise refusal[0]
        return request

    events = site.application.events
    for event in ("device-manager/assets:beforeMMeasureIngest", "device-manager/assets:beforeGetMeasures"):
        events.add_pipe(event, refuse, owner="tests", inline=True)
    put = entry("1", [value({"doubleValue": 1}, now)], **pump.key("flow"))
    answer = await call(client.batch_put_asset_property_value, entries=[put])
    ((error,),) = (one["errors"] for one in answer["errorEntries"])
    assert error["errorCode"] == "ServiceUnavailableException"
    key = pump.key("flow")
    for calling in (
        call(client.get_asset_property_value, **key),
        call(client.batch_get_asset_property_value, entries=[{"entryId": "1", **key}]),
    ):
        with pytest.raises(ClientError, match="ServiceUnavailableException") as caught:
            await calling
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    refusal[:] = [ValueError("a pipe is broken")]
    with pytest.raises(ClientError, match="InternalFailureException") as caught:
        await call(client.get_asset_property_value, **key)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    refusal.clear()
    assert (await call(client.batch_put_asset_property_value, entries=[put]))["errorEntries"] == []
    assert (await call(client.get_asset_property_value, **key))["propertyValue"]["value"] == {"doubleValue": 1}
