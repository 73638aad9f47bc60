"""Assets come into projects and leave them, many in one call (facades 2.6 to 2.8; cases 1 to 5 of 2.13)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from device_manager.errors import api_error

pytestmark = pytest.mark.asyncio(loop_scope="session")

Call = Callable[..., Awaitable[Any]]
Refused = Callable[..., Awaitable[dict[str, Any]]]
Site = Any
GROUPS, ASSETS = "device-manager/groups", "device-manager/assets"


class Project:
    """A project, as a client handles it; and the assets that native events tell of."""

    def __init__(self, site: Site, call: Call, client: Any, id: str) -> None:
        self.site = site
        self.client = client
        self.id = id
        self._call = call
        self.written: list[str] = []

    async def new_assets(self, count: int) -> list[str]:
        """The ids of new assets, of which the events so far do not tell."""
        ids: list[str] = await self.site.assets(count)
        self.written.clear()
        return ids

    async def associate(self, ids: list[str], **members: Any) -> list[dict[str, str]]:
        """The errors of an association."""
        method = self.client.batch_associate_project_assets
        errors: list[dict[str, str]] = (await self._call(method, projectId=self.id, assetIds=ids, **members))["errors"]
        return errors

    async def disassociate(self, ids: list[str], **members: Any) -> list[dict[str, str]]:
        """The errors of a disassociation."""
        method = self.client.batch_disassociate_project_assets
        errors: list[dict[str, str]] = (await self._call(method, projectId=self.id, assetIds=ids, **members))["errors"]
        return errors

    async def assets(self) -> set[str]:
        """What a list says is in it."""
        return set((await self._call(self.client.list_project_assets, projectId=self.id))["assetIds"])


@pytest_asyncio.fixture(loop_scope="session")
async def project(site: Site, call: Call) -> Project:
    """A project of its own."""
    client = site.client()
    portal = await call(
        client.create_portal,
        portalName="Plant",
        portalContactEmail="operations@plant.example",
        roleArn="arn:aws:iam::123456789012:role/monitor",
    )
    made = await call(client.create_project, portalId=portal["portalId"], projectName="Pump hall")
    project = Project(site, call, client, made["projectId"])

    def note(documents: list[dict[str, Any]], *rest: Any) -> None:
        project.written += [document["_id"] for document in documents]

    site.application.events.add_hook("generic:document:afterWrite", note, owner="tests", inline=True)
    return project


async def test_1_what_is_unknown_is_told_and_the_rest_is_done(project: Project) -> None:
    known, other = await project.new_assets(2)
    assert await project.associate([known, known, other]) == []
    assert sorted(project.written) == sorted([f"Pump-{known}", f"Pump-{other}"])
    unknown = str(uuid.uuid4())
    errors = await project.disassociate([known, unknown, known])
    assert [(error["assetId"], error["code"]) for error in errors] == [(unknown, "INTERNAL_FAILURE")]
    assert unknown in errors[0]["message"]
    assert await project.assets() == {other}
    native = await project.site.native(ASSETS, "get", _id=f"Pump-{other}")
    assert [membership["path"] for membership in native["_source"]["groups"]] == [project.id]
    listed = await project.site.native(GROUPS, "listItems", _id=project.id)
    assert [hit["_id"] for hit in listed["assets"]["hits"]] == [f"Pump-{other}"]


async def test_what_is_so_already_is_no_error_and_no_event(project: Project) -> None:
    (known,) = await project.new_assets(1)
    assert await project.disassociate([known]) == []
    assert project.written == []
    assert await project.associate([known]) == []
    assert await project.associate([known]) == []
    assert project.written == [f"Pump-{known}"]


async def test_assets_of_native_clients_have_ids_that_stay(project: Project) -> None:
    reference = f"north-{uuid.uuid4().hex[:8]}"
    body = {"model": "Pump", "reference": reference}
    native = await project.site.native(ASSETS, "create", body=body, refresh="wait_for")
    await project.site.native(
        GROUPS, "addAssets", body={"path": project.id, "assetIds": [native["_id"]]}, refresh="wait_for"
    )
    (id,) = await project.assets()
    assert uuid.UUID(id).version == 5
    assert await project.disassociate([id]) == []
    assert await project.assets() == set()
    await project.site.native(ASSETS, "delete", _id=native["_id"])
    assert [error["assetId"] for error in await project.associate([id])] == [id]


async def test_2_an_unknown_project_is_not_found(project: Project) -> None:
    (known,) = await project.new_assets(1)
    unknown = Project(project.site, project._call, project.client, str(uuid.uuid4()))
    with pytest.raises(project.client.exceptions.ResourceNotFoundException) as caught:
        await unknown.disassociate([known])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert uuid.UUID(caught.value.response["ResponseMetadata"]["RequestId"])
    assert await unknown.assets() == set()
    assert project.written == []


async def test_3_what_the_client_does_not_check_is_refused(project: Project, refused: Refused) -> None:
    (known,) = await project.new_assets(1)
    await project.associate([known])
    many = [known, *(str(uuid.uuid4()) for _ in range(100))]
    token = "x" * 17 + " " + "x" * 18
    await refused("InvalidRequestException", 400, project.disassociate(many))
    await refused("InvalidRequestException", 400, project.disassociate([known, str(uuid.uuid4()).upper()]))
    await refused("InvalidRequestException", 400, project.disassociate([known], clientToken=token))
    await refused("InvalidRequestException", 400, project.disassociate([known], clientToken="x" * 65))
    await refused(
        "InvalidRequestException", 400, project.disassociate([known, "0" * 8 + "-0000-0000-0000-" + "0" * 12])
    )
    page = project._call(project.client.list_project_assets, projectId=project.id, maxResults=251)
    await refused("InvalidRequestException", 400, page)
    assert await project.assets() == {known}


async def test_4_a_token_makes_one_request(project: Project, refused: Refused) -> None:
    known, other = await project.new_assets(2)
    await project.associate([known, other])
    token = str(uuid.uuid4())
    assert await project.disassociate([known], clientToken=token) == []
    await project.associate([known])
    written = len(project.written)
    assert await project.disassociate([known], clientToken=token) == []
    assert await project.assets() == {known, other}
    await refused("InvalidRequestException", 400, project.disassociate([other], clientToken=token))
    assert await project.assets() == {known, other}
    assert len(project.written) == written
    at_once = await asyncio.gather(*(project.disassociate([other], clientToken="once" * 9) for _ in range(4)))
    assert at_once == [[], [], [], []]
    assert len(project.written) == written + 1


async def test_5_pages_hold_still_while_assets_leave(project: Project, refused: Refused) -> None:
    ids = await project.new_assets(120)
    assert await project.associate(ids[:100]) == []
    assert await project.associate(ids[100:]) == []
    list_assets = project.client.list_project_assets
    first = await project._call(list_assets, projectId=project.id, maxResults=50)
    leaving = next(id for id in ids if id not in first["assetIds"])
    assert await project.disassociate([first["assetIds"][0], leaving]) == []
    second = await project._call(list_assets, projectId=project.id, maxResults=50, nextToken=first["nextToken"])
    third = await project._call(list_assets, projectId=project.id, maxResults=50, nextToken=second["nextToken"])
    assert [len(page["assetIds"]) for page in (first, second, third)] == [50, 50, 19]
    assert "nextToken" not in third
    seen = [*first["assetIds"], *second["assetIds"], *third["assetIds"]]
    assert len(set(seen)) == 119 and set(seen) == set(ids) - {leaving}

    def sizes() -> list[int]:
        pages = project.client.get_paginator("list_project_assets").paginate(
            projectId=project.id, PaginationConfig={"PageSize": 50}
        )
        return [len(page["assetIds"]) for page in pages]

    assert await asyncio.to_thread(sizes) == [50, 50, 18]
    token = first["nextToken"]
    for wrong in (token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:], "AAAA", "====", "A" * 99):
        page = project._call(list_assets, projectId=project.id, nextToken=wrong)
        await refused("InvalidRequestException", 400, page)
    page = project._call(list_assets, projectId=str(uuid.uuid4()), nextToken=token)
    assert (await page)["assetIds"] == []


async def test_what_pipes_refuse_is_told_of_each(
    project: Project, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    kept, other, in_already = await project.new_assets(3)
    await project.associate([in_already])
    refusal = api_error("plugin.runtime.unexpected_error", "the hall is closed")
    refusal.status = 412

    def refuse(documents: list[dict[str, Any]], *rest: Any) -> None:
        if any(document["_id"] == f"Pump-{kept}" for document in documents) and refusal.status:
            raise refusal

    events = project.site.application.events
    events.add_pipe("generic:document:beforeWrite", refuse, owner="tests", inline=True)
    token = str(uuid.uuid4())
    errors = await project.associate([kept, other, in_already], clientToken=str(uuid.uuid4()))
    assert [(error["assetId"], error["code"]) for error in errors] == [
        (kept, "INTERNAL_FAILURE"),
        (other, "INTERNAL_FAILURE"),
    ]
    assert "the hall is closed" in errors[0]["message"]
    assert await project.assets() == {in_already}

    foreign = project.site.application.sitewise_gateway.service.foreign
    routes = foreign.find(b"/").interface._service.routes
    operations = routes.find("POST", f"/projects/{project.id}/assets/associate".encode()).operation.handler.__self__
    monkeypatch.setattr(operations, "_extended", True)
    unknown = str(uuid.uuid4())
    errors = await project.associate([kept, unknown])
    assert [error["code"] for error in errors] == ["CONFLICT", "RESOURCE_NOT_FOUND"]

    for status, name, answered in ((403, "AccessDeniedException", 403), (503, "InternalFailureException", 500)):
        refusal.status = status
        await refused(name, answered, project.associate([kept], clientToken=token))
    refusal.status = 0
    assert await project.associate([kept], clientToken=token) == []
    assert await project.assets() == {kept, in_already}


async def test_a_hundred_assets_cost_as_many_round_trips_as_one(project: Project) -> None:
    ids = await project.new_assets(100)
    trips = project.site.application.store.round_trips

    async def cost(wanted: list[str]) -> int:
        await project.associate(wanted)
        before = sum(msgspec.structs.astuple(trips))
        assert await project.disassociate(wanted) == []
        return int(sum(msgspec.structs.astuple(trips)) - before)

    of_many, of_one = await cost(ids), await cost(ids[:1])
    # Servers ask their stores for other things now and then; a round trip for each asset would be 99 more.
    assert 0 < of_many < of_one + 50
