"""Asset models change, with versions and entity tags (facades 2.4, 2.5, 2.10)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Refused = Callable[..., Awaitable[dict[str, Any]]]
Site = Any
MODELS, ASSETS = "device-manager/models", "device-manager/assets"
FLOW = {"name": "Flow", "dataType": "DOUBLE", "unit": "m3/h", "type": {"measurement": {}}}
MAKER = {"name": "Maker", "dataType": "STRING", "type": {"attribute": {"defaultValue": "Acme"}}}


async def test_a_model_changes_with_its_assets(site: Site, call: Call, refused: Refused) -> None:
    client, name = site.client(), f"Pump {uuid.uuid4()}"
    made = await call(
        client.create_asset_model,
        assetModelName=name,
        assetModelProperties=[FLOW, MAKER, FLOW | {"name": "Old"}],
        assetModelDescription="First",
    )
    id, arn = made["assetModelId"], made["assetModelArn"]
    asset = (await call(client.create_asset, assetName=name, assetModelId=id))["assetId"]
    native = (await site.native(ASSETS, "search", body={"query": {"term": {"reference": asset}}}))["hits"][0]["_id"]
    before = await call(client.describe_asset_model, assetModelId=id)
    flow, maker, old = before["assetModelProperties"]
    assert before["assetModelVersion"] == "1"
    again = await call(client.describe_asset_model, assetModelId=id, assetModelVersion="ACTIVE", excludeProperties=True)
    assert again["eTag"] == before["eTag"]
    put = {"value": {"doubleValue": 4.5}, "timestamp": {"timeInSeconds": int(time.time())}, "quality": "GOOD"}
    entry = {"entryId": "1", "assetId": asset, "propertyId": flow["id"], "propertyValues": [put]}
    assert (await call(client.batch_put_asset_property_value, entries=[entry]))["errorEntries"] == []

    # What native clients add to the native model stays.
    native_model = native.removesuffix(f"-{asset}")
    stored = (await site.native(MODELS, "getAsset", model=native_model, engineGroup="commons"))["_source"]["asset"]
    slots = [*stored["measures"], {"name": "Level", "type": "sitewiseDouble"}]
    await site.native(MODELS, "updateAsset", model=native_model, engineGroup="commons", body={"measures": slots})
    changed = await call(client.describe_asset_model, assetModelId=id)
    assert changed["eTag"] != before["eTag"] and changed["assetModelProperties"][3]["name"] == "Level"

    pressure = {"name": "Pressure", "dataType": "INTEGER", "type": {"measurement": {}}, "id": str(uuid.uuid4())}
    owner = {"name": "Owner", "dataType": "STRING", "type": {"attribute": {"defaultValue": "Harbour"}}}
    wanted = [
        flow | {"name": "Flow rate", "unit": "l/s", "externalId": "flow"},
        maker | {"type": {"attribute": {"defaultValue": "Umbrella"}}},
        pressure,
        owner,
    ]
    gone = call(
        client.update_asset_model,
        assetModelId=id,
        assetModelName=name,
        assetModelProperties=wanted,
        ifMatch=before["eTag"],
    )
    failed = await refused("PreconditionFailedException", 412, gone)
    assert (failed["resourceId"], failed["resourceArn"]) == (id, arn)
    answer = await call(
        client.update_asset_model,
        assetModelId=id,
        assetModelName=f"{name} 2",
        assetModelExternalId=f"pump-{id}",
        assetModelProperties=wanted,
        ifMatch=changed["eTag"],
        matchForVersionType="ACTIVE",
    )
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["assetModelStatus"]) == (202, {"state": "UPDATING"})
    assert answer["assetModelId"] == id
    await call(client.get_waiter("asset_model_active").wait, assetModelId=id)

    after = await call(client.describe_asset_model, assetModelId=f"externalId:pump-{id}")
    assert (after["assetModelName"], after["assetModelVersion"]) == (f"{name} 2", "2")
    assert after["assetModelDescription"] == "First"
    assert after["assetModelLastUpdateDate"] > before["assetModelLastUpdateDate"]
    shown = [(one["name"], one["id"]) for one in after["assetModelProperties"]]
    assert shown[:3] == [("Flow rate", flow["id"]), ("Maker", maker["id"]), ("Pressure", pressure["id"])]
    assert [name for name, _ in shown[3:]] == ["Owner", "Level"]
    assert old["id"] not in dict(shown).values()
    (summary,) = [one for one in await models(call, client) if one["id"] == id]
    assert (summary["version"], summary["name"]) == ("2", f"{name} 2")

    # The assets follow, and what was measured stays.
    described = await call(client.describe_asset, assetId=asset)
    by_external = await call(client.describe_asset_property, assetId=asset, propertyId="externalId:flow")
    assert by_external["assetProperty"]["unit"] == "l/s"
    assert [one["name"] for one in described["assetProperties"]] == [name for name, _ in shown]
    value = await call(client.get_asset_property_value, assetId=asset, propertyId=flow["id"])
    assert value["propertyValue"]["value"] == {"doubleValue": 4.5}
    source = (await site.native(ASSETS, "get", _id=native))["_source"]
    assert [slot["name"] for slot in source["measureSlots"]] == ["Flow", "Level", "Pressure"]
    assert (source["metadata"]["Maker"], source["metadata"]["Owner"]) == ("Acme", "Harbour")
    assert source["metadata"]["sitewise"]["name"] == name

    # Its former name is free, the new one is not.
    await call(client.create_asset_model, assetModelName=name)
    await refused("ResourceAlreadyExistsException", 409, call(client.create_asset_model, assetModelName=f"{name} 2"))


async def models(call: Call, client: Any) -> list[dict[str, Any]]:
    """All models in a list."""
    summaries: list[dict[str, Any]] = (await call(client.list_asset_models, maxResults=250))["assetModelSummaries"]
    return summaries


async def test_what_a_model_cannot_become(site: Site, call: Call, refused: Refused) -> None:
    client, name = site.client(), f"Pump {uuid.uuid4()}"
    inner = (await call(client.create_asset_model, assetModelName=f"{name} inner"))["assetModelId"]
    id = (
        await call(
            client.create_asset_model,
            assetModelName=name,
            assetModelProperties=[FLOW],
            assetModelExternalId=f"pump-{uuid.uuid4()}",
            assetModelHierarchies=[{"name": "Parts", "childAssetModelId": inner}],
        )
    )["assetModelId"]
    before = await call(client.describe_asset_model, assetModelId=id)
    (flow,), (parts,) = before["assetModelProperties"], before["assetModelHierarchies"]
    kept = {"assetModelProperties": [flow], "assetModelHierarchies": [parts]}

    def update(**members: Any) -> Awaitable[Any]:
        return call(client.update_asset_model, **({"assetModelId": id, "assetModelName": name} | kept | members))

    wrong: list[dict[str, Any]] = [
        {"assetModelProperties": [flow | {"dataType": "STRING"}]},
        {"assetModelProperties": [flow | {"type": {"attribute": {}}}]},
        {"assetModelProperties": [FLOW]},
        {"assetModelProperties": [flow, flow | {"name": "Twice"}]},
        {"assetModelProperties": [flow, FLOW | {"name": "Unknown", "id": "externalId:unknown"}]},
        {"assetModelExternalId": "another"},
        {"assetModelHierarchies": [parts | {"childAssetModelId": id}]},
        {"assetModelCompositeModels": [{"name": "Alarm", "type": "AWS/ALARM"}]},
        {"ifMatch": "short"},
        {"matchForVersionType": "OLDEST"},
    ]
    for members in wrong:
        await refused("InvalidRequestException", 400, update(**members))
    await refused("PreconditionFailedException", 412, update(ifMatch="A" * 43))
    await refused("PreconditionFailedException", 412, update(ifNoneMatch="*"))
    await refused("ResourceNotFoundException", 404, update(assetModelId=str(uuid.uuid4())))
    taken = await refused("ResourceAlreadyExistsException", 409, update(assetModelName=f"{name} inner"))
    assert taken["resourceId"] == inner
    after = await call(client.describe_asset_model, assetModelId=id)
    assert (after["eTag"], after["assetModelVersion"]) == (before["eTag"], "1")

    parent = (await call(client.create_asset, assetName=name, assetModelId=id))["assetId"]
    child = (await call(client.create_asset, assetName=name, assetModelId=inner))["assetId"]
    edge = {"assetId": parent, "hierarchyId": parts["id"], "childAssetId": child}
    await call(client.associate_assets, **edge)
    await refused("ConflictingOperationException", 409, update(assetModelHierarchies=[]))
    await call(client.disassociate_assets, **edge)
    token = str(uuid.uuid4())
    for _ in range(2):  # the retry of a client gets the first answer, although the tag is another one by then
        assert (await update(assetModelHierarchies=[], ifMatch=before["eTag"], clientToken=token))["assetModelId"] == id
    after = await call(client.describe_asset_model, assetModelId=id)
    assert (after["assetModelHierarchies"], after["assetModelVersion"]) == ([], "2")
    # Models of native clients are theirs, and those of all engines of their group.
    body = {"engineGroup": "commons", "model": f"Tank{uuid.uuid4().hex[:6].upper()}", "measures": []}
    await site.native(MODELS, "writeAsset", body=body)
    (native,) = [one for one in await models(call, client) if one["name"] == body["model"]]
    await refused("InvalidRequestException", 400, update(assetModelId=native["id"], assetModelHierarchies=[]))
