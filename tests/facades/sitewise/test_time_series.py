"""Time series come before assets, join and leave their properties, and take their values along (facades 2.4)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from device_manager.call import Call as Caller
from device_manager.facades.sitewise.definitions import Property
from device_manager.facades.sitewise.series import Series
from device_manager.security.foreign_credentials import Interface

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Refused = Callable[..., Awaitable[dict[str, Any]]]
Site = Any
Stream = Any
ASSETS = "device-manager/assets"
NOT_FOUND, INVALID, CONFLICTS = (
    f"{name}Exception" for name in ("ResourceNotFound", "InvalidRequest", "ConflictingOperation")
)


async def test_a_data_stream_needs_no_asset(site: Site, call: Call, stream: Stream, refused: Refused) -> None:
    client, now, alias = site.client(), int(time.time()) // 60 * 60 - 300, f"/plant/{uuid.uuid4()}/Füllstand"
    await refused(NOT_FOUND, 404, call(client.get_asset_property_value, propertyAlias=alias))
    await refused(NOT_FOUND, 404, call(client.describe_time_series, alias=alias))
    # What stores nothing begins nothing.
    assert await stream.put({now - 10 * 86_400: 1.0}, propertyAlias=alias) == ["TimestampOutOfRangeException"]
    assert await stream.put({now: "full"}, form="stringValue", propertyAlias=f"/text{alias}") == []
    await refused(NOT_FOUND, 404, call(client.describe_time_series, alias=alias))

    processed: list[dict[str, Any]] = []
    event = f"engine:{site.engine}:device-manager:measures:process:after"
    site.application.events.add_pipe(event, lambda run: processed.extend(run["measures"]), owner="tests", inline=True)
    assert await stream.put({now: 1.0, now + 60: 3.0, now + 61: 5.0}, propertyAlias=alias) == []
    assert await stream.put({now: 2.0}, propertyAlias=alias) == []
    assert await stream.put({now: 7}, form="integerValue", propertyAlias=alias) == [INVALID]
    described = await call(client.describe_time_series, alias=alias)
    id = described["timeSeriesId"]
    assert (uuid.UUID(id), described["dataType"], described["alias"]) == (uuid.UUID(id), "DOUBLE", alias)
    assert described["timeSeriesArn"].endswith(f":time-series/{id}")
    assert not {"assetId", "propertyId"} & described.keys()
    of_stream = [measure for measure in processed if measure["origin"].get("measureName") == id]
    assert [(one["asset"], one["origin"]["apiMetadata"]["alias"]) for one in of_stream] == [(None, alias)] * 4
    assert abs(described["timeSeriesCreationDate"].timestamp() - time.time()) < 120
    (listed,) = await stream.list(aliasPrefix=alias.removesuffix("Füllstand") + "Fü", timeSeriesType="DISASSOCIATED")
    described.pop("ResponseMetadata")
    assert listed["timeSeriesId"] == id and described == listed | {
        "timeSeriesLastUpdateDate": described["timeSeriesLastUpdateDate"]
    }
    assert await stream.list(aliasPrefix=alias, timeSeriesType="ASSOCIATED") == []

    # Every way of reading, and the batches, take it.
    assert await stream.values(propertyAlias=alias) == [2, 3, 5]
    latest = await call(client.get_asset_property_value, propertyAlias=alias)
    assert latest["propertyValue"]["value"] == {"doubleValue": 5}
    entry = {"entryId": "1", "propertyAlias": alias}
    each = await call(
        client.batch_get_asset_property_value, entries=[entry, entry | {"entryId": "2", "propertyAlias": "/no"}]
    )
    assert each["successEntries"][0]["assetPropertyValue"] == latest["propertyValue"]
    assert [one["errorCode"] for one in each["errorEntries"]] == [NOT_FOUND]
    every = await call(client.batch_get_asset_property_value_history, entries=[entry])
    assert len(every["successEntries"][0]["assetPropertyValueHistory"]) == 3
    steps = {"aggregateTypes": ["SUM"], "resolution": "1m", "startDate": now, "endDate": now + 300}
    sums = await call(client.get_asset_property_aggregates, propertyAlias=alias, **steps)
    assert [one["value"]["sum"] for one in sums["aggregatedValues"]] == [3, 5]
    sums = await call(client.batch_get_asset_property_aggregates, entries=[entry | steps])
    assert len(sums["successEntries"][0]["aggregatedValues"]) == 2
    between = await call(
        client.get_interpolated_asset_property_values,
        propertyAlias=alias,
        startTimeInSeconds=now,
        endTimeInSeconds=now + 30,
        quality="GOOD",
        intervalInSeconds=30,
        type="LINEAR_INTERPOLATION",
    )
    assert [one["value"] for one in between["interpolatedAssetPropertyValues"]] == [{"doubleValue": 2.5}]

    await call(client.delete_time_series, alias=alias)
    await refused(NOT_FOUND, 404, call(client.delete_time_series, alias=alias))
    await refused(NOT_FOUND, 404, call(client.get_asset_property_value, propertyAlias=alias))
    # Nothing is left of it: the alias begins a new one, of another type if need be.
    assert await stream.put({now: 7}, form="integerValue", propertyAlias=alias) == []
    assert await stream.values(propertyAlias=alias) == [7]
    assert (await call(client.describe_time_series, alias=alias))["timeSeriesId"] != id


async def test_values_move_with_their_stream(
    site: Site, call: Call, stream: Stream, make_tank: Any, refused: Refused
) -> None:
    client, now, alias = site.client(), int(time.time()) - 100, f"/plant/{uuid.uuid4()}"
    first, second = await make_tank(), await make_tank()
    associate = client.associate_time_series_to_asset_property
    leave = client.disassociate_time_series_from_asset_property
    await refused(NOT_FOUND, 404, call(associate, alias=alias, **first.key("level")))
    assert await stream.put({now: 1.0}, propertyAlias=alias) == []
    id = (await call(client.describe_time_series, alias=alias))["timeSeriesId"]
    await refused(INVALID, 400, call(associate, alias=alias, **first.key("count")))
    await refused(INVALID, 400, call(associate, alias=alias, **first.key("maker")))
    await refused(INVALID, 400, call(leave, alias=alias, **first.key("level")))

    for _ in range(2):
        await call(associate, alias=alias, **first.key("level"))
    described = await call(client.describe_asset_property, **first.key("level"))
    assert described["assetProperty"]["alias"] == alias
    assert await stream.values(**first.key("level")) == [1]
    assert await stream.put({now + 1: 2.0}, propertyAlias=alias) == []
    assert await stream.put({now + 2: 3.0}, **first.key("level")) == []
    # A value that was put before the stream had an asset is replaced all the same.
    assert await stream.put({now: 0.5}, **first.key("level")) == []
    assert await stream.values(**first.key("level")) == await stream.values(propertyAlias=alias) == [0.5, 2, 3]
    series = await call(client.describe_time_series, **first.key("level"))
    assert (series["timeSeriesId"], series["alias"], series["assetId"]) == (id, alias, first.id)
    latest = await site.native(ASSETS, "getLastMeasures", _id=first.native)
    assert latest["level"]["values"] == {"doubleValue": 3}
    await refused(CONFLICTS, 409, call(associate, alias=alias, **second.key("level")))

    await call(leave, alias=alias, **first.key("level"))
    assert await stream.values(**first.key("level")) == []
    assert "alias" not in (await call(client.describe_asset_property, **first.key("level")))["assetProperty"]
    await refused(NOT_FOUND, 404, call(client.describe_time_series, **first.key("level")))
    assert await stream.list(assetId=first.id) == []
    assert await stream.put({now + 3: 4.0}, propertyAlias=alias) == []
    assert await stream.values(propertyAlias=alias) == [0.5, 2, 3, 4]

    # To another asset, and to a property that has values or a series of its own to none.
    assert await stream.put({now: 9.0}, **first.key("level")) == []
    await refused(CONFLICTS, 409, call(associate, alias=alias, **first.key("level")))
    other = f"{alias}/other"
    await call(client.update_asset_property, propertyAlias=other, **first.key("inflow"))
    await refused(CONFLICTS, 409, call(associate, alias=alias, **first.key("inflow")))
    await refused(CONFLICTS, 409, call(client.update_asset_property, propertyAlias=alias, **first.key("level")))
    await call(client.update_asset_property, propertyAlias=alias, **second.key("inflow"))
    assert await stream.values(**second.key("inflow")) == [0.5, 2, 3, 4]
    assert await stream.values(**first.key("level")) == [9]
    # Another alias, or none, leaves the values where they are.
    await call(client.update_asset_property, propertyAlias=f"{alias}/renamed", **second.key("inflow"))
    assert await stream.values(propertyAlias=f"{alias}/renamed") == [0.5, 2, 3, 4]
    await call(client.update_asset_property, **second.key("inflow"))
    assert await stream.values(**second.key("inflow")) == [0.5, 2, 3, 4]
    await refused(NOT_FOUND, 404, call(client.get_asset_property_value, propertyAlias=alias))
    assert id in [one["timeSeriesId"] for one in await stream.list(timeSeriesType="ASSOCIATED")]


async def test_what_native_clients_measured_goes_with_the_stream(
    site: Site, call: Call, stream: Stream, make_tank: Any
) -> None:
    client, now, alias = site.client(), int(time.time()) - 100, f"/plant/{uuid.uuid4()}"
    tank, other = await make_tank(), await make_tank()

    async def measure(number: float, at: int) -> None:
        one = {"slotName": "level", "measuredAt": at * 1000, "values": {"doubleValue": number}}
        body = {"dataSource": {"id": "scada"}, "measurements": [one]}
        await site.native(ASSETS, "mMeasureIngest", assetId=tank.native, body=body)

    await measure(1, now)
    await call(client.update_asset_property, propertyAlias=alias, **tank.key("level"))
    (series,) = await stream.list(assetId=tank.id)
    assert series["timeSeriesId"] == f"{tank.id}_{tank.properties['level']}"
    leave = client.disassociate_time_series_from_asset_property
    await call(leave, alias=alias, **tank.key("level"))
    assert await stream.values(propertyAlias=alias) == [1]
    assert await stream.values(**tank.key("level")) == []
    await measure(2, now + 1)
    assert await stream.values(**tank.key("level")) == [2]
    assert (await stream.list(assetId=tank.id))[0]["assetId"] == tank.id
    await call(client.associate_time_series_to_asset_property, alias=alias, **other.key("inflow"))
    assert await stream.values(**other.key("inflow")) == [1]
    assert len((await site.native(ASSETS, "getMeasures", _id=tank.native))["measures"]) == 2

    # A deleted series is gone for these clients; what native ones measured stays theirs.
    assert await stream.put({now + 2: 3.0}, **tank.key("level")) == []
    await call(client.delete_time_series, **tank.key("level"))
    assert await stream.values(**tank.key("level")) == []
    left = (await site.native(ASSETS, "getMeasures", _id=tank.native))["measures"]
    assert sorted(one["_source"]["values"]["doubleValue"] for one in left) == [1, 2]
    assert (await site.native(ASSETS, "getLastMeasures", _id=tank.native))["level"]["values"] == {"doubleValue": 2}
    assert await stream.put({now + 3: 4.0}, **tank.key("level")) == []
    assert await stream.values(**tank.key("level")) == [4]


async def test_stretches_that_touch_are_one() -> None:
    one = Property(id="1", name="level", data_type="DOUBLE", kind="measurement", type={}, place="level", member=("v",))
    series = Series(data_type="DOUBLE")
    for since, until in ((0, 10), (10, 20), (30, 40)):
        series = series.belonging_to("tank", one, since).ended_at(until)
    assert [(stretch.after, stretch.until) for stretch in series.stretches] == [(0, 20), (30, 40)]
    other = series.belonging_to("basin", one, 40).ended_at(50)
    assert [stretch.asset for stretch in other.stretches] == ["tank", "tank", "basin"]


async def test_lists_have_pages_and_filters(
    site: Site, call: Call, stream: Stream, make_tank: Any, refused: Refused
) -> None:
    client, now, prefix = site.client(), int(time.time()) - 100, f"/list/{uuid.uuid4()}/"
    tank = await make_tank()
    for name in ("a", "b", "c"):
        assert await stream.put({now: 1.0}, propertyAlias=prefix + name) == []
    await call(client.associate_time_series_to_asset_property, alias=f"{prefix}b", **tank.key("inflow"))
    await call(client.update_asset_property, propertyAlias=f"{prefix}maker", **tank.key("maker"))
    assert await stream.put({now: 1.0}, **tank.key("level")) == []

    def aliases(found: list[dict[str, Any]]) -> set[str]:
        return {one.get("alias", "").removeprefix(prefix) for one in found}

    small = {"PageSize": 1}
    assert aliases(await stream.list(aliasPrefix=prefix, PaginationConfig=small)) == {"a", "b", "c", "maker"}
    assert aliases(await stream.list(aliasPrefix=prefix, timeSeriesType="DISASSOCIATED")) == {"a", "c"}
    assert aliases(await stream.list(aliasPrefix=prefix, timeSeriesType="ASSOCIATED")) == {"b", "maker"}
    of_tank = await stream.list(assetId=tank.id, PaginationConfig=small)
    assert {one["propertyId"] for one in of_tank} == {tank.properties[name] for name in ("level", "inflow", "maker")}
    assert await stream.list(assetId=tank.id, timeSeriesType="DISASSOCIATED") == []
    assert aliases(await stream.list(assetId=tank.id, aliasPrefix=f"{prefix}m")) == {"maker"}
    # All of the engine, each once, also those of properties without aliases.
    pages = await stream.list(PaginationConfig={"PageSize": 3})
    ids = [one["timeSeriesId"] for one in pages]
    assert len(ids) == len(set(ids)) and f"{tank.id}_{tank.properties['level']}" in ids
    assert ids == [one["timeSeriesId"] for one in await stream.list()]
    first = await call(client.list_time_series, maxResults=1)
    again = call(client.list_time_series, maxResults=1, aliasPrefix=prefix, nextToken=first["nextToken"])
    await refused(INVALID, 400, again)
    await refused(NOT_FOUND, 404, call(client.list_time_series, assetId=str(uuid.uuid4())))
    await refused(INVALID, 400, call(client.list_time_series, timeSeriesType="LONELY"))
    await refused(INVALID, 400, call(client.describe_time_series))
    await refused(INVALID, 400, call(client.describe_time_series, alias=prefix, **tank.key("level")))

    # What leaves an attribute is an alias for values to come; the value stays.
    await call(client.disassociate_time_series_from_asset_property, alias=f"{prefix}maker", **tank.key("maker"))
    assert aliases(await stream.list(aliasPrefix=prefix, timeSeriesType="DISASSOCIATED")) == {"a", "c", "maker"}
    assert (await stream.values(propertyAlias=f"{prefix}maker"), await stream.values(**tank.key("maker"))) == (
        [],
        ["Acme"],
    )

    # With an asset go the series of its properties.
    await call(client.delete_asset, assetId=tank.id)
    assert aliases(await stream.list(aliasPrefix=prefix)) == {"a", "c", "maker"}
    assert await stream.put({now: 2.0}, propertyAlias=f"{prefix}b") == []
    assert await stream.values(propertyAlias=f"{prefix}b") == [2]


async def test_whoever_may_only_read_moves_nothing(
    site: Site, call: Call, stream: Stream, stream_of: Any, make_tank: Any, refused: Refused
) -> None:
    router, name, now = site.application.router, f"reader-{uuid.uuid4().hex[:8]}", int(time.time())
    tank, alias = await make_tank(), f"/rights/{uuid.uuid4()}"
    assert await stream.put({now: 1.0}, propertyAlias=alias) == []
    may = {
        ASSETS: {"actions": {"get": True, "search": True, "getMeasures": True}},
        "device-manager/models": {"actions": {"getAsset": True, "listAssets": True, "listMeasures": True}},
    }
    await router.call("security", "createRole", args={"_id": name}, body={"controllers": may})
    await router.call("security", "createProfile", args={"_id": name}, body={"policies": [{"roleId": name}]})
    keys = await site.application.security.foreign_credentials.create(Interface.SITEWISE, site.engine, name, Caller())
    reader = site.client(aws_access_key_id=keys["accessKeyId"], aws_secret_access_key=keys["secretAccessKey"])
    assert await stream_of(reader).values(propertyAlias=alias) == [1]
    assert await stream_of(reader).put({now: 2.0}, propertyAlias=alias) == ["AccessDeniedException"]
    assert await stream_of(reader).put({now: 2.0}, propertyAlias=f"{alias}/new") == ["AccessDeniedException"]
    assert len(await stream_of(reader).list(aliasPrefix=alias)) == 1
    key = {"alias": alias, **tank.key("level")}
    for calling in (
        call(reader.associate_time_series_to_asset_property, **key),
        call(reader.disassociate_time_series_from_asset_property, **key),
        call(reader.delete_time_series, alias=alias),
    ):
        await refused("AccessDeniedException", 403, calling)
    assert await stream.values(propertyAlias=alias) == [1]
