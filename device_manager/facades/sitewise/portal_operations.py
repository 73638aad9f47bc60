"""Creating, changing, deleting and listing portals (facades 2.5, 2.12)."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import msgspec

from device_manager.errors import ApiError
from device_manager.facades.sitewise.errors import beyond_limit, conflicting, not_found
from device_manager.facades.sitewise.operations import Content
from device_manager.facades.sitewise.paging import Paging
from device_manager.facades.sitewise.portals import (
    PORTAL,
    CreatePortal,
    DeletePortal,
    ListPortals,
    OnePortal,
    PortalMembers,
    Portals,
    UpdatePortal,
)
from device_manager.facades.sitewise.projects import Projects
from device_manager.facades.sitewise.records import Record, Records, place_of
from device_manager.facades.sitewise.tags import ResourceTags
from device_manager.facades.sitewise.times import seconds
from device_manager.facades.sitewise.visit import Visit
from device_manager.storage.stamps import Source

LOGO = "logo"
"""Member of a record: the id of the picture. The picture itself is not kept, for nobody here shows it."""
NOT_KEPT = frozenset({"clientToken", "portalId", "tags", "portalLogoImage", "portalLogoImageFile"})
SUMMARY = {
    "name": "portalName",
    "description": "portalDescription",
    "roleArn": "roleArn",
    "portalType": "portalType",
}
"""Members of a summary by those of a portal."""

Change = Callable[[Source], Source | None]


class PortalOperations:
    """What can be done with portals.

    Args:
        records: where they are.
        portals: finds one.
        projects: their projects.
        paging: makes the tokens of pages.
        tags: of portals.
        limit: most portals of an account.
    """

    def __init__(
        self,
        records: Records,
        portals: Portals,
        projects: Projects,
        paging: Paging,
        tags: ResourceTags,
        limit: int,
    ) -> None:
        self._records = records
        self._portals = portals
        self._projects = projects
        self._paging = paging
        self._tags = tags
        self._limit = limit

    async def create(self, visit: Visit, input: CreatePortal) -> Content:
        """`CreatePortal`."""
        if await self._records.count(visit.engine, PORTAL) >= self._limit:
            raise beyond_limit(f"The account has {self._limit} portals, and may have no more.")
        id = str(uuid.uuid4())
        content = {"portalAuthMode": "SSO", "portalType": "SITEWISE_PORTAL_V1"} | _kept(input)
        if input.portal_logo_image_file is not None:
            content[LOGO] = str(uuid.uuid4())
        await self._records.create(visit.engine, PORTAL, id, content, visit.caller.kuid)
        await self._tags.begin(visit, "portal", id, input.tags)
        return {
            "portalId": id,
            "portalArn": visit.arn("portal", id),
            "portalStartUrl": _start_url(visit, id),
            "portalStatus": {"state": "CREATING"},
            "ssoApplicationId": _application_id(id),
        }

    async def describe(self, visit: Visit, input: OnePortal) -> Content:
        """`DescribePortal`."""
        record = await self._portals.require(visit, input.portal_id)
        content = {name: value for name, value in record.content.items() if name != LOGO}
        logo = record.content.get(LOGO)
        if logo is not None:
            content["portalLogoImageLocation"] = {"id": logo, "url": f"{_start_url(visit, record.id)}/logo/{logo}"}
        return content | {
            "portalId": record.id,
            "portalArn": visit.arn("portal", record.id),
            "portalClientId": _application_id(record.id),
            "portalStartUrl": _start_url(visit, record.id),
            "portalStatus": {"state": "ACTIVE"},
            "portalCreationDate": seconds(record.created_at),
            "portalLastUpdateDate": seconds(record.updated_at),
        }

    async def update(self, visit: Visit, input: UpdatePortal) -> Content:
        """`UpdatePortal`: what is not said is there no longer, but for what only a creation says."""
        fresh = _kept(input)

        def changed(stored: Source) -> Source:
            staying = {name: stored[name] for name in ("portalAuthMode", "portalType", LOGO) if name in stored}
            image = input.portal_logo_image
            if image is not None and image.file is not None:
                staying[LOGO] = str(uuid.uuid4())
            return staying | fresh

        await self._change(visit, input.portal_id, changed)
        return {"portalStatus": {"state": "UPDATING"}}

    async def delete(self, visit: Visit, input: DeletePortal) -> Content:
        """`DeletePortal`: only one without projects."""
        id = input.portal_id
        await self._portals.require(visit, id)
        projects = await self._projects.count(visit, id)
        if projects:
            reason = f"The portal {id} has {projects} projects: delete them first."
            raise conflicting(reason, id, visit.arn("portal", id))
        await self._change(visit, id, lambda stored: None)
        await self._tags.end(visit, "portal", id)
        return {"portalStatus": {"state": "DELETING"}}

    async def page(self, visit: Visit, input: ListPortals) -> Content:
        """`ListPortals`, in the order of their creation."""
        after = await self._paging.place(visit, input)
        records = await self._records.page(visit.engine, PORTAL, input.max_results + 1, after)
        shown = records[: input.max_results]
        content: Content = {"portalSummaries": [_summary(visit, record) for record in shown]}
        if len(records) > len(shown):
            place = place_of(visit.engine, PORTAL, shown[-1])
            content["nextToken"] = await self._paging.token(visit, input, place)
        return content

    async def _change(self, visit: Visit, id: str, decide: Change) -> None:
        try:
            await self._records.change(visit.engine, PORTAL, id, decide, visit.caller.kuid)
        except ApiError as error:
            if error.id == "services.storage.not_found":
                raise not_found("portal", id) from None
            raise


def _kept(input: PortalMembers) -> Source:
    members: Source = msgspec.to_builtins(input)
    return {name: value for name, value in members.items() if value is not None and name not in NOT_KEPT}


def _summary(visit: Visit, record: Record) -> Content:
    said = {name: record.content[member] for name, member in SUMMARY.items() if member in record.content}
    return said | {
        "id": record.id,
        "startUrl": _start_url(visit, record.id),
        "status": {"state": "ACTIVE"},
        "creationDate": seconds(record.created_at),
        "lastUpdateDate": seconds(record.updated_at),
    }


def _start_url(visit: Visit, id: str) -> str:
    return f"{visit.base_url}/portals/{id}"


def _application_id(id: str) -> str:
    return f"ins-{id.replace('-', '')[:16]}"
