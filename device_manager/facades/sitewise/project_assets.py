"""Which assets are in a project: many come or go in one call, and what is wrong is told of each (facades 2.6)."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from device_manager.errors import ApiError
from device_manager.facades.identities import Identities
from device_manager.facades.sitewise.asset_ids import asset_id
from device_manager.facades.sitewise.errors import beyond_limit
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.paging import Paging
from device_manager.facades.sitewise.projects import GROUPS, Projects
from device_manager.facades.sitewise.shapes import Id, Idempotent, Paged
from device_manager.facades.sitewise.visit import Visit
from device_manager.storage.contract import Key, Store
from device_manager.storage.stamps import Source
from device_manager.twins.groups.paths import stored_path
from device_manager.twins.places import ASSETS

ASSETS_CONTROLLER = "device-manager/assets"
ATTEMPTS = 3
"""How often a call is made again because assets went away between the look at them and the call."""
STRICT_CODE = "INTERNAL_FAILURE"
"""The only code of the service's model."""
NOT_FOUND, CONFLICT = "RESOURCE_NOT_FOUND", "CONFLICT"


class BatchProjectAssets(Idempotent, frozen=True, kw_only=True):
    """Assets that come into a project, or leave it."""

    project_id: Id
    asset_ids: Annotated[list[Id], Meta(min_length=1, max_length=100)]


class ListProjectAssets(Paged, frozen=True, kw_only=True):
    """The assets of a project."""

    project_id: Id


class _Found(NamedTuple):
    """The assets of a call: native ids by the ids that were sent, and those of them that have to change."""

    twins: dict[str, str]
    changing: list[str]


class ProjectAssets:
    """What can be done with the assets of projects.

    Args:
        store: where assets are.
        identities: finds them by their ids.
        projects: the projects.
        paging: makes the tokens of pages.
        limit: most assets of a project.
        extended: whether codes of errors say more than the service's model has.
    """

    def __init__(
        self,
        store: Store,
        identities: Identities,
        projects: Projects,
        paging: Paging,
        *,
        limit: int,
        extended: bool,
    ) -> None:
        self._store = store
        self._identities = identities
        self._projects = projects
        self._paging = paging
        self._limit = limit
        self._extended = extended

    async def require_project(self, visit: Visit, input: BatchProjectAssets) -> None:
        """Refuse a project that is not there."""
        await self._projects.require(visit, input.project_id)

    async def associate(self, visit: Visit, input: BatchProjectAssets) -> Content:
        """`BatchAssociateProjectAssets`."""
        return await self._change(visit, input, adds=True)

    async def disassociate(self, visit: Visit, input: BatchProjectAssets) -> Content:
        """`BatchDisassociateProjectAssets`."""
        return await self._change(visit, input, adds=False)

    async def page(self, visit: Visit, input: ListProjectAssets) -> Content:
        """`ListProjectAssets`, in the order of the native ids; of a project that is not there, none."""
        project = await self._projects.find(visit, input.project_id)
        if project is None:
            return {"assetIds": []}
        path = stored_path(input.project_id, project)
        body: Source = {"query": {"term": {"groups.path": path}}, "sort": [{"_id": "asc"}]}
        after = await self._paging.place(visit, input)
        if after is not None:
            body["search_after"] = after
        found = await visit.actor.call(ASSETS_CONTROLLER, "search", body=body, size=input.max_results + 1)
        shown = found["hits"][: input.max_results]
        content: Content = {"assetIds": [asset_id(visit.engine, hit["_id"], hit["_source"]) for hit in shown]}
        if len(found["hits"]) > len(shown):
            content["nextToken"] = await self._paging.token(visit, input, [shown[-1]["_id"]])
        return content

    async def _change(self, visit: Visit, input: BatchProjectAssets, *, adds: bool) -> Content:
        project = await self._projects.require(visit, input.project_id)
        path = stored_path(input.project_id, project)
        ids = list(dict.fromkeys(input.asset_ids))
        for attempt in range(ATTEMPTS):
            found = await self._find(visit, ids, path, adds=adds)
            try:
                await self._apply(visit, path, found, adds=adds)
            except ApiError as error:
                if error.id == "device_manager.groups.unknown_twins" and attempt + 1 < ATTEMPTS:
                    continue
                if error.status >= 500 or error.status in (401, 403, 429):
                    raise
                return {"errors": self._errors(ids, found, error)}
            break
        return {"errors": self._errors(ids, found, None)}

    async def _find(self, visit: Visit, ids: list[str], path: str, *, adds: bool) -> _Found:
        """What a call is about, as it is now: two round trips however many there are."""
        twins = await self._identities.find_many(visit.engine, ids)
        keys = {Key(visit.engine, ASSETS, twin): id for id, twin in twins.items()}
        assets = await self._store.read(keys) if keys else {}
        known = {keys[key]: key.id for key in assets}
        changing = [key.id for key, asset in assets.items() if _is_in(asset.source, path) is not adds]
        return _Found(known, changing)

    async def _apply(self, visit: Visit, path: str, found: _Found, *, adds: bool) -> None:
        """Change all memberships in one transaction; nothing happens when there are none to change."""
        if not found.changing:
            return
        if adds:
            await self._check_limit(visit, path, len(found.changing))
        body = {"path": path, "assetIds": found.changing}
        await visit.actor.call(GROUPS, "addAssets" if adds else "removeAssets", body=body, refresh="wait_for")

    async def _check_limit(self, visit: Visit, path: str, more: int) -> None:
        body = {"query": {"term": {"groups.path": path}}}
        found = await visit.actor.call(ASSETS_CONTROLLER, "search", body=body, size=0)
        if found["total"] + more > self._limit:
            raise beyond_limit(
                f"The project has {found['total']} assets; with {more} more it would have more than {self._limit}."
            )

    def _errors(self, ids: list[str], found: _Found, refused: ApiError | None) -> list[Content]:
        """An error for each asset that is unknown, and for each that was to change when that was `refused`."""
        errors = []
        for id in ids:
            if id not in found.twins:
                errors.append(self._error(id, NOT_FOUND, f"There is no asset {id}."))
            elif refused is not None and found.twins[id] in found.changing:
                errors.append(self._error(id, CONFLICT, refused.message))
        return errors

    def _error(self, id: str, code: str, message: str) -> Content:
        return {"assetId": id, "code": code if self._extended else STRICT_CODE, "message": message}


def _is_in(asset: Source, path: str) -> bool:
    return any(membership.get("path") == path for membership in asset.get("groups") or ())
