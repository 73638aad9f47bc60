"""Projects: groups of the model `SiteWiseProject`, named by their id (facades 1.4, 2.5)."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from device_manager.errors import ApiError
from device_manager.facades.sitewise.errors import beyond_limit, not_found
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.paging import Paging
from device_manager.facades.sitewise.portals import Portals
from device_manager.facades.sitewise.shapes import Description, Id, Idempotent, Input, Name, Paged, Tags
from device_manager.facades.sitewise.tags import ResourceTags
from device_manager.facades.sitewise.times import seconds
from device_manager.facades.sitewise.visit import Visit
from device_manager.plugins.models import ModelDeclaration
from device_manager.storage.stamps import Source, changed_at

GROUPS = "device-manager/groups"
PROJECT_MODEL = "SiteWiseProject"
PROJECT = ModelDeclaration(
    "group",
    {
        "engineGroup": "commons",
        "model": PROJECT_MODEL,
        "affinity": {"type": ["assets"], "models": {"assets": []}, "strict": False},
        "metadataMappings": {
            "portalId": {"type": "keyword"},
            "projectName": {"type": "keyword"},
            "projectDescription": {"type": "keyword"},
        },
    },
)
"""The model. It is written when the first project is made: other platforms have no use for it."""
CREATED = "_kuzzle_info.createdAt"

Register = Callable[[Sequence[ModelDeclaration]], Awaitable[object]]


class CreateProject(Idempotent, frozen=True, kw_only=True):
    """A new project of a portal."""

    portal_id: Id
    project_name: Name
    project_description: Description | None = None
    tags: Tags | None = None


class OneProject(Input, frozen=True, kw_only=True):
    """The project of an id."""

    project_id: Id


class UpdateProject(Idempotent, frozen=True, kw_only=True):
    """Another name and description."""

    project_id: Id
    project_name: Name
    project_description: Description | None = None


class DeleteProject(Idempotent, frozen=True, kw_only=True):
    """A project that goes; its assets stay."""

    project_id: Id


class ListProjects(Paged, frozen=True, kw_only=True):
    """The projects of a portal."""

    portal_id: Id


class Projects:
    """What can be done with projects.

    Args:
        paging: makes the tokens of pages.
        tags: of projects.
        limit: most projects of a portal.
        portals: the portals.
        register: writes the models that it gets, unless they are there.
    """

    def __init__(self, paging: Paging, tags: ResourceTags, limit: int, portals: Portals, register: Register) -> None:
        self._paging = paging
        self._tags = tags
        self._limit = limit
        self._portals = portals
        self._register = register

    async def create(self, visit: Visit, input: CreateProject) -> Content:
        """`CreateProject`."""
        await self._portals.require(visit, input.portal_id)
        if await self.count(visit, input.portal_id) >= self._limit:
            raise beyond_limit(f"The portal {input.portal_id} has {self._limit} projects, and may have no more.")
        await self._register([PROJECT])
        id = str(uuid.uuid4())
        metadata = _metadata(input) | {"portalId": input.portal_id}
        body = {"name": id, "model": PROJECT_MODEL, "metadata": metadata}
        await visit.actor.call(GROUPS, "create", _id=id, body=body, refresh="wait_for")
        await self._tags.begin(visit, "project", id, input.tags)
        return {"projectId": id, "projectArn": visit.arn("project", id)}

    async def describe(self, visit: Visit, input: OneProject) -> Content:
        """`DescribeProject`."""
        source = await self.require(visit, input.project_id)
        id, metadata = input.project_id, source["metadata"]
        return {
            "projectId": id,
            "projectArn": visit.arn("project", id),
            "portalId": metadata["portalId"],
            "projectName": metadata["projectName"],
            **_described("projectDescription", metadata),
            "projectCreationDate": seconds(source["_kuzzle_info"]["createdAt"]),
            "projectLastUpdateDate": seconds(changed_at(source)),
        }

    async def update(self, visit: Visit, input: UpdateProject) -> Content:
        """`UpdateProject`."""
        await self.require(visit, input.project_id)
        body = {"metadata": _metadata(input)}
        await visit.actor.call(GROUPS, "update", _id=input.project_id, body=body, refresh="wait_for")
        return {}

    async def delete(self, visit: Visit, input: DeleteProject) -> None:
        """`DeleteProject`: its assets leave it and stay."""
        await self.require(visit, input.project_id)
        await visit.actor.call(GROUPS, "delete", _id=input.project_id, refresh="wait_for")
        await self._tags.end(visit, "project", input.project_id)

    async def page(self, visit: Visit, input: ListProjects) -> Content:
        """`ListProjects`: those of a portal, in the order of their creation."""
        body: Source = {"query": _of_portal(input.portal_id), "sort": [{CREATED: "asc"}, {"_id": "asc"}]}
        after = await self._paging.place(visit, input)
        if after is not None:
            body["search_after"] = after
        hits = (await visit.actor.call(GROUPS, "search", body=body, size=input.max_results + 1))["hits"]
        shown = hits[: input.max_results]
        content: Content = {"projectSummaries": [_summary(hit) for hit in shown]}
        if len(hits) > len(shown):
            last = shown[-1]
            place = [last["_source"]["_kuzzle_info"]["createdAt"], last["_id"]]
            content["nextToken"] = await self._paging.token(visit, input, place)
        return content

    async def count(self, visit: Visit, portal: str) -> int:
        """How many projects a portal has."""
        body = {"query": _of_portal(portal)}
        return int((await visit.actor.call(GROUPS, "search", body=body, size=0))["total"])

    async def find(self, visit: Visit, id: str) -> Source | None:
        """The group that is the project `id`, None when there is none."""
        try:
            found = await visit.actor.call(GROUPS, "get", _id=id)
        except ApiError as error:
            if error.id != "services.storage.not_found":
                raise
            return None
        source: Source = found["_source"]
        return source if source.get("model") == PROJECT_MODEL else None

    async def require(self, visit: Visit, id: str) -> Source:
        """The group that is the project `id`. Raises `ResourceNotFoundException`."""
        source = await self.find(visit, id)
        if source is None:
            raise not_found("project", id)
        return source

    async def exists(self, visit: Visit, id: str) -> bool:
        """Whether there is a project `id`."""
        return await self.find(visit, id) is not None


def _metadata(input: CreateProject | UpdateProject) -> Source:
    return {"projectName": input.project_name, "projectDescription": input.project_description}


def _of_portal(portal: str) -> Any:
    clauses = ({"term": {"model": PROJECT_MODEL}}, {"term": {"metadata.portalId": portal}})
    return {"bool": {"filter": [*clauses]}}


def _summary(hit: Source) -> Content:
    source = hit["_source"]
    return {
        "id": hit["_id"],
        "name": source["metadata"]["projectName"],
        **_described("description", source["metadata"]),
        "creationDate": seconds(source["_kuzzle_info"]["createdAt"]),
        "lastUpdateDate": seconds(changed_at(source)),
    }


def _described(name: str, metadata: Source) -> Content:
    description = metadata.get("projectDescription")
    return {} if description is None else {name: description}
