"""Portals, projects and tags, from creation to deletion (facades 2.5, 2.8, 2.9, 2.12)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from device_manager.call import Call as Caller
from device_manager.security.foreign_credentials import Interface
from device_manager.storage.contract import INTERNAL_INDEX

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Site = Any
ENGINES, GROUPS, ASSETS = (f"device-manager/{name}" for name in ("engine", "groups", "assets"))
CONTACT = {
    "portalContactEmail": "operations@plant.example",
    "roleArn": "arn:aws:iam::123456789012:role/monitor",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fresh(server: Any, site: Site) -> Site:
    """The same server, and an engine without portals."""
    engine = f"plant-{uuid.uuid4().hex[:12]}"
    await server.router.call(ENGINES, "create", args={"index": engine})
    keys = await server.security.foreign_credentials.create(Interface.SITEWISE, engine, None, Caller())
    return type(site)(server, engine, keys)


async def refused(name: str, calling: Awaitable[Any]) -> dict[str, Any]:
    """The answer to a call that an error refuses."""
    with pytest.raises(ClientError) as caught:
        await calling
    response: dict[str, Any] = caught.value.response
    assert response["Error"]["Code"] == name, response
    return response


async def test_a_portal_lives_and_goes(fresh: Site, call: Call) -> None:
    client = fresh.client()
    logo = {"data": b"\x89PNG", "type": "PNG"}
    said = {
        **CONTACT,
        "portalDescription": "All pumps",
        "portalAuthMode": "IAM",
        "notificationSenderEmail": "a@b.example",
    }
    made = await call(
        client.create_portal, portalName="Plant", portalLogoImageFile=logo, tags={"team": "north"}, **said
    )
    id, arn = made["portalId"], made["portalArn"]
    assert arn == f"arn:aws:iotsitewise:us-east-1:{fresh.keys['accountId']}:portal/{id}"
    assert made["portalStatus"] == {"state": "CREATING"} and made["portalStartUrl"].endswith(f"/portals/{id}")
    await asyncio.to_thread(client.get_waiter("portal_active").wait, portalId=id)
    shown = await call(client.describe_portal, portalId=id)
    assert {name: shown[name] for name in said} == said
    assert shown["portalLogoImageLocation"]["id"] and shown["portalClientId"]
    assert shown["portalCreationDate"] == shown["portalLastUpdateDate"]
    changed = await call(client.update_portal, portalId=id, portalName="Works", **CONTACT)
    assert changed["portalStatus"] == {"state": "UPDATING"}
    shown = await call(client.describe_portal, portalId=id)
    assert (shown["portalName"], shown["portalAuthMode"]) == ("Works", "IAM")
    assert "portalDescription" not in shown and shown["portalLogoImageLocation"]["id"]
    assert shown["portalLastUpdateDate"] > shown["portalCreationDate"]

    project = await call(client.create_project, portalId=id, projectName="Hall")
    conflict = await refused("ConflictingOperationException", call(client.delete_portal, portalId=id))
    assert (conflict["resourceId"], conflict["resourceArn"]) == (id, arn)
    await call(client.delete_project, projectId=project["projectId"])
    assert (await call(client.delete_portal, portalId=id))["portalStatus"] == {"state": "DELETING"}
    await asyncio.to_thread(client.get_waiter("portal_not_exists").wait, portalId=id)
    await refused("ResourceNotFoundException", call(client.update_portal, portalId=id, portalName="Works", **CONTACT))
    await refused("ResourceNotFoundException", call(client.delete_portal, portalId=id))
    await refused("ResourceNotFoundException", call(client.list_tags_for_resource, resourceArn=arn))


async def test_portals_come_in_the_order_of_their_creation(fresh: Site, call: Call) -> None:
    client = fresh.client()
    ids = []
    for number in range(5):
        ids.append((await call(client.create_portal, portalName=f"P{number}", **CONTACT))["portalId"])
    pages = await asyncio.to_thread(
        lambda: list(client.get_paginator("list_portals").paginate(PaginationConfig={"PageSize": 2}))
    )
    assert [[portal["id"] for portal in page["portalSummaries"]] for page in pages] == [ids[:2], ids[2:4], ids[4:]]
    first = pages[0]["portalSummaries"][0]
    assert (first["name"], first["status"], first["roleArn"]) == ("P0", {"state": "ACTIVE"}, CONTACT["roleArn"])
    await refused(
        "InvalidRequestException", call(client.list_projects, portalId=ids[0], nextToken=pages[0]["nextToken"])
    )


async def test_a_project_is_a_group(fresh: Site, call: Call) -> None:
    client = fresh.client()
    portal = (await call(client.create_portal, portalName="Plant", **CONTACT))["portalId"]
    made = await call(client.create_project, portalId=portal, projectName="Höhe", projectDescription="Upstairs")
    id = made["projectId"]
    group = (await fresh.native(GROUPS, "get", _id=id))["_source"]
    assert (group["name"], group["path"], group["model"]) == (id, id, "SiteWiseProject")
    assert group["metadata"] == {"portalId": portal, "projectName": "Höhe", "projectDescription": "Upstairs"}
    assert group["_kuzzle_info"]["author"] == fresh.keys["userId"]
    await call(client.update_project, projectId=id, projectName="Height")
    shown = await call(client.describe_project, projectId=id)
    assert (shown["projectName"], shown["portalId"]) == ("Height", portal)
    assert "projectDescription" not in shown
    more = [(await call(client.create_project, portalId=portal, projectName="Height"))["projectId"] for _ in range(2)]
    pages = await asyncio.to_thread(
        lambda: list(client.get_paginator("list_projects").paginate(portalId=portal, PaginationConfig={"PageSize": 2}))
    )
    assert [[project["id"] for project in page["projectSummaries"]] for page in pages] == [[id, more[0]], [more[1]]]

    (asset,) = await fresh.assets(1)
    await call(client.batch_associate_project_assets, projectId=id, assetIds=[asset])
    await call(client.delete_project, projectId=id)
    assert (await fresh.native(ASSETS, "get", _id=f"Pump-{asset}"))["_source"]["groups"] == []
    await refused("ResourceNotFoundException", call(client.describe_project, projectId=id))
    await refused("ResourceNotFoundException", call(client.update_project, projectId=id, projectName="Height"))
    unknown = str(uuid.uuid4())
    await refused("ResourceNotFoundException", call(client.create_project, portalId=unknown, projectName="Hall"))
    native = str(uuid.uuid4())
    await fresh.native(GROUPS, "create", _id=native, body={"name": native})
    await refused("ResourceNotFoundException", call(client.describe_project, projectId=native))


async def test_a_token_makes_one_portal(fresh: Site, call: Call) -> None:
    client, token = fresh.client(), str(uuid.uuid4())
    made = [await call(client.create_portal, portalName="Once", clientToken=token, **CONTACT) for _ in range(2)]
    assert made[0]["portalId"] == made[1]["portalId"]
    assert made[0]["ResponseMetadata"]["RequestId"] != made[1]["ResponseMetadata"]["RequestId"]
    assert made[1]["ResponseMetadata"]["HTTPStatusCode"] == 202
    again = call(client.create_portal, portalName="Twice", clientToken=token, **CONTACT)
    await refused("InvalidRequestException", again)
    token = str(uuid.uuid4())
    unknown = str(uuid.uuid4())
    for _ in range(2):  # what was refused uses no token up
        await refused(
            "ResourceNotFoundException",
            call(client.create_project, portalId=unknown, projectName="Hall", clientToken=token),
        )
    portal = made[0]["portalId"]
    await call(client.create_project, portalId=portal, projectName="Hall", clientToken=token)


async def test_tags_go_round(fresh: Site, call: Call) -> None:
    client = fresh.client()
    portal = await call(client.create_portal, portalName="Plant", **CONTACT)
    project = await call(client.create_project, portalId=portal["portalId"], projectName="Hall")
    (asset,) = await fresh.assets(1)
    asset_arn = portal["portalArn"].replace(f"portal/{portal['portalId']}", f"asset/{asset}")
    for arn in (portal["portalArn"], project["projectArn"], asset_arn):
        await call(client.tag_resource, resourceArn=arn, tags={"team": "north", "cost centre": "4 & 5", "c": ""})
        await call(client.tag_resource, resourceArn=arn, tags={"c": "ü"})
        shown = (await call(client.list_tags_for_resource, resourceArn=arn))["tags"]
        assert shown == {"team": "north", "cost centre": "4 & 5", "c": "ü"}
        await call(client.untag_resource, resourceArn=arn, tagKeys=["cost centre", "c", "unknown"])
        assert (await call(client.list_tags_for_resource, resourceArn=arn))["tags"] == {"team": "north"}
        many = {f"key-{number}": "" for number in range(50)}
        refusal = await refused("TooManyTagsException", call(client.tag_resource, resourceArn=arn, tags=many))
        assert refusal["resourceName"] == arn
    unknown = asset_arn.replace(asset, str(uuid.uuid4()))
    await refused("ResourceNotFoundException", call(client.list_tags_for_resource, resourceArn=unknown))
    account = fresh.keys["accountId"]
    another = str(int(account) - 1 if int(account) % 10 else int(account) + 1)
    for elsewhere in (asset_arn.replace(account, another), asset_arn.replace("us-east-1", "eu-west-1")):
        refusal = await refused("UnauthorizedException", call(client.list_tags_for_resource, resourceArn=elsewhere))
        assert refusal["ResponseMetadata"]["HTTPStatusCode"] == 401
        await refused("UnauthorizedException", call(client.tag_resource, resourceArn=elsewhere, tags={"a": "b"}))
    for wrong in ("arn:aws:s3:::bucket", asset_arn.replace("iotsitewise", "iot")):
        await refused("InvalidRequestException", call(client.list_tags_for_resource, resourceArn=wrong))


async def test_quotas(fresh: Site, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fresh.client()
    portal = (await call(client.create_portal, portalName="Plant", **CONTACT))["portalId"]
    project = (await call(client.create_project, portalId=portal, projectName="Hall"))["projectId"]
    routes = fresh.application.sitewise_gateway.service.foreign.find(b"/").interface._service.routes
    assets = await fresh.assets(3)
    pump = (await call(client.list_asset_models))["assetModelSummaries"][0]
    for verb, path, calling in (
        ("POST", b"/portals", call(client.create_portal, portalName="More", **CONTACT)),
        ("POST", b"/projects", call(client.create_project, portalId=portal, projectName="More")),
        ("POST", b"/asset-models", call(client.create_asset_model, assetModelName=f"Pump {uuid.uuid4()}")),
        ("POST", b"/assets", call(client.create_asset, assetName="More", assetModelId=pump["id"])),
        (
            "POST",
            f"/projects/{project}/assets/associate".encode(),
            call(client.batch_associate_project_assets, projectId=project, assetIds=assets),
        ),
    ):
        handler = routes.find(verb, path).operation.handler
        monkeypatch.setattr(handler.__self__, "_limit", 1)
        refusal = await refused("LimitExceededException", calling)
        assert refusal["ResponseMetadata"]["HTTPStatusCode"] == 410
    assert (await call(client.list_project_assets, projectId=project))["assetIds"] == []
    one = await call(client.batch_associate_project_assets, projectId=project, assetIds=assets[:1])
    assert one["errors"] == []


async def test_nothing_of_a_deleted_engine_stays(server: Any, fresh: Site, call: Call) -> None:
    """The last test of this module: it takes the engine of the others away."""
    engine, client = fresh.engine, fresh.client()
    portal = await call(client.create_portal, portalName="Plant", tags={"a": "b"}, **CONTACT)
    project = await call(client.create_project, portalId=portal["portalId"], projectName="Hall")
    (asset,) = await fresh.assets(1)
    await call(client.batch_associate_project_assets, projectId=project["projectId"], assetIds=[asset])
    await server.router.call(ENGINES, "delete", args={"index": engine})
    refusal = await refused(
        "ResourceNotFoundException", call(client.create_project, portalId=portal["portalId"], projectName="H")
    )
    assert portal["portalId"] in refusal["message"]
    await server.router.call(ENGINES, "create", args={"index": engine})
    assert (await call(client.list_portals))["portalSummaries"] == []
    assert f"facade-ids-{engine}" not in await server.store.collections(INTERNAL_INDEX)
    await asyncio.to_thread(fresh.close)
