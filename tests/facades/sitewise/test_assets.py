"""Asset models, assets and what is a part of what (facades 2.5, 2.12; cases 8, 10 and 11 of 2.13)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Refused = Callable[..., Awaitable[dict[str, Any]]]
Site = Any
MODELS, ASSETS = "device-manager/models", "device-manager/assets"
FLOW = {"name": "Flow rate", "dataType": "DOUBLE", "unit": "m3/h", "type": {"measurement": {}}}
MAKER = {"name": "Maker", "dataType": "STRING", "type": {"attribute": {"defaultValue": "Acme"}}}


async def wait(call: Call, client: Any, waiter: str, **members: Any) -> None:
    """Wait until something is in a state."""
    await call(client.get_waiter(waiter).wait, WaiterConfig={"Delay": 1, "MaxAttempts": 5}, **members)


async def new_model(call: Call, client: Any, **members: Any) -> str:
    """The id of a new asset model."""
    given = {"assetModelName": f"Pump {uuid.uuid4()}", "assetModelProperties": [FLOW, MAKER], **members}
    made: str = (await call(client.create_asset_model, **given))["assetModelId"]
    return made


async def new_asset(call: Call, client: Any, model: str, **members: Any) -> str:
    """The id of a new asset."""
    given = {"assetName": f"Pump {uuid.uuid4()}", "assetModelId": model, **members}
    made: str = (await call(client.create_asset, **given))["assetId"]
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pump(site: Site, call: Call) -> str:
    """The id of an asset model with a measurement and an attribute."""
    return await new_model(call, site.client())


async def test_8_models_and_assets_are_native_ones_too(site: Site, call: Call, refused: Refused) -> None:
    client = site.client()
    name = f"Cooling pump {uuid.uuid4().hex[:6]}"
    made = await call(
        client.create_asset_model,
        assetModelName=name,
        assetModelProperties=[FLOW, MAKER],
        assetModelExternalId=f"model-{uuid.uuid4()}",
        tags={"line": "north"},
    )
    model_id = made["assetModelId"]
    assert made["assetModelStatus"]["state"] == "CREATING"
    await wait(call, client, "asset_model_active", assetModelId=model_id)
    model = await call(client.describe_asset_model, assetModelId=model_id)
    assert (model["assetModelName"], model["assetModelDescription"]) == (name, name)
    assert [one["name"] for one in model["assetModelProperties"]] == ["Flow rate", "Maker"]
    assert len(model["ResponseMetadata"]["HTTPHeaders"]["etag"]) == 43
    by_external = await call(
        client.describe_asset_model, assetModelId=f"externalId:{model['assetModelExternalId']}", excludeProperties=True
    )
    assert (by_external["assetModelId"], by_external["assetModelProperties"]) == (model_id, [])
    assert (await call(client.list_tags_for_resource, resourceArn=made["assetModelArn"]))["tags"] == {"line": "north"}

    created = await call(client.create_asset, assetName="North 1", assetModelId=model_id, assetDescription="First")
    assert created["assetStatus"]["state"] == "CREATING"
    await wait(call, client, "asset_active", assetId=created["assetId"])
    asset = await call(client.describe_asset, assetId=created["assetId"])
    assert (asset["assetName"], asset["assetDescription"], asset["assetModelId"]) == ("North 1", "First", model_id)
    assert [(one["name"], one["dataType"]) for one in asset["assetProperties"]] == [
        ("Flow rate", "DOUBLE"),
        ("Maker", "STRING"),
    ]
    assert all(uuid.UUID(one["id"]) for one in asset["assetProperties"])

    found = await site.native(ASSETS, "search", body={"query": {"term": {"reference": created["assetId"]}}})
    (native,) = found["hits"]
    assert native["_source"]["model"].startswith("CoolingPump")
    assert native["_source"]["metadata"]["Maker"] == "Acme"
    assert native["_source"]["metadata"]["sitewise"]["name"] == "North 1"
    stored = await site.native(MODELS, "getAsset", model=native["_source"]["model"], engineGroup="commons")
    assert stored["_source"]["asset"]["locales"]["en"]["friendlyName"] == name
    other = await site.native(
        ASSETS, "create", body={"model": native["_source"]["model"], "reference": "south.2"}, refresh="wait_for"
    )
    seen = await call(client.describe_asset, assetId="externalId:south.2")
    assert (seen["assetName"], seen["assetModelId"]) == ("south.2", model_id)
    listed = await call(client.list_assets, assetModelId=model_id)
    assert [one["name"] for one in listed["assetSummaries"]] == ["North 1", "south.2"]

    await refused("ResourceAlreadyExistsException", 409, call(client.create_asset_model, assetModelName=name))
    again = call(client.create_asset, assetName="North 1", assetModelId=model_id)
    assert (await refused("ResourceAlreadyExistsException", 409, again))["resourceId"] == created["assetId"]
    again = call(client.create_asset, assetName="North 2", assetModelId=model_id, assetId=created["assetId"])
    await refused("ResourceAlreadyExistsException", 409, again)
    await site.native(ASSETS, "delete", _id=other["_id"], refresh="wait_for")
    await refused("ResourceNotFoundException", 404, call(client.describe_asset, assetId="externalId:south.2"))


async def test_models_of_native_clients_are_asset_models(site: Site, call: Call) -> None:
    client = site.client()
    body = {
        "engineGroup": "commons",
        "model": f"Tank{uuid.uuid4().hex[:6].upper()}",
        "metadataMappings": {"volume": {"type": "float"}},
        "measures": [{"name": "level", "type": "tankLevel"}],
    }
    mappings = {"raw": {"type": "keyword"}, "tankLevel": {"type": "float"}}
    await site.native(MODELS, "writeMeasure", body={"type": "tankLevel", "valuesMappings": mappings})
    await site.native(MODELS, "writeAsset", body=body)
    paginator = client.get_paginator("list_asset_models")
    pages = await call(lambda: list(paginator.paginate(PaginationConfig={"PageSize": 2})))
    summaries = [one for page in pages for one in page["assetModelSummaries"]]
    assert len({one["id"] for one in summaries}) == len(summaries) > 2
    (summary,) = [one for one in summaries if one["name"] == body["model"]]
    model = await call(client.describe_asset_model, assetModelId=summary["id"])
    assert [(one["name"], one["dataType"], list(one["type"])) for one in model["assetModelProperties"]] == [
        ("level", "DOUBLE", ["measurement"]),
        ("volume", "DOUBLE", ["attribute"]),
    ]
    id = await new_asset(call, client, summary["id"], assetName="Tank 1", assetExternalId="tank:1")
    assert (await call(client.describe_asset, assetId="externalId:tank:1"))["assetId"] == id
    assert (await call(client.list_asset_models, assetModelTypes=["INTERFACE"]))["assetModelSummaries"] == []


async def test_10_ids_and_aliases_of_all_kinds_are_found(site: Site, call: Call, pump: str, refused: Refused) -> None:
    client = site.client()
    id = await new_asset(call, client, pump, assetExternalId="pump.01")
    asset = await call(client.describe_asset, assetId="externalId:pump.01")
    assert (asset["assetId"], asset["assetExternalId"]) == (id, "pump.01")
    alias = "/Halle 7/Kühlung/flow rate"
    (flow, maker) = (one["id"] for one in asset["assetProperties"])
    await call(client.update_asset_property, assetId=id, propertyId=flow, propertyAlias=alias)
    described = await call(client.describe_asset_property, assetId=id, propertyId=flow)
    assert described["assetProperty"]["alias"] == alias
    other = await new_asset(call, client, pump)
    taken = call(client.update_asset_property, assetId=other, propertyId=flow, propertyAlias=alias)
    await refused("ResourceAlreadyExistsException", 409, taken)
    await call(client.update_asset_property, assetId=id, propertyId=maker, propertyAlias="maker")
    seen = (await call(client.describe_asset, assetId=id))["assetProperties"]
    assert [one["alias"] for one in seen] == [alias, "maker"]

    answer = await call(client.update_asset, assetId=id, assetName="Renamed", assetExternalId="pump.02")
    assert answer["assetStatus"]["state"] == "UPDATING"
    assert (await call(client.describe_asset, assetId="externalId:pump.02"))["assetName"] == "Renamed"
    taken = call(client.update_asset, assetId=other, assetName="Other", assetExternalId="pump.02")
    assert (await refused("ResourceAlreadyExistsException", 409, taken))["resourceId"] == id


async def test_what_models_cannot_have_is_refused(site: Site, call: Call, pump: str, refused: Refused) -> None:
    client = site.client()
    metric = {"expression": "1", "variables": [], "window": {"tumbling": {"interval": "1h"}}}
    computed = {"name": "Sum", "dataType": "DOUBLE", "type": {"metric": metric}}
    wrong: list[dict[str, Any]] = [
        {"assetModelProperties": [{"name": "Picture", "dataType": "VIDEO", "type": {"measurement": {}}}]},
        {"assetModelProperties": [FLOW, FLOW]},
        {"assetModelProperties": [{"name": "x", "dataType": "DOUBLE", "type": {"attribute": {"defaultValue": "y"}}}]},
        {"assetModelType": "COMPONENT_MODEL"},
        {"assetModelProperties": [computed]},
    ]
    for members in wrong:
        name = f"Wrong {uuid.uuid4()}"
        calling = call(client.create_asset_model, assetModelName=name, **members)
        await refused("InvalidRequestException", 400, calling)
    name = f"Twice {uuid.uuid4()}"
    twice = [call(client.create_asset_model, assetModelName=name) for _ in range(2)]
    made, other_made = await asyncio.gather(*twice, return_exceptions=True)
    assert isinstance(made, ClientError) != isinstance(other_made, ClientError)
    # Models may give one name to attributes of several types, although native metadata has one type each.
    number = {"name": "Maker", "dataType": "INTEGER", "type": {"attribute": {"defaultValue": "7"}}}
    other = await new_model(call, client, assetModelProperties=[number])
    assert other != pump
    described = await call(client.describe_asset_model, assetModelId=other)
    assert [(one["name"], one["dataType"]) for one in described["assetModelProperties"]] == [("Maker", "INTEGER")]


async def test_11_assets_with_relatives_stay(site: Site, call: Call, pump: str, refused: Refused) -> None:
    client = site.client()
    hall = await new_model(
        call, client, assetModelHierarchies=[{"name": "Pumps", "childAssetModelId": pump, "externalId": "pumps"}]
    )
    parent, other = await new_asset(call, client, hall), await new_asset(call, client, hall)
    children = [await new_asset(call, client, pump) for _ in range(2)]
    (hierarchy,) = (await call(client.describe_asset, assetId=parent))["assetHierarchies"]
    assert hierarchy["name"] == "Pumps"
    edge = {"assetId": parent, "hierarchyId": hierarchy["id"]}
    for child in children:
        await call(client.associate_assets, childAssetId=child, **edge)
    again = {"assetId": other, "hierarchyId": "externalId:pumps", "childAssetId": children[0]}
    await refused("ResourceAlreadyExistsException", 409, call(client.associate_assets, **again))
    wrong = {"assetId": parent, "hierarchyId": hierarchy["id"], "childAssetId": other}
    await refused("InvalidRequestException", 400, call(client.associate_assets, **wrong))

    paginator = client.get_paginator("list_associated_assets")
    pages = await call(lambda: list(paginator.paginate(assetId=parent, PaginationConfig={"PageSize": 1})))
    assert [[one["id"] for one in page["assetSummaries"]] for page in pages] == [children[:1], children[1:]]
    above = await call(client.list_associated_assets, assetId=children[0], traversalDirection="PARENT")
    assert [one["id"] for one in above["assetSummaries"]] == [parent]
    top = await call(client.list_assets, filter="TOP_LEVEL", maxResults=250)
    assert {parent, other} <= {one["id"] for one in top["assetSummaries"]}
    assert not {one["id"] for one in top["assetSummaries"]} & set(children)

    kept = await refused("ConflictingOperationException", 409, call(client.delete_asset, assetId=parent))
    assert (kept["resourceId"], kept["resourceArn"].endswith(f":asset/{parent}")) == (parent, True)
    await refused("ConflictingOperationException", 409, call(client.delete_asset, assetId=children[0]))
    for child in children:
        await call(client.disassociate_assets, childAssetId=child, **edge)
    gone = call(client.disassociate_assets, childAssetId=children[0], **edge)
    await refused("ResourceNotFoundException", 404, gone)
    answer = await call(client.delete_asset, assetId=parent)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["assetStatus"]["state"]) == (202, "DELETING")
    await wait(call, client, "asset_not_exists", assetId=parent)


async def test_nothing_is_a_part_of_itself(site: Site, call: Call, refused: Refused) -> None:
    client = site.client()
    id = str(uuid.uuid4())
    inner = await new_model(call, client)
    refusal = call(
        client.create_asset_model,
        assetModelName=f"Loop {id}",
        assetModelHierarchies=[{"name": "Parts", "childAssetModelId": str(uuid.uuid4())}],
    )
    await refused("ResourceNotFoundException", 404, refusal)
    looped = [{"name": "Parts", "childAssetModelId": id}]
    model = await new_model(call, client, assetModelId=id, assetModelHierarchies=looped)
    assert model != inner
    (hierarchy,) = (await call(client.describe_asset_model, assetModelId=model))["assetModelHierarchies"]
    first, second = await new_asset(call, client, model), await new_asset(call, client, model)
    edge = {"hierarchyId": hierarchy["id"]}
    await call(client.associate_assets, assetId=first, childAssetId=second, **edge)
    for parent, child in ((second, first), (first, first)):
        calling = call(client.associate_assets, assetId=parent, childAssetId=child, **edge)
        await refused("InvalidRequestException", 400, calling)
    kept = await refused("ConflictingOperationException", 409, call(client.delete_asset_model, assetModelId=model))
    assert kept["resourceId"] == model
    # What native clients delete takes its place in hierarchies with it.
    found = await site.native(ASSETS, "search", body={"query": {"term": {"reference": first}}})
    await site.native(ASSETS, "delete", _id=found["hits"][0]["_id"], refresh="wait_for")
    above = await call(client.list_associated_assets, assetId=second, traversalDirection="PARENT")
    assert above["assetSummaries"] == []
    await call(client.delete_asset, assetId=second)
    answer = await call(client.delete_asset_model, assetModelId=model)
    assert answer["assetModelStatus"]["state"] == "DELETING"
    await wait(call, client, "asset_model_not_exists", assetModelId=model)
    # Its id and name are free again.
    assert await new_model(call, client, assetModelId=model, assetModelHierarchies=looped) == model
    parent = await new_model(call, client, assetModelHierarchies=[{"name": "Parts", "childAssetModelId": inner}])
    await refused("ConflictingOperationException", 409, call(client.delete_asset_model, assetModelId=inner))
    await call(client.delete_asset_model, assetModelId=parent)
    await call(client.delete_asset_model, assetModelId=inner)


async def test_properties_come_in_pages(site: Site, call: Call, pump: str) -> None:
    client = site.client()
    asset = await new_asset(call, client, pump)
    (flow, maker) = (await call(client.describe_asset, assetId=asset))["assetProperties"]
    await call(client.update_asset_property, assetId=asset, propertyId=maker["id"], propertyAlias=f"maker of {asset}")
    paginator = client.get_paginator("list_asset_properties")
    pages = await call(lambda: list(paginator.paginate(assetId=asset, PaginationConfig={"PageSize": 1})))
    (first,), (second,) = (page["assetPropertySummaries"] for page in pages)
    assert (first["id"], first["unit"], first["path"][-1]["name"]) == (flow["id"], "m3/h", "Flow rate")
    assert (second["id"], second["alias"], second["path"][0]["id"]) == (maker["id"], f"maker of {asset}", asset)
    paginator = client.get_paginator("list_asset_model_properties")
    pages = await call(lambda: list(paginator.paginate(assetModelId=pump, PaginationConfig={"PageSize": 1})))
    summaries = [one for page in pages for one in page["assetModelPropertySummaries"]]
    assert [(one["id"], list(one["type"])) for one in summaries] == [
        (flow["id"], ["measurement"]),
        (maker["id"], ["attribute"]),
    ]
